//! Sign-ins: one row is one device, a browser with its cookie or an app with its chain of refresh tokens.

use shared::audit::{self, Act};
use shared::auth::SESSION_COOKIE;
use shared::cookie::Cookie;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::settings;

use crate::oidc::Provider;

/// How a person proved who they are.
pub enum Method {
    /// With their password.
    Password,
    /// With an account elsewhere.
    ExternalAccount {
        /// Whose account it is.
        provider: Provider,
        /// Its row here.
        id: Uuid,
    },
}

impl Method {
    fn name(&self) -> &'static str {
        match self {
            Method::Password => "password",
            Method::ExternalAccount { provider, .. } => provider.as_str(),
        }
    }

    fn external_account(&self) -> Option<Uuid> {
        match self {
            Method::Password => None,
            Method::ExternalAccount { id, .. } => Some(*id),
        }
    }
}

text_enum! {
    /// What holds a sign-in.
    pub enum Kind {
        /// A cookie.
        Browser = "browser",
        /// A chain of refresh tokens.
        Token = "token",
    }
}

text_enum! {
    /// Why a sign-in ended before its time.
    pub enum Because {
        /// Its own holder signed out.
        Logout = "logout",
        /// The person ended it from another one, or has shown that the account's address is theirs.
        Revoked = "revoked",
        /// A refresh token came back that had been exchanged.
        Reuse = "reuse",
        /// The password changed.
        Password = "password",
        /// An admin deactivated the account.
        Deactivated = "deactivated",
        /// The person asked for the account's deletion.
        Deletion = "deletion",
    }
}

/// One device on which the person is signed in.
#[row]
pub struct SignIn {
    /// Its id.
    pub id: Uuid,
    /// What holds it.
    pub kind: Kind,
    /// How the person proved who they are: `password`, `google` or `clever`.
    pub method: String,
    /// The address that it was made from.
    pub ip: Option<String>,
    /// What the program said of itself.
    pub user_agent: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last used, to the minute.
    pub last_used_at: Time,
    /// When it ends unless it is used before.
    pub expires_at: Time,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The newest sign-ins, at most 100.
#[answer]
pub struct SignInList {
    /// The list.
    pub items: Vec<SignIn>,
}

/// The sign-in of a path.
#[input]
pub struct SignInPath {
    /// The sign-in's id.
    pub session_id: Uuid,
}

/// Which sign-ins end.
#[input]
pub struct SignInFilter {
    /// Also the one that asks.
    pub all: Option<Flag>,
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// Signs the person in on a browser; the cookie carries the only copy of the secret. Must be a transaction of the service.
/// 403 for somebody who is deactivated.
pub async fn open_browser(tx: &Tx, user_id: Uuid, method: &Method, client: &Client) -> Result<Cookie> {
    cookie(&open_browser_with_secret(tx, user_id, method, client).await?)
}

/// As [`open_browser`], and gives the secret, from which the CSRF token is derived.
pub async fn open_browser_with_secret(
    tx: &Tx,
    user_id: Uuid,
    method: &Method,
    client: &Client,
) -> Result<OpaqueToken> {
    let secret = OpaqueToken::generate()?;
    insert(tx, user_id, method, client, Some(&secret)).await?;
    Ok(secret)
}

/// Signs the person in on an app, whose first refresh token is [`crate::refresh_token`]'s to make. Gives the sign-in's id.
pub async fn open_app(tx: &Tx, user_id: Uuid, method: &Method, client: &Client) -> Result<Uuid> {
    insert(tx, user_id, method, client, None).await
}

/// What a browser keeps of its sign-in.
pub fn cookie(secret: &OpaqueToken) -> Result<Cookie> {
    Ok(Cookie::new(SESSION_COOKIE, secret.reveal(), u64::try_from(Lifetime::of(Kind::Browser)?.total)?))
}

/// The caller's sign-ins that still work, the newest first.
pub async fn list(tx: &Tx, user: &User) -> Result<SignInList> {
    let items = tx
        .list(
            "select id, kind, method, host(ip) as ip, user_agent, created_at, last_used_at,
                    idle_expires_at as expires_at, id is not distinct from $2 as current
             from identity.sign_ins
             where user_id = $1 and revoked_at is null and idle_expires_at > now()
             order by created_at desc, id desc
             limit 100",
            &[&user.id, &user.sign_in],
        )
        .await?;
    Ok(SignInList { items })
}

/// Ends one sign-in of a person. False if they have none of this id that still works.
pub async fn revoke(tx: &Tx, user_id: Uuid, id: Uuid, because: Because) -> Result<bool> {
    let revoked = tx
        .execute(
            "update identity.sign_ins set revoked_at = now(), revoked_because = $3
             where id = $1 and user_id = $2 and revoked_at is null and idle_expires_at > now()",
            &[&id, &user_id, &because],
        )
        .await?;
    Ok(revoked == 1)
}

/// Ends every sign-in of a person but one; gives how many.
pub async fn revoke_all_but(tx: &Tx, user_id: Uuid, kept: Option<Uuid>, because: Because) -> Result<u64> {
    tx.execute(
        "update identity.sign_ins set revoked_at = now(), revoked_because = $3
         where user_id = $1 and id is distinct from $2 and revoked_at is null",
        &[&user_id, &kept, &because],
    )
    .await
}

/// Ends one of the caller's sign-ins, with an entry in the audit log; 404 if it is not theirs or has ended.
pub async fn revoke_own(tx: &Tx, user: &User, id: Uuid) -> Result<()> {
    if !revoke(tx, user.id, id, Because::Revoked).await? {
        return Err(not_found("session not found"));
    }
    audit::record(tx, revoked(user, "sign_in", id, serde_json::json!({}))).await
}

/// Ends every sign-in of the caller but one, with an entry in the audit log if there was another.
pub async fn revoke_own_but(tx: &Tx, user: &User, kept: Option<Uuid>) -> Result<()> {
    let ended = revoke_all_but(tx, user.id, kept, Because::Revoked).await?;
    if ended == 0 {
        return Ok(());
    }
    audit::record(tx, revoked(user, "user", user.id, serde_json::json!({ "ended_sign_ins": ended }))).await
}

fn revoked(user: &User, entity_type: &'static str, id: Uuid, payload: serde_json::Value) -> Act<'static> {
    Act { actor: Some(user.id), action: "sign_in.revoked", entity_type, entity_id: Some(id), payload }
}

/// Notes that the person of a sign-in has just proved again who they are, with an entry in the audit log. 401 if it has
/// ended.
pub async fn reauthenticate(tx: &Tx, user_id: Uuid, id: Uuid) -> Result<()> {
    let sql = "update identity.sign_ins set authenticated_at = now()
               where id = $1 and user_id = $2 and revoked_at is null and idle_expires_at > now()";
    if tx.execute(sql, &[&id, &user_id]).await? == 0 {
        return Err(unauthorized("invalid or expired access token"));
    }
    let act = Act {
        actor: Some(user_id),
        action: "user.reauthenticated",
        entity_type: "sign_in",
        entity_id: Some(id),
        payload: serde_json::json!({}),
    };
    audit::record(tx, act).await
}

/// Signs out: ends the sign-in with an entry in the audit log, if it still works.
pub async fn sign_out(tx: &Tx, user_id: Uuid, id: Uuid) -> Result<()> {
    if revoke(tx, user_id, id, Because::Logout).await? {
        let act = Act {
            actor: Some(user_id),
            action: "user.signed_out",
            entity_type: "sign_in",
            entity_id: Some(id),
            payload: serde_json::json!({}),
        };
        audit::record(tx, act).await?;
    }
    Ok(())
}

async fn insert(
    tx: &Tx,
    user_id: Uuid,
    method: &Method,
    client: &Client,
    secret: Option<&OpaqueToken>,
) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let kind = if secret.is_some() { Kind::Browser } else { Kind::Token };
    let lifetime = Lifetime::of(kind)?;
    let inserted = tx
        .execute(
            "with person as (
                 update identity.users set last_login_at = now() where id = $2 and deactivated_at is null
                 returning id
             )
             insert into identity.sign_ins (id, user_id, kind, method, secret_hash, ip, user_agent, idle_expires_at,
                                            expires_at, external_account_id)
             select $1, id, $3, $4, $5, $6, $7, now() + $8 * interval '1 second', now() + $9 * interval '1 second', $10
             from person",
            &[
                &id,
                &user_id,
                &kind,
                &method.name(),
                &secret.map(OpaqueToken::hash),
                &client.ip.to_canonical(),
                &client.user_agent,
                &lifetime.idle,
                &lifetime.total,
                &method.external_account(),
            ],
        )
        .await?;
    if inserted == 0 {
        return Err(forbidden("the account is deactivated"));
    }
    // With the request's line, which has its id too, it tells who signed in when, and from which network.
    tracing::info!(%user_id, sign_in_id = %id, kind = kind.as_str(), method = method.name(), "signed in");
    let payload = serde_json::json!({ "kind": kind, "method": method.name() });
    let act = Act {
        actor: Some(user_id),
        action: "user.signed_in",
        entity_type: "sign_in",
        entity_id: Some(id),
        payload,
    };
    audit::record(tx, act).await?;
    Ok(id)
}

/// How long a sign-in lasts, in seconds.
pub(crate) struct Lifetime {
    /// Without use.
    pub(crate) idle: i64,
    /// In all.
    pub(crate) total: i64,
}

impl Lifetime {
    /// From the settings `SESSION_IDLE_MINUTES` (1440) and `SESSION_MAX_DAYS` (30) of browsers, `REFRESH_IDLE_DAYS` (30)
    /// and `SIGN_IN_MAX_DAYS` (90) of apps.
    pub(crate) fn of(kind: Kind) -> Result<Lifetime> {
        let seconds = |name, default, unit| -> Result<i64> {
            Ok(i64::try_from(settings::number(name, default, 1).map_err(internal)?.saturating_mul(unit))?)
        };
        let (idle, total) = match kind {
            Kind::Browser => {
                (seconds("SESSION_IDLE_MINUTES", 1440, MINUTE)?, seconds("SESSION_MAX_DAYS", 30, DAY)?)
            }
            Kind::Token => (seconds("REFRESH_IDLE_DAYS", 30, DAY)?, seconds("SIGN_IN_MAX_DAYS", 90, DAY)?),
        };
        Ok(Lifetime { idle: idle.min(total), total })
    }
}
