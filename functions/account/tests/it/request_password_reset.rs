//! request-password-reset.

use local::testkit::{self, Answer, Stack};
use serde_json::json;

use crate::people::{
    MIA, assert_limited, assert_not_logged, call_from, forget_limits, mails, register, run, value,
};

const FORGOT: &str = "/api/v1/identity/password/forgot";

async fn forgot(stack: &Stack, email: &str) -> Answer {
    stack.anonymous().post(FORGOT, json!({ "email": email })).await
}

#[tokio::test]
async fn the_owner_gets_a_link_and_nobody_else_learns_of_it() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (known, unknown) =
        (forgot(&stack, "MIA@example.org").await, forgot(&stack, "nobody@example.org").await);
    assert_eq!((known.status(), unknown.status()), (202, 202));
    assert_eq!(known.json(), unknown.json());
    let mails = mails(&stack, "reset_password").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["to"], MIA);
    let link = mails[0]["link"].as_str().expect("a link");
    assert!(link.starts_with("http://localhost:3000/reset-password#token="), "{link}");
    let lifetime =
        "select (expires_at - created_at)::text from identity.mail_tokens where purpose = 'reset_password'";
    assert_eq!(value::<String>(&stack, lifetime).await, "01:00:00");
    assert_not_logged(&stack, &[MIA, "nobody@example.org", link.rsplit('=').next().expect("a token")]).await;
    stack.anonymous().post(FORGOT, json!({ "email": "x" })).await.assert_invalid(&["/email"]);
}

#[tokio::test]
async fn the_time_does_not_tell_whether_there_is_an_account() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    forgot(&stack, MIA).await.assert_status(202);
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..15 {
        forget_limits(&stack).await;
        for (kind, email) in [MIA, "nobody@example.org"].into_iter().enumerate() {
            let seen = stack.logs().len();
            forgot(&stack, email).await.assert_status(202);
            let logs = stack.wait_for_logs(seen + 1).await;
            let line = logs.last().expect("a line");
            assert_eq!(line["function"], "request-password-reset");
            times[kind].push(line["latency_ms"].as_f64().expect("a time"));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let ratio = times[0][7] / times[1][7];
    assert!((0.8..1.25).contains(&ratio), "known against unknown: {ratio}, {times:?}");
}

#[tokio::test]
async fn three_mails_an_hour_reach_an_address_and_the_fourth_is_passed_over_in_silence() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    for number in 0..5 {
        let ip = format!("203.0.113.{number}");
        let (status, _) = call_from(&stack, &ip, "request-password-reset", json!({ "email": MIA })).await;
        assert_eq!(status, 202);
    }
    assert_eq!(mails(&stack, "reset_password").await.len(), 3);
}

#[tokio::test]
async fn a_network_asks_sixty_times_an_hour() {
    let stack = testkit::stack().await;
    forgot(&stack, "nobody@example.org").await.assert_status(202);
    // The other attempts of this network, whose hits are the only ones that may be more than three.
    let fill =
        |count: i32| format!("update identity.rate_limits set hits = array_fill(now(), array[{count}])");
    run(&stack, &fill(59)).await;
    forgot(&stack, "somebody@example.org").await.assert_status(202);
    run(&stack, &fill(60)).await;
    assert_limited(&forgot(&stack, MIA).await, 3600);
}

#[tokio::test]
async fn a_deactivated_person_gets_no_mail() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "update identity.users set deactivated_at = now()").await;
    forgot(&stack, MIA).await.assert_status(202);
    assert!(mails(&stack, "reset_password").await.is_empty());
}
