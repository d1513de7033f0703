//! `cargo local keys`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use local::keys::{self, KeySet, Role};

use super::{Keys, print};

pub(super) fn run(action: Option<Keys>, file: Option<PathBuf>) -> Result<()> {
    let file = file.unwrap_or_else(keys::path);
    keys::keep(&file)?;
    match action {
        None => list(&file, &KeySet::read(&file)?),
        Some(Keys::Rotate) => list(&file, &keys::rotate(&file)?),
        Some(Keys::Public) => print(&serde_json::to_string_pretty(&KeySet::read(&file)?.public())?),
    }
    Ok(())
}

fn list(file: &Path, set: &KeySet) {
    print(&file.display().to_string());
    for (key, role) in set.roles() {
        let from = jiff::Timestamp::from_second(key.nbf).map(|time| time.to_string()).unwrap_or_default();
        let role = match role {
            Role::Next => "signs from then on",
            Role::Signing => "signs",
            Role::Verifying => "verifies what it has signed",
        };
        print(&format!("{}  {from}  {role}", key.kid));
    }
}
