//! What operates the product: whether it is up, what it has served, how to call it, and its schema's migrations.

pub mod docs;
pub mod exposition;
pub mod metrics;
pub mod migration;
pub mod request_log;
