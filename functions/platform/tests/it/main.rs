//! Tests of the platform functions and the migration engine.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step is a failed test, also outside of the test's own function"
)]

mod catalog;
mod dead_jobs;
mod follow_run;
mod get_docs;
mod get_docs_script;
mod get_health;
mod get_metrics;
mod get_openapi;
mod get_ops_metrics;
mod get_readiness;
mod in_a_browser;
mod jobs;
mod log_lines;
mod logins;
mod migrate;
mod migration;
mod outbox;
mod record_metrics;
mod replay_mail;
mod send_mail;
mod stop_run;
