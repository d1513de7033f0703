//! The keys that sign access tokens: their set, the two secrets that hold it, and its rotation.
//!
//! A package of its own, because it alone carries AWS' SDK: no other function waits for it to compile, and none can link
//! it by mistake.

pub mod key_set;
pub mod rotation;
pub mod store;
mod transport;
