//! Tests of the platform functions and the migration engine.

mod migration;
