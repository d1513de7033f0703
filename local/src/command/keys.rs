//! `cargo local keys`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use local::{
    keys::{self, KeySet, Role},
    problem::problem,
};
use signing_keys::store::Store;

use super::{Keys, print};

pub(super) async fn run(action: Option<Keys>, file: Option<PathBuf>) -> Result<()> {
    match action {
        Some(Keys::Push { secret, jwks_secret }) => push(&named(file)?, &secret, &jwks_secret).await,
        Some(Keys::Pull { secret }) => pull(&named(file)?, &secret).await,
        None => list(&kept(file)?),
        Some(Keys::Rotate) => {
            let file = kept(file)?;
            keys::rotate(&file)?;
            list(&file)
        }
        Some(Keys::Public) => {
            print(&serde_json::to_string_pretty(&keys::read(&kept(file)?)?.public())?);
            Ok(())
        }
    }
}

/// The file, with a first key if there was none.
fn kept(file: Option<PathBuf>) -> Result<PathBuf> {
    let file = file.unwrap_or_else(keys::path);
    keys::keep(&file)?;
    Ok(file)
}

/// The keys of a deployment do not lie where `cargo local` has its own.
fn named(file: Option<PathBuf>) -> Result<PathBuf> {
    file.ok_or_else(|| problem("the file of the deployment's keys is not named", "add --file <path>"))
}

/// Stores the file's keys, made if there are none, and prints the ARNs as a deployment's parameters.
async fn push(file: &Path, secret: &str, jwks_secret: &str) -> Result<()> {
    keys::keep(file)?;
    let set = keys::read(file)?;
    let store = Store::open().await;
    if let Some(stored) = stored(&store, secret).await? {
        let lost = set.lacks(&stored);
        if !lost.is_empty() {
            return Err(problem(
                format!("the secret has keys that {} lacks: {}", file.display(), lost.join(", ")),
                "what they signed would not verify any more: get them with `cargo local keys pull`",
            ));
        }
    }
    // The public ones first: nobody meets a token whose key is unknown.
    let public = serde_json::to_string_pretty(&set.public())?;
    let jwks_arn = store.put(jwks_secret, public).await.map_err(refused)?;
    let arn = store.put(secret, set.text().map_err(keys::plain)?).await.map_err(refused)?;
    print(&format!("AuthJwksSecretArn={jwks_arn}\nAuthKeysSecretArn={arn}"));
    Ok(())
}

async fn pull(file: &Path, secret: &str) -> Result<()> {
    let store = Store::open().await;
    let Some(set) = stored(&store, secret).await? else {
        return Err(problem(
            format!("there is no secret {secret} with a text"),
            "`cargo local keys push` makes it",
        ));
    };
    if file.exists() {
        let lost = set.lacks(&keys::read(file)?).join(", ");
        if !lost.is_empty() {
            let message = format!("{} has keys that the secret lacks: {lost}", file.display());
            return Err(problem(message, "move the file away"));
        }
    }
    keys::write(&set, file)?;
    list(file)
}

/// The keys that the secret holds, if it holds anything.
async fn stored(store: &Store, secret: &str) -> Result<Option<KeySet>> {
    let Some(version) = store.current(secret).await.map_err(refused)? else { return Ok(None) };
    let set = KeySet::parse(&version.text);
    set.map(Some).map_err(|_| {
        problem(format!("the secret {secret} holds something else than signing keys"), "name another one")
    })
}

fn refused(error: shared::error::Error) -> anyhow::Error {
    problem(
        format!("{:#}", keys::plain(error)),
        "region and credentials are those of the AWS CLI (AWS_REGION, AWS_PROFILE); after `aws sso login`: \
         eval \"$(aws configure export-credentials --format env)\"",
    )
}

fn list(file: &Path) -> Result<()> {
    let set = keys::read(file)?;
    print(&file.display().to_string());
    for (key, role) in set.roles(jiff::Timestamp::now()) {
        let from = jiff::Timestamp::from_second(key.nbf).map(|time| time.to_string()).unwrap_or_default();
        let role = match role {
            Role::Next => "signs from then on",
            Role::Signing => "signs",
            Role::Verifying => "verifies what it has signed",
        };
        print(&format!("{}  {from}  {role}", key.kid));
    }
    Ok(())
}
