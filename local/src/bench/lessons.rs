//! What lessons cost: many who book at once, and whether slots, hours, bookings and counts stay as fast when there are more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{
    growth,
    growth_accounts::Case,
    lessons_rows as rows, load,
    report::{Cell, Check, Section},
    request::{asking, sample_event},
    sample::Sample,
    setup::Setup,
    stack::Stack,
};

/// What is called here.
pub(super) const FUNCTIONS: [&str; 6] =
    ["hold-slot", "confirm-booking", "list-open-slots", "list-slots", "get-schedule", "get-kpi-overview"];

const CLIENTS: [usize; 3] = [1, 16, 64];
const DURATION: Duration = Duration::from_secs(10);
/// Slots, and nearly as many bookings.
const SLOTS: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Bookings that are put in beside those, by as many runs as are enough for a median.
const INSERTS: usize = 500;
const RUNS: usize = 20;

type Part = (Section, Vec<Check>);

/// Measures everything.
///
/// # Errors
/// When a function fails.
pub(super) async fn measure(setup: &Setup, say: &impl Fn(&str)) -> Result<Vec<Part>> {
    say("lessons: many who book");
    let booking = book(setup).await?;
    let (mut times, mut inserts) = (BTreeMap::new(), Vec::new());
    for slots in SLOTS {
        say(&format!("lessons: {slots} slots"));
        let name = format!("bench_lessons_{slots}");
        let database = setup.server.database(&name).await?;
        rows::fill_calendar(&database, slots).await?;
        let mut stack = Stack::start(setup, &database.url, &[("DATABASE_CONNECTION", "reuse")]).await?;
        for case in cases()? {
            let sample = growth::times(&mut stack, &case).await?;
            times.entry((case.route, case.title)).or_insert_with(Vec::new).push(sample);
        }
        stack.stop().await;
        inserts.push(insert(&database.superuser().await?).await?);
        setup.server.cluster.drop_database(&name).await?;
    }
    Ok(vec![booking, grown(setup, times)?, inserted(setup, inserts)?])
}

/// Many clients, each of whom holds and confirms one slot after the other, of 200 teachers.
async fn book(setup: &Setup) -> Result<Part> {
    let database = setup.server.database("bench_booking").await?;
    rows::fill_offers(&database).await?;
    let stack = Stack::start(setup, &database.url, &[]).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let (mut lines, mut checks) = (Vec::new(), Vec::new());
    let superuser = database.superuser().await?;
    for clients in CLIENTS {
        let before = lessons_in(&superuser).await?;
        let (base, next) = (stack.gateway.url(), Arc::clone(&next));
        let (found, _) = load::on_own_thread(move || crowd(clients, base, next)).await?;
        let seconds = found.seconds;
        // Whoever was told that it is a lesson has one.
        let lost = found.confirms.len().abs_diff(lessons_in(&superuser).await? - before);
        let count = found.confirms.len() as f64;
        lines.push(vec![
            Cell::Number(clients as f64, 0),
            Cell::Number(count / seconds, 0),
            Cell::Sample(Sample::new(found.holds).context("nobody held")?, 1),
            Cell::Sample(Sample::new(found.confirms).context("nobody confirmed")?, 1),
            Cell::Number(found.errors as f64, 0),
        ]);
        let errors = (found.errors + lost) as f64;
        let limit = setup.budgets.lessons.errors;
        checks.push(Check::new("lessons", format!("errors of {clients} who book"), errors, limit, ""));
    }
    stack.stop().await;
    let deadlocks = deadlocks(&superuser).await?;
    checks.push(Check::new("lessons", "deadlocks", deadlocks, setup.budgets.lessons.deadlocks, ""));
    let section = Section {
        key: "lessons_booking",
        title: "Booking",
        note: format!(
            "{} s each: every client holds a slot and confirms it, the slots of {} teachers in turn, a database connection \
             for each transaction, clients on the same machine. {deadlocks} deadlocks in all.",
            DURATION.as_secs(),
            rows::TEACHERS
        ),
        columns: vec!["clients", "lessons/s", "hold ms", "confirm ms", "errors"],
        rows: lines,
    };
    Ok((section, checks))
}

struct Found {
    holds: Vec<f64>,
    confirms: Vec<f64>,
    errors: usize,
    seconds: f64,
}

async fn crowd(clients: usize, base: String, next: Arc<AtomicUsize>) -> Result<Found> {
    let (began, mut tasks) = (Instant::now(), tokio::task::JoinSet::new());
    for _ in 0..clients {
        tasks.spawn(client(base.clone(), Arc::clone(&next), began + DURATION));
    }
    let mut found = Found { holds: Vec::new(), confirms: Vec::new(), errors: 0, seconds: 0.0 };
    while let Some(one) = tasks.join_next().await {
        let one = one??;
        found.holds.extend(one.holds);
        found.confirms.extend(one.confirms);
        found.errors += one.errors;
    }
    found.seconds = began.elapsed().as_secs_f64();
    Ok(found)
}

async fn client(base: String, next: Arc<AtomicUsize>, until: Instant) -> Result<Found> {
    let http = load::client()?;
    let mut found = Found { holds: Vec::new(), confirms: Vec::new(), errors: 0, seconds: 0.0 };
    while Instant::now() < until {
        let number = next.fetch_add(1, Ordering::Relaxed);
        ensure!(number < rows::OFFERS, "the slots ran out");
        let student = rows::student_of_offer(number);
        let ask = async |path: String, body: Value| -> Result<(Option<Value>, f64)> {
            let began = Instant::now();
            let call = http.post(format!("{base}{path}")).bearer_auth(format!("mock_{student}")).json(&body);
            let answer = call.send().await?;
            let is_good = answer.status().is_success();
            let body: Value = answer.json().await?;
            Ok((is_good.then_some(body), began.elapsed().as_secs_f64() * 1e3))
        };
        let hold = json!({ "slot_id": rows::offer(number), "package_id": rows::package_of(&student) });
        let (held, time) = ask("/api/v1/booking/hold".to_owned(), hold).await?;
        let Some(held) = held else {
            found.errors += 1;
            continue;
        };
        found.holds.push(time);
        let id = held["id"].as_str().context("a hold without an id")?;
        let (confirmed, time) = ask(format!("/api/v1/booking/{id}/confirm"), json!({})).await?;
        match confirmed {
            Some(_) => found.confirms.push(time),
            None => found.errors += 1,
        }
    }
    Ok(found)
}

async fn lessons_in(superuser: &Client) -> Result<usize> {
    let sql = "select count(*) from lessons.bookings where state = 'confirmed'";
    let count: i64 = superuser.query_one(sql, &[]).await?.try_get(0)?;
    Ok(usize::try_from(count)?)
}

/// How often the server had to end one of several who waited for each other. Whoever is gone has told.
async fn deadlocks(superuser: &Client) -> Result<f64> {
    let sql = "select deadlocks from pg_stat_database where datname = current_database()";
    let count: i64 = superuser.query_one(sql, &[]).await?.try_get(0)?;
    Ok(count as f64)
}

/// The reads that grow with slots and bookings.
fn cases() -> Result<Vec<Case>> {
    let teacher = rows::teacher(7);
    let now = jiff::Timestamp::now();
    let in_days = |days: i64| -> Result<String> {
        Ok(now.checked_add(jiff::SignedDuration::from_hours(24 * days))?.to_string())
    };
    let (from, to) = (in_days(0)?, in_days(7)?);
    let open = sample_event("list-open-slots")?;
    let slots = sample_event("list-slots")?.replace(super::database::SAMPLE_PERSON, &rows::admin());
    let schedule = sample_event("get-schedule")?.replace("00000000-0000-7000-8000-000000000093", &teacher);
    let kpi = sample_event("get-kpi-overview")?.replace(super::database::SAMPLE_PERSON, &rows::admin());
    let week = [("teacher_id", teacher.as_str()), ("from", from.as_str()), ("to", to.as_str())];
    let range = [("from", from.as_str()), ("to", to.as_str())];
    let case = |route, title, event| Case { route, title, own: None, event };
    Ok(vec![
        case("list-open-slots", " of everybody", asking(&open, &[])?),
        case("list-open-slots", " of a teacher", asking(&open, &week[..1])?),
        case("list-open-slots", " of a teacher's week", asking(&open, &week)?),
        case("list-slots", " of a teacher's week", asking(&slots, &week)?),
        case("get-schedule", " of a week", asking(&schedule, &range)?),
        case("get-kpi-overview", "", kpi),
    ])
}

fn grown(setup: &Setup, times: BTreeMap<(&'static str, &'static str), Vec<Sample>>) -> Result<Part> {
    let budgets = &setup.budgets.lessons;
    let measured: BTreeSet<_> = times.keys().map(|(route, _)| *route).collect();
    for route in budgets.growth.keys() {
        ensure!(measured.contains(route.as_str()), "nobody measures how {route} grows with lessons");
    }
    let (mut lines, mut checks) = (Vec::new(), Vec::new());
    for ((route, title), samples) in times {
        let (first, last) = samples.first().zip(samples.last()).context("nothing was measured")?;
        let (first, last) = (first.median(), last.median());
        let mut line = vec![Cell::Text(format!("{route}{title}"))];
        line.extend(samples.into_iter().map(|sample| Cell::from(Some(sample))));
        line.push(Cell::Number(last / first, 2));
        lines.push(line);
        let subject = format!("{route}{title}");
        match budgets.growth.get(route) {
            Some(limit) => checks.push(Check::new("lessons", subject, last / first, *limit, "x")),
            // What counts everything grows with everything.
            None => checks.push(Check::new("lessons", subject, last / 1e3, budgets.kpi_seconds, "s")),
        }
    }
    let section = Section {
        key: "lessons_growth",
        title: "Lessons, growth",
        note: format!(
            "`db_ms` over a kept connection: median (10th-90th percentile), by slots of {} teachers, nearly all with a lesson \
             in them. {} are to come, half of them free, however many lie behind.",
            rows::TEACHERS,
            rows::AHEAD
        ),
        columns: vec!["function", "10^3 ms", "10^5 ms", "10^6 ms", "10^6 / 10^3"],
        rows: lines,
    };
    Ok((section, checks))
}

/// What it costs to put bookings in, in microseconds each: the server's own time, without the way there.
async fn insert(superuser: &Client) -> Result<Sample> {
    let mut times = Vec::new();
    for run in 0..=RUNS {
        let sql = rows::inserts(run, INSERTS);
        let began = Instant::now();
        superuser.batch_execute(&sql).await.context("cannot put bookings in")?;
        // The first one reads what the others find.
        if run > 0 {
            times.push(began.elapsed().as_secs_f64() * 1e6 / INSERTS as f64);
        }
    }
    Sample::new(times).context("nothing was measured")
}

fn inserted(setup: &Setup, samples: Vec<Sample>) -> Result<Part> {
    let (first, last) = samples.first().zip(samples.last()).context("nothing was measured")?;
    let ratio = last.median() / first.median();
    let mut line = vec![Cell::from("a booking")];
    line.extend(samples.into_iter().map(|sample| Cell::Sample(sample, 1)));
    line.push(Cell::Number(ratio, 2));
    let section = Section {
        key: "lessons_inserts",
        title: "Bookings put in",
        note: format!(
            "Microseconds for each of {INSERTS} confirmed bookings that one statement puts in, with both exclusion \
             constraints, all indexes and references, by bookings that are there: median of {RUNS} (10th-90th percentile)."
        ),
        columns: vec!["", "10^3 us", "10^5 us", "10^6 us", "10^6 / 10^3"],
        rows: vec![line],
    };
    let limit = setup.budgets.lessons.insert;
    Ok((section, vec![Check::new("lessons", "a booking put in", ratio, limit, "x")]))
}
