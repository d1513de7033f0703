//! Tests of the practice functions: the real programs behind the local gateway, on a real PostgreSQL.

mod abandon_session;
mod accept_rewrite;
mod archive_scene;
mod create_reflection;
mod create_scene;
mod create_session;
mod create_summary;
mod get_history;
mod get_scene;
mod get_session;
mod given;
mod list_scenes;
mod list_sessions;
mod restore_scene;
mod rewrite_message;
mod send_message;
mod shape;
mod update_scene;
mod update_summary;
