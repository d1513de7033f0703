//! The test kit: a whole local stack per test, people who call it, and outside services that misbehave on demand.
//!
//! ```ignore
//! let stack = testkit::stack().await;
//! let alice = stack.user();
//! alice.post("/api/v1/scenes", json!({"goal": "…"})).await.assert_status(201);
//! ```
//!
//! The functions are the real programs, the database is a real PostgreSQL, and each test has a database of its
//! own. A failure panics with what came back, so nothing here returns a `Result`; whatever makes a test panic, its last
//! calls are printed with their answers and what the functions logged.

mod client;
mod database;
mod examples;
pub mod fakes;
mod journal;
mod mail;
mod redis;
mod secrets_manager;
mod stack;

pub use client::{Answer, Call, Client, SetCookie};
pub use database::Database;
pub use examples::examples;
pub use mail::Mail;
pub use redis::Redis;
pub use secrets_manager::SecretsManager;
pub use stack::{Builder, Stack, stack};
