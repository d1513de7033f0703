//! How the fleet behaves.

use std::time::Duration;

use super::hold::Hold;

/// How the fleet behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// A sandbox without work for this long is stopped.
    pub idle_timeout: Duration,
    /// Sandboxes at once, over all functions. Lambda's quota for a new account is 1000.
    pub max_concurrency: usize,
    /// How long a start may take, on top of the function's timeout. Lambda gives 10 seconds.
    pub init_timeout: Duration,
    /// Keeps invocations waiting while the programs are replaced.
    pub hold: Hold,
    /// Build a program before its first use when a source of it is newer: for tests, whose Cargo has built the programs
    /// of one package.
    pub build_stale: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(300),
            max_concurrency: 100,
            init_timeout: Duration::from_secs(10),
            hold: Hold::default(),
            build_stale: false,
        }
    }
}
