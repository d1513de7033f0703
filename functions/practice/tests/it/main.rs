//! Tests of the practice functions: the real programs behind the local gateway, on a real PostgreSQL.

mod archive_scene;
mod create_scene;
mod create_session;
mod get_scene;
mod given;
mod list_scenes;
mod restore_scene;
mod shape;
mod update_scene;
