//! create-admin.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use local::lambda::InvokeError;
use local::testkit::{self, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

const JOB: &str = "create-admin";

async fn roles(stack: &Stack, id: Uuid) -> Vec<String> {
    let sql = "select roles from identity.users where id = $1";
    stack.db().await.query_one(sql, &[&id]).await.unwrap().get(0)
}

async fn acts(stack: &Stack) -> Vec<(Option<Uuid>, String, Value)> {
    let sql = "select actor_id, action, payload from identity.audit_log order by occurred_at";
    let rows = stack.db().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// Why an invocation was refused.
async fn refusal(stack: &Stack, event: Value) -> (String, String) {
    match stack.try_invoke(JOB, event).await {
        Err(InvokeError::Function { error_type, message }) => (error_type, message),
        other => panic!("expected a failed invocation, got {other:?}"),
    }
}

#[tokio::test]
async fn somebody_new_chooses_a_password_by_the_mailed_link_and_is_an_admin() {
    let stack = testkit::stack().await;
    let answer = stack.invoke(JOB, json!({ "email": " Admin@Example.org " })).await;
    assert_eq!((&answer["is_new"], &answer["was_admin"]), (&json!(true), &json!(false)));
    let id: Uuid = answer["user_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(roles(&stack, id).await, ["student", "admin"]);
    let sql = "select e.email, e.verified_at is not null, p.user_id is null
               from identity.emails e left join identity.passwords p using (user_id) where e.user_id = $1";
    let row = stack.db().await.query_one(sql, &[&id]).await.unwrap();
    assert_eq!(
        (row.get::<_, &str>(0), row.get::<_, bool>(1), row.get::<_, bool>(2)),
        ("admin@example.org", true, true)
    );
    let wanted = (None, "user.registered".to_owned(), json!({ "roles": ["student", "admin"] }));
    assert_eq!(acts(&stack).await, [wanted]);

    stack.deliver_mail().await;
    let mails = stack.mails().await;
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    assert_eq!(mail.to, "admin@example.org");
    let (_, rest) = mail.text.split_once("/reset-password#token=").expect("a link");
    let token = &rest[..43];
    let password = "amber-falcon-quilt-93";
    let anybody = stack.anonymous();
    let reset = json!({ "token": token, "password": password });
    anybody.post("/api/v1/identity/password/reset", reset).await.assert_status(204);
    let login = json!({ "email": "admin@example.org", "password": password });
    let answer = anybody.post("/api/v1/identity/auth/login", login).await;
    let admin = anybody.bearer(&answer.str("access_token"));
    admin.get("/api/v1/admin/users").await.assert_status(200);
}

#[tokio::test]
async fn an_account_keeps_its_roles_and_repeating_changes_nothing() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    mia.patch("/api/v1/me", json!({})).await.assert_status(200);
    let sql =
        "insert into identity.emails (email, user_id, verified_at) values ('mia@example.org', $1, now())";
    stack.db().await.execute(sql, &[&mia.id()]).await.unwrap();
    for was_admin in [false, true] {
        let answer = stack.invoke(JOB, json!({ "email": "Mia@example.org" })).await;
        assert_eq!(answer, json!({ "user_id": mia.id(), "is_new": false, "was_admin": was_admin }));
    }
    assert_eq!(roles(&stack, mia.id()).await, ["student", "admin"]);
    let change = json!({ "from": ["student"], "to": ["student", "admin"] });
    // The first one is that Mia came.
    assert_eq!(acts(&stack).await[1..], [(None, "user.roles_changed".to_owned(), change)]);
    mia.get("/api/v1/admin/users").await.assert_status(200);
    let sql = "select from platform.outbox";
    assert!(stack.db().await.query(sql, &[]).await.unwrap().is_empty(), "no link for who can sign in");
}

#[tokio::test]
async fn an_account_of_another_provider_goes_by_its_id() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    let event = json!({ "user_id": mia.id() });
    assert_eq!(refusal(&stack, event.clone()).await.0, "NOT_FOUND");
    mia.patch("/api/v1/me", json!({})).await.assert_status(200);
    let answer = stack.invoke(JOB, event).await;
    assert_eq!(answer, json!({ "user_id": mia.id(), "is_new": false, "was_admin": false }));
    assert_eq!(roles(&stack, mia.id()).await, ["student", "admin"]);
}

#[tokio::test]
async fn an_address_that_somebody_registered_and_did_not_prove_makes_nobody_an_admin() {
    let stack = testkit::stack().await;
    let squatter = stack.user();
    squatter.patch("/api/v1/me", json!({})).await.assert_status(200);
    let sql = "insert into identity.emails (email, user_id) values ('boss@example.org', $1)";
    stack.db().await.execute(sql, &[&squatter.id()]).await.unwrap();
    let (code, message) = refusal(&stack, json!({ "email": "boss@example.org" })).await;
    assert_eq!(code, "CONFLICT");
    assert!(!message.contains("boss@"), "{message}");
    assert_eq!(roles(&stack, squatter.id()).await, ["student"]);
    // Nor does one that an identity provider gave, which is in no table of proven ones.
    let sql = "update identity.users set email = 'chief@example.org' where id = $1";
    stack.db().await.execute(sql, &[&squatter.id()]).await.unwrap();
    let answer = stack.invoke(JOB, json!({ "email": "chief@example.org" })).await;
    assert_eq!(answer["is_new"], json!(true));
    assert_eq!(roles(&stack, squatter.id()).await, ["student"]);
}

#[tokio::test]
async fn two_at_once_make_one_account() {
    let stack = testkit::stack().await;
    let event = json!({ "email": "admin@example.org" });
    let (one, other) =
        tokio::join!(stack.try_invoke(JOB, event.clone()), stack.try_invoke(JOB, event.clone()));
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    let answer = stack.invoke(JOB, event).await;
    assert_eq!((&answer["is_new"], &answer["was_admin"]), (&json!(false), &json!(true)));
    let count = |table: &str| format!("select count(*) from {table}");
    for table in ["identity.users", "identity.emails", "platform.outbox", "identity.audit_log"] {
        let rows: i64 = stack.db().await.query_one(&count(table), &[]).await.unwrap().get(0);
        assert_eq!(rows, 1, "{table}");
    }
}

#[tokio::test]
async fn an_event_that_names_nobody_or_two_is_refused() {
    let stack = testkit::stack().await;
    for event in [
        json!({}),
        json!({ "email": null }),
        json!({ "email": "a@example.org", "user_id": Uuid::new_v4() }),
        json!({ "email": "nobody" }),
        json!({ "user_id": "7" }),
    ] {
        let (code, _) = refusal(&stack, event.clone()).await;
        assert_eq!(code, "VALIDATION_ERROR", "{event}");
    }
    let rows = stack.db().await.query("select from identity.users", &[]).await.unwrap();
    assert!(rows.is_empty());
}

#[tokio::test]
async fn the_address_reaches_no_log() {
    let stack = testkit::stack().await;
    stack.invoke(JOB, json!({ "email": "secretive@example.org" })).await;
    stack.wait_for_logs(1).await;
    for line in stack.lines() {
        assert!(!line.line.contains("secretive"), "{}", line.line);
    }
}
