//! The job `weekly-progress` over the last four weeks of many people.

use anyhow::{Context, Result, ensure};

use super::{
    database::Database,
    report::{Cell, Check, Section},
    sample::Sample,
    setup::Setup,
    stack::{Stack, number},
};

/// People who practised in every one of the weeks.
const PEOPLE: [usize; 3] = [1_000, 10_000, 100_000];
/// Runs that find what the first has stored, and store it again.
const REPETITIONS: usize = 3;

/// Measures the job for each number of people.
///
/// # Errors
/// When it fails.
pub(super) async fn measure(setup: &Setup, say: &impl Fn(&str)) -> Result<(Section, Vec<Check>)> {
    let mut rows = Vec::new();
    let mut slowest = Vec::new();
    for people in PEOPLE {
        say(&format!("the weekly job: {people} people"));
        let name = format!("bench_weeks_{people}");
        let database = setup.server.database(&name).await?;
        fill(&database, people).await?;
        let mut stack = Stack::start(setup, &database.url, &[]).await?;
        let first = run(&mut stack, people).await?;
        let mut again = Vec::new();
        for _ in 0..REPETITIONS {
            again.push(run(&mut stack, people).await?);
        }
        stack.stop().await;
        setup.server.cluster.drop_database(&name).await?;
        let again = Sample::new(again).context("nothing was measured")?;
        slowest.push(first.max(again.median()));
        rows.push(vec![
            Cell::Number(people as f64, 0),
            Cell::Number(first, 0),
            Cell::Sample(again, 0),
            Cell::Number(slowest[slowest.len() - 1] * 1e3 / people as f64, 1),
        ]);
    }
    let [_, middle, last] = slowest.as_slice() else { unreachable!("three numbers of people") };
    let per_person = (last / PEOPLE[2] as f64) / (middle / PEOPLE[1] as f64);
    let budget = &setup.budgets.weekly_job;
    let checks = vec![
        Check::new("weekly job", "per person, 10^5 against 10^4", per_person, budget.per_person, "x"),
        Check::new("weekly job", "10^5 people", last / 1e3, budget.seconds, "s"),
    ];
    let section = Section {
        key: "weekly_job",
        title: "Weekly job",
        note: format!(
            "`latency_ms` for the last four finished weeks, three sessions, a card and a reflection of each person in each: \
             the first run inserts the weeks, {REPETITIONS} more update them. The slower of both counts."
        ),
        columns: vec!["people", "first ms", "again ms", "microseconds per person"],
        rows,
    };
    Ok((section, checks))
}

async fn run(stack: &mut Stack, people: usize) -> Result<f64> {
    let answer = stack.invoke("weekly-progress", "{}".into()).await?;
    let line = stack.lines(1).await?.remove(0);
    ensure!(line["result"]["people"] == people, "the job stored {} and answered {answer}", line["result"]);
    number(&line, "latency_ms")
}

async fn fill(database: &Database, people: usize) -> Result<()> {
    let script = format!(
        "set session_replication_role = replica;
         insert into identity.users (id, email, display_name, locale, timezone)
         select uuidv7(), 'x@mock.local', 'X', 'en', (array['UTC', 'Europe/Berlin', 'Asia/Shanghai'])[1 + n % 3]
         from generate_series(1, {people}) n;

         create temporary table made as
         select uuidv7() as id, u.id as user_id, number,
                date_trunc('week', now() at time zone 'UTC') at time zone 'UTC' - interval '7 days' * ago
                    + interval '2 days' + number * interval '1 hour' as at
         from generate_series(1, 4) ago, generate_series(1, 3) number, identity.users u order by ago desc, number;

         insert into practice.sessions (id, user_id, scene_id, state, target_turns, created_at, ended_at)
         select id, user_id, user_id, 'ABANDONED', 5, at, at from made;
         insert into practice.summaries (id, session_id, user_id, turn_no, opening_line, request_line, created_at)
         select uuidv7(), id, user_id, 1, 'I noticed delays.', 'Would you agree on a date?', at from made where number = 1;
         insert into practice.reflections (id, session_id, user_id, used_in_real_world, outcome_score, created_at)
         select uuidv7(), id, user_id, true, 4, at from made where number = 2;
         drop table made;
         analyze"
    );
    database.superuser().await?.batch_execute(&script).await.context("cannot make the people")
}
