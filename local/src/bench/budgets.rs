//! `local/bench-budgets.toml`: what each number may be at most.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use serde::Deserialize;

use super::{class::Class, function::Function};
use crate::problem::problem;

/// All budgets. A name that is missing or unknown in the file is an error: a budget must not vanish by a typing error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budgets {
    /// What a start does until the first `next`.
    pub(super) start: Start,
    /// Peak memory, as a multiple of the floor's.
    pub(super) memory: PerClass,
    /// Release binary, in 10^6 bytes.
    pub(super) binary_mb: PerClass,
    /// Deployed archive, in 10^6 bytes.
    pub(super) zip_mb: PerClass,
    /// Round trips on the wire.
    pub(super) round_trips: RoundTrips,
    /// Round trips of statements for functions whose work needs more, by name.
    pub(super) statements_of: BTreeMap<String, f64>,
    /// The database part of a request.
    pub(super) connection: Connection,
    /// Load.
    pub(super) throughput: Throughput,
    /// What no function links.
    pub(super) absent: Absent,
    /// Packages that only these functions contain, and that each of them does.
    pub(super) only_in: BTreeMap<String, Vec<String>>,
    /// Routes by name: time with 10^6 rows as a multiple of that with 10^3.
    pub(super) growth: BTreeMap<String, f64>,
    /// The job `weekly-progress`.
    pub(super) weekly_job: WeeklyJob,
    /// Lessons.
    pub(super) lessons: Lessons,
    /// Answers that are written while they are read.
    pub(super) streams: Streams,
    /// Work behind a request.
    pub(super) jobs: Jobs,
    /// Budgets that are not met yet, by kind and class (`binary (database)`), or by kind and function
    /// (`binary: login (database)`).
    #[serde(default)]
    pub(super) known: BTreeMap<String, Known>,
}

/// A budget that is missed for a known reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// What stands in the way.
    #[expect(dead_code, reason = "for the reader of the file, who must not be without it")]
    why: String,
    /// What it may be until then: a number above is a miss like any other.
    pub(super) at_most: f64,
}

/// What a start does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// Instructions, as a multiple of the floor's.
    pub(super) instructions: PerClass,
    /// Page faults, as a multiple of the floor's.
    pub(super) page_faults: PerClass,
    /// Files opened.
    pub(super) files: PerClass,
    /// Bytes of the program and its libraries in memory, as a multiple of the floor's.
    pub(super) mapped: PerClass,
}

/// A limit for each class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PerClass {
    plain: f64,
    database: f64,
    model: f64,
    provider: f64,
    job: f64,
    /// Functions that need more than their class, by name.
    #[serde(default)]
    of: BTreeMap<String, f64>,
}

/// Round trips of one connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoundTrips {
    /// Connections of a request that asks nobody outside.
    pub(super) connections: f64,
    /// Until the server is ready for a statement.
    pub(super) connect: f64,
    /// Statements of a GET.
    pub(super) read: f64,
    /// Statements of any other route.
    pub(super) write: f64,
}

/// The database part of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connection {
    /// As a multiple of `pgbench -C`.
    pub(super) against_pgbench: f64,
}

/// Load.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throughput {
    /// Answers other than 2xx.
    pub(super) errors: f64,
    /// Processes that the server starts for each request that comes by a pooler.
    pub(super) pooler_backends: f64,
}

/// What no function links.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Absent {
    /// Package names; a `*` at the end stands for any ending.
    pub(super) packages: Vec<String>,
    /// Those that a package of functions may link after all.
    #[serde(default)]
    pub(super) except: BTreeMap<String, Vec<String>>,
}

/// The weekly job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeeklyJob {
    /// Time per person at 10^5 people as a multiple of that at 10^4.
    pub(super) per_person: f64,
    /// A run for 10^5 people.
    pub(super) seconds: f64,
}

/// Lessons.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lessons {
    /// Answers other than 2xx of many who book, and lessons that somebody was told of and that are not there.
    pub(super) errors: f64,
    /// How often some of them wait for each other.
    pub(super) deadlocks: f64,
    /// A booking put in beside 10^6 others as a multiple of one beside 10^3.
    pub(super) insert: f64,
    /// The count of everything at 10^6 bookings.
    pub(super) kpi_seconds: f64,
    /// Routes by name: time with 10^6 slots as a multiple of that with 10^3.
    pub(super) growth: BTreeMap<String, f64>,
}

/// Answers that are written while they are read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Streams {
    /// Time to the event `start` as a share of send-message's whole answer.
    pub(super) start: f64,
    /// Time to the first words, likewise, the provider's own taken off.
    pub(super) words: f64,
    /// Rows of events, as a multiple of one for each time to keep and one at either end.
    pub(super) rows: f64,
    /// Round trips beyond those of send-message, for each row and one more.
    pub(super) round_trips: f64,
    /// Database time of a stream of 1,000 events in a second as a multiple of send-message's.
    pub(super) database: f64,
    /// Time of 990 events at once as a multiple of that of as many words in two.
    pub(super) events: f64,
}

/// Work behind a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jobs {
    /// Jobs that several workers left undone, or did twice.
    pub(super) wrong: f64,
    /// Time of a job by four workers at once as a multiple of that by one.
    pub(super) workers: f64,
    /// The same where all jobs of a person stand in a row.
    pub(super) workers_in_a_row: f64,
    /// Taking or finishing a job beside 10^6 done ones as a multiple of the same beside 10^3.
    pub(super) claim: f64,
    /// Pages that taking one looks at, likewise; beside 10^5 in the short bench.
    pub(super) claim_pages: f64,
    /// How often taking one reads the whole table.
    pub(super) whole_reads: f64,
}

impl PerClass {
    /// The limit of a function.
    pub(super) fn of_function(&self, function: &Function) -> f64 {
        self.of.get(&function.name).copied().unwrap_or_else(|| self.of(function.class))
    }

    /// Whether a function has a limit of its own.
    pub(super) fn names(&self, function: &str) -> bool {
        self.of.contains_key(function)
    }

    /// The functions with a limit of their own.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&String, &f64)> {
        self.of.iter()
    }

    /// The limit of a class.
    pub(super) fn of(&self, class: Class) -> f64 {
        match class {
            Class::Plain => self.plain,
            Class::Database => self.database,
            Class::Model => self.model,
            Class::Provider => self.provider,
            Class::Job => self.job,
        }
    }
}

impl Absent {
    /// Whether the functions of the package `of` may not link the package `name`.
    pub(super) fn forbids(&self, of: &str, name: &str) -> bool {
        let among = |patterns: &[String]| {
            patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
        };
        among(&self.packages) && !self.except.get(of).is_some_and(|except| among(except))
    }
}

impl Budgets {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or a name in it is missing or unknown.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let help = "each budget of local/src/bench/budgets.rs stands in local/bench-budgets.toml";
        let text = std::fs::read_to_string(path)
            .map_err(|error| problem(format!("cannot read {}: {error}", path.display()), help))?;
        toml::from_str(&text)
            .map_err(|error| problem(format!("in {}: {}", path.display(), error.to_string().trim()), help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    fn text() -> String {
        std::fs::read_to_string(project::root().join("local/bench-budgets.toml")).unwrap()
    }

    #[test]
    fn the_projects_budgets_are_complete() {
        let budgets: Budgets = toml::from_str(&text()).unwrap();
        assert!(budgets.start.mapped.of(Class::Database) > budgets.start.mapped.of(Class::Plain));
        let template = crate::cloud::template(&BTreeMap::new()).unwrap();
        let grown = budgets.growth.keys().chain(budgets.lessons.growth.keys());
        let by_name = grown.chain(budgets.statements_of.keys());
        let start = &budgets.start;
        let per_class =
            [&budgets.memory, &budgets.binary_mb, &budgets.zip_mb, &start.instructions, &start.page_faults];
        let by_name = by_name.chain(per_class.into_iter().flat_map(|limits| limits.of.keys()));
        for name in by_name.chain(budgets.only_in.values().flatten()) {
            assert!(template.function(name).is_some(), "no function {name}");
        }
        for function in &template.functions {
            Class::of(&template, function).unwrap();
        }
    }

    #[test]
    fn a_missing_and_a_misspelt_budget_are_errors() {
        assert!(toml::from_str::<Budgets>(&text().replace("connect = 3", "")).is_err());
        assert!(toml::from_str::<Budgets>(&text().replace("connect = 3", "connekt = 3")).is_err());
    }

    #[test]
    fn a_pattern_forbids_every_ending() {
        let absent = Absent {
            packages: vec!["aws-sdk-*".to_owned(), "aws-config".to_owned()],
            except: BTreeMap::from([("keys".to_owned(), vec!["aws-sdk-s3".to_owned()])]),
        };
        assert!(absent.forbids("account", "aws-sdk-s3") && absent.forbids("account", "aws-config"));
        assert!(!absent.forbids("account", "aws-lc-rs") && !absent.forbids("account", "aws-configure"));
        assert!(!absent.forbids("keys", "aws-sdk-s3") && absent.forbids("keys", "aws-sdk-sts"));
    }
}
