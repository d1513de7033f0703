//! `POST /api/v1/sessions/{session_id}/rewrites/{rewrite_id}/accept`.

use futures_util::future::join_all;
use local::testkit::{Client, stack};
use serde_json::json;
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_needs_token, assert_time},
};

async fn rewrite(user: &Client, session: Uuid, message: Uuid) -> Uuid {
    let body = json!({"source_message_id": message, "rewrite_style": "NEUTRAL"});
    let answer = user.post(&format!("/api/v1/sessions/{session}/rewrite"), body).await;
    given::id(&answer.json()["rewrite_id"])
}

fn path(session: Uuid, rewrite: Uuid) -> String {
    format!("/api/v1/sessions/{session}/rewrites/{rewrite}/accept")
}

#[tokio::test]
async fn one_rewrite_of_a_message_is_accepted() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let (session, message) = given::session_with_turn(&alice).await;
    let (one, other) = (rewrite(&alice, session, message).await, rewrite(&alice, session, message).await);
    let second = given::id(&given::say(&alice, session, "第二句").await["user_message_id"]);
    let of_another_message = rewrite(&alice, session, second).await;

    let answer = alice.request("POST", &path(session, one)).await;
    answer.assert_status(200);
    let accepted = answer.json();
    assert_time(&accepted["created_at"]);
    let expected = json!({
        "rewrite_id": one, "source_message_id": message, "rewrite_style": "NEUTRAL",
        "rewritten_content": accepted["rewritten_content"], "accepted": true, "created_at": accepted["created_at"],
    });
    assert_eq!(accepted, expected);
    assert!(accepted["rewritten_content"].as_str().unwrap().starts_with("我观察到"));
    let again = alice.request("POST", &path(session, one)).await;
    assert_eq!((again.status(), again.json()), (200, accepted));

    alice.request("POST", &path(session, of_another_message)).await.assert_status(200);
    alice.request("POST", &path(session, other)).await.assert_status(200);
    let kept = "select string_agg(id::text, ',' order by id) from practice.rewrites where accepted";
    let mut wanted = [other.to_string(), of_another_message.to_string()];
    wanted.sort();
    assert_eq!(
        given::text(&db, kept).await,
        Some(wanted.join(",")),
        "the first one was given up for the other"
    );
}

#[tokio::test]
async fn of_two_accepted_at_once_one_stays() {
    let stack = stack().await;
    let alice = stack.user();
    let (session, message) = given::session_with_turn(&alice).await;
    let rewrites = [rewrite(&alice, session, message).await, rewrite(&alice, session, message).await];
    for _ in 0..3 {
        let calls = rewrites.iter().cycle().take(6);
        let answers =
            join_all(calls.map(|rewrite| alice.request("POST", &path(session, *rewrite)).into_future()));
        for answer in answers.await {
            answer.assert_status(200);
            assert_eq!(answer.json()["accepted"], true);
        }
        let accepted = "select count(*) from practice.rewrites where accepted";
        assert_eq!(given::count(&stack.db().await, accepted).await, 1);
    }
}

#[tokio::test]
async fn only_a_rewrite_of_the_persons_own_session_is_accepted() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let (session, message) = given::session_with_turn(&alice).await;
    let rewrite = rewrite(&alice, session, message).await;
    let elsewhere = given::session(&alice).await;
    let not_found = "rewrite not found";
    bob.request("POST", &path(session, rewrite)).await.assert_error(404, "NOT_FOUND", not_found);
    alice.request("POST", &path(elsewhere, rewrite)).await.assert_error(404, "NOT_FOUND", not_found);
    alice.request("POST", &path(session, Uuid::new_v4())).await.assert_error(404, "NOT_FOUND", not_found);
    let accepted = "select count(*) from practice.rewrites where accepted";
    assert_eq!(given::count(&stack.db().await, accepted).await, 0);
    let both = alice.request("POST", "/api/v1/sessions/x/rewrites/y/accept").await;
    both.assert_invalid(&["/session_id", "/rewrite_id"]);
    assert_needs_token(&stack, "POST", &path(session, rewrite)).await;
}
