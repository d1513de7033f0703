//! The person behind every domain: who they are and how they like to be addressed.

pub mod profile;
