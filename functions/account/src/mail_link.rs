//! Links in mails: who opens one has the mailbox.

use std::time::Duration;

use shared::limit::{Limits, Rule};
use shared::opaque_token::OpaqueToken;
use shared::outbox::{self, Message};
use shared::prelude::*;
use shared::settings;

use crate::email::Email;

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

/// Mails the person a new link to `email`; an older one for the same purpose ends. Where the address has had enough mails,
/// neither happens. Must be a transaction of the service.
pub async fn send(tx: &Tx, user_id: Uuid, purpose: Purpose, email: &Email, locale: &str) -> Result<()> {
    let token = OpaqueToken::generate()?;
    let link = format!("{}/{}?token={}", settings::app_url(), purpose.page(), token.reveal());
    let mut payload = serde_json::json!({
        "template": purpose.as_str(),
        "to": email,
        "locale": locale,
        "link": link,
    });
    if purpose == Purpose::ChangeEmail {
        payload["new_email"] = email.as_str().into();
    }
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

/// Whom a link is for, as long as it works; 400 otherwise. Except for a change, the address must still be the
/// person's; a deactivated one's links do not work.
pub async fn look(tx: &Tx, purpose: Purpose, token: &Text<1, 256>) -> Result<Opened> {
    let Some(token) = OpaqueToken::parse(token.as_str()) else { return Err(refused()) };
    let found = tx
        .find(
            "select user_id, email from identity.mail_tokens t
             where token_hash = $1 and purpose = $2 and expires_at > now()
               and not exists (select from identity.users u where u.id = t.user_id and u.deactivated_at is not null)
               and (purpose = 'change_email'
                    or exists (select from identity.emails e where e.user_id = t.user_id and e.email = t.email))",
            &[&token.hash(), &purpose],
        )
        .await?;
    found.ok_or_else(refused)
}

/// As [`look`], and the link works no more once the transaction commits. Of two at once, one gets it.
pub async fn take(tx: &Tx, purpose: Purpose, token: &Text<1, 256>) -> Result<Opened> {
    let Some(token) = OpaqueToken::parse(token.as_str()) else { return Err(refused()) };
    let found = tx
        .find(
            "delete from identity.mail_tokens t
             where token_hash = $1 and purpose = $2 and expires_at > now()
               and not exists (select from identity.users u where u.id = t.user_id and u.deactivated_at is not null)
               and (purpose = 'change_email'
                    or exists (select from identity.emails e where e.user_id = t.user_id and e.email = t.email))
             returning user_id, email",
            &[&token.hash(), &purpose],
        )
        .await?;
    found.ok_or_else(refused)
}

/// Ends the links that change an account, when its password changes: whoever knew the old one may have asked for them.
pub async fn end_all(tx: &Tx, user_id: Uuid) -> Result<()> {
    let sql = "delete from identity.mail_tokens
               where user_id = $1 and purpose in ('change_email', 'reset_password')";
    tx.execute(sql, &[&user_id]).await?;
    Ok(())
}

/// One sentence for a link that never was, is used up, replaced or too old.
fn refused() -> shared::error::Error {
    invalid_field("/token", "token", "The link is not valid or has expired").by_rule("mail_link")
}
