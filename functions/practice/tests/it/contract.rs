//! The flow that the public client and its smoke tests rely on, step by step (contract, section 10).

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::given;

#[tokio::test]
async fn a_practice_runs_from_the_scene_to_the_week() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);

    // 1. A scene, and a session of six turns.
    let created = alice.post("/api/v1/scenes", given::new_scene()).await;
    created.assert_status(201);
    let scene = created.str("scene_id");
    let started = alice.post("/api/v1/sessions", json!({"scene_id": scene, "target_turns": 6})).await;
    started.assert_status(201);
    let session = started.str("session_id");
    let path = format!("/api/v1/sessions/{session}");

    // 2. The first message, and the same again.
    let message = given::message("我注意到这周有两次延期，我有点担心，希望我们可以一起确认时间");
    let sent = alice.post(&format!("{path}/messages"), message.clone()).await;
    sent.assert_status(200);
    let turn = sent.json();
    assert!(turn["feedback"]["overall_score"].as_i64() >= Some(0));
    assert!(turn["assistant_message"]["content"].as_str() > Some(""));
    let again = alice.post(&format!("{path}/messages"), message.clone()).await;
    again.assert_status(200);
    assert_eq!(again.json()["user_message_id"], turn["user_message_id"]);

    // 3. A rewrite and a card, with the session still active.
    let body = json!({"source_message_id": turn["user_message_id"], "rewrite_style": "NEUTRAL"});
    let rewrite = alice.post(&format!("{path}/rewrite"), body).await;
    rewrite.assert_status(200);
    assert!(!rewrite.str("rewritten_content").is_empty());
    let card =
        alice.request("POST", &format!("{path}/summary")).header("content-type", "application/json").await;
    card.assert_status(200);
    assert!(!card.str("opening_line").is_empty() && !card.str("request_line").is_empty());
    assert_eq!(alice.get(&path).await.json()["state"], "ACTIVE");

    // 4. A reflection.
    let body = json!({
        "session_id": session, "used_in_real_world": true, "outcome_score": 4, "blocker_code": null,
        "blocker_note": null,
    });
    alice.post("/api/v1/reflections", body).await.assert_status(201);

    // 5. The week of today. The client sends a content type with each GET.
    let today = given::text(&db, "select (now() at time zone 'UTC')::date::text").await.unwrap();
    let week = alice.get(&format!("/api/v1/progress/weekly?week_start={today}"));
    let week = week.header("content-type", "application/json").await;
    week.assert_status(200);
    for count in ["practice_count", "summary_count", "real_world_used_count"] {
        assert!(week.json()[count].as_i64() >= Some(1), "{count} in {week}");
    }

    // 6. The list.
    let list = alice.get("/api/v1/sessions?limit=10&offset=0").await.json();
    assert!(list["total"].as_i64() >= Some(1));
    let first = &list["items"][0];
    assert_eq!((&first["session_id"], &first["scene_id"]), (&json!(session), &json!(scene)));
    assert_eq!(first["scene_title"], "Late hand-over");
    assert_eq!((&first["has_summary"], &first["has_reflection"]), (&json!(true), &json!(true)));

    // 7. The history.
    let history = alice.get(&format!("{path}/history")).await.json();
    assert_eq!((&history["session_id"], &history["scene"]["scene_id"]), (&json!(session), &json!(scene)));
    assert_eq!(history["scene"]["title"], "Late hand-over");
    assert_eq!(history["summary"]["summary_id"], card.json()["summary_id"]);
    assert_eq!(history["reflection"]["used_in_real_world"], true);
    let replayed = &history["turns"][0];
    assert_eq!((&replayed["turn"], &replayed["user_content"]), (&json!(1), &message["content"]));
    assert_eq!(replayed["assistant_content"], turn["assistant_message"]["content"]);
    assert_eq!(replayed["feedback"], turn["feedback"]);

    // 8. Filters, with a second session that was abandoned three days ago.
    let second =
        alice.post("/api/v1/scenes", given::with(given::new_scene(), json!({"title": "预算沟通"}))).await;
    let body = json!({"scene_id": second.str("scene_id"), "target_turns": 5});
    let abandoned = alice.post("/api/v1/sessions", body).await.str("session_id");
    given::execute(&db, &format!(
        "update practice.sessions set state = 'ABANDONED', ended_at = now(), created_at = now() - interval '3 days'
         where id = '{abandoned}'"
    )).await;
    for filter in ["state=ABANDONED", "keyword=%E9%A2%84%E7%AE%97"] {
        let list = alice.get(&format!("/api/v1/sessions?{filter}")).await.json();
        assert_eq!(
            (&list["total"], &list["items"][0]["session_id"]),
            (&json!(1), &json!(abandoned)),
            "{filter}"
        );
    }
    let of_today =
        alice.get(&format!("/api/v1/sessions?created_from={today}&created_to={today}")).await.json();
    assert!(of_today["total"].as_i64() >= Some(1));
    assert!(!of_today.to_string().contains(&abandoned), "{of_today}");
    let reversed = alice.get("/api/v1/sessions?created_from=2026-03-02&created_to=2026-03-01").await;
    let sentence = "created_from must be less than or equal to created_to";
    reversed.assert_error(400, "VALIDATION_ERROR", sentence);
}

#[tokio::test]
async fn people_are_apart() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    // 9. B cannot start on A's scene, A can; B sees neither the history nor anything in the list.
    let scene = given::scene(&alice).await;
    let start = json!({"scene_id": scene, "target_turns": 5});
    bob.post("/api/v1/sessions", start.clone()).await.assert_error(404, "NOT_FOUND", "scene not found");
    let session = alice.post("/api/v1/sessions", start).await.str("session_id");
    let history = bob.get(&format!("/api/v1/sessions/{session}/history")).await;
    history.assert_error(404, "NOT_FOUND", "session not found");
    assert_eq!(bob.get("/api/v1/sessions").await.json()["total"], 0);
}

/// The steps of the smoke script: one fixed mock token, and no header but those that curl sends.
#[tokio::test]
async fn the_smoke_script_passes() {
    let stack = stack().await;
    let person = stack.anonymous().bearer("mock_11111111-1111-1111-1111-111111111111");
    let scene = person.post("/api/v1/scenes", given::new_scene()).await.str("scene_id");
    let session = json!({"scene_id": scene, "target_turns": 6});
    let session = person.post("/api/v1/sessions", session).await.str("session_id");
    let path = format!("/api/v1/sessions/{session}/messages");
    let message =
        json!({"client_message_id": Uuid::new_v4(), "content": "你们总是延期，我希望今天可以确认里程碑"});
    let (first, second) = (person.post(&path, message.clone()).await, person.post(&path, message).await);
    first.assert_status(200);
    second.assert_status(200);
    assert_eq!(first.str("user_message_id"), second.str("user_message_id"));
}
