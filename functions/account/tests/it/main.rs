//! Tests of the account functions.

mod get_me;
mod update_me;
