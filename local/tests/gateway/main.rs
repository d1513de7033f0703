//! The gateway and Lambda over real HTTP, with a real function: `fixtures/echo_function.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;
mod errors;
mod events;
mod included;
mod integration;
mod lifecycle;
mod streaming;
mod template;
