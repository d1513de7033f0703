//! Tests of the platform functions and the migration engine.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step is a failed test, also outside of the test's own function"
)]

mod cancel_job;
mod catalog;
mod follow_run;
mod get_dead_job;
mod get_docs;
mod get_docs_script;
mod get_health;
mod get_job;
mod get_metrics;
mod get_openapi;
mod get_ops_metrics;
mod get_readiness;
mod get_usage;
mod given;
mod in_a_browser;
mod list_circuit_breakers;
mod list_dead_jobs;
mod list_jobs;
mod log_lines;
mod logins;
mod migrate;
mod migration;
mod outbox;
mod record_metrics;
mod replay_mail;
mod reset_circuit_breaker;
mod resolve_dead_job;
mod retry_dead_job;
mod retry_dead_jobs;
mod send_mail;
mod stop_run;
