//! What it takes to keep a thousand events while they are read: rows, round trips and time.

use std::{iter, sync::Arc, time::Duration};

use anyhow::{Context, Result};

use super::{
    Extent,
    report::{Cell, Check, Section},
    sample::Sample,
    setup::Setup,
    stack::number,
    streams::{FUNCTIONS, Part, Talk},
};
use crate::testkit::fakes::{Behaviour, Provider, Step};

/// Words of the long answer, each an event. A quick model says them in a second: so many at once, after so long.
const WORDS: usize = 1_000;
const AT_ONCE: usize = 10;
const PAUSE: Duration = Duration::from_millis(10);
const WORD: &str = "so ";
/// Words that come at once: as many as one row of events takes beside what is told around them.
const BURST: usize = 990;
/// How often what was written is kept, in seconds, as `shared::run` says.
const KEEPING: f64 = 0.25;

/// Words in a second, at once, in two events, and whole.
///
/// # Errors
/// When a message is not answered.
pub(super) async fn measure(setup: &Setup, extent: Extent, talk: &mut Talk, runs: usize) -> Result<Part> {
    let say = |words: usize| Step::Say(WORD.repeat(words));
    let hold_and_say = |_| iter::once(Step::Hold).chain(iter::repeat_with(|| say(1)).take(AT_ONCE));
    let in_a_second: Vec<Step> = (0..WORDS / AT_ONCE).flat_map(hold_and_say).collect();
    let at_once: Vec<Step> = iter::repeat_with(|| say(1)).take(BURST).collect();
    let halves = vec![say(WORDS / 2), say(WORDS / 2)];
    let mut ways = [
        Way::new("streamed, 1,000 words in a second", "/stream", in_a_second),
        Way::new("streamed, 990 words at once", "/stream", at_once),
        Way::new("streamed, in halves", "/stream", halves.clone()),
        Way::new("whole", "", halves),
    ];
    for run in 0..=runs {
        for way in &mut ways {
            way.turn(talk).await.with_context(|| way.title)?;
            // The first one starts the process.
            if run == 0 {
                *way = Way::new(way.title, way.ending, std::mem::take(&mut way.steps));
            }
        }
    }
    let budgets = &setup.budgets.streams;
    let (mut lines, mut checks, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    for way in ways {
        let sample = |values| Sample::new(values).context("nothing was measured");
        let (ms, database_ms) = (sample(way.ms)?, sample(way.database_ms)?);
        let (round_trips, rows) = (sample(way.round_trips)?, sample(way.rows)?);
        if !way.ending.is_empty() {
            let subject = format!("rows against one for each quarter of a second, {}", way.title);
            checks.push(Check::new("streams", subject, way.rows_of_allowed, budgets.rows, "x"));
        }
        medians.push((ms.median(), database_ms.median(), round_trips.median(), rows.median()));
        lines.push(vec![
            Cell::from(way.title),
            if way.ending.is_empty() { Cell::Missing } else { Cell::Number(way.events as f64, 0) },
            Cell::Sample(ms, 1),
            Cell::Sample(database_ms, 1),
            Cell::Sample(round_trips, 0),
            Cell::Sample(rows, 0),
        ]);
    }
    let [in_a_second, at_once, halves, whole] = medians.as_slice() else { unreachable!("four ways") };
    let per_row = (in_a_second.2 - whole.2) / (in_a_second.3 + 1.0);
    let subject = "round trips beyond a whole answer's, for each row and one more";
    checks.push(Check::new("streams", subject, per_row, budgets.round_trips, ""));
    if matches!(extent, Extent::Whole) {
        let (database, wall) = (in_a_second.1 / whole.1, at_once.0 / halves.0);
        let subject = "database time of 1,000 events in a second against a whole answer";
        checks.push(Check::new("streams", subject, database, budgets.database, "x"));
        let subject = "990 events at once against two";
        checks.push(Check::new("streams", subject, wall, budgets.events, "x"));
    }
    let section = Section {
        key: "streams_kept",
        title: "Events that are kept",
        note: format!(
            "{WORDS} words of a model: {AT_ONCE} in every {} ms, {BURST} at once, all in halves, and by send-message. Median of \
             {runs} (10th-90th percentile), through the local gateway, a database connection for each transaction. Database \
             time and round trips are the function's own log line's, rows those of platform.run_events.",
            PAUSE.as_millis()
        ),
        columns: vec!["answer", "events", "ms", "database ms", "round trips", "rows"],
        rows: lines,
    };
    Ok((section, checks))
}

/// An answer of many words, one way.
struct Way {
    title: &'static str,
    ending: &'static str,
    steps: Vec<Step>,
    ms: Vec<f64>,
    database_ms: Vec<f64>,
    round_trips: Vec<f64>,
    rows: Vec<f64>,
    events: usize,
    /// The most rows, as a share of what the time that the answer took allows.
    rows_of_allowed: f64,
}

impl Way {
    fn new(title: &'static str, ending: &'static str, steps: Vec<Step>) -> Self {
        let (ms, database_ms, round_trips, rows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { title, ending, steps, ms, database_ms, round_trips, rows, events: 0, rows_of_allowed: 0.0 }
    }

    async fn turn(&mut self, talk: &mut Talk) -> Result<()> {
        talk.provider.always(Behaviour::Steps(self.steps.clone()));
        talk.stack.lines_so_far();
        let holds = self.steps.iter().filter(|step| matches!(step, Step::Hold)).count();
        let pace = tokio::spawn(pace(Arc::clone(&talk.provider), talk.provider.count() + 1, holds));
        let heard = talk.send(self.ending).await?;
        pace.await?;
        let function = if self.ending.is_empty() { FUNCTIONS[0] } else { FUNCTIONS[1] };
        let line = talk.stack.line_of(function).await?;
        let rows = talk.rows_of(heard.person).await?;
        self.ms.push(heard.end);
        self.database_ms.push(number(&line, "db_ms")?);
        self.round_trips.push(number(&line, "db_round_trips")?);
        self.rows.push(rows);
        self.events = heard.events;
        // One for each time to keep, and one at either end.
        let allowed = heard.end / 1e3 / KEEPING + 2.0;
        self.rows_of_allowed = self.rows_of_allowed.max(rows / allowed);
        Ok(())
    }
}

/// Lets the provider's `number`th answer go on, one hold after the other.
async fn pace(provider: Arc<Provider>, number: usize, holds: usize) {
    if holds > 0 {
        provider.wait_for(number).await;
    }
    let mut clock = tokio::time::interval(PAUSE);
    for _ in 0..holds {
        clock.tick().await;
        provider.go_on();
    }
}
