//! What every function uses: serving, input and output, errors, auth, database, AI, logs, settings.
//!
//! A route file starts with `use shared::prelude::*;` and ends up with everything that its signature needs.

pub mod ai;
pub mod audit;
pub mod auth;
mod aws;
pub mod caller;
pub mod client;
pub mod cookie;
pub mod database;
pub mod describe;
pub mod error;
pub mod fetch;
pub mod handler;
pub mod http_client;
pub mod idempotency;
pub mod identity;
pub mod input;
pub mod jobs;
pub mod keyset;
pub mod language;
pub mod limit;
pub mod log;
pub mod nudge;
pub mod opaque_token;
pub mod outbox;
pub mod page;
pub mod precondition;
mod problem;
pub mod recipient;
pub mod reply;
pub mod request;
pub mod run;
pub mod secrets;
pub mod serve;
pub mod settings;
pub mod stream;
#[doc(hidden)]
pub mod text_enum;
pub mod tls;
pub mod value;

// The macros of this crate name it, also where they expand in itself.
extern crate self as shared;

// For the macros of this crate, which expand in others.
#[doc(hidden)]
pub use shared_macros as macros;
#[doc(hidden)]
pub use {bytes, deserr, schemars, serde, tokio_postgres};

pub use http;

/// What route files and nouns need at hand.
pub mod prelude {
    pub use deserr::Deserr;
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
    pub use shared_macros::{answer, input, row};
    pub use uuid::Uuid;

    pub use crate::ai::Ai;
    pub use crate::auth::{OwnSignIn, User};
    pub use crate::caller::{Admin, Coach, Educator, Operator, Role, Student, Teacher};
    pub use crate::client::Client;
    pub use crate::database::{AccountsDb, Db, FromRow, JobsDb, OnConstraint, OwnerDb, Row, Tx};
    pub use crate::error::{
        Result, conflict, forbidden, internal, invalid_field, not_found, proof_required, unauthorized,
        unavailable, unprocessable,
    };
    pub use crate::idempotency::Idempotency;
    pub use crate::input::{Json, Path, Problems, Query};
    pub use crate::page::{Page, Paged, Paging};
    pub use crate::reply::{Accepted, Created, Kept, NoContent, Redirect, WithCookies};
    pub use crate::serve::{Event, delete, get, job, patch, post, put, serve};
    pub use crate::text_enum;
    pub use crate::value::{Change, Day, Flag, Int, List, Name, Text, Time, ZoneName};
}
