//! A turn whose sender died, or is still at it.

use std::time::Duration;

use futures_util::future::join_all;
use local::testkit::{
    Client, Stack,
    fakes::{Behaviour, Provider},
    stack,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given::{self, REPLY_BY_RULES, SENDERS};

/// A turn in flight without a process behind it, as a sandbox leaves it that was killed during the model call.
async fn reserved(
    db: &tokio_postgres::Client,
    user: &Client,
    session: Uuid,
    message: &Value,
    claim: &str,
) -> Uuid {
    let turn = Uuid::now_v7();
    let sql = format!(
        "insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
         values ('{turn}', '{session}', '{}', 1, '{}', '{}', now() + interval '{claim}')",
        user.id(),
        given::id(&message["client_message_id"]),
        message["content"].as_str().expect("a content"),
    );
    given::execute(db, &sql).await;
    turn
}

#[tokio::test]
async fn the_same_message_completes_the_turn() {
    let provider = given::provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    let dead = reserved(&db, &alice, session, &message, "-1 second").await;

    let other = given::with(message.clone(), json!({"content": "别的"}));
    let conflict = given::send(&alice, session, &other).await;
    conflict.assert_error(409, "CONFLICT", "duplicate client message id");
    let answer = given::send(&alice, session, &message).await;
    answer.assert_status(200);
    let turn = answer.json();
    assert_eq!((&turn["turn"], given::id(&turn["user_message_id"])), (&json!(1), dead));
    assert_eq!(turn["assistant_message"]["content"], "好的，明天上午可以。");
    assert_eq!(provider.count(), 1);
    assert_eq!(alice.get(&format!("/api/v1/sessions/{session}")).await.json()["current_turn"], 1);
}

#[tokio::test]
async fn of_several_who_find_a_dead_turn_one_asks_the_model() {
    let provider = Provider::start(Behaviour::Slow(Duration::from_millis(300), "好的。".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    reserved(&db, &alice, session, &message, "-1 second").await;
    let answers = join_all((0..5).map(|_| given::send(&alice, session, &message).into_future())).await;
    for answer in &answers {
        answer.assert_status(200);
        assert_eq!(answer.text(), answers[0].text());
    }
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn another_message_finishes_the_dead_turn_by_the_rules_and_comes_after_it() {
    let provider = given::provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let dead = given::message("第一句");
    reserved(&db, &alice, session, &dead, "-1 second").await;

    assert_eq!(given::say(&alice, session, "第二句").await["turn"], 2);
    let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await.json();
    assert_eq!(history["turns"][0]["assistant_content"], REPLY_BY_RULES);
    assert_eq!(history["turns"][0]["feedback"]["risk_level"], "LOW");
    assert_eq!(history["turns"][1]["assistant_content"], "好的，明天上午可以。");
    let sources = "select string_agg(source, ',' order by turn_no) from practice.turns";
    assert_eq!(given::text(&db, sources).await.as_deref(), Some("rules,model"));
    let asked = provider.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["messages"][2]["content"], REPLY_BY_RULES, "the model knows what was said for it");
    // Its sender, back again, gets what the rules said.
    let late = given::send(&alice, session, &dead).await;
    late.assert_status(200);
    assert_eq!(late.json()["assistant_message"]["content"], REPLY_BY_RULES);
}

#[tokio::test]
async fn without_a_model_the_same_message_completes_the_turn_by_the_rules() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    let dead = reserved(&db, &alice, session, &message, "-1 second").await;
    let answers = join_all((0..5).map(|_| given::send(&alice, session, &message).into_future())).await;
    for answer in &answers {
        answer.assert_status(200);
        let turn = answer.json();
        assert_eq!((&turn["turn"], given::id(&turn["user_message_id"])), (&json!(1), dead));
        assert_eq!(turn["assistant_message"]["content"], REPLY_BY_RULES);
        assert_eq!(answer.text(), answers[0].text());
    }
    assert_eq!(alice.get(&format!("/api/v1/sessions/{session}")).await.json()["current_turn"], 1);
}

#[tokio::test]
async fn a_dead_turn_of_an_ended_session_can_still_be_answered() {
    let provider = given::provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    reserved(&db, &alice, session, &message, "-1 second").await;
    let path = format!("/api/v1/sessions/{session}");
    alice.request("POST", &format!("{path}/abandon")).await.assert_status(200);
    given::send(&alice, session, &message).await.assert_status(200);
    assert_eq!(alice.get(&path).await.json()["state"], "ABANDONED");
}

#[tokio::test]
async fn a_living_sender_is_waited_for_without_a_connection() {
    let provider = given::provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    reserved(&db, &alice, session, &given::message("第一句"), "1 hour").await;

    // It looks, which is seen because the row is locked here, and goes away to wait.
    let locker = stack.db().await;
    given::execute(&locker, "begin; select from practice.sessions for update").await;
    let waiting = tokio::spawn(given::send(&alice, session, &given::message("第二句")).into_future());
    given::until(&db, SENDERS, |open| open == 1).await;
    given::execute(&locker, "commit").await;
    given::until(&db, SENDERS, |open| open == 0).await;
    assert!(!waiting.is_finished() && provider.count() == 0);
    let turns = "select count(*) from practice.turns";
    assert_eq!(given::count(&db, turns).await, 1);

    given::execute(&db, "update practice.turns set claimed_until = now() - interval '1 second'").await;
    let answer = waiting.await.unwrap();
    answer.assert_status(200);
    assert_eq!(answer.json()["turn"], 2);
    assert_eq!(given::count(&db, turns).await, 2);
}

#[tokio::test]
async fn who_waits_too_long_is_told_to_come_back() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    reserved(&db, &alice, session, &message, "1 hour").await;
    let another = given::message("第二句");
    let (same, another) = tokio::join!(
        given::send(&alice, session, &message).into_future(),
        given::send(&alice, session, &another).into_future(),
    );
    for answer in [same, another] {
        answer.assert_error(503, "UNAVAILABLE", "another message of this session is being answered");
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
}

#[tokio::test]
async fn a_sandbox_killed_during_the_model_call_leaves_the_session_usable() {
    let provider = Provider::start(Behaviour::Hang).await;
    let doomed = given::stack_with(&provider).await;
    let alice = doomed.user();
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    let sending = tokio::spawn(given::send(&alice, session, &message).into_future());
    provider.wait_for(1).await;
    doomed.lambda().shutdown().await;
    assert!(sending.await.unwrap().status() >= 500);

    // The same database behind new sandboxes, half a minute later.
    provider.always(Behaviour::Text("好的。".to_owned()));
    let database = &doomed.environment()["DATABASE_URL"];
    let stack: Stack = given::stack_with_settings(&provider, &[("DATABASE_URL", database)]).await;
    let alice = stack.anonymous().mock(alice.id());
    let left = "update practice.turns set claimed_until = claimed_until - interval '30 seconds'
                where completed_at is null";
    given::execute(&doomed.db().await, left).await;
    let answer = given::send(&alice, session, &message).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["assistant_message"]["content"], "好的。");
    assert_eq!(answer.json()["turn"], 1);
    assert_eq!(given::count(&doomed.db().await, "select count(*) from practice.turns").await, 1);
    given::say(&alice, session, "第二句").await;
}
