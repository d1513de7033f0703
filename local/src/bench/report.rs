//! What a run found: tables for a person, JSON for a program, and the budgets that were kept or missed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::budgets::Known;
use super::sample::Sample;

/// Everything that one run found.
#[derive(Debug, Default)]
pub struct Report {
    /// What was measured, in order.
    sections: Vec<Section>,
    /// The budgets.
    pub checks: Vec<Check>,
}

/// One table.
#[derive(Debug)]
pub(super) struct Section {
    /// Its name in the JSON.
    pub(super) key: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// How it was measured, and what to know when reading it.
    pub(super) note: String,
    /// The columns' headings, units included.
    pub(super) columns: Vec<&'static str>,
    /// As many cells as columns each.
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One place of a table.
#[derive(Debug)]
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// A number with so many decimals.
    Number(f64, usize),
    /// Measurements, shown as median and 10th to 90th percentile.
    Sample(Sample, usize),
    /// Nothing to measure here.
    Missing,
}

/// A measured number against its budget; kept when it does not exceed it.
#[derive(Debug)]
pub struct Check {
    /// What kind of cost it is.
    pub group: &'static str,
    /// Whose.
    pub subject: String,
    /// What was measured.
    pub value: f64,
    /// The budget.
    pub limit: f64,
    /// `x`, `MB` …
    pub unit: &'static str,
    /// What a budget that is missed for a known reason may be until it is met.
    pub known: Option<f64>,
}

impl Check {
    /// A budget of `limit` for `value`.
    pub(super) fn new(
        group: &'static str,
        subject: impl AsRef<str>,
        value: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self { group, subject: subject.as_ref().to_owned(), value, limit, unit, known: None }
    }

    /// What the budget is about.
    pub fn what(&self) -> String {
        format!("{}: {}", self.group, self.subject)
    }

    /// The share of the budget that is used up.
    fn nearness(&self) -> f64 {
        if self.limit == 0.0 { self.value } else { self.value / self.limit }
    }

    /// Whether it is missed for a known reason, and no worse than known.
    pub fn is_known(&self) -> bool {
        !self.is_kept() && self.known.is_some_and(|at_most| self.value <= at_most)
    }

    /// Kind and class, `binary (database)`: what the budgets' file says known misses by, where it says nothing of the
    /// function itself (`binary: login (database)`).
    fn kind(&self) -> String {
        let class = self.subject.split_once(" (").map_or("", |(_, class)| class.trim_end_matches(')'));
        format!("{} ({class})", self.group)
    }

    /// A number that could not be measured is no kept budget.
    pub fn is_kept(&self) -> bool {
        self.value <= self.limit
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<Sample>> for Cell {
    fn from(sample: Option<Sample>) -> Self {
        sample.map_or(Self::Missing, |sample| Self::Sample(sample, 2))
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Missing, |number| Self::Number(number, 2))
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number, decimals) => format!("{number:.decimals$}"),
            Self::Sample(sample, decimals) => format!(
                "{:.decimals$} ({:.decimals$}-{:.decimals$})",
                sample.median(),
                sample.percentile(10.0),
                sample.percentile(90.0)
            ),
            Self::Missing => "-".to_owned(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number, _) => json!(number),
            Self::Sample(sample, _) => sample.to_json(),
            Self::Missing => Value::Null,
        }
    }
}

impl Report {
    /// Adds one part's findings.
    pub(super) fn add(&mut self, (section, checks): (Section, Vec<Check>)) {
        self.sections.push(section);
        self.checks.extend(checks);
        // One kind's budgets stand together; the order within a kind stays.
        self.checks.sort_by_key(|check| check.group);
    }

    /// Marks the misses that the budgets' file knows.
    pub(super) fn mark(&mut self, known: &BTreeMap<String, Known>) {
        for check in &mut self.checks {
            let one = known.get(&check.what()).or_else(|| known.get(&check.kind()));
            check.known = one.map(|known| known.at_most);
        }
    }

    /// The budgets that were missed.
    pub fn missed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.is_kept())
    }

    /// The tables, and the budgets last.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            text.push_str(&section.text());
        }
        let line = |word: &str, what: String, check: &Check| {
            let with_unit = |number: f64| Cell::Text(format!("{number:.2} {}", check.unit));
            vec![Cell::from(word), Cell::Text(what), with_unit(check.value), with_unit(check.limit)]
        };
        let mut rows: Vec<_> = self
            .missed()
            .map(|check| line(if check.is_known() { "missed, known" } else { "MISSED" }, check.what(), check))
            .collect();
        // Of the kept ones of a kind, the one that came closest stands for all.
        for checks in self.checks.chunk_by(|one, other| one.group == other.group) {
            let kept = checks.iter().filter(|check| check.is_kept());
            let closest = kept.clone().max_by(|one, other| one.nearness().total_cmp(&other.nearness()));
            if let Some(closest) = closest {
                let what = match kept.count() {
                    1 => closest.what(),
                    count => format!("{} of {count}, the closest: {}", closest.group, closest.subject),
                };
                rows.push(line("kept", what, closest));
            }
        }
        let budgets = Section {
            key: "budgets",
            title: "Budgets",
            note: format!(
                "{} of {} missed, {} of them known. local/bench-budgets.toml says why each stands where it stands.",
                self.missed().count(),
                self.checks.len(),
                self.missed().filter(|check| check.is_known()).count()
            ),
            columns: vec!["", "budget", "measured", "at most"],
            rows,
        };
        text.push_str(&budgets.text());
        text
    }

    /// All numbers.
    pub fn json(&self, machine: &Value) -> Value {
        let sections: Map<_, _> =
            self.sections.iter().map(|section| (section.key.to_owned(), section.json())).collect();
        let checks = self.checks.iter().map(|check| {
            json!({"what": check.what(), "value": check.value, "limit": check.limit, "unit": check.unit,
                   "kept": check.is_kept(), "known": check.is_known()})
        });
        json!({"machine": machine, "sections": sections, "budgets": checks.collect::<Vec<_>>()})
    }
}

impl Section {
    fn text(&self) -> String {
        let lines: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
            cells.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let mut text = format!("\n{}\n", self.title);
        for line in self.note.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut padded = String::new();
            for (cell, width) in cells.zip(&widths) {
                padded.push_str(&format!("  {cell:<width$}"));
            }
            text.push_str(padded.trim_end());
            text.push('\n');
        };
        line(&mut self.columns.iter().copied());
        for cells in &lines {
            line(&mut cells.iter().map(String::as_str));
        }
        text
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row);
            Value::Object(cells.map(|(column, cell)| ((*column).to_owned(), cell.json())).collect())
        });
        json!({"note": self.note, "rows": rows.collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(value: f64) -> Report {
        let section = Section {
            key: "sizes",
            title: "Sizes",
            note: "Of release binaries.".to_owned(),
            columns: vec!["function", "MB"],
            rows: vec![vec![Cell::from("get-me"), Cell::Sample(Sample::new(vec![value]).unwrap(), 1)]],
        };
        let mut report = Report::default();
        report.add((section, vec![Check::new("binary", "get-me", value, 4.0, "MB")]));
        report
    }

    #[test]
    fn a_budget_is_kept_up_to_its_limit_and_no_further() {
        assert_eq!(report(4.0).missed().count(), 0);
        let missed = report(4.01);
        assert_eq!(missed.missed().count(), 1);
        assert!(missed.text().contains("MISSED  binary: get-me"), "{}", missed.text());
        assert_eq!(report(f64::NAN).missed().count(), 1, "what was not measured is not kept");
    }

    #[test]
    fn a_known_miss_is_known_up_to_what_is_known() {
        let known = "[binary]\nwhy = \"TLS\"\nat_most = 5.0".replace("binary", "\"binary ()\"");
        let known: BTreeMap<String, Known> = toml::from_str(&known).unwrap();
        for (value, is_known) in [(3.9, false), (4.5, true), (5.1, false)] {
            let mut report = report(value);
            report.mark(&known);
            assert_eq!(report.checks[0].is_known(), is_known, "{value}");
        }
    }

    #[test]
    fn json_has_every_number_by_name() {
        let json = report(3.5).json(&Value::Null);
        assert_eq!(json["sections"]["sizes"]["rows"][0]["MB"]["median"], 3.5);
        assert_eq!(json["budgets"][0]["kept"], true);
    }
}
