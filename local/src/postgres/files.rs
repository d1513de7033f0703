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

/// The passwords of the two roles.
pub(super) struct Secrets {
    pub(super) superuser: String,
    pub(super) praxis: String,
}

impl Secrets {
    /// Reads the two passwords of a cluster, or makes and keeps them in a file that only its owner can read.
    pub(super) fn keep(path: &Path) -> Result<Self> {
        if let Ok(text) = fs::read_to_string(path)
            && let Some((superuser, praxis)) = text.trim().split_once('\n')
        {
            return Ok(Self { superuser: superuser.to_owned(), praxis: praxis.to_owned() });
        }
        let made = Self { superuser: password(), praxis: password() };
        remove(path)?;
        write_private(path, &format!("{}\n{}\n", made.superuser, made.praxis))?;
        Ok(made)
    }
}

/// 122 random bits; hexadecimal digits need no quoting in SQL or in an address.
pub(super) fn password() -> String {
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
