//! A fresh proof of who the caller is, before what a stolen session or token must not do.
//!
//! Each sign-in notes when its person last proved who they are (`authenticated_at`) and how (`method`); a second factor
//! would be noted beside them, and asked for here.

use jiff::{SignedDuration, Timestamp};
use shared::describe::Operation;
use shared::limit::Limits;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::settings::SettingError;

use crate::credentials;
use crate::password::{Password, Passwords};

/// How long a proof counts as just now.
const RECENT: SignedDuration = SignedDuration::from_mins(15);

/// How the person proves that it is them.
#[input]
pub struct Proof {
    /// The caller's password, where they signed in more than 15 minutes ago.
    pub password: Option<Password>,
}

/// A [`Proof`] in a body that need not be there.
pub struct OptionalProof(pub Option<Password>);

/// The demand for a fresh proof, as a handler's parameter: 403 `PROOF_REQUIRED` where there is none.
pub struct RecentProof {
    limits: Limits,
    passwords: Passwords,
    client: Client,
}

impl RecentProof {
    /// The caller signed in within the last 15 minutes, or gives their password. 403 `PROOF_REQUIRED` otherwise, 403 for a
    /// wrong password, 429 as [`credentials::verify_again`].
    pub async fn must_be_fresh(
        &self,
        db: &AccountsDb,
        user: &User,
        password: Option<&Password>,
    ) -> Result<()> {
        match password {
            _ if is_recent(user) => Ok(()),
            Some(password) => self.must_know(db, user, password).await.map(drop),
            None => Err(required()),
        }
    }

    /// Stricter, for what takes an account away: whoever has a password gives it, however fresh they are (400 without it);
    /// whoever has none signed in within the last 15 minutes. Gives the hash that a password was checked against.
    pub async fn must_be_themselves(
        &self,
        db: &AccountsDb,
        user: &User,
        password: Option<&Password>,
    ) -> Result<Option<String>> {
        let tx = db.begin(user).await?;
        if tx.commit_with(async |tx| has_password(tx, user).await).await? {
            let missing = || invalid_field("/password", "missing", "Field required");
            return self.must_know(db, user, password.ok_or_else(missing)?).await.map(Some);
        }
        must_be_recent(user).map(|()| None)
    }

    /// The caller gives their password; gives the hash that it was checked against. 403 for a wrong one, and for an account
    /// without one.
    pub async fn must_know(&self, db: &AccountsDb, user: &User, password: &Password) -> Result<String> {
        credentials::verify_again(db, &self.limits, &self.passwords, &self.client, user, password).await
    }

    /// The limits that it counts by.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// 403 `PROOF_REQUIRED` unless the caller signed in within the last 15 minutes.
pub fn must_be_recent(user: &User) -> Result<()> {
    if is_recent(user) { Ok(()) } else { Err(required()) }
}

fn is_recent(user: &User) -> bool {
    user.authenticated_at.is_some_and(|at| Timestamp::now().duration_since(at) <= RECENT)
}

#[track_caller]
fn required() -> shared::error::Error {
    proof_required("prove again who you are: sign in again, or give your password")
}

async fn has_password(tx: &Tx, user: &User) -> Result<bool> {
    let sql = "select user_id from identity.passwords where user_id = $1";
    Ok(tx.execute(sql, &[&user.id]).await? > 0)
}

impl FromRequest for RecentProof {
    fn start() -> Result<(), SettingError> {
        Limits::start()?;
        Passwords::start()
    }

    async fn from_request(request: &mut Request) -> Result<RecentProof> {
        Ok(RecentProof {
            limits: Limits::from_request(request).await?,
            passwords: Passwords::from_request(request).await?,
            client: Client::from_request(request).await?,
        })
    }

    fn describe(operation: &mut Operation) {
        Limits::describe(operation);
        operation.error(
            403,
            "`PROOF_REQUIRED`: the caller signed in more than 15 minutes ago and gives no password; `FORBIDDEN`: a wrong one",
        );
    }
}

impl FromRequest for OptionalProof {
    const TAKES_JSON: bool = true;

    async fn from_request(request: &mut Request) -> Result<OptionalProof> {
        match request.body.is_empty() {
            true => Ok(OptionalProof(None)),
            false => Ok(OptionalProof(Json::<Proof>::from_request(request).await?.0.password)),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.body::<Proof>();
        operation.request_body_is_optional = true;
        operation.error(400, "The body is not JSON, or a field is not what it must be");
    }
}
