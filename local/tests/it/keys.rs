//! `cargo local keys push` and `pull`, against a real server of Secrets Manager's API.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use local::{keys, testkit::SecretsManager};
use serde_json::Value;

const PRIVATE: &str = "praxis/auth-keys";
const PUBLIC: &str = "praxis/auth-jwks";

/// A folder of one test, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("praxis-keys-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        Folder(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `cargo local keys …` with these credentials.
async fn keys_command(access: &[(&'static str, String)], arguments: &[&str], file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.arg("keys").args(arguments).arg("--file").arg(file).envs(access.iter().cloned());
    command.env_remove("AWS_PROFILE");
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program runs")
}

async fn push(access: &[(&'static str, String)], file: &Path) -> Output {
    keys_command(access, &["push", "--secret", PRIVATE, "--jwks-secret", PUBLIC], file).await
}

async fn pull(access: &[(&'static str, String)], file: &Path) -> Output {
    keys_command(access, &["pull", "--secret", PRIVATE], file).await
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn the_first_secrets_are_made_and_come_back() {
    let (manager, folder) = (SecretsManager::start().await, Folder::new());
    let (access, file) = (manager.environment(), folder.file("keys.json"));
    let pushed = push(&access, &file).await;
    assert!(pushed.status.success(), "{}", said(&pushed));
    let printed = String::from_utf8_lossy(&pushed.stdout).into_owned();
    let arn =
        |line: &str| line.split_once("=arn:aws:secretsmanager:eu-central-1:").expect("an ARN").0.to_owned();
    assert_eq!(printed.lines().map(arn).collect::<Vec<_>>(), ["AuthJwksSecretArn", "AuthKeysSecretArn"]);

    let set = keys::read(&file).expect("the file");
    let text = manager.text(PRIVATE, "AWSCURRENT").await.expect("the private keys");
    assert_eq!(text, set.text().expect("a text"));
    let public = manager.text(PUBLIC, "AWSCURRENT").await.expect("the public keys");
    assert_eq!(serde_json::from_str::<Value>(&public).expect("JSON"), set.public());

    let copy = folder.file("copy.json");
    let pulled = pull(&access, &copy).await;
    assert!(pulled.status.success(), "{}", said(&pulled));
    assert_eq!(keys::read(&copy).expect("the copy").text().expect("a text"), text);

    // A key more, in the file, then in the secrets, then in the other file.
    keys::rotate(&copy).expect("a rotation");
    assert!(push(&access, &copy).await.status.success());
    assert!(pull(&access, &file).await.status.success());
    assert_eq!(keys::read(&file).expect("the file").roles(jiff::Timestamp::now()).len(), 2);
}

#[tokio::test]
async fn no_key_is_lost_in_either_direction() {
    let (manager, folder) = (SecretsManager::start().await, Folder::new());
    let (access, file, other) = (manager.environment(), folder.file("keys.json"), folder.file("other.json"));
    let missing = pull(&access, &file).await;
    assert!(!missing.status.success() && said(&missing).contains("there is no secret praxis/auth-keys"));
    assert!(!file.exists());

    assert!(push(&access, &file).await.status.success());
    let before = manager.text(PRIVATE, "AWSCURRENT").await;
    let refused = push(&access, &other).await;
    assert!(
        !refused.status.success() && said(&refused).contains("the secret has keys that"),
        "{}",
        said(&refused)
    );
    assert_eq!(manager.text(PRIVATE, "AWSCURRENT").await, before);
    let refused = pull(&access, &other).await;
    assert!(!refused.status.success() && said(&refused).contains("has keys that the secret lacks"));

    manager.put(PRIVATE, "hunter2").await;
    for refused in [push(&access, &file).await, pull(&access, &file).await] {
        let said = said(&refused);
        assert!(said.contains("something else than signing keys") && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn the_public_keys_are_stored_first() {
    let (manager, folder) = (SecretsManager::start().await, Folder::new());
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nothing-AbCdEf";
    let arguments = ["push", "--secret", PRIVATE, "--jwks-secret", arn];
    let refused = keys_command(&manager.environment(), &arguments, &folder.file("keys.json")).await;
    assert!(said(&refused).contains("ResourceNotFoundException"), "{}", said(&refused));
    assert_eq!(manager.text(PRIVATE, "AWSCURRENT").await, None);
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let (manager, folder) = (SecretsManager::start().await, Folder::new());
    let access = manager.user_without_rights().await;
    let refused = push(&access, &folder.file("keys.json")).await;
    let text = said(&refused);
    assert!(!refused.status.success() && text.contains("AccessDenied"), "{text}");
    assert!(text.contains("help: region and credentials are those of the AWS CLI"), "{text}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["keys", "push", "--secret", PRIVATE, "--jwks-secret", PUBLIC]);
    let output = command.output().expect("the program runs");
    assert!(said(&output).contains("add --file <path>"), "{}", said(&output));
}
