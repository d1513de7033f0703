//! request-export.

use futures_util::future::join_all;
use serde_json::json;

use crate::rights::{acts, begin, count, run, stack, value};

const EXPORT: &str = "/api/v1/me/export";

#[tokio::test]
async fn an_export_is_taken_on_and_asking_again_gives_the_same_one() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let first = alice.request("POST", EXPORT).await;
    first.assert_status(202);
    assert_eq!(first.str("status"), "pending");
    assert!(first.str("requested_at").ends_with('Z'), "{first}");
    let members: Vec<String> = first.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["export_id", "requested_at", "status"]);
    let again = alice.request("POST", EXPORT).await;
    again.assert_status(202);
    assert_eq!(again.json(), first.json());
    assert_eq!(count(&db, "identity.exports").await, 1);
    assert_eq!(acts(&db, alice.id()).await, ["export.requested"]);
}

#[tokio::test]
async fn one_that_is_ready_stands_for_an_hour_and_one_that_failed_not_at_all() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let first = alice.request("POST", EXPORT).await;
    stack.invoke("run-account-jobs", json!({})).await;
    let fresh = alice.request("POST", EXPORT).await;
    fresh.assert_status(202);
    assert_eq!((fresh.str("export_id"), fresh.str("status")), (first.str("export_id"), "ready".to_owned()));

    run(&db, "update identity.exports set requested_at = now() - interval '61 minutes'").await;
    let second = alice.request("POST", EXPORT).await;
    assert_eq!(second.str("status"), "pending");
    assert_ne!(second.str("export_id"), first.str("export_id"));

    let failed = "update identity.exports
                  set status = 'failed', finished_at = now(), expires_at = now() + interval '7 days'
                  where status = 'pending'";
    run(&db, failed).await;
    let third = alice.request("POST", EXPORT).await;
    assert_eq!(third.str("status"), "pending");
    assert_ne!(third.str("export_id"), second.str("export_id"));
}

#[tokio::test]
async fn of_many_at_once_there_is_one() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let answers = join_all((0..6).map(|_| async { alice.request("POST", EXPORT).await })).await;
    for answer in &answers {
        answer.assert_status(202);
        assert_eq!(answer.str("export_id"), answers[0].str("export_id"));
    }
    assert_eq!(count(&db, "identity.exports").await, 1);
    assert_eq!(acts(&db, alice.id()).await, ["export.requested"]);
}

#[tokio::test]
async fn everybody_has_their_own() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let (hers, his) = (alice.request("POST", EXPORT).await, bob.request("POST", EXPORT).await);
    his.assert_status(202);
    assert_ne!(hers.str("export_id"), his.str("export_id"));
}

#[tokio::test]
async fn a_link_is_mailed_only_to_an_address_that_is_known_to_be_theirs() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    begin(&alice).await;
    let address =
        format!("insert into identity.emails (email, user_id) values ('a@example.org', '{}')", alice.id());
    run(&db, &address).await;
    let answer = alice.request("POST", EXPORT).await;
    answer.assert_error(409, "CONFLICT", "verify your e-mail address first");
    run(&db, "update identity.emails set verified_at = now()").await;
    alice.request("POST", EXPORT).await.assert_status(202);

    let bob = stack.user();
    begin(&bob).await;
    run(&db, &format!("update identity.users set email = id || '@local.user' where id = '{}'", bob.id()))
        .await;
    let answer = bob.request("POST", EXPORT).await;
    answer.assert_error(409, "CONFLICT", "there is no e-mail address to send the link to");
    let owners: i64 = value(&db, "select count(distinct user_id) from identity.exports").await;
    assert_eq!(owners, 1);
}

#[tokio::test]
async fn without_a_token_and_for_the_deactivated_there_is_none() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let answer = stack.anonymous().request("POST", EXPORT).await;
    answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    begin(&alice).await;
    run(&db, "update identity.users set deactivated_at = now()").await;
    let answer = alice.request("POST", EXPORT).await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_eq!(count(&db, "identity.exports").await, 0);
}
