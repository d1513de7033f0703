//! Links in mails: who opens one has the mailbox.
//!
//! The token stands in the link's fragment, which browsers send to nobody: neither the page's server nor another site that the
//! page leads to gets to know it.

use std::time::Duration;

use shared::limit::{Limits, Rule};
use shared::opaque_token::OpaqueToken;
use shared::outbox::{self, Message};
use shared::prelude::*;
use shared::settings;

use crate::email::Email;
use crate::mailbox;

text_enum! {
    /// What a link is for.
    pub enum Purpose {
        /// To show that the address is the person's.
        VerifyEmail = "verify_email",
        /// To choose another password.
        ResetPassword = "reset_password",
        /// To show that a new address is the person's.
        ChangeEmail = "change_email",
    }
}

/// Whom a link was for.
#[derive(FromRow)]
pub struct Opened {
    /// The person.
    pub user_id: Uuid,
    /// The address that the mail went to.
    pub email: String,
    /// Whether the address is the person's, and proven: the link has nothing left to do.
    pub is_proven: bool,
}

/// That a mail was sent, or would have been.
#[answer]
pub struct MailSent {
    /// One English sentence.
    message: &'static str,
}

/// The token of a link, as a page hands it on.
#[input]
pub struct LinkToken {
    /// The link's `token`.
    pub token: Text<1, 256>,
}

impl MailSent {
    /// With the sentence that the caller reads.
    pub fn new(message: &'static str) -> MailSent {
        MailSent { message }
    }
}

impl Opened {
    /// The address as a value; what the database holds is one.
    pub fn address(&self) -> Result<Email> {
        Email::parse(&self.email).map_err(internal)
    }
}

impl Purpose {
    /// How long the link works, in seconds.
    fn lifetime(self) -> i64 {
        match self {
            Purpose::VerifyEmail => 3 * 24 * 3600,
            Purpose::ResetPassword => 3600,
            Purpose::ChangeEmail => 24 * 3600,
        }
    }

    /// The page that the link opens.
    fn page(self) -> &'static str {
        match self {
            Purpose::VerifyEmail => "verify-email",
            Purpose::ResetPassword => "reset-password",
            Purpose::ChangeEmail => "confirm-email",
        }
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// 429 after a person has asked for 5 links in an hour.
pub async fn limit(db: &Db, limits: &Limits, user: &User) -> Result<()> {
    limits.take(db, &[by_person(user)]).await
}

/// As [`limit`], for an address that need not be the person's: also 429 after 10 links an hour to it, whoever asks. Its
/// owner may not want them.
pub async fn limit_to(db: &Db, limits: &Limits, user: &User, address: &Email) -> Result<()> {
    let mailbox = Rule { name: "mail:address", key: address.as_str().to_owned(), max: 10, window: HOUR };
    limits.take(db, &[by_person(user), mailbox]).await
}

fn by_person(user: &User) -> Rule {
    Rule { name: "mail:person", key: user.id.to_string(), max: 5, window: HOUR }
}

/// Mails the person a new link that proves their address, and says who registered it: its reader may be somebody else. Must be
/// a transaction of the service.
pub async fn send_verification(tx: &Tx, user_id: Uuid, email: &Email, locale: &str) -> Result<()> {
    let mailbox::Registrant { registered_at, program } = mailbox::registrant(tx, user_id).await?;
    let more = serde_json::json!({ "registered_at": registered_at, "program": program });
    send(tx, user_id, Purpose::VerifyEmail, email, locale, more).await
}

/// Mails the person a new link to choose a password. `starts_anew` says that the address was never proven, so that whoever
/// follows the link begins with an empty account. Must be a transaction of the service.
pub async fn send_reset(
    tx: &Tx,
    user_id: Uuid,
    email: &Email,
    locale: &str,
    starts_anew: bool,
) -> Result<()> {
    let more = serde_json::json!({ "starts_anew": starts_anew });
    send(tx, user_id, Purpose::ResetPassword, email, locale, more).await
}

/// Mails the new address of a person a link that confirms it. Must be a transaction of the service.
pub async fn send_change(tx: &Tx, user_id: Uuid, email: &Email, locale: &str) -> Result<()> {
    let more = serde_json::json!({ "new_email": email });
    send(tx, user_id, Purpose::ChangeEmail, email, locale, more).await
}

/// A new link; an older one for the same purpose ends. Where the address has had enough mails,
/// neither happens. `more` are the members that its mail has beside those of every mail.
async fn send(
    tx: &Tx,
    user_id: Uuid,
    purpose: Purpose,
    email: &Email,
    locale: &str,
    more: serde_json::Value,
) -> Result<()> {
    let token = OpaqueToken::generate()?;
    let mut payload = more;
    payload["template"] = purpose.as_str().into();
    payload["to"] = email.as_str().into();
    payload["locale"] = locale.into();
    payload["link"] = format!("{}/{}#token={}", settings::app_url(), purpose.page(), token.reveal()).into();
    let dedup_key = format!("{}:{}", purpose.as_str(), Uuid::now_v7());
    let message = Message { topic: "mail", dedup_key: &dedup_key, user_id: Some(user_id), payload };
    // In this order: the link counts only if its mail was let into the outbox.
    tokio::try_join!(
        biased;
        outbox::enqueue(tx, &message),
        insert(tx, user_id, purpose, email, &token, &dedup_key),
    )?;
    Ok(())
}

/// Mails the person that something about their account has changed; the outbox holds it back from an address of theirs that
/// nobody has proven. Must be a transaction of the service.
pub async fn send_notice(tx: &Tx, user_id: Uuid, template: &str, to: &str, locale: &str) -> Result<()> {
    let payload = serde_json::json!({ "template": template, "to": to, "locale": locale });
    let dedup_key = format!("{template}:{}", Uuid::now_v7());
    outbox::enqueue(tx, &Message { topic: "mail", dedup_key: &dedup_key, user_id: Some(user_id), payload })
        .await
}

async fn insert(
    tx: &Tx,
    user_id: Uuid,
    purpose: Purpose,
    email: &Email,
    token: &OpaqueToken,
    mail: &str,
) -> Result<()> {
    tx.execute(
        "with mail as (
             select id from platform.outbox where dedup_key = $6
         ),
         older as (
             delete from identity.mail_tokens
             where user_id = $2 and purpose = $3 and exists (select from mail)
         )
         insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
         select $1, $2, $3, $4, now() + $5 * interval '1 second' from mail",
        &[&token.hash(), &user_id, &purpose, email, &purpose.lifetime(), &mail],
    )
    .await?;
    Ok(())
}

/// Whom a link is for, as long as it works; 400 otherwise. One that was used works on for nothing but to say that the address
/// is proven. Except for a change, the address must still be the person's; a deactivated one's links do not work.
pub async fn look(tx: &Tx, purpose: Purpose, token: &Text<1, 256>) -> Result<Opened> {
    let Some(token) = OpaqueToken::parse(token.as_str()) else { return Err(refused()) };
    let found: Option<Opened> = tx
        .find(
            "select t.user_id, t.email, e.verified_at is not null as is_proven
             from identity.mail_tokens t
             left join identity.emails e on e.user_id = t.user_id and e.email = t.email
             where token_hash = $1 and purpose = $2 and expires_at > now()
               and not exists (select from identity.users u where u.id = t.user_id and u.deactivated_at is not null)
               and (used_at is null and (purpose = 'change_email' or e.email is not null)
                    or used_at is not null and purpose <> 'reset_password' and e.verified_at is not null)",
            &[&token.hash(), &purpose],
        )
        .await?;
    found.ok_or_else(refused)
}

/// As [`look`], and the link is used up once the transaction commits: `None` for one that was. Of two at once, one gets it.
/// Lock the person's mailbox before, as everybody does who changes both.
pub async fn take(tx: &Tx, purpose: Purpose, token: &Text<1, 256>) -> Result<Option<Opened>> {
    let Some(token) = OpaqueToken::parse(token.as_str()) else { return Ok(None) };
    tx.find(
        "update identity.mail_tokens t set used_at = now()
         where token_hash = $1 and purpose = $2 and expires_at > now() and used_at is null
           and not exists (select from identity.users u where u.id = t.user_id and u.deactivated_at is not null)
           and (purpose = 'change_email'
                or exists (select from identity.emails e where e.user_id = t.user_id and e.email = t.email))
         returning user_id, email, false as is_proven",
        &[&token.hash(), &purpose],
    )
    .await
}

/// Ends the links that change an account, when its password changes: whoever knew the old one may have asked for them.
pub async fn end_all(tx: &Tx, user_id: Uuid) -> Result<()> {
    let sql = "delete from identity.mail_tokens
               where user_id = $1 and purpose in ('change_email', 'reset_password')";
    tx.execute(sql, &[&user_id]).await?;
    Ok(())
}

/// One sentence for a link that never was, is used up, replaced or too old.
#[track_caller]
pub fn refused() -> shared::error::Error {
    invalid_field("/token", "token", "The link is not valid or has expired").by_rule("mail_link")
}
