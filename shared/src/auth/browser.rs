//! A browser's session: a cookie whose secret is a row of `identity.sign_ins`.
//!
//! A browser sends a cookie along with whatever page asks for it. `SameSite=Lax` keeps other sites' writes out in
//! browsers that know it; beyond that a write must carry a token that only a page of ours can have read, and must not
//! come from an origin that is none of ours.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;
use uuid::Uuid;

use crate::auth::User;
use crate::cookie;
use crate::database::{Db, FromRow, Tx};
use crate::describe::Operation;
use crate::error::{Result, forbidden, internal, unauthorized};
use crate::opaque_token::OpaqueToken;
use crate::request::{FromRequest, Request, is_repeated};
use crate::settings::{self, SettingError};

/// The cookie's name.
pub const SESSION_COOKIE: &str = "praxis_session";
/// The header that proves that a page of ours has made a write.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// Origins whose pages may write.
static ORIGINS: OnceLock<Vec<String>> = OnceLock::new();

/// The rules of sessions. One per sandbox.
pub(crate) struct Browser {
    /// How long an unused session lasts.
    idle_minutes: i64,
}

/// A parameter that lets no page of a foreign origin through: 403. For a browser's login, which has no CSRF token yet: a
/// sibling host's page could sign its visitor in as somebody else, with a body without a content type, for which browsers
/// ask no leave (Barth, Jackson and Mitchell, "Robust Defenses for Cross-Site Request Forgery", CCS 2008, section 3).
pub struct KnownOrigin;

#[derive(FromRow)]
struct SignIn {
    id: Uuid,
    user_id: Uuid,
    email: Option<String>,
    display_name: Option<String>,
    authenticated_at: Timestamp,
    is_deactivated: bool,
}

impl Browser {
    /// Reads `SESSION_IDLE_MINUTES` (default a day), and what [`KnownOrigin`] reads.
    pub(crate) fn start() -> Result<Browser, SettingError> {
        KnownOrigin::start()?;
        let idle_minutes = settings::number("SESSION_IDLE_MINUTES", 24 * 60, 1)?;
        // The session's own end comes long before ten years.
        let idle_minutes = i64::try_from(idle_minutes.min(10 * 366 * 24 * 60)).unwrap_or_default();
        Ok(Browser { idle_minutes })
    }

    /// Whether a request without an `Authorization` header names a session.
    pub(crate) fn is_named(headers: &HeaderMap) -> bool {
        cookie::find(headers, SESSION_COOKIE).is_some()
    }

    /// Whether the session that a request names may be one.
    pub(crate) fn may_be(headers: &HeaderMap) -> bool {
        cookie::find(headers, SESSION_COOKIE).and_then(OpaqueToken::parse).is_some()
    }

    /// The person whose session it is. 401 for a session that is not, 403 for a deactivated person and for a write that
    /// no page of ours has made.
    pub(crate) async fn user(&self, request: &Request) -> Result<User> {
        let refused = || unauthorized("no valid session").by_rule("session");
        let secret = cookie::find(&request.headers, SESSION_COOKIE)
            .and_then(OpaqueToken::parse)
            .ok_or_else(refused)?;
        let sign_in = find(&request.db, &secret, self.idle_minutes).await?.ok_or_else(refused)?;
        if sign_in.is_deactivated {
            return Err(forbidden("the account is deactivated").by_rule("deactivated"));
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            check_write(&request.headers, &secret)?;
        }
        Ok(User {
            sign_in: Some(sign_in.id),
            authenticated_at: Some(sign_in.authenticated_at),
            ..User::new(sign_in.user_id, sign_in.email.as_deref(), sign_in.display_name.as_deref())
        })
    }
}

impl FromRequest for KnownOrigin {
    /// Reads the origins: `APP_URL`'s, `API_URL`'s, which serves pages of its own, and those of `CORS_ORIGINS`, where `*`
    /// says nothing: it is for reading without a session.
    fn start() -> Result<(), SettingError> {
        let mut origins = vec![origin_of("APP_URL", &settings::app_url())?];
        if let Some(api) = settings::find("API_URL") {
            origins.push(origin_of("API_URL", &api)?);
        }
        let list = settings::find("CORS_ORIGINS").unwrap_or_default();
        let listed = list.split(',').map(|origin| origin.trim().trim_end_matches('/'));
        origins.extend(listed.filter(|origin| !matches!(*origin, "" | "*")).map(str::to_owned));
        ORIGINS.get_or_init(|| origins);
        Ok(())
    }

    async fn from_request(request: &mut Request) -> Result<KnownOrigin> {
        check_origin(&request.headers).map(|()| KnownOrigin)
    }

    fn describe(operation: &mut Operation) {
        operation.error(
            403,
            "The `Origin` is neither the application's nor the API's own nor one of `CORS_ORIGINS`",
        );
    }
}

fn origin_of(setting: &str, address: &str) -> Result<String, SettingError> {
    let address = reqwest::Url::parse(address).map_err(|_| format!("{setting} must be an address"))?;
    Ok(address.origin().ascii_serialization())
}

fn check_write(headers: &HeaderMap, secret: &OpaqueToken) -> Result<()> {
    let one = headers.get(CSRF).filter(|_| !is_repeated(headers, CSRF));
    let given = one.and_then(|value| OpaqueToken::parse(value.to_str().ok()?));
    // Digests are compared, so that the time says nothing about how much of a guess was right.
    if given.is_none_or(|given| given.hash() != csrf_token(secret).hash()) {
        return Err(forbidden("missing or wrong CSRF token").by_rule("csrf_token"));
    }
    check_origin(headers)
}

/// Browsers send an `Origin` with every write; what is no browser sends none.
fn check_origin(headers: &HeaderMap) -> Result<()> {
    let origins = ORIGINS.get().ok_or_else(|| internal("the origins were not read"))?;
    let is_known = |origin: &HeaderValue| origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    if headers.get_all(header::ORIGIN).iter().all(is_known) {
        Ok(())
    } else {
        Err(forbidden("this origin may not write").by_rule("origin"))
    }
}

/// What a page must know to write: it follows from the session's secret, and does not give it away.
pub fn csrf_token(secret: &OpaqueToken) -> OpaqueToken {
    secret.derive("csrf")
}

/// The session with its person, in one flight, by the one function that may look for it.
async fn find(db: &Db, secret: &OpaqueToken, idle_minutes: i64) -> Result<Option<SignIn>> {
    let sql = "select id, user_id, email, display_name, authenticated_at, is_deactivated
               from identity.find_session($1, $2)";
    let tx = db.begin_anonymous().await?;
    tx.commit_with(async |tx: &Tx| tx.find(sql, &[&secret.hash(), &idle_minutes]).await).await
}
