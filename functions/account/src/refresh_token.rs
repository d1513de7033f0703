//! Refresh tokens: an app's chain of secrets, each of which works once.

use std::time::Duration;

use jiff::Timestamp;
use shared::audit::{self, Act};
use shared::limit::{Limits, Rule};
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;

use crate::access_token::AccessToken;
use crate::mail_link;
use crate::sign_in::{self, Because, Kind, Lifetime};
use shared::recipient::{self, Recipient};

/// A refresh token, as an app sends it.
#[input]
pub struct RefreshTokenBody {
    /// The newest refresh token.
    pub refresh_token: Text<1, 256>,
}

/// The tokens of an app.
#[answer]
pub struct TokenPair {
    /// A JWT for the `Authorization` header.
    pub access_token: String,
    /// What the next pair is got with; works once.
    pub refresh_token: String,
    /// `bearer`
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: i64,
}

/// Whose a token is.
#[derive(FromRow)]
pub struct Owner {
    /// The chain's sign-in.
    pub sign_in_id: Uuid,
    /// Its person.
    pub user_id: Uuid,
}

/// What an exchange gives.
pub struct Exchanged {
    /// The next token of the chain.
    pub token: OpaqueToken,
    /// The chain's sign-in.
    pub sign_in_id: Uuid,
    /// Its person.
    pub user_id: Uuid,
    /// When the person last proved who they are.
    pub signed_in_at: Timestamp,
}

impl TokenPair {
    /// Both tokens, for the wire.
    pub fn new(access: AccessToken, refresh: &OpaqueToken) -> TokenPair {
        TokenPair {
            access_token: access.token,
            refresh_token: refresh.reveal(),
            token_type: "bearer",
            expires_in: access.expires_in,
        }
    }
}

/// Makes the first token of a sign-in.
pub async fn insert(tx: &Tx, sign_in_id: Uuid, user_id: Uuid) -> Result<OpaqueToken> {
    let token = OpaqueToken::generate()?;
    append(tx, sign_in_id, user_id, &token).await?;
    Ok(token)
}

/// The sign-in that a token belongs to, whether or not the token still works.
pub async fn find_sign_in(tx: &Tx, token: &OpaqueToken) -> Result<Option<Owner>> {
    let sql = "select sign_in_id, user_id from identity.refresh_tokens where token_hash = $1";
    tx.find(sql, &[&token.hash()]).await
}

/// 429 after 20 exchanges a minute of one sign-in; 401 for a token that never was. Not by network, because a whole school
/// has one, and nobody guesses 256 bits.
pub async fn limit(db: &AccountsDb, limits: &Limits, token: &OpaqueToken) -> Result<()> {
    let tx = db.begin_service().await?;
    let owner = tx.commit_with(async |tx| find_sign_in(tx, token).await).await?.ok_or_else(refused)?;
    let (key, minute) = (owner.sign_in_id.to_string(), Duration::from_secs(60));
    limits.take(db, &[Rule { name: "refresh:sign_in", key, max: 20, window: minute }]).await
}

/// Exchanges a token for the next one and commits. The same token within 10 seconds gets the same one again, for an app
/// whose answer was lost or that asked twice at once. Later it is somebody else's copy, or the app's after somebody else
/// has used theirs: nobody can tell, so the sign-in ends, and the person hears of it. A day later the token is forgotten, and
/// refused like one that never was. 401 for a token that does not work, 403 for a deactivated person.
pub async fn exchange(tx: Tx, token: &OpaqueToken) -> Result<Exchanged> {
    let chain = lock(&tx, token).await?.ok_or_else(refused)?;
    if chain.is_deactivated {
        return Err(forbidden("the account is deactivated"));
    }
    if !chain.is_active {
        return Err(refused());
    }
    let Chain { sign_in_id, user_id, signed_in_at, .. } = chain;
    let next = match (&chain.sealed_successor, chain.is_retry) {
        (None, _) => {
            let next = OpaqueToken::generate()?;
            let sealed = token.seal(&next)?;
            tx.commit_with(async |tx| {
                tokio::try_join!(
                    biased;
                    retire(tx, token, &sealed),
                    append(tx, sign_in_id, user_id, &next),
                    prolong(tx, sign_in_id),
                )
            })
            .await?;
            next
        }
        (Some(sealed), true) => {
            tx.commit().await?;
            token.open(sealed)?
        }
        (Some(_), false) => {
            // An alarm counts this line.
            tracing::warn!(%user_id, %sign_in_id, "refresh token reused");
            let recipient = recipient::find(&tx, user_id).await?.filter(|recipient| recipient.takes_notices);
            tx.commit_with(async |tx| {
                let act = Act {
                    actor: None,
                    action: "refresh_token.reused",
                    entity_type: "sign_in",
                    entity_id: Some(sign_in_id),
                    payload: serde_json::json!({ "user_id": user_id }),
                };
                let tell = async {
                    let Some(Recipient { email, locale, .. }) = recipient else { return Ok(()) };
                    mail_link::send_notice(tx, user_id, "refresh_token_reused", &email, &locale).await
                };
                tokio::try_join!(
                    biased;
                    sign_in::revoke(tx, user_id, sign_in_id, Because::Reuse),
                    audit::record(tx, act),
                    tell,
                )
            })
            .await?;
            return Err(refused().by_rule("refresh:reused"));
        }
    };
    Ok(Exchanged { token: next, sign_in_id, user_id, signed_in_at })
}

/// One sentence for a token that never was, has been used, has expired or was revoked.
fn refused() -> shared::error::Error {
    unauthorized("invalid or expired refresh token").by_rule("refresh:token")
}

#[derive(FromRow)]
struct Chain {
    sign_in_id: Uuid,
    user_id: Uuid,
    signed_in_at: Timestamp,
    is_active: bool,
    is_deactivated: bool,
    sealed_successor: Option<Vec<u8>>,
    is_retry: bool,
}

/// The token with its chain. Two exchanges at once, and one beside a sign-out, wait for each other here; whoever comes
/// second sees what the first has done.
async fn lock(tx: &Tx, token: &OpaqueToken) -> Result<Option<Chain>> {
    tx.find(
        "select t.sign_in_id, t.user_id, s.authenticated_at as signed_in_at, t.sealed_successor,
                s.revoked_at is null and s.idle_expires_at > now() and s.expires_at > now() as is_active,
                u.deactivated_at is not null as is_deactivated,
                coalesce(t.replaced_at > now() - interval '10 seconds', false) as is_retry
         from identity.refresh_tokens t
         join identity.sign_ins s on s.id = t.sign_in_id
         join identity.users u on u.id = t.user_id
         where t.token_hash = $1
         for update of t, s",
        &[&token.hash()],
    )
    .await
}

async fn retire(tx: &Tx, token: &OpaqueToken, sealed_successor: &[u8]) -> Result<()> {
    tx.execute(
        "update identity.refresh_tokens set replaced_at = now(), sealed_successor = $2 where token_hash = $1",
        &[&token.hash(), &sealed_successor],
    )
    .await?;
    Ok(())
}

async fn append(tx: &Tx, sign_in_id: Uuid, user_id: Uuid, token: &OpaqueToken) -> Result<()> {
    tx.execute(
        "insert into identity.refresh_tokens (token_hash, sign_in_id, user_id) values ($1, $2, $3)",
        &[&token.hash(), &sign_in_id, &user_id],
    )
    .await?;
    Ok(())
}

async fn prolong(tx: &Tx, sign_in_id: Uuid) -> Result<()> {
    tx.execute(
        "update identity.sign_ins
         set last_used_at = now(), idle_expires_at = least(expires_at, now() + $2 * interval '1 second')
         where id = $1",
        &[&sign_in_id, &Lifetime::of(Kind::Token)?.idle],
    )
    .await?;
    Ok(())
}

impl RefreshTokenBody {
    /// The token; 401 for a text that cannot be one.
    pub fn token(&self) -> Result<OpaqueToken> {
        OpaqueToken::parse(self.refresh_token.as_str()).ok_or_else(refused)
    }
}
