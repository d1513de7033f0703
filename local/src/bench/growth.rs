//! Whether a person's routes stay as fast when everybody else's rows grow.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::{
    Setup,
    growth_rows::{Person, fill},
    report::{Cell, Check, Section},
    sample::Sample,
    stack::{Stack, number, sample_event},
};

/// Sessions in the database.
const SESSIONS: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Of these the person's own.
const OWN: [usize; 2] = [100, 10_000];

const INVOCATIONS: usize = 60;
const WARMING: usize = 5;

/// Measures the routes that have a budget for growth.
///
/// # Errors
/// When a function fails.
pub(super) async fn measure(setup: &Setup, say: &impl Fn(&str)) -> Result<(Section, Vec<Check>)> {
    let mut found: BTreeMap<(usize, &str, &str), Vec<Sample>> = BTreeMap::new();
    for own in OWN {
        for sessions in SESSIONS {
            // A person cannot have more than there are.
            let all = sessions.max(own);
            say(&format!("growth: {own} own of {all} sessions"));
            let person = Person { own };
            let name = format!("bench_growth_{own}_{all}");
            let database = setup.server.database(&name).await?;
            fill(&database, all, &person).await?;
            let session = person.session(&database).await?;
            let mut stack = Stack::start(setup, &database.url, &[("DATABASE_CONNECTION", "reuse")]).await?;
            for route in setup.budgets.growth.keys() {
                for (title, event) in events(route, &person, &session)? {
                    let times = times(&mut stack, route, &event).await?;
                    found.entry((own, route, title)).or_default().push(times);
                }
            }
            stack.stop().await;
            setup.server.cluster.drop_database(&name).await?;
        }
    }
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for ((own, route, title), samples) in found {
        let (first, last) = samples.first().zip(samples.last()).context("nothing was measured")?;
        let ratio = last.median() / first.median();
        let mut row = vec![Cell::Text(format!("{route}{title}")), Cell::Number(own as f64, 0)];
        row.extend(samples.into_iter().map(|sample| Cell::from(Some(sample))));
        row.push(Cell::Number(ratio, 2));
        rows.push(row);
        let limit = setup.budgets.growth[route];
        checks.push(Check::new("growth", format!("{route}{title}, {own} own sessions"), ratio, limit, "x"));
    }
    let section = Section {
        key: "growth",
        title: "Growth",
        note: format!(
            "`db_ms` over a kept connection (so that connecting, which does not grow, hides nothing; it includes the check \
             that the connection lives): median (10th-90th percentile) of {INVOCATIONS} by sessions in the database. With \
             10,000 own ones the smallest database has just those."
        ),
        columns: vec!["function", "own", "10^3 ms", "10^5 ms", "10^6 ms", "10^6 / 10^3"],
        rows,
    };
    Ok((section, checks))
}

async fn times(stack: &mut Stack, route: &str, event: &str) -> Result<Sample> {
    let event = bytes::Bytes::from(event.to_owned());
    let mut times = Vec::with_capacity(INVOCATIONS);
    for round in 0..WARMING + INVOCATIONS {
        stack.invoke(route, event.clone()).await?;
        let line = stack.lines(1).await?.remove(0);
        if round >= WARMING {
            times.push(number(&line, "db_ms")?);
        }
    }
    Sample::new(times).context("nothing was measured")
}

/// The sample event as the person, about a session of theirs and a week with practice in it; and, where it filters, the
/// same without a filter. Each with what to add to the route's name.
fn events(route: &str, person: &Person, session: &str) -> Result<Vec<(&'static str, String)>> {
    let month_ago = jiff::Zoned::now().date().checked_sub(jiff::Span::new().days(30))?;
    let event = sample_event(route)?
        .replace(super::database::SAMPLE_PERSON, &person.id())
        .replace("00000000-0000-7000-8000-000000000021", session)
        .replace("2026-11-16", &month_ago.to_string());
    let mut unfiltered: serde_json::Value = serde_json::from_str(&event)?;
    let mut filters = false;
    for query in ["queryStringParameters", "multiValueQueryStringParameters"] {
        filters |= unfiltered[query].as_object_mut().is_some_and(|query| query.remove("state").is_some());
    }
    Ok(if filters {
        vec![(" of one state", event), (" of every state", unfiltered.to_string())]
    } else {
        vec![("", event)]
    })
}
