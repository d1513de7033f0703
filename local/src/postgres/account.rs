//! The operating-system account that PostgreSQL runs under, and folders that it can reach.
//!
//! PostgreSQL refuses to run as root. Started by root (containers, CI) it runs as `nobody`; every
//! folder on the way to its programs and data must then be open to that account, and a home such as
//! `/root` is not: in that case both live below `/var/tmp`.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::problem::problem;

/// The ids of the unprivileged account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `nobody` when this process is root, else nothing: then PostgreSQL runs as the person who started it.
    pub(super) fn needed() -> Result<Option<Self>> {
        // The owner of a file made by this process tells its user id without a system call that needs `unsafe`.
        if !is_root()? {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        nobody(&passwd).map(Some).ok_or_else(|| {
            problem(
                "PostgreSQL refuses to run as root and there is no account `nobody` to run it as",
                "run as an ordinary user, or set DATABASE_URL",
            )
        })
    }

    /// Makes `command` run under this account.
    pub(super) fn apply(self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        command.uid(self.uid).gid(self.gid);
    }

    /// Hands `path` to this account.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot hand {} to the account nobody", path.display()))
    }
}

/// `folder` itself if `account` can reach it, else a folder under `/var/tmp` that stands for it.
pub(super) fn reachable(folder: &Path, account: Option<Account>) -> Result<PathBuf> {
    let Some(_) = account else { return Ok(folder.to_owned()) };
    let closed = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o001 == 0);
    if !folder.ancestors().any(closed) {
        return Ok(folder.to_owned());
    }
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let stand_in = Path::new("/var/tmp").join(format!("praxis-{name}"));
    match fs::create_dir(&stand_in) {
        Ok(()) => fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755))?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot create {}", stand_in.display())),
    }
    // Anybody may create names under /var/tmp: programs are only run from a folder that root made.
    let meta = fs::symlink_metadata(&stand_in)?;
    if !meta.is_dir() || meta.uid() != 0 {
        return Err(problem(
            format!("{} belongs to somebody else", stand_in.display()),
            "remove it, or move the project to a folder that every account can enter",
        ));
    }
    Ok(stand_in)
}

fn is_root() -> Result<bool> {
    let probe = std::env::temp_dir().join(format!("praxis-{}", uuid::Uuid::new_v4()));
    let file = fs::File::create_new(&probe).with_context(|| format!("cannot create {}", probe.display()))?;
    let owner = file.metadata()?.uid();
    fs::remove_file(&probe)?;
    Ok(owner == 0)
}

fn nobody(passwd: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (name == "nobody").then_some(())?;
        Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/sbin/nologin\n";
        assert_eq!(nobody(passwd), Some(Account { uid: 65534, gid: 65533 }));
        assert_eq!(nobody("root:x:0:0::/:/bin/sh"), None);
    }

    #[test]
    fn a_closed_parent_sends_the_folder_to_var_tmp() {
        let parent = std::env::temp_dir().join(format!("praxis-test-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&parent).unwrap();
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o700)).unwrap();
        let inside = parent.join("target");
        assert_eq!(reachable(&inside, None).unwrap(), inside);
        if let Some(account) = Account::needed().unwrap() {
            let stand_in = reachable(&inside, Some(account)).unwrap();
            assert!(stand_in.starts_with("/var/tmp"), "{}", stand_in.display());
            assert_eq!(reachable(&inside, Some(account)).unwrap(), stand_in, "the same on the next start");
            fs::remove_dir(stand_in).unwrap();
        }
        fs::remove_dir(parent).unwrap();
    }
}
