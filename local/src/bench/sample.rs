//! Repeated measurements of one thing, and what is said of them.

use serde_json::{Value, json};

/// Measurements, at least one, in ascending order.
#[derive(Debug, Clone)]
pub(super) struct Sample(Vec<f64>);

impl Sample {
    /// From measurements in any order; `None` when there are none.
    pub(super) fn new(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self(values))
    }

    /// The value that half of the measurements do not exceed.
    pub(super) fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// The smallest measurement that at least `percent` of all do not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil().max(1.0);
        // A rank is between one and the number of measurements.
        self.0[(rank as usize).min(self.0.len()) - 1]
    }

    /// How many measurements.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// For the JSON report.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "median": self.median(),
            "p10": self.percentile(10.0),
            "p90": self.percentile(90.0),
            "p99": self.percentile(99.0),
            "count": self.count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measurements_by_rank() {
        let sample = Sample::new((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!(sample.median(), 50.0);
        assert_eq!(sample.percentile(10.0), 10.0);
        assert_eq!(sample.percentile(99.0), 99.0);
        assert_eq!(Sample::new(vec![7.0]).unwrap().percentile(90.0), 7.0);
        assert!(Sample::new(Vec::new()).is_none());
    }
}
