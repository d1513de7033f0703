//! One table of a report, for a person and for a program.

use serde_json::{Value, json};

use super::sample::Sample;

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
    /// For a person.
    pub(super) fn text(&self) -> String {
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

    /// As [`Cell::text`], without percentiles.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Sample(sample, decimals) => format!("{:.decimals$}", sample.median()),
            _ => self.text(),
        }
    }

    /// The number, of measurements the median.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number, _) => Some(*number),
            Self::Sample(sample, _) => Some(sample.median()),
            Self::Text(_) | Self::Missing => None,
        }
    }

    /// For a program.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number, _) => json!(number),
            Self::Sample(sample, _) => sample.to_json(),
            Self::Missing => Value::Null,
        }
    }
}

impl Section {
    /// For a person, columns in line.
    pub(super) fn text(&self) -> String {
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

    /// For a program, each row by column.
    pub(super) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row);
            Value::Object(cells.map(|(column, cell)| ((*column).to_owned(), cell.json())).collect())
        });
        json!({"note": self.note, "rows": rows.collect::<Vec<_>>()})
    }
}
