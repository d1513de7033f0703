//! Reads write nothing: no row appears, changes or is locked by any GET.

use local::testkit::{Client, stack};
use uuid::Uuid;

use crate::given;

/// Every version of every row of the domain, and who locked it.
async fn versions(db: &tokio_postgres::Client) -> String {
    let tables = "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where n.nspname in ('identity', 'practice') and c.relkind = 'r' order by 1";
    let mut all = String::new();
    for table in db.query(tables, &[]).await.expect("the tables") {
        let table: &str = table.get(0);
        let sql =
            format!("select string_agg(concat_ws(',', ctid, xmin, xmax), ' ' order by ctid) from {table}");
        all += &format!("{table}: {}\n", given::text(db, &sql).await.unwrap_or_default());
    }
    all
}

async fn read_everything(user: &Client, scene: Uuid, session: Uuid, status: u16) {
    for path in ["/api/v1/scenes", "/api/v1/sessions?keyword=x", "/api/v1/progress/history", "/api/v1/me"] {
        user.get(path).await.assert_status(200);
    }
    user.get("/api/v1/progress/weekly?week_start=2026-03-02").await.assert_status(200);
    for path in [
        format!("/api/v1/scenes/{scene}"),
        format!("/api/v1/sessions/{session}"),
        format!("/api/v1/sessions/{session}/history"),
    ] {
        user.get(&path).await.assert_status(status);
    }
}

#[tokio::test]
async fn no_get_writes() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let scene = given::scene(&alice).await;
    let session = given::session_on(&alice, scene).await;
    given::say(&alice, session, "第一句").await;
    given::summary(&alice, session).await;
    given::reflection(&alice, session, true, Some(3)).await;

    let before = versions(&db).await;
    read_everything(&alice, scene, session, 200).await;
    read_everything(&bob, scene, session, 404).await;
    assert_eq!(versions(&db).await, before);
    let of_bob = format!("select count(*) from identity.users where id = '{}'", bob.id());
    assert_eq!(given::count(&db, &of_bob).await, 0, "somebody who only reads has no row");
}
