//! `GET /api/v1/progress/history`.

use jiff::{ToSpan, civil::Date};
use local::testkit::{Client, stack};
use serde_json::{Value, json};

use crate::{
    given,
    shape::{assert_keys, assert_needs_token},
};

const PATH: &str = "/api/v1/progress/history";

async fn history(user: &Client, query: &str) -> Value {
    let answer = user.get(&format!("{PATH}{query}")).await;
    answer.assert_status(200);
    answer.json()
}

fn monday(week: &Value) -> Date {
    week["week_start"]
        .as_str()
        .and_then(|day| day.parse().ok())
        .unwrap_or_else(|| panic!("{week} has no day"))
}

#[tokio::test]
async fn finished_weeks_are_as_stored_and_others_are_counted_live() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let (session, _) = given::session_with_turn(&alice).await;
    given::summary(&alice, session).await;
    given::reflection(&alice, session, true, Some(3)).await;
    given::session(&bob).await;
    // Weeks back: 1 and 3 are stored, the current one too by mistake. Week 2, which no run has stored, is counted: absent is
    // not zero.
    given::execute(&db, "update practice.sessions set created_at = now()").await;
    let snapshots = "insert into practice.weekly_progress (user_id, week_start, timezone, practice_count, summary_count,
                                                           real_world_used_count, avg_outcome_score)
         select id, date_trunc('week', now() at time zone 'UTC')::date - 7 * ago, 'UTC', 40 + ago, 30 + ago, 20 + ago, 2.5
         from identity.users, (values (0), (1), (3), (4)) as weeks (ago)";
    given::execute(&db, snapshots).await;
    let uncounted = given::session(&alice).await;
    given::execute(&db, &format!(
        "update practice.sessions set created_at = date_trunc('week', now() at time zone 'UTC') at time zone 'UTC'
                                                   - interval '10 days' where id = '{uncounted}'"
    )).await;

    let history = history(&alice, "?weeks=4").await;
    assert_keys(&history, &["timezone", "items"]);
    assert_eq!(history["timezone"], "UTC");
    let items = history["items"].as_array().unwrap();
    let this = monday(&items[0]);
    let week = |ago: i32, numbers: [i64; 3], score: f64| {
        json!({
            "week_start": this.checked_sub((7 * ago).days()).unwrap().to_string(), "practice_count": numbers[0],
            "summary_count": numbers[1], "real_world_used_count": numbers[2], "avg_outcome_score": score,
            "is_current": ago == 0,
        })
    };
    let expected = [
        week(0, [1, 1, 1], 3.0),
        week(1, [41, 31, 21], 2.5),
        week(2, [1, 0, 0], 0.0),
        week(3, [43, 33, 23], 2.5),
    ];
    assert_eq!(items[..], expected);
    assert_eq!(this.weekday(), jiff::civil::Weekday::Monday);
    assert_eq!(
        this.to_string(),
        given::text(&db, "select date_trunc('week', now() at time zone 'UTC')::date::text").await.unwrap()
    );
}

#[tokio::test]
async fn mondays_are_those_of_the_callers_time_zone() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    for timezone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        alice.patch("/api/v1/me", json!({"timezone": timezone})).await.assert_status(200);
        let start = format!("date_trunc('week', now() at time zone '{timezone}') at time zone '{timezone}'");
        for (shift, live) in [("", 1), ("- interval '1 us'", 0)] {
            let sql =
                format!("update practice.sessions set created_at = {start} {shift} where id = '{session}'");
            given::execute(&db, &sql).await;
            let history = history(&alice, "?weeks=1").await;
            assert_eq!(history["timezone"], timezone);
            assert_eq!(history["items"][0]["practice_count"], live, "{timezone} {shift}");
            let today = format!("select date_trunc('week', now() at time zone '{timezone}')::date::text");
            assert_eq!(history["items"][0]["week_start"].as_str(), given::text(&db, &today).await.as_deref());
        }
    }
}

#[tokio::test]
async fn twelve_weeks_unless_asked_otherwise() {
    let stack = stack().await;
    let alice = stack.user();
    for (query, weeks) in [("", 12), ("?weeks=1", 1), ("?weeks=104", 104), ("?weeks=%202.0", 2)] {
        let history = history(&alice, query).await;
        let items = history["items"].as_array().unwrap();
        assert_eq!(items.len(), weeks, "{query}");
        for pair in items.windows(2) {
            assert_eq!(monday(&pair[0]).checked_sub(7.days()).unwrap(), monday(&pair[1]));
        }
        assert!(items.iter().all(|week| week["practice_count"] == 0 && week["avg_outcome_score"] == 0.0));
    }
    for bad in ["0", "105", "-1", "x", "", "1.5", "99999999999999999999"] {
        alice.get(&format!("{PATH}?weeks={bad}")).await.assert_invalid(&["/weeks"]);
    }
    assert_needs_token(&stack, "GET", PATH).await;
}
