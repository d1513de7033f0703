//! Mails in tests: delivering what is due, and reading what was sent.

use std::path::{Path, PathBuf};

use super::Stack;
pub use crate::mails::Mail;
use crate::{mails, queue};

/// A folder for the mails of one stack, deleted with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        // The function makes it with its first mail.
        Self(std::env::temp_dir().join(format!("praxis-mails-{}", uuid::Uuid::new_v4())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stack {
    /// Sends the mails that are due, as the queue would have it done.
    ///
    /// # Panics
    /// When the function fails.
    pub async fn deliver_mail(&self) {
        let event =
            serde_json::from_slice(&queue::message("arn:aws:sqs:local:mail")).expect("an event that is JSON");
        let answer = self.invoke("send-mail", event).await;
        assert_eq!(answer, serde_json::json!({"batchItemFailures": []}));
    }

    /// The mails that were sent so far, newest first: those of `MAIL_DIRECTORY`, where a stack's mails go unless the
    /// test gives it a `MAIL_URL`.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn mails(&self) -> Vec<Mail> {
        mails::read(Path::new(&self.environment()["MAIL_DIRECTORY"])).expect("the folder of mails")
    }
}
