//! The files around a cluster: passwords, private folders, and what a dead test left behind.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};

use super::account::Account;

/// The passwords of the superuser, the owner, and the functions' logins.
pub(super) struct Secrets {
    pub(super) superuser: String,
    pub(super) praxis: String,
    pub(super) requests: String,
    pub(super) accounts: String,
    pub(super) jobs: String,
}

impl Secrets {
    /// New ones.
    pub(super) fn new() -> Self {
        Self::of(Vec::new())
    }

    /// Reads the passwords of a cluster, and makes and keeps those that are missing, in a file that only its owner can
    /// read.
    pub(super) fn keep(path: &Path) -> Result<Self> {
        let kept: Vec<String> =
            fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect();
        let is_whole = kept.len() == 5;
        let secrets = Self::of(kept);
        if !is_whole {
            let Self { superuser, praxis, requests, accounts, jobs } = &secrets;
            remove(path)?;
            write_private(path, &format!("{superuser}\n{praxis}\n{requests}\n{accounts}\n{jobs}\n"))?;
        }
        Ok(secrets)
    }

    fn of(kept: Vec<String>) -> Self {
        let mut kept = kept.into_iter();
        let mut next = || kept.next().unwrap_or_else(password);
        Self { superuser: next(), praxis: next(), requests: next(), accounts: next(), jobs: next() }
    }
}

/// 122 random bits; hexadecimal digits need no quoting in SQL or in an address.
fn password() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

pub(super) fn private_folder(path: &Path, account: Option<Account>) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    account.map_or(Ok(()), |account| account.own(path))
}

pub(super) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes what temporary clusters of machines that lost power left behind.
pub(super) fn sweep(clusters: &Path) {
    let hour = Duration::from_secs(3600);
    for entry in fs::read_dir(clusters).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|meta| meta.modified());
        let old = age.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > hour));
        let unused = File::open(entry.path().join("lock")).map_or(true, |lock| lock.try_lock().is_ok());
        if old && unused {
            // Somebody else may sweep at the same time.
            let _ = remove(&entry.path());
        }
    }
}
