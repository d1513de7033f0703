//! Mails: what the outbox's topic `mail` asks for, in words, in HTML, and on its way.
//!
//! Every mail here answers something that its receiver did with their own account, so none carries `List-Unsubscribe`:
//! that header is for mail to lists (RFC 2369), and nobody may opt out of a link that they asked for or of being told
//! that their password changed. A newsletter would need it, with one click (RFC 8058).

mod chinese;
mod composition;
mod english;
mod german;
mod layout;
mod request;
mod settings;
mod transport;
mod words;

use shared::outbox::{Claimed, Failure};

pub use request::{On, Request, Template};
pub use settings::{mailer, start};

/// The outbox's topic.
pub const TOPIC: &str = "mail";

/// Sends mails the way the settings say.
pub struct Mailer {
    from: lettre::message::Mailbox,
    transport: transport::Transport,
}

impl Mailer {
    /// Composes a message's mail and hands it over. The same message gives the same Message-ID, however often it is sent.
    pub async fn deliver(&self, message: &Claimed) -> Result<(), Failure> {
        let request = Request::read(&message.payload)?;
        let mail = composition::compose(&self.from, &message.dedup_key, &request)?;
        self.transport.send(&message.dedup_key, &mail).await
    }
}
