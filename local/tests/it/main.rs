//! Tests of the development tool's own parts on real processes: PostgreSQL and the test kit.

mod cluster;
mod stack;
