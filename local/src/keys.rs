//! The file of keys that sign access tokens, which only its owner reads. In AWS the same text is a secret.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use shared::error::Error;

pub use ::signing_keys::key_set::{KeySet, Role};

use crate::{problem::problem, project};

/// The file of `cargo local`.
pub fn path() -> PathBuf {
    project::state().join("auth-keys.json")
}

/// Makes the file with one key if there is none.
///
/// # Errors
/// When it cannot be written.
pub fn keep(path: &Path) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let set = KeySet::new(Timestamp::now()).map_err(plain)?;
    // Two starts at once: the first file that has its name stays, and both use that one.
    let new = write_beside(&set, path)?;
    let linked = fs::hard_link(&new, path);
    fs::remove_file(&new)?;
    match linked {
        Err(error) if !path.is_file() => {
            Err(error).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Reads the file.
///
/// # Errors
/// When there is none, or it holds something else.
pub fn read(path: &Path) -> Result<KeySet> {
    let text = fs::read_to_string(path).map_err(|error| {
        problem(format!("cannot read {}: {error}", path.display()), "`cargo local keys` makes it")
    })?;
    KeySet::parse(&text)
        .map_err(|_| problem(format!("{} is no set of signing keys", path.display()), "move it away"))
}

/// Writes the file, whatever it held before.
///
/// # Errors
/// When it cannot be written.
pub fn write(set: &KeySet, path: &Path) -> Result<()> {
    let new = write_beside(set, path)?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Adds a key that signs in ten minutes, and drops those that were replaced more than a day ago.
///
/// # Errors
/// When the file cannot be read or written.
pub fn rotate(path: &Path) -> Result<KeySet> {
    let mut set = read(path)?;
    set.rotate(Timestamp::now()).map_err(plain)?;
    write(&set, path)?;
    Ok(set)
}

/// Writes the set into a new private file in the folder of `path`.
fn write_beside(set: &KeySet, path: &Path) -> Result<PathBuf> {
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let new = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(set.text().map_err(plain)?.as_bytes())?;
    file.sync_all()?;
    Ok(new)
}

/// The cause of a function's error, which only the log sees there, for the terminal.
pub fn plain(error: Error) -> anyhow::Error {
    anyhow!(error.cause().unwrap_or_else(|| error.message().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_its_owners_and_stays() {
        let folder = std::env::temp_dir().join(format!("praxis-test-{}", uuid::Uuid::new_v4()));
        let path = folder.join("keys.json");
        keep(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = read(&path).unwrap().text().unwrap();
        keep(&path).unwrap();
        assert_eq!(read(&path).unwrap().text().unwrap(), first, "what is there stays");

        let set = rotate(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(set.roles(Timestamp::now()).len(), 2);
        assert_eq!(read(&path).unwrap().text().unwrap(), set.text().unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(folder).unwrap();
    }
}
