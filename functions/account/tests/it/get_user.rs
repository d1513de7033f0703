//! get-user.

use local::testkit;
use serde_json::{Value, json};

use crate::people::{ME, MIA, app, browser, register, run};

#[tokio::test]
async fn an_account_has_its_address_its_roles_and_its_state() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    register(&stack, "other@example.org").await;
    let app = app(&stack, MIA).await;
    let user = app.client.get(ME).await.json();
    assert_eq!((&user["id"], &user["email"]), (&json!(id), &json!(MIA)));
    assert_eq!((&user["email_verified"], &user["is_active"]), (&json!(false), &json!(true)));
    assert_eq!(user["role"]["name"], "student");
    run(&stack, "update identity.emails set verified_at = now()").await;
    run(&stack, &format!("update identity.users set roles = '{{admin,teacher}}' where id = '{id}'")).await;
    let user = app.client.get(ME).await.json();
    assert_eq!(user["email_verified"], true);
    assert_eq!(user["roles"], json!(["teacher", "admin"]));
    assert_eq!(user["role"], json!({ "id": "52617869-0000-8000-8000-000000000005", "name": "admin" }));
    assert_eq!(browser(&stack, MIA).await.get(ME).await.json(), user, "the same by cookie");
}

#[tokio::test]
async fn somebody_who_has_written_nothing_is_what_they_would_start_as() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let user = alice.get(ME).await.json();
    assert_eq!(user["email"], format!("{}@mock.local", alice.id()));
    assert_eq!((&user["roles"], &user["created_at"]), (&json!(["student"]), &Value::Null));
}

#[tokio::test]
async fn without_a_token_and_for_a_deactivated_person_there_is_none() {
    let stack = testkit::stack().await;
    stack.anonymous().get(ME).await.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    run(&stack, "update identity.users set deactivated_at = now()").await;
    app.client.get(ME).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
}
