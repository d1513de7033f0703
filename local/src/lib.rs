//! The cloud on a laptop.

pub mod bench;
pub mod check;
pub mod cloud;
pub mod front_door;
pub mod functions;
pub mod gateway;
pub mod growth;
pub mod keys;
pub mod lambda;
pub mod logs;
pub mod mails;
pub mod openapi;
pub mod package;
pub mod postgres;
pub mod problem;
pub mod project;
pub mod queue;
pub mod scheduler;
pub mod stripe;
pub mod template;
pub mod testkit;
pub mod watch;
