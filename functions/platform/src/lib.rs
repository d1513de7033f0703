//! What operates the product: whether it is up, what it has served, how to call it, its schema's migrations, its mails, the work
//! in the background, and what models cost.

pub mod breaker;
pub mod dead_job;
pub mod docs;
pub mod exposition;
pub mod job;
pub mod login;
pub mod mail;
pub mod metrics;
pub mod migration;
pub mod request_count;
pub mod request_log;
pub mod usage;
