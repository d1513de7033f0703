//! How a cluster is created and started: what stays the same over its starts and stops.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{
    account::Account,
    files::{Secrets, remove, write_private},
    server::{self, Server, Settings},
};
use crate::problem::problem;

/// What stays the same over starts and stops.
pub(super) struct Plan {
    pub(super) programs: PathBuf,
    pub(super) account: Option<Account>,
    pub(super) home: PathBuf,
    pub(super) kind: Kind,
    pub(super) secrets: Secrets,
    /// Held for as long as a temporary cluster is in use, so that a sweep tells a dead one from a live one.
    pub(super) _lock: Option<File>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Data are safe on disk and stay.
    Development,
    /// Gone when the server stops.
    Temporary,
    /// Survives a stop, so that a test can start it again; gone when the value is dropped.
    Restartable,
}

impl Plan {
    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Creates the cluster if there is none, and starts it on its port of last time or a free one. Blocks.
    pub(super) fn boot(&self) -> Result<(u16, Server)> {
        match fs::read_to_string(self.data().join("PG_VERSION")) {
            Ok(version) if version.trim() != "18" => {
                return Err(problem(
                    format!("{} was made by PostgreSQL {}", self.data().display(), version.trim()),
                    "start empty with `cargo local --fresh`",
                ));
            }
            Ok(_) => {}
            Err(_) => self.initialise()?,
        }
        let (programs, home) = (self.programs.as_path(), self.home.as_path());
        let settings = Settings {
            programs,
            account: self.account,
            home,
            durable: self.kind == Kind::Development,
            scratch: self.kind == Kind::Temporary,
        };
        let remembered = home.join("port");
        let last: Option<u16> =
            fs::read_to_string(&remembered).ok().and_then(|port| port.trim().parse().ok());
        let mut attempts = 0;
        loop {
            let port = match last {
                Some(port) if attempts == 0 && server::is_free(port) => port,
                _ => server::free_port()?,
            };
            match Server::start(&settings, port) {
                Ok(server) => {
                    fs::write(&remembered, format!("{port}\n"))?;
                    return Ok((port, server));
                }
                // Between choosing the port and listening on it somebody else may have taken it.
                Err(_) if attempts < 3 && !server::is_free(port) => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs `initdb` beside the final place and moves the finished cluster there: a kill leaves no half of one.
    fn initialise(&self) -> Result<()> {
        let (unfinished, password_file) = (self.home.join("data.new"), self.home.join("password.new"));
        remove(&unfinished)?;
        remove(&password_file)?;
        write_private(&password_file, &self.secrets.superuser)?;
        if let Some(account) = self.account {
            account.own(&password_file)?;
        }
        let mut command = Command::new(self.programs.join("initdb"));
        command.arg("--pgdata").arg(&unfinished).arg("--pwfile").arg(&password_file);
        command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]);
        // The provider inside PostgreSQL sorts alike on every system and knows upper case beyond ASCII.
        command.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]);
        if self.kind != Kind::Development {
            command.arg("--no-sync");
        }
        command.current_dir("/").stdin(Stdio::null());
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        let output = command.output().context("cannot run initdb")?;
        remove(&password_file)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("initdb failed: {}", said.trim().replace('\n', "; "));
        }
        fs::rename(&unfinished, self.data())?;
        Ok(())
    }
}
