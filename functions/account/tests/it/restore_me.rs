//! restore-me.

use serde_json::json;

use crate::rights::{acts, begin, count, run, stack};

const RESTORE: &str = "/api/v1/me/restore";

#[tokio::test]
async fn a_deletion_is_taken_back_and_may_be_asked_for_again() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    for person in [&alice, &bob] {
        person.patch("/api/v1/me", json!({"display_name": "Someone"})).await.assert_status(200);
        person.delete("/api/v1/me").json(&json!({})).await.assert_status(202);
    }
    let answer = alice.request("POST", RESTORE).await;
    answer.assert_status(200);
    assert_eq!(answer.json(), alice.get("/api/v1/me").await.json());
    assert_eq!(answer.str("display_name"), "Someone");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 1, "bob's stays");
    alice.delete("/api/v1/me").json(&json!({})).await.assert_status(202);
    assert_eq!(
        acts(&db, alice.id()).await,
        ["user.deletion_requested", "user.deletion_cancelled", "user.deletion_requested"]
    );
    assert_eq!(crate::rights::mails(&db, alice.id(), "deletion_requested").await.len(), 2);
}

#[tokio::test]
async fn without_a_deletion_there_is_nothing_to_take_back() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    begin(&bob).await;
    for person in [&alice, &bob] {
        let answer = person.request("POST", RESTORE).await;
        answer.assert_error(409, "CONFLICT", "no deletion was requested");
        assert!(acts(&db, person.id()).await.is_empty());
    }
}

#[tokio::test]
async fn without_a_token_and_for_the_deactivated_there_is_none() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let answer = stack.anonymous().request("POST", RESTORE).await;
    answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    alice.delete("/api/v1/me").json(&json!({})).await.assert_status(202);
    run(&db, "update identity.users set deactivated_at = now()").await;
    let answer = alice.request("POST", RESTORE).await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 1);
}
