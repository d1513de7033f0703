//! Several requests at once.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use local::testkit::{
    fakes::{Behaviour, Provider},
    stack,
};
use serde_json::{Value, json};

use crate::given::{self, SENDERS};

#[tokio::test]
async fn one_message_sent_twenty_times_is_one_turn_and_one_model_call() {
    let provider = Provider::start(Behaviour::Slow(Duration::from_millis(300), "好的。".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    let answers = join_all((0..20).map(|_| given::send(&alice, session, &message).into_future())).await;
    for answer in &answers {
        answer.assert_status(200);
        assert_eq!(answer.text(), answers[0].text());
    }
    assert_eq!(answers[0].json()["assistant_message"]["content"], "好的。");
    assert_eq!(provider.count(), 1);
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.turns").await, 1);
    assert_eq!(alice.get(&format!("/api/v1/sessions/{session}")).await.json()["current_turn"], 1);
}

#[tokio::test]
async fn two_messages_are_two_turns_and_the_second_reply_knows_the_first() {
    let provider =
        Provider::start(Behaviour::Slow(Duration::from_millis(300), "第一个回答".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let (one, other) = (given::message("甲句"), given::message("乙句"));
    let (one, other) = tokio::join!(
        given::send(&alice, session, &one).into_future(),
        given::send(&alice, session, &other).into_future(),
    );
    one.assert_status(200);
    other.assert_status(200);
    let (one, other) = (one.json(), other.json());
    let (first, second) = if one["turn"] == 1 { ("甲句", "乙句") } else { ("乙句", "甲句") };
    assert_eq!(one["turn"].as_i64().unwrap() + other["turn"].as_i64().unwrap(), 3, "turns 1 and 2");

    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    let said = |content: &str| json!({"role": "user", "content": format!("the learner says: \"{content}\"")});
    assert_eq!(requests[0]["messages"].as_array().unwrap()[1..], [said(first)]);
    let replied = json!({"role": "assistant", "content": "第一个回答"});
    assert_eq!(requests[1]["messages"].as_array().unwrap()[1..], [said(first), replied, said(second)]);
}

#[tokio::test]
async fn of_two_messages_for_the_last_turn_one_is_refused() {
    let provider = Provider::start(Behaviour::Slow(Duration::from_millis(200), "好的。".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    for turn in 1..5 {
        given::say(&alice, session, &format!("第{turn}句")).await;
    }
    let (one, other) = (given::message("甲句"), given::message("乙句"));
    let (one, other) = tokio::join!(
        given::send(&alice, session, &one).into_future(),
        given::send(&alice, session, &other).into_future(),
    );
    let (taken, refused) = if one.status() == 200 { (one, other) } else { (other, one) };
    taken.assert_status(200);
    assert_eq!(taken.json()["turn"], 5);
    refused.assert_error(409, "CONFLICT", "session is completed");
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.turns").await, 5);
}

#[tokio::test]
async fn while_the_model_is_silent_nothing_waits_and_no_connection_is_held() {
    let provider = Provider::start(Behaviour::Hang).await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}");

    // That the function is seen at all when it has a connection: it waits for a row that is locked here.
    let locker = stack.db().await;
    given::execute(&locker, "begin; select from practice.sessions for update").await;
    let sending = tokio::spawn(given::send(&alice, session, &given::message("第一句")).into_future());
    given::until(&db, SENDERS, |open| open == 1).await;
    given::execute(&locker, "commit").await;

    provider.wait_for(1).await;
    given::until(&db, SENDERS, |open| open == 0).await;
    assert_eq!(alice.get("/api/v1/sessions").await.json()["total"], 1);
    let history = alice.get(&format!("{path}/history")).await;
    history.assert_status(200);
    assert_eq!(history.json()["turns"][0]["assistant_content"], json!(null));
    given::scene(&alice).await;
    alice.request("POST", &format!("{path}/abandon")).await.assert_status(200);
    assert!(!sending.is_finished(), "all of that came before the answer");
    assert_eq!(given::count(&db, SENDERS).await, 0);
    sending.abort();
}

#[tokio::test]
async fn a_session_abandoned_meanwhile_stays_abandoned_and_keeps_the_answer() {
    let provider = Provider::start(Behaviour::Slow(Duration::from_millis(500), "好的。".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}");
    let sending = tokio::spawn(given::send(&alice, session, &given::message("第一句")).into_future());
    provider.wait_for(1).await;
    let abandoned = alice.request("POST", &format!("{path}/abandon")).await;
    abandoned.assert_status(200);
    sending.await.unwrap().assert_status(200);
    let after = alice.get(&path).await.json();
    assert_eq!((&after["state"], &after["current_turn"]), (&json!("ABANDONED"), &json!(1)));
    assert_eq!(after["ended_at"], abandoned.json()["ended_at"]);
}

#[tokio::test]
async fn of_two_contents_under_one_id_one_is_taken() {
    let provider = Provider::start(Behaviour::Slow(Duration::from_millis(200), "好的。".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let one = given::message("甲句");
    let other = given::with(one.clone(), json!({"content": "乙句"}));
    let (one, other) = tokio::join!(
        given::send(&alice, session, &one).into_future(),
        given::send(&alice, session, &other).into_future(),
    );
    let (taken, refused) = if one.status() == 200 { (one, other) } else { (other, one) };
    taken.assert_status(200);
    refused.assert_error(409, "CONFLICT", "duplicate client message id");
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn without_a_model_messages_at_once_take_their_turns_in_one_transaction_each() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let messages: Vec<_> = (0..4).map(|number| given::message(&format!("第{number}句"))).collect();
    // Each twice, so that a replay meets its first sending.
    let calls =
        messages.iter().chain(&messages).map(|message| given::send(&alice, session, message).into_future());
    let answers = join_all(calls).await;
    for (first, second) in answers[..4].iter().zip(&answers[4..]) {
        first.assert_status(200);
        assert_eq!(first.text(), second.text());
    }
    let turns: BTreeSet<_> = answers.iter().map(|answer| answer.json()["turn"].as_i64()).collect();
    assert_eq!(turns, (1..=4).map(Some).collect());
    // No row was ever visible without its answer: both have the transaction's time.
    let torn = "select count(*) from practice.turns where completed_at is distinct from created_at";
    assert_eq!(given::count(&db, torn).await, 0);
}

#[tokio::test]
async fn without_a_model_a_turn_is_two_round_trips() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    given::say(&alice, session, "第一句").await;
    let is_turn = |line: &Value| line["function"] == "send-message";
    let mut count = 1;
    let line = loop {
        let lines = stack.wait_for_logs(count).await;
        if let Some(line) = lines.iter().find(|line| is_turn(line)) {
            break line.clone();
        }
        count = lines.len() + 1;
    };
    assert_eq!(line["db_round_trips"], 2, "{line}");
}
