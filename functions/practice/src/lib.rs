//! Practise hard conversations: a learner describes a scene, talks it through with a counterpart over five to eight
//! turns, gets every sentence scored by the four parts of Nonviolent Communication, takes an action card away, and
//! later says how it went.

pub mod analysis;
pub mod card;
pub mod counterpart;
pub mod history;
pub mod progress;
pub mod reflection;
pub mod rewrite;
pub mod scene;
pub mod sending;
pub mod sentence;
pub mod session;
pub mod summary;
pub mod turn;
