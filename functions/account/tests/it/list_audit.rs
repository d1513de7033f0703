//! list-audit, and that the log can only grow.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use local::testkit::{self, Client, Stack};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

const AUDIT: &str = "/api/v1/audit";

/// Writes an act down that happened at `at`.
async fn act(
    stack: &Stack,
    at: &str,
    actor: Option<Uuid>,
    action: &str,
    entity: (&str, Option<&str>),
) -> Uuid {
    let id = Uuid::now_v7();
    let sql =
        "insert into identity.audit_log (id, occurred_at, actor_id, action, entity_type, entity_id, payload)
               values ($1, $2::text::timestamptz, $3, $4, $5, $6, '{\"to\": [\"coach\"]}')";
    let db = stack.db().await;
    db.execute(sql, &[&id, &at, &actor, &action, &entity.0, &entity.1]).await.unwrap();
    id
}

/// The actions of a list, in order.
async fn actions(admin: &Client, query: &str) -> Vec<String> {
    let answer = admin.get(&format!("{AUDIT}?{query}")).await;
    answer.assert_status(200);
    let items = answer.json()["items"].as_array().expect("items").clone();
    items.iter().map(|item| item["action"].as_str().expect("an action").to_owned()).collect()
}

#[tokio::test]
async fn an_admin_sees_what_was_done() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    assert_eq!(admin.get(AUDIT).await.json(), json!({ "items": [], "next_cursor": null }));
    let system = act(&stack, "2026-01-01T00:00:00Z", None, "key.rotated", ("key", None)).await;
    let person = stack.user().id();
    let entity = person.to_string();
    let change = act(
        &stack,
        "2026-01-02T03:04:05.000006Z",
        Some(admin.id()),
        "user.roles_changed",
        ("user", Some(&entity)),
    )
    .await;
    let wanted = json!([
        {
            "id": change, "actor_id": admin.id(), "action": "user.roles_changed", "entity_type": "user",
            "entity_id": person, "payload": { "to": ["coach"] }, "created_at": "2026-01-02T03:04:05.000006Z",
        },
        {
            "id": system, "actor_id": null, "action": "key.rotated", "entity_type": "key", "entity_id": null,
            "payload": { "to": ["coach"] }, "created_at": "2026-01-01T00:00:00Z",
        },
    ]);
    assert_eq!(admin.get(AUDIT).await.json(), json!({ "items": wanted, "next_cursor": null }));
}

#[tokio::test]
async fn all_filters_must_hold() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let (mia, ben) = (Uuid::new_v4(), Uuid::new_v4());
    act(&stack, "2026-01-01T00:00:00Z", Some(mia), "user.a", ("user", Some("1"))).await;
    act(&stack, "2026-01-02T00:00:00Z", Some(ben), "user.b", ("user", Some("2"))).await;
    act(&stack, "2026-01-03T00:00:00Z", Some(mia), "user.c", ("user", Some("2"))).await;
    act(&stack, "2026-01-04T00:00:00Z", None, "user.d", ("key", Some("2"))).await;
    for (query, wanted) in [
        (format!("actor_id={mia}"), &["user.c", "user.a"][..]),
        ("action=user.b".to_owned(), &["user.b"]),
        ("action=user".to_owned(), &[]),
        ("entity_type=key".to_owned(), &["user.d"]),
        ("entity_type=user&entity_id=2".to_owned(), &["user.c", "user.b"]),
        (format!("entity_id=2&actor_id={mia}"), &["user.c"]),
        ("from=2026-01-02T00:00:00Z&to=2026-01-04T00:00:00Z".to_owned(), &["user.c", "user.b"]),
        ("from=2026-01-04T01:00:00%2B01:00".to_owned(), &["user.d"]),
        ("to=2026-01-01T00:00:00Z".to_owned(), &[]),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z".to_owned(), &[]),
    ] {
        assert_eq!(actions(&admin, &query).await, wanted, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    for index in 0..11 {
        // Moments that several share, so that the id decides.
        let at = format!("2026-01-0{}T00:00:00Z", 1 + index / 4);
        act(&stack, &at, None, "user.a", ("user", None)).await;
    }
    act(&stack, "2026-01-01T00:00:00Z", None, "user.other", ("user", None)).await;
    let (mut places, mut path) = (Vec::new(), format!("{AUDIT}?limit=4&action=user.a"));
    let mut sizes = Vec::new();
    loop {
        let body = admin.get(&path).await.json();
        let items = body["items"].as_array().unwrap();
        sizes.push(items.len());
        let text = |item: &Value, member: &str| item[member].as_str().unwrap().to_owned();
        places.extend(items.iter().map(|item| (text(item, "created_at"), text(item, "id"))));
        match body["next_cursor"].as_str() {
            Some(cursor) => path = format!("{AUDIT}?limit=4&action=user.a&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(sizes, [4, 4, 3]);
    assert!(places.is_sorted_by(|one, next| one > next), "{places:?}");
}

#[tokio::test]
async fn every_bad_parameter_is_named() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let long = "x".repeat(129);
    for (query, path) in [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("cursor=x", "/cursor"),
        (&*format!("cursor={}", "_".repeat(40)), "/cursor"),
        ("actor_id=x", "/actor_id"),
        ("action=", "/action"),
        (&*format!("entity_type={long}"), "/entity_type"),
        (&*format!("entity_id={long}"), "/entity_id"),
        ("entity_id=%00", "/entity_id"),
        ("from=yesterday", "/from"),
        ("from=2026-01-01", "/from"),
        ("to=-009999-01-01T00:00:00Z", "/to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "/from"),
    ] {
        admin.get(&format!("{AUDIT}?{query}")).await.assert_invalid(&[path]);
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_none_of_this_one() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    stack.admin().await;
    let cursor_of = async |list: &str| {
        let page = admin.get(&format!("{list}?limit=1")).await.json();
        page["next_cursor"].as_str().expect("there are two").to_owned()
    };
    for index in 0..2 {
        act(&stack, &format!("2026-01-0{}T00:00:00Z", 1 + index), None, "user.a", ("user", None)).await;
    }
    let own = cursor_of(AUDIT).await;
    admin.get(&format!("{AUDIT}?cursor={own}")).await.assert_status(200);
    let other = cursor_of("/api/v1/admin/users").await;
    let refused = admin.get(&format!("{AUDIT}?cursor={other}&limit=0")).await;
    refused.assert_invalid(&["/cursor", "/limit"]);
}

#[tokio::test]
async fn only_an_admin_may() {
    let stack = testkit::stack().await;
    stack.anonymous().get(AUDIT).await.assert_status(401);
    let mia = stack.user();
    act(&stack, "2026-01-01T00:00:00Z", Some(mia.id()), "user.a", ("user", None)).await;
    mia.get(AUDIT).await.assert_error(403, "FORBIDDEN", "this needs the role admin");
}

#[tokio::test]
async fn no_role_of_the_application_changes_or_deletes_an_act() {
    let stack = testkit::stack().await;
    let mia = stack.user().id();
    act(&stack, "2026-01-01T00:00:00Z", Some(mia), "user.a", ("user", None)).await;
    let owner = stack.owner().await;
    let statements = [
        "update identity.audit_log set action = 'user.b'",
        "delete from identity.audit_log",
        "truncate identity.audit_log",
        "drop table identity.audit_log",
        "alter table identity.audit_log no force row level security",
        "insert into identity.audit_log (id, action, entity_type)
         select id, 'user.b', 'user' from identity.audit_log on conflict (id) do update set action = 'user.b'",
    ];
    for role in ["praxis_request", "praxis_service"] {
        for statement in statements {
            let claims = format!("begin; set local role {role}; set local praxis.user_id = '{mia}'");
            owner.batch_execute(&claims).await.unwrap();
            let refused = owner.batch_execute(statement).await.unwrap_err();
            assert_eq!(
                refused.code(),
                Some(&SqlState::INSUFFICIENT_PRIVILEGE),
                "{role} {statement}: {refused}"
            );
            owner.batch_execute("rollback").await.unwrap();
        }
    }
    // A request reads nothing, and writes only what its own person did.
    let request = format!("begin; set local role praxis_request; set local praxis.user_id = '{mia}'");
    let another = "insert into identity.audit_log (id, actor_id, action, entity_type)
                   values (gen_random_uuid(), gen_random_uuid(), 'user.b', 'user')";
    for statement in ["select * from identity.audit_log", another] {
        owner.batch_execute(&request).await.unwrap();
        let refused = owner.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {refused}");
        owner.batch_execute("rollback").await.unwrap();
    }

    // Nor does the owner of the table: it sees no row to change.
    for statement in &statements[..2] {
        assert_eq!(owner.execute(*statement, &[]).await.unwrap(), 0, "{statement}");
    }
    let left = "select action from identity.audit_log";
    let left = stack.db().await.query(left, &[]).await.unwrap();
    assert_eq!(left.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), ["user.a"]);
}
