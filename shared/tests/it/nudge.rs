//! Nudges, from a route through the local queue to the worker.

use std::time::Duration;

use local::lambda::LogSource;
use local::testkit::Stack;
use local::testkit::fakes::QueueTrouble;
use serde_json::{Value, json};

use crate::{line_of, probe};

async fn nudge(stack: &Stack, worker: &str, times: u32) {
    let path = format!("/nudge/{worker}/{times}");
    let call = stack.anonymous().post(&path, json!({})).header("x-request-id", "nudge");
    call.await.assert_status(204);
}

/// The lines of the jobs of a function so far.
fn jobs(stack: &Stack, function: &str) -> Vec<Value> {
    let of_it = |line: &Value| line["type"] == "job" && line["function"] == function;
    stack.logs().into_iter().filter(of_it).collect()
}

/// Waits until `count` messages were worked on.
async fn wait_for_jobs(stack: &Stack, function: &str, count: usize) {
    let all = async {
        while jobs(stack, function).len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the worker is invoked");
}

/// Waits until Lambda or its queue says this of a function.
async fn wait_for_word(stack: &Stack, function: &str, word: &str) {
    let said = || {
        let lines = stack.lines();
        let mut of_it =
            lines.iter().filter(|line| &*line.function == function && line.source == LogSource::Platform);
        of_it.any(|line| line.line.contains(word))
    };
    let found = async {
        while !said() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.expect("a line of the platform");
}

/// What the route's function logged.
fn warnings(stack: &Stack) -> Vec<String> {
    let lines = stack.lines().into_iter().filter(|line| &*line.function == "nudge");
    lines.map(|line| line.line).filter(|line| line.contains("WARN")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nudge_is_signed_and_kept_for_the_test() {
    let stack = probe().start().await;
    nudge(&stack, "worker", 1).await;
    nudge(&stack, "other", 2).await;
    assert_eq!(stack.nudges(), ["worker", "other", "other"]);
    assert_eq!(jobs(&stack, "worker").len(), 0, "the test invokes the worker");
    assert_eq!(warnings(&stack), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivered_nudge_is_one_message_and_many_are_harmless() {
    let stack = probe().delivers_nudges().start().await;
    nudge(&stack, "worker", 1).await;
    wait_for_jobs(&stack, "worker", 1).await;
    nudge(&stack, "worker", 4).await;
    wait_for_jobs(&stack, "worker", 5).await;
    assert_eq!(jobs(&stack, "worker").iter().filter(|line| line["level"] != "INFO").count(), 0);
    assert_eq!(stack.nudges().len(), 5);

    // A queue that the template has not.
    nudge(&stack, "nobody", 1).await;
    assert_eq!(stack.nudges().len(), 5);
    let [warning] = &*warnings(&stack) else { panic!("one line: {:?}", stack.lines()) };
    assert!(
        warning.contains("SQS answered 400 Bad Request com.amazonaws.sqs#QueueDoesNotExist"),
        "{warning}"
    );
    assert_eq!(jobs(&stack, "worker").len(), 5, "each message came once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_comes_again_as_often_as_the_queue_says() {
    let stack = probe().delivers_nudges().start().await;
    nudge(&stack, "unheard", 1).await;
    for worker in ["reporting", "ending"] {
        nudge(&stack, worker, 1).await;
        let word = format!("a message of the queue local-{worker}-jobs is dropped after 3 deliveries");
        wait_for_word(&stack, worker, &word).await;
    }
    wait_for_jobs(&stack, "reporting", 3).await;
    assert_eq!(jobs(&stack, "reporting").len(), 3);
    assert_eq!(jobs(&stack, "unheard").len(), 1, "without ReportBatchItemFailures an answer is a success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_answers_whatever_becomes_of_its_nudge() {
    let troubles = [
        (QueueTrouble::Outage, "SQS answered 500 Internal Server Error InternalFailure"),
        (QueueTrouble::Silence, "no answer in time"),
        (QueueTrouble::Absence, "refused"),
    ];
    for (trouble, cause) in troubles {
        let stack = probe().queue_trouble(trouble).start().await;
        nudge(&stack, "worker", 1).await;
        assert_eq!(line_of(&stack, "nudge").await["status_code"], 204, "{trouble:?}");
        assert_eq!(stack.nudges(), Vec::<String>::new());
        let [warning] = &*warnings(&stack) else { panic!("{trouble:?}: {:?}", stack.lines()) };
        assert!(warning.contains(cause), "{trouble:?}: {warning}");
        assert!(!warning.contains("127.0.0.1:") || trouble == QueueTrouble::Absence, "{warning}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_credentials_are_refused_and_none_are_said() {
    let refusals = [
        ("AWS_SECRET_ACCESS_KEY", "InvalidSignatureException"),
        ("AWS_ACCESS_KEY_ID", "UnrecognizedClientException"),
        ("AWS_SESSION_TOKEN", "UnrecognizedClientException"),
    ];
    for (name, refusal) in refusals {
        let stack = probe().env(name, "swordfish").start().await;
        nudge(&stack, "worker", 1).await;
        assert_eq!(stack.nudges(), Vec::<String>::new());
        let [warning] = &*warnings(&stack) else { panic!("{name}: {:?}", stack.lines()) };
        assert!(warning.contains(&format!("SQS answered 403 Forbidden {refusal}")), "{name}: {warning}");
        assert!(!warning.contains("swordfish"), "{warning}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_nothing_is_sent() {
    let stack = probe().env("JOBS_QUEUE_URL", "").start().await;
    nudge(&stack, "worker", 3).await;
    assert_eq!(stack.nudges(), Vec::<String>::new());
    assert_eq!(warnings(&stack), Vec::<String>::new());
}
