//! Whether a list stays as fast when the rows that it does not show grow.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{
    growth_accounts::{self, Case},
    growth_rows::{self, Person},
    report::{Cell, Check, Section},
    request::{asking, sample_event},
    sample::Sample,
    setup::Setup,
    stack::{Stack, number},
};

/// Rows in the database: sessions, or accounts with a scene, a sign-in and an act each.
const ROWS: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Of these the person's own.
const OWN: [usize; 2] = [100, 10_000];
/// What is measured among sessions; the other budgets for growth are [`growth_accounts`]' lists.
const PRACTICE: [&str; 4] = ["list-sessions", "get-history", "get-weekly-progress", "get-progress-history"];

const INVOCATIONS: usize = 60;
const WARMING: usize = 5;
/// What reads every row needs seconds for each invocation; then there are fewer.
const PATIENCE: Duration = Duration::from_secs(20);

type Findings = BTreeMap<(&'static str, Option<usize>, &'static str), Vec<Sample>>;

/// Measures the routes that have a budget for growth.
///
/// # Errors
/// When a function fails, or a budget is for a route that is not measured here.
pub(super) async fn measure(setup: &Setup, say: &impl Fn(&str)) -> Result<(Section, Vec<Check>)> {
    let mut found = Findings::new();
    for own in OWN {
        for sessions in ROWS {
            // A person cannot have more than there are.
            let all = sessions.max(own);
            say(&format!("growth: {own} own of {all} sessions"));
            let person = Person { own };
            let name = format!("bench_growth_{own}_{all}");
            let database = setup.server.database(&name).await?;
            growth_rows::fill(&database, all, &person).await?;
            let cases = practice(&person, &person.session(&database).await?)?;
            run(setup, &database.url, cases, &mut found).await?;
            setup.server.cluster.drop_database(&name).await?;
        }
    }
    for accounts in ROWS {
        say(&format!("growth: {accounts} accounts"));
        let name = format!("bench_growth_accounts_{accounts}");
        let database = setup.server.database(&name).await?;
        growth_accounts::fill(&database, accounts, OWN).await?;
        run(setup, &database.url, growth_accounts::cases(OWN)?, &mut found).await?;
        setup.server.cluster.drop_database(&name).await?;
    }
    report(setup, found)
}

/// Measures all cases on one database.
async fn run(setup: &Setup, url: &str, cases: Vec<Case>, found: &mut Findings) -> Result<()> {
    let mut stack = Stack::start(setup, url, &[("DATABASE_CONNECTION", "reuse")]).await?;
    for case in cases {
        let times = times(&mut stack, &case).await?;
        found.entry((case.route, case.own, case.title)).or_default().push(times);
    }
    stack.stop().await;
    Ok(())
}

fn report(setup: &Setup, found: Findings) -> Result<(Section, Vec<Check>)> {
    for route in setup.budgets.growth.keys() {
        ensure!(
            found.keys().any(|(measured, ..)| measured == route),
            "nobody measures the growth of {route}"
        );
    }
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for ((route, own, title), samples) in found {
        let (first, last) = samples.first().zip(samples.last()).context("nothing was measured")?;
        let ratio = last.median() / first.median();
        let mut row = vec![
            Cell::Text(format!("{route}{title}")),
            own.map_or(Cell::Missing, |own| Cell::Number(own as f64, 0)),
        ];
        row.extend(samples.into_iter().map(|sample| Cell::from(Some(sample))));
        row.push(Cell::Number(ratio, 2));
        rows.push(row);
        let limit = *setup.budgets.growth.get(route).with_context(|| format!("{route} may grow at will"))?;
        let subject = match own {
            Some(own) => format!("{route}{title}, {own} own"),
            None => format!("{route}{title}"),
        };
        checks.push(Check::new("growth", subject, ratio, limit, "x"));
    }
    let section = Section {
        key: "growth",
        title: "Growth",
        note: format!(
            "`db_ms` over a kept connection (so that connecting, which does not grow, hides nothing; it includes the check \
             that the connection lives): median (10th-90th percentile) of {INVOCATIONS}, or of as many as {} s are enough \
             for, by rows in the database: sessions for practice's, else accounts, each with a scene, a sign-in and an act \
             in the audit log. With 10,000 own sessions the smallest database has just those.",
            PATIENCE.as_secs()
        ),
        columns: vec!["function", "own", "10^3 ms", "10^5 ms", "10^6 ms", "10^6 / 10^3"],
        rows,
    };
    Ok((section, checks))
}

/// `db_ms` of many invocations.
///
/// # Errors
/// When the function fails.
pub(super) async fn times(stack: &mut Stack, case: &Case) -> Result<Sample> {
    let event = bytes::Bytes::from(case.event.clone());
    let (mut times, began) = (Vec::with_capacity(INVOCATIONS), Instant::now());
    for round in 0..WARMING + INVOCATIONS {
        stack.invoke(case.route, event.clone()).await?;
        let line = stack.lines(1).await?.remove(0);
        if round >= WARMING || began.elapsed() > PATIENCE {
            times.push(number(&line, "db_ms")?);
        }
        if began.elapsed() > PATIENCE {
            break;
        }
    }
    Sample::new(times).context("nothing was measured")
}

/// The sample events as the person, about a session of theirs and a week with practice in it; and, where one filters, the
/// same without a filter.
fn practice(person: &Person, session: &str) -> Result<Vec<Case>> {
    let month_ago = jiff::Zoned::now().date().checked_sub(jiff::Span::new().days(30))?;
    let mut cases = Vec::new();
    for route in PRACTICE {
        let event = sample_event(route)?
            .replace(super::database::SAMPLE_PERSON, &person.id())
            .replace("00000000-0000-7000-8000-000000000021", session)
            .replace("2026-11-16", &month_ago.to_string());
        let case = |title, event| Case { route, title, own: Some(person.own), event };
        let filters: Value = serde_json::from_str(&event)?;
        let mut filters: BTreeMap<String, String> =
            serde_json::from_value(filters["queryStringParameters"].clone()).unwrap_or_default();
        if filters.remove("state").is_some() {
            let filters: Vec<_> = filters.iter().map(|(name, value)| (&**name, &**value)).collect();
            cases.push(case(" of every state", asking(&event, &filters)?));
            cases.push(case(" of one state", event));
        } else {
            cases.push(case("", event));
        }
    }
    Ok(cases)
}
