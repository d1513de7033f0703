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
mod mailer;
mod request;
mod settings;
mod transport;
mod words;

pub use mailer::Mailer;
pub use request::{On, Request, Template};
pub use settings::{mailer, start};

/// The outbox's topic.
pub const TOPIC: &str = "mail";
