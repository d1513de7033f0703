//! The measured part of docs/performance.md, in Markdown: a full run prints it.

use serde_json::Value;

use super::{
    budgets::PerClass,
    class::Class,
    function::Kind,
    report::{Cell, Report},
    setup::Setup,
};

/// Everything, from a full run's report.
pub(super) fn text(report: &Report, machine: &Value, postgresql: &str, setup: &Setup) -> String {
    let machine =
        |name: &str| machine[name].as_str().map_or_else(|| machine[name].to_string(), str::to_owned);
    let date = machine("measured_at");
    let mut text = format!(
        "{}, {} processors ({}), {} GB of memory, {} {}, {postgresql}, {}; {}.\n",
        machine("processor"),
        machine("processors"),
        machine("architecture"),
        machine("memory_gb"),
        machine("system"),
        machine("kernel"),
        machine("rust"),
        date.split('T').next().unwrap_or_default()
    );
    text.push_str(&classes(report, setup));
    text.push_str(&requests(report, setup));
    let own = ["connection", "throughput", "ways", "growth", "weekly_job"].into_iter();
    let parts = ["lessons_booking", "lessons_growth", "lessons_inserts", "streams_first", "streams_kept"];
    for key in own.chain(parts).chain(["jobs_done", "jobs_growth"]) {
        let Some(section) = report.section(key) else { continue };
        let rows = section.rows.iter().map(|row| row.iter().map(Cell::short).collect());
        text.push_str(&table(&with_title(section.title, &section.columns), rows));
    }
    text
}

/// What starts do, memory and size of each class, from the smallest to the largest function; in bold what is over its
/// budget.
fn classes(report: &Report, setup: &Setup) -> String {
    let budgets = &setup.budgets;
    let of = |key, column, class: Class, limits: Option<&PerClass>| {
        report.numbers(key, column, |row| {
            // Functions with a budget of their own are named below.
            row[1].short() == class.name() && limits.is_none_or(|limits| !limits.names(&row[0].short()))
        })
    };
    let floor = |key, column, decimals| {
        range(&report.numbers(key, column, |row| row[0].short() == "(floor)"), decimals)
    };
    let start = &budgets.start;
    let columns = [
        ("starts", "x floor", "instructions × floor", &start.instructions),
        ("starts", "faults x floor", "page faults × floor", &start.page_faults),
        ("starts", "files", "files opened", &start.files),
        ("memory", "x floor", "peak memory × floor", &budgets.memory),
        ("sizes", "binary MB", "binary MB", &budgets.binary_mb),
        ("sizes", "zip MB", "zip MB", &budgets.zip_mb),
    ];
    let mut rows = vec![vec![
        "an empty function, the floor".to_owned(),
        format!("{} thousand", floor("starts", "instructions", 0)),
        floor("starts", "page faults", 0),
        floor("starts", "files", 0),
        format!("{} MB", floor("memory", "peak MB", 2)),
        floor("sizes", "binary MB", 2),
        floor("sizes", "zip MB", 2),
        floor("starts", "ms", 2),
    ]];
    for class in [Class::Plain, Class::Database, Class::Model, Class::Provider, Class::Job] {
        let mut row = vec![class.name().to_owned()];
        row.extend(columns.map(|(key, column, _, limits)| {
            budgeted(&of(key, column, class, Some(limits)), limits.of(class))
        }));
        row.push(range(&of("starts", "ms", class, None), 2));
        rows.push(row);
    }
    let titles: Vec<_> =
        ["Class"].into_iter().chain(columns.map(|(_, _, title, _)| title)).chain(["start ms"]).collect();
    let mut text = table(&titles, rows.into_iter());
    text.push_str("\nWith budgets of their own:\n\n");
    for (key, column, title, limits) in columns {
        let own = limits.by_name().map(|(name, limit)| {
            let number = report.numbers(key, column, |row| row[0].short() == *name);
            format!("{name} {}", budgeted(&number, *limit))
        });
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            text.push_str(&format!("- {title}: {}.\n", own.join(", ")));
        }
    }
    text
}

/// Round trips, times and processor time of a route of each kind: the median of the routes, and their range.
fn requests(report: &Report, setup: &Setup) -> String {
    let rows = Kind::ALL.map(|kind| {
        let of = |key, column| report.numbers(key, column, |row| row[1].short() == kind.name());
        let trips = of("round_trips", "statements");
        let usual = match kind {
            Kind::Read => setup.budgets.round_trips.read,
            _ => setup.budgets.round_trips.write,
        };
        let more = trips.iter().filter(|trips| **trips > usual).count();
        let times = |column| {
            let times = of("requests", column);
            let middle = times.get(times.len() / 2).map_or_else(String::new, |time| format!("{time:.2} "));
            format!("{middle}({})", range(&times, 2))
        };
        vec![
            kind.name().to_owned(),
            of("requests", "ms").len().to_string(),
            format!("up to {usual:.0}; {more} more, up to {:.0}", trips.last().copied().unwrap_or(0.0)),
            times("ms"),
            times("p99 ms"),
            times("function CPU ms"),
            times("tool CPU ms"),
        ]
    });
    let columns = ["Warm", "routes", "round trips", "p50 ms", "p99 ms", "function CPU ms", "gateway CPU ms"];
    table(&columns, rows.into_iter())
}

fn with_title<'a>(title: &'a str, columns: &[&'a str]) -> Vec<&'a str> {
    let Some((_, others)) = columns.split_first() else { return Vec::new() };
    [&[title], others].concat()
}

/// The smallest and the largest; numbers in ascending order.
fn range(numbers: &[f64], decimals: usize) -> String {
    match numbers {
        [] => "–".to_owned(),
        [only] => format!("{only:.decimals$}"),
        [first, .., last] => format!("{first:.decimals$}–{last:.decimals$}"),
    }
}

fn budgeted(numbers: &[f64], limit: f64) -> String {
    let range = range(numbers, 2);
    let missed = numbers.last().is_some_and(|largest| *largest > limit);
    let mark = if missed { "**" } else { "" };
    format!("{mark}{range}{mark} of {limit}")
}

fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_with_their_budget_and_misses_in_bold() {
        assert_eq!(budgeted(&[1.1, 1.2, 1.3], 1.35), "1.10–1.30 of 1.35");
        assert_eq!(budgeted(&[1.1, 1.4], 1.35), "**1.10–1.40** of 1.35");
        assert_eq!(budgeted(&[], 2.0), "– of 2");
    }

    #[test]
    fn a_section_becomes_a_table() {
        let columns = with_title("Growth", &["function", "own"]);
        let rows = [vec!["get-me".to_owned(), "100".to_owned()]];
        assert_eq!(table(&columns, rows.into_iter()), "\n| Growth | own |\n|---|---|\n| get-me | 100 |\n");
    }
}
