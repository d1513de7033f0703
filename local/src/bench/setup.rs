//! What every measurement needs.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};

use super::{
    budgets::Budgets,
    database::{Database, Server},
    function::Function,
    provider::Provider,
};
use crate::template::Template;

/// What they all take.
pub(super) struct Setup {
    pub(super) template: Arc<Template>,
    pub(super) functions: Vec<Function>,
    pub(super) binaries: PathBuf,
    pub(super) budgets: Budgets,
    pub(super) server: Server,
    pub(super) provider: Provider,
}

impl Setup {
    /// Where the server of a database listens.
    pub(super) fn server_address(&self, database: &Database) -> Result<SocketAddr> {
        let (_, place) = database.url.rsplit_once('@').context("an address without a user")?;
        let (place, _) = place.split_once('/').context("an address without a database")?;
        Ok(place.parse()?)
    }
}
