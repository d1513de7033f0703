//! Tests of the practice functions: the real programs behind the local gateway, on a real PostgreSQL.
//!
//! One module for each function, and `contract`, `isolation`, `reads`, `connection` and `time_zones`
//! for what holds across them.

mod abandon_session;
mod accept_rewrite;
mod archive_scene;
mod connection;
mod contract;
mod create_reflection;
mod create_scene;
mod create_session;
mod create_summary;
mod get_history;
mod get_progress_history;
mod get_scene;
mod get_session;
mod get_weekly_progress;
mod given;
mod isolation;
mod list_scenes;
mod list_sessions;
mod models;
mod reads;
mod restore_scene;
mod rewrite_message;
mod send_message;
mod shape;
mod stream_message;
mod time_zones;
mod update_scene;
mod update_summary;
mod weekly_progress;
