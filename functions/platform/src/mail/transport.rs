//! Where mails go: to a mail server, or into a directory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use shared::outbox::Failure;
use shared::prelude::Uuid;

/// How long the server may take for one command, and for a whole mail.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
const MAIL_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) enum Transport {
    /// Boxed: it is much larger than the other.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    /// For development: each mail is a file.
    Directory(PathBuf),
}

/// A mail that did not leave.
pub(super) struct Undelivered {
    pub(super) failure: Failure,
    /// Whether the server refused or demanded a sign-in: our settings are wrong, the mail is not.
    pub(super) is_sign_in: bool,
}

impl From<Failure> for Undelivered {
    fn from(failure: Failure) -> Undelivered {
        Undelivered { failure, is_sign_in: false }
    }
}

impl Transport {
    /// By an address like `smtps://user:password@host:465` or `smtp://user:password@host:587?tls=required`.
    pub(super) fn smtp(url: &str) -> Result<Transport, smtp::Error> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?;
        Ok(Transport::Smtp(Box::new(builder.timeout(Some(COMMAND_TIMEOUT)).build())))
    }

    /// Hands the mail over. Whether it arrived is unknown after a timeout and after a connection that broke: then it is
    /// sent again.
    pub(super) async fn send(&self, dedup_key: &str, mail: &Message) -> Result<(), Undelivered> {
        match self {
            Transport::Smtp(server) => {
                match tokio::time::timeout(MAIL_TIMEOUT, server.send(mail.clone())).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(undelivered(&error)),
                    Err(_) => Err(Failure::Passing("the mail server took too long".to_owned()).into()),
                }
            }
            Transport::Directory(folder) => write(folder, dedup_key, &mail.formatted())
                .map_err(|error| Failure::Passing(format!("MAIL_DIRECTORY: {}", error.kind())).into()),
        }
    }
}

/// The server's code says whether to try again (RFC 5321, section 4.2.1); its words could repeat the address.
fn undelivered(error: &smtp::Error) -> Undelivered {
    let failure = match error.status().map(u16::from) {
        // Sign-in refused or demanded (RFC 4954, section 6).
        Some(code @ (454 | 530 | 534 | 535 | 538)) => {
            let failure = Failure::Passing(format!("the mail server refused the sign-in: {code}"));
            return Undelivered { failure, is_sign_in: true };
        }
        Some(code) if error.is_permanent() => {
            Failure::Permanent(format!("the mail server refused the mail: {code}"))
        }
        Some(code) => Failure::Passing(format!("the mail server put the mail off: {code}")),
        None if error.is_timeout() => Failure::Passing("the mail server took too long".to_owned()),
        None if error.is_tls() => Failure::Passing("TLS with the mail server failed".to_owned()),
        None => Failure::Passing("the connection to the mail server failed".to_owned()),
    };
    failure.into()
}

/// One file per message; a repeated delivery takes the place of the first. A reader never sees half a mail, and nobody but
/// its owner sees one at all: there are links in it.
fn write(folder: &Path, dedup_key: &str, mail: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        options.mode(0o600);
    }
    let unfinished = folder.join(format!(".{}.tmp", Uuid::new_v4()));
    options.open(&unfinished)?.write_all(mail)?;
    std::fs::rename(&unfinished, folder.join(format!("{dedup_key}.eml")))
}
