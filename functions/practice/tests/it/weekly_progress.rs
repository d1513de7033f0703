//! The job `weekly-progress`.

use local::{
    lambda::InvokeError,
    testkit::{Client, Stack, stack},
};
use serde_json::{Value, json};

use crate::given;

/// Every stored week: `person|week|zone|practice|summaries|used|score`, with the persons' names.
async fn stored(db: &tokio_postgres::Client) -> Vec<String> {
    let sql = "select concat_ws('|', u.display_name, week_start, w.timezone, practice_count, summary_count,
                                real_world_used_count, avg_outcome_score)
               from practice.weekly_progress w join identity.users u on u.id = w.user_id order by 1";
    let rows = db.query(sql, &[]).await.expect("the stored weeks");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Gives a person a name and a time zone.
async fn is(user: &Client, name: &str, timezone: &str) {
    let profile = json!({"display_name": name, "timezone": timezone});
    user.patch("/api/v1/me", profile).await.assert_status(200);
}

/// Moves a session, its card and its reflection in time.
async fn happened(db: &tokio_postgres::Client, session: uuid::Uuid, at: &str) {
    for (table, column) in [("sessions", "id"), ("summaries", "session_id"), ("reflections", "session_id")] {
        let sql = format!("update practice.{table} set created_at = {at} where {column} = '{session}'");
        given::execute(db, &sql).await;
    }
}

/// The log lines of so many runs; a line can come a moment after its answer.
async fn lines(stack: &Stack, runs: usize) -> Vec<Value> {
    let mut count = runs;
    loop {
        let all = stack.wait_for_logs(count).await;
        let of_job: Vec<_> = all.iter().filter(|line| line["type"] == "job").cloned().collect();
        if of_job.len() >= runs {
            return of_job;
        }
        count = all.len() + 1;
    }
}

#[tokio::test]
async fn a_week_is_each_persons_own() {
    let stack = stack().await;
    let (db, week) = (stack.db().await, json!({"week_start": "2024-01-01"}));
    let (london, tokyo, honolulu, idle) = (stack.user(), stack.user(), stack.user(), stack.user());
    is(&london, "london", "UTC").await;
    is(&tokyo, "tokyo", "Asia/Tokyo").await;
    is(&honolulu, "honolulu", "Pacific/Honolulu").await;
    is(&idle, "idle", "UTC").await;
    // Sunday 23:30 UTC is Monday in Tokyo; Monday 09:00 UTC is Sunday in Honolulu.
    for (user, at) in [
        (&london, "2024-01-07T23:30:00Z"),
        (&tokyo, "2024-01-07T23:30:00Z"),
        (&honolulu, "2024-01-08T09:00:00Z"),
        (&idle, "2023-12-31T23:59:59Z"),
    ] {
        let session = given::session(user).await;
        given::started_at(&db, session, at).await;
    }
    assert_eq!(stack.invoke("weekly-progress", week).await, json!({"people": 2, "weeks": 2}));
    let first = ["honolulu|2024-01-01|Pacific/Honolulu|1|0|0|0", "london|2024-01-01|UTC|1|0|0|0"];
    assert_eq!(stored(&db).await, first);

    let next = stack.invoke("weekly-progress", json!({"week_start": "2024-01-08"})).await;
    assert_eq!(next, json!({"people": 1, "weeks": 1}));
    assert_eq!(stored(&db).await, [&first[..], &["tokyo|2024-01-08|Asia/Tokyo|1|0|0|0"]].concat());
}

#[tokio::test]
async fn all_numbers_of_a_week_are_stored_and_a_second_run_stores_the_same() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    is(&alice, "alice", "UTC").await;
    for (used, score, at) in [
        (true, Some(5), "'2024-01-01T00:00:00Z'"),
        (false, Some(2), "'2024-01-03T12:00:00Z'"),
        (true, None, "'2024-01-07T23:59:59.999999Z'"),
        (true, Some(1), "'2024-01-08T00:00:00Z'"),
    ] {
        let (session, _) = given::session_with_turn(&alice).await;
        given::summary(&alice, session).await;
        given::reflection(&alice, session, used, score).await;
        happened(&db, session, at).await;
    }
    let event = json!({"week_start": "2024-01-01", "source": "by hand"});
    for _ in 0..2 {
        assert_eq!(stack.invoke("weekly-progress", event.clone()).await, json!({"people": 1, "weeks": 1}));
        assert_eq!(stored(&db).await, ["alice|2024-01-01|UTC|3|3|2|3.5"]);
    }
    let rewritten = "select count(*) from practice.weekly_progress where updated_at > created_at";
    assert_eq!(given::count(&db, rewritten).await, 0, "the second run found nothing to write");

    // The number of people stands in the job's log line.
    for line in lines(&stack, 2).await {
        assert_eq!((&line["function"], &line["status_code"]), (&json!("weekly-progress"), &json!(200)));
        assert_eq!(line["result"], json!({"people": 1, "weeks": 1}));
    }

    // What came late is counted by a later run, as the live count does.
    let late = given::session(&alice).await;
    given::started_at(&db, late, "2024-01-02T00:00:00Z").await;
    stack.invoke("weekly-progress", event).await;
    assert_eq!(stored(&db).await, ["alice|2024-01-01|UTC|4|3|2|3.5"]);
    assert_eq!(given::count(&db, rewritten).await, 1, "into the row that there was");
    let live = alice.get("/api/v1/progress/weekly?week_start=2024-01-01").await.json();
    assert_eq!((&live["practice_count"], &live["avg_outcome_score"]), (&json!(4), &json!(3.5)));
}

#[tokio::test]
async fn a_week_ends_at_midnight_also_where_the_clocks_change_in_it() {
    let stack = stack().await;
    let (berlin, db) = (stack.user(), stack.db().await);
    is(&berlin, "berlin", "Europe/Berlin").await;
    // The week from 21 October 2024 began in summer time and ended in winter time.
    for at in ["2024-10-20T22:00:00Z", "2024-10-27T22:59:59Z", "2024-10-27T23:00:00Z"] {
        let session = given::session(&berlin).await;
        given::started_at(&db, session, at).await;
    }
    stack.invoke("weekly-progress", json!({"week_start": "2024-10-21"})).await;
    assert_eq!(stored(&db).await, ["berlin|2024-10-21|Europe/Berlin|2|0|0|0"]);
}

#[tokio::test]
async fn two_runs_at_once_store_each_week_once() {
    let stack = stack().await;
    let db = stack.db().await;
    for name in ["a", "b", "c", "d"] {
        let user = stack.user();
        is(&user, name, "Asia/Tokyo").await;
        let session = given::session(&user).await;
        given::started_at(&db, session, "2024-01-03T00:00:00Z").await;
    }
    let week = json!({"week_start": "2024-01-01"});
    let runs = (0..3).map(|_| stack.invoke("weekly-progress", week.clone()));
    for result in futures_util::future::join_all(runs).await {
        assert_eq!(result, json!({"people": 4, "weeks": 4}));
    }
    let weeks = ["a", "b", "c", "d"].map(|name| format!("{name}|2024-01-01|Asia/Tokyo|1|0|0|0"));
    assert_eq!(stored(&db).await, weeks);
}

#[tokio::test]
async fn without_a_week_the_last_four_finished_ones_are_stored() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    is(&alice, "alice", "UTC").await;
    for weeks_ago in 0..=5 {
        let session = given::session(&alice).await;
        let monday = "date_trunc('week', now() at time zone 'UTC') at time zone 'UTC'";
        happened(&db, session, &format!("{monday} - {weeks_ago} * interval '7 days'")).await;
    }
    for event in [json!({}), json!({"week_start": null})] {
        assert_eq!(stack.invoke("weekly-progress", event).await, json!({"people": 1, "weeks": 4}));
    }
    let weeks =
        "select string_agg(((date_trunc('week', now() at time zone 'UTC')::date - week_start) / 7)::text, ','
                                   order by week_start desc) from practice.weekly_progress";
    assert_eq!(given::text(&db, weeks).await.as_deref(), Some("1,2,3,4"));
    // The history reads them, and counts what no run has stored.
    let history = alice.get("/api/v1/progress/history?weeks=6").await.json();
    let counts: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|week| &week["practice_count"]).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_week_that_goes_on_is_not_stored() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    for timezone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        is(&alice, "alice", timezone).await;
        let session = given::session(&alice).await;
        let monday = format!("select date_trunc('week', now() at time zone '{timezone}')::date::text");
        let monday = given::text(&db, &monday).await.unwrap();
        happened(&db, session, "now()").await;
        let none = stack.invoke("weekly-progress", json!({"week_start": monday})).await;
        assert_eq!(none, json!({"people": 0, "weeks": 0}), "{timezone}");
    }
    assert_eq!(stored(&db).await, [] as [String; 0]);
    let future = stack.invoke("weekly-progress", json!({"week_start": "9999-12-20"})).await;
    assert_eq!(future, json!({"people": 0, "weeks": 0}));
}

#[tokio::test]
async fn a_week_begins_on_a_monday() {
    let stack = stack().await;
    let failed = |event: Value| async {
        match stack.try_invoke("weekly-progress", event).await {
            Err(InvokeError::Function { error_type, message }) => {
                assert_eq!(error_type, "VALIDATION_ERROR");
                message
            }
            other => panic!("expected a failed invocation, got {other:?}"),
        }
    };
    assert_eq!(failed(json!({"week_start": "2024-01-02"})).await, "week_start must be a Monday");
    let date = "Input should be a valid date in the format YYYY-MM-DD";
    assert_eq!(failed(json!({"week_start": "next"})).await, date);
    failed(json!({"week_start": 20240101})).await;
    failed(json!([])).await;
    let line = &lines(&stack, 4).await[0];
    assert_eq!((&line["status_code"], &line["error_code"]), (&json!(400), &json!("VALIDATION_ERROR")));
}
