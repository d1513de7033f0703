//! What a browser is told about its session and its person.

use shared::auth::{SESSION_COOKIE, csrf_token};
use shared::cookie;
use shared::describe::Operation;
use shared::http::header;
use shared::identity;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::request::{FromRequest, Request};

use crate::person;

/// The answer of a browser's login.
#[answer]
pub struct BrowserUser {
    /// The person's id.
    pub id: Uuid,
    /// What to call the person.
    pub username: String,
    /// The address that the person signs in with.
    pub email: Option<String>,
    /// Always null: there are no pictures.
    pub profile_img: Option<String>,
    /// To be sent as `X-CSRF-Token` with every request that writes.
    pub csrf_token: String,
}

/// Who is signed in.
#[row]
pub struct BrowserSession {
    /// The person's id.
    pub id: Uuid,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// What to call the person.
    pub username: String,
    /// Always null: there are no pictures.
    #[read(|_| Ok(None))]
    pub profile_img: Option<String>,
    /// As `username`.
    #[read(|row| row.get("username"))]
    pub name: String,
    /// The most powerful of the roles.
    #[read(person::highest)]
    pub role: Role,
    /// Everything that the person is.
    #[read(person::roles)]
    pub roles: Vec<Role>,
    /// The school or district as its provider names it.
    pub organization_id: Option<String>,
    /// The outside account that the person last signed in with: `google`, `clever` or null.
    pub sso_provider: Option<String>,
    /// When the account was made; null before the person has written anything.
    pub created_at: Option<Time>,
    /// When the person last signed in.
    pub last_login: Option<Time>,
    /// To be sent as `X-CSRF-Token` with every request that writes; only for a browser's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    #[read(|_| Ok(None))]
    pub csrf_token: Option<String>,
}

/// Who the person is. Somebody who has written nothing yet has one row of stand-ins.
pub async fn get(tx: &Tx, user_id: Uuid) -> Result<BrowserSession> {
    tx.one(
        "select given.id, coalesce(e.email, u.email) as email,
                coalesce(nullif(u.display_name, ''), split_part(coalesce(e.email, u.email), '@', 1), 'User') as username,
                coalesce(u.roles, '{student}') as roles, u.organization_id,
                (select x.provider from identity.external_accounts x where x.user_id = given.id
                 order by x.last_login_at desc limit 1) as sso_provider,
                u.created_at, u.last_login_at as last_login
         from (select $1::uuid as id) as given
         left join identity.users u using (id)
         left join identity.emails e on e.user_id = given.id",
        &[&user_id],
    )
    .await
}

impl BrowserSession {
    /// With what the token says of somebody who has written nothing yet.
    pub fn introduced(self, user: &User) -> BrowserSession {
        if self.email.is_some() {
            return self;
        }
        let (email, name) = identity::introduction(user);
        BrowserSession { email: Some(email), username: name.clone(), name, ..self }
    }

    /// The same person as the answer of a login.
    pub fn into_user(self, secret: &OpaqueToken) -> BrowserUser {
        BrowserUser {
            id: self.id,
            username: self.username,
            email: self.email,
            profile_img: self.profile_img,
            csrf_token: csrf_token(secret).reveal(),
        }
    }
}

/// The CSRF token of the session by which the caller came in; `None` for a caller with a token. Goes after the caller
/// among a handler's parameters, because it verifies nothing.
pub struct CsrfToken(pub Option<String>);

impl FromRequest for CsrfToken {
    async fn from_request(request: &mut Request) -> Result<CsrfToken> {
        // The header wins where both are sent.
        if request.headers.contains_key(header::AUTHORIZATION) {
            return Ok(CsrfToken(None));
        }
        let secret = cookie::find(&request.headers, SESSION_COOKIE).and_then(OpaqueToken::parse);
        Ok(CsrfToken(secret.map(|secret| csrf_token(&secret).reveal())))
    }

    fn describe(_: &mut Operation) {}
}
