//! `GET /api/v1/sessions/{session_id}/history`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_needs_token, assert_time},
};

#[tokio::test]
async fn a_session_without_turns_has_empty_places() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let session = given::session_on(&alice, scene).await;
    let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await;
    history.assert_status(200);
    let history = history.json();
    assert_time(&history["created_at"]);
    let expected = json!({
        "session_id": session,
        "scene": {
            "scene_id": scene, "title": "Late hand-over", "goal": "agree a date",
            "context": "The draft came two days late, twice.", "template_id": "PEER_FEEDBACK",
        },
        "state": "ACTIVE", "current_turn": 0, "target_turns": 5, "created_at": history["created_at"],
        "ended_at": null, "turns": [], "summary": null, "reflection": null,
    });
    assert_eq!(history, expected);
}

#[tokio::test]
async fn a_session_is_replayed_as_it_was() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let mut turns = Vec::new();
    for number in 1..=5 {
        let content = format!("第{number}句，你愿意今天确认吗?");
        let answer = given::say(&alice, session, &content).await;
        turns.push(json!({
            "turn": number, "user_message_id": answer["user_message_id"], "user_content": content,
            "assistant_message_id": answer["assistant_message"]["message_id"],
            "assistant_content": answer["assistant_message"]["content"], "feedback": answer["feedback"],
        }));
    }
    let summary = given::summary(&alice, session).await;
    let body = json!({
        "session_id": session, "used_in_real_world": true, "outcome_score": 4, "blocker_code": "POWER_GAP",
        "blocker_note": "",
    });
    let reflected = alice.post("/api/v1/reflections", body).await.json();

    let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await.json();
    assert_eq!(history["turns"], json!(turns));
    assert_eq!(history["summary"], summary);
    let reflection = json!({
        "reflection_id": reflected["reflection_id"], "used_in_real_world": true, "outcome_score": 4,
        "blocker_code": "POWER_GAP", "blocker_note": "", "created_at": reflected["created_at"],
    });
    assert_eq!(history["reflection"], reflection);
    assert_eq!((&history["state"], &history["current_turn"]), (&json!("COMPLETED"), &json!(5)));
    assert_time(&history["ended_at"]);
    assert_time(&history["reflection"]["created_at"]);
}

#[tokio::test]
async fn what_is_missing_or_cannot_be_read_is_null() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    given::say(&alice, session, "第一句").await;
    given::say(&alice, session, "第二句").await;
    given::execute(&db, r#"update practice.turns set ofnr = '{"observation": 1}' where turn_no = 1"#).await;
    let in_flight = format!(
        "insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
         values (gen_random_uuid(), '{session}', '{}', 3, gen_random_uuid(), '第三句', now())",
        alice.id()
    );
    given::execute(&db, &in_flight).await;
    given::execute(&db, "update practice.turns set created_at = now() - turn_no * interval '1 day'").await;
    let body = json!({"session_id": session, "used_in_real_world": "no"});
    alice.post("/api/v1/reflections", body).await.assert_status(201);

    let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await;
    history.assert_status(200);
    let history = history.json();
    assert_eq!(history["turns"][0]["feedback"]["ofnr"], json!(null));
    assert!(history["turns"][0]["feedback"]["overall_score"].is_i64());
    assert!(history["turns"][1]["feedback"]["ofnr"]["need"]["status"].is_string());
    let last = &history["turns"][2];
    let expected = json!({
        "turn": 3, "user_message_id": last["user_message_id"], "user_content": "第三句",
        "assistant_message_id": null, "assistant_content": null, "feedback": null,
    });
    assert_eq!(*last, expected);
    assert_eq!(history["current_turn"], 2);
    let reflection = &history["reflection"];
    for member in ["outcome_score", "blocker_code", "blocker_note"] {
        assert!(reflection.get(member).is_some_and(|value| value.is_null()), "{member} in {reflection}");
    }
}

#[tokio::test]
async fn only_its_owner_reads_a_history() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let path = format!("/api/v1/sessions/{}/history", given::session(&alice).await);
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "session not found");
    let missing = alice.get(&format!("/api/v1/sessions/{}/history", Uuid::new_v4())).await;
    missing.assert_error(404, "NOT_FOUND", "session not found");
    alice.get("/api/v1/sessions/x/history").await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "GET", &path).await;
}
