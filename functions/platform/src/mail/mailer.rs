//! From a message of the outbox to a mail on its way.

use std::sync::Arc;

use lettre::message::Mailbox;
use shared::outbox::{Claimed, Failure};
use tokio::sync::Mutex;

use super::composition;
use super::request::Request;
use super::transport::Transport;

/// The mailer of the settings, kept for the sandbox's life, because reading a secret costs a call.
pub(super) static KEPT: Mutex<Option<Arc<Mailer>>> = Mutex::const_new(None);

/// Sends mails the way the settings say.
pub struct Mailer {
    pub(super) from: Mailbox,
    pub(super) transport: Transport,
}

impl Mailer {
    /// Composes a message's mail and hands it over. The same message gives the same Message-ID, however often it is sent.
    pub async fn deliver(&self, message: &Claimed) -> Result<(), Failure> {
        let request = Request::read(&message.payload)?;
        let mail = composition::compose(&self.from, &message.dedup_key, &request)?;
        let sent = self.transport.send(&message.dedup_key, &mail).await;
        if sent.as_ref().is_err_and(|undelivered| undelivered.is_sign_in) {
            // The secret is read again next time: its password may have been rotated.
            *KEPT.lock().await = None;
        }
        sent.map_err(|undelivered| undelivered.failure)
    }
}
