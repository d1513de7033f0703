//! `GET /api/v1/progress/weekly`.

use local::testkit::{Client, stack};
use serde_json::{Value, json};

use crate::{given, shape::assert_needs_token};

const PATH: &str = "/api/v1/progress/weekly";

async fn week(user: &Client, week_start: &str) -> Value {
    let answer = user.get(&format!("{PATH}?week_start={week_start}")).await;
    answer.assert_status(200);
    answer.json()
}

fn numbers(week_start: &str, practice: i64, summaries: i64, used: i64, score: f64) -> Value {
    json!({
        "week_start": week_start, "practice_count": practice, "summary_count": summaries,
        "real_world_used_count": used, "avg_outcome_score": score,
    })
}

#[tokio::test]
async fn a_week_counts_what_happened_in_it() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    assert_eq!(week(&alice, "2026-03-02").await, numbers("2026-03-02", 0, 0, 0, 0.0));

    for (used, score) in [(true, Some(5)), (false, Some(4)), (true, Some(4)), (true, None)] {
        let (session, _) = given::session_with_turn(&alice).await;
        given::summary(&alice, session).await;
        given::reflection(&alice, session, used, score).await;
    }
    let of_bob = given::session(&bob).await;
    given::reflection(&bob, of_bob, true, Some(1)).await;
    for table in ["sessions", "summaries", "reflections"] {
        given::execute(&db, &format!("update practice.{table} set created_at = '2026-03-05T12:00:00Z'"))
            .await;
    }
    // Scores count whether used or not; the mean is not rounded.
    assert_eq!(week(&alice, "2026-03-02").await, numbers("2026-03-02", 4, 4, 3, 13.0 / 3.0));
    assert_eq!(week(&bob, "2026-03-02").await, numbers("2026-03-02", 1, 0, 1, 1.0));
    // Any weekday begins a week.
    assert_eq!(week(&alice, "2026-03-05").await, numbers("2026-03-05", 4, 4, 3, 13.0 / 3.0));
    assert_eq!(week(&alice, "2026-03-06").await, numbers("2026-03-06", 0, 0, 0, 0.0));
}

#[tokio::test]
async fn a_week_begins_and_ends_at_the_callers_midnight() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    for (timezone, first, last) in [
        ("UTC", "2026-03-02T00:00:00Z", "2026-03-08T23:59:59.999999Z"),
        ("Asia/Shanghai", "2026-03-01T16:00:00Z", "2026-03-08T15:59:59.999999Z"),
        // Clocks go forward on the last day of this week.
        ("America/Los_Angeles", "2026-03-02T08:00:00Z", "2026-03-09T06:59:59.999999Z"),
    ] {
        alice.patch("/api/v1/me", json!({"timezone": timezone})).await.assert_status(200);
        for (inside, shift, count) in
            [(first, "", 1), (last, "", 1), (first, "- interval '1 us'", 0), (last, "+ interval '1 us'", 0)]
        {
            let sql = format!(
                "update practice.sessions set created_at = timestamptz '{inside}' {shift} where id = '{session}'"
            );
            given::execute(&db, &sql).await;
            assert_eq!(
                week(&alice, "2026-03-02").await["practice_count"],
                count,
                "{timezone} {inside} {shift}"
            );
        }
    }
}

#[tokio::test]
async fn the_week_must_be_one() {
    let stack = stack().await;
    let alice = stack.user();
    let missing = alice.get(PATH).await;
    missing.assert_error(400, "VALIDATION_ERROR", "Field required").assert_invalid(&["/week_start"]);
    for bad in
        ["", "2026-02-29", "20260302", "2026-W10", "9999-12-25", "9999-12-31", "0000-12-31", "2026-03-02%00"]
    {
        alice.get(&format!("{PATH}?week_start={bad}")).await.assert_invalid(&["/week_start"]);
    }
    for day in ["2026-03-02T00:00:00", "2026-03-02T00:00", "2026-03-02%2000:00:00.000"] {
        assert_eq!(week(&alice, day).await, numbers("2026-03-02", 0, 0, 0, 0.0), "{day}");
    }
    for moment in [
        "T00:00:01",
        "T00:00:00.1",
        "T00:00:00.",
        "T00:0",
        "T",
        "T00:00:00Z",
        "T00:00:00%2B01:00",
        "T00:00000",
    ] {
        alice.get(&format!("{PATH}?week_start=2026-03-02{moment}")).await.assert_invalid(&["/week_start"]);
    }
    alice.patch("/api/v1/me", json!({"timezone": "Pacific/Kiritimati"})).await.assert_status(200);
    for end in ["0001-01-01", "9999-12-24"] {
        assert_eq!(week(&alice, end).await, numbers(end, 0, 0, 0, 0.0));
    }
    assert_needs_token(&stack, "GET", PATH).await;
}
