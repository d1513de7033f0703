//! Tests of the development tool's own parts on real processes: PostgreSQL and the test kit.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

mod cluster;
mod keys;
mod mail;
mod payments;
mod stack;
