//! The gateway and Lambda over real HTTP, with a real function: `examples/echo_function.rs`.

mod cloud;
mod errors;
mod events;
mod integration;
mod lifecycle;
mod streaming;
mod template;
