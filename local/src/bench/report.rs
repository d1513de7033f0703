//! What a run found: tables for a person, JSON for a program, and the budgets that were kept or missed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::budgets::Known;
pub(super) use super::table::{Cell, Section};

/// Everything that one run found.
#[derive(Debug, Default)]
pub struct Report {
    /// What was measured, in order.
    sections: Vec<Section>,
    /// The budgets.
    pub checks: Vec<Check>,
    /// The same for docs/performance.md, of a full run.
    pub(super) markdown: Option<String>,
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

impl Report {
    /// Adds one part's findings.
    pub(super) fn add(&mut self, (section, checks): (Section, Vec<Check>)) {
        self.sections.push(section);
        self.checks.extend(checks);
        // One kind's budgets stand together; the order within a kind stays.
        self.checks.sort_by_key(|check| check.group);
    }

    /// The part of this name.
    pub(super) fn section(&self, key: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.key == key)
    }

    /// A column's numbers in the rows that `keep` keeps, in ascending order; of measurements the medians.
    pub(super) fn numbers(&self, key: &str, column: &str, keep: impl Fn(&[Cell]) -> bool) -> Vec<f64> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let place = section.columns.iter().position(|name| *name == column);
        let rows = section.rows.iter().filter(|row| keep(row));
        let mut numbers: Vec<_> = rows.filter_map(|row| row.get(place?)?.number()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
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
        if let Some(markdown) = &self.markdown {
            text.push_str(&format!("\nFor docs/performance.md\n\n{markdown}"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample::Sample;

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

    #[test]
    fn a_columns_numbers_are_found_by_name() {
        let report = report(3.5);
        assert_eq!(report.numbers("sizes", "MB", |row| row[0].short() == "get-me"), [3.5]);
        assert!(report.numbers("sizes", "MB", |row| row[0].short() == "login").is_empty());
        assert!(report.numbers("sizes", "GB", |_| true).is_empty());
    }
}
