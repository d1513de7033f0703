//! The same `client_message_id` again.

use local::testkit::{Client, stack};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given;

/// Sends a message a second time and expects the very same answer.
async fn assert_replayed(user: &Client, session: Uuid, message: &Value, first: &str) {
    let again = given::send(user, session, message).await;
    again.assert_status(200);
    assert_eq!(again.text(), first);
}

#[tokio::test]
async fn the_stored_answer_comes_back_in_every_state() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let first = given::message("第一句");
    let first_answer = given::send(&alice, session, &first).await.text();
    assert_replayed(&alice, session, &first, &first_answer).await;

    for turn in 2..5 {
        given::say(&alice, session, &format!("第{turn}句")).await;
    }
    let last = given::message("第五句");
    let last_answer = given::send(&alice, session, &last).await.text();
    let path = format!("/api/v1/sessions/{session}");
    let completed = alice.get(&path).await.json();
    assert_eq!(completed["state"], "COMPLETED");
    assert_replayed(&alice, session, &first, &first_answer).await;
    assert_replayed(&alice, session, &last, &last_answer).await;
    assert_eq!(alice.get(&path).await.json(), completed);

    let other = given::session(&alice).await;
    let message = given::message("一句");
    let answer = given::send(&alice, other, &message).await.text();
    alice.request("POST", &format!("/api/v1/sessions/{other}/abandon")).await.assert_status(200);
    assert_replayed(&alice, other, &message, &answer).await;
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.turns").await, 6);
}

#[tokio::test]
async fn an_id_belongs_to_its_content_and_its_session() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    let first = given::send(&alice, session, &message).await;
    first.assert_status(200);
    // The id in another form is the same id.
    let id = given::id(&message["client_message_id"]);
    let compact = json!({"client_message_id": id.simple(), "content": "第一句"});
    assert_replayed(&alice, session, &compact, &first.text()).await;
    for form in [id.urn().to_string(), format!("{{{id}}}").to_uppercase()] {
        let other = json!({"client_message_id": form, "content": "第一句 "});
        let conflict = given::send(&alice, session, &other).await;
        conflict.assert_error(409, "CONFLICT", "duplicate client message id");
    }

    let elsewhere = given::session(&alice).await;
    let new = given::send(&alice, elsewhere, &message).await;
    new.assert_status(200);
    assert_ne!(new.json()["user_message_id"], first.json()["user_message_id"]);

    for turn in 2..=5 {
        given::say(&alice, session, &format!("第{turn}句")).await;
    }
    let other = given::with(message, json!({"content": "别的"}));
    let conflict = given::send(&alice, session, &other).await;
    conflict.assert_error(409, "CONFLICT", "duplicate client message id");
}
