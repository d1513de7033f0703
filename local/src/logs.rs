//! What the functions write: kept in a file, shown to people, handed over to the function that subscribes to it.

mod file;
mod hand_over;
mod render;
mod subscription;

pub use file::{LogFile, path};
pub use hand_over::HandOver;
pub use render::render;
pub use subscription::{Record, Subscription};
