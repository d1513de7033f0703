//! The settings of mail: `MAIL_URL` or `MAIL_SECRET_ARN` (a mail server's URL), else `MAIL_DIRECTORY`; `MAIL_FROM`.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use lettre::message::Mailbox;
use shared::error::{Result, internal};
use shared::secrets;
use shared::settings::{Environment, SettingError, find};

use super::mailer::{KEPT, Mailer};
use super::transport::Transport;

static SETTINGS: OnceLock<(Mailbox, Source)> = OnceLock::new();

enum Source {
    Url(String),
    Secret(String),
    Directory(PathBuf),
}

/// Reads the settings; one that is missing or wrong is named.
pub fn start() -> Result<(), SettingError> {
    let settings = (sender()?, source()?);
    SETTINGS.get_or_init(|| settings);
    Ok(())
}

/// The mailer that the settings describe.
pub async fn mailer() -> Result<Arc<Mailer>> {
    let mut kept = KEPT.lock().await;
    if let Some(mailer) = &*kept {
        return Ok(mailer.clone());
    }
    let (from, source) = SETTINGS.get().ok_or_else(|| internal("the mail settings were not read"))?;
    let transport = match source {
        Source::Url(url) => smtp(url, "MAIL_URL").map_err(internal)?,
        Source::Secret(arn) => {
            smtp(secrets::get(arn).await?.trim(), "the secret of MAIL_SECRET_ARN").map_err(internal)?
        }
        Source::Directory(folder) => Transport::Directory(folder.clone()),
    };
    let mailer = Arc::new(Mailer { from: from.clone(), transport });
    *kept = Some(mailer.clone());
    Ok(mailer)
}

fn sender() -> Result<Mailbox, SettingError> {
    let text = match find("MAIL_FROM") {
        Some(text) => text,
        None if Environment::current() == Environment::Production => {
            return Err("MAIL_FROM must be set".to_owned());
        }
        None => "Praxis <no-reply@praxis.example>".to_owned(),
    };
    text.parse().map_err(|_| "MAIL_FROM must be an address like Praxis <no-reply@example.com>".to_owned())
}

fn source() -> Result<Source, SettingError> {
    match (find("MAIL_URL"), find("MAIL_SECRET_ARN"), find("MAIL_DIRECTORY")) {
        (Some(url), _, _) => {
            smtp(&url, "MAIL_URL")?;
            Ok(Source::Url(url))
        }
        (None, Some(arn), _) => Ok(Source::Secret(arn)),
        (None, None, Some(folder)) => Ok(Source::Directory(folder.into())),
        (None, None, None) => {
            Err("MAIL_URL or MAIL_SECRET_ARN must be set (or, in development, MAIL_DIRECTORY)".to_owned())
        }
    }
}

/// The parser's own message could repeat the password.
fn smtp(url: &str, name: &str) -> Result<Transport, SettingError> {
    let is_open = url.starts_with("smtp://") && !url.contains("tls=required");
    if is_open && Environment::current() == Environment::Production {
        return Err(format!(
            "{name} must be smtps://…, or smtp://…?tls=required: links in mails are secrets"
        ));
    }
    Transport::smtp(url).map_err(|_| format!("{name} must be a URL like smtps://user:password@host:465"))
}
