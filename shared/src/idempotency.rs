//! Repeating a request that makes something: the `Idempotency-Key` header.
//!
//! The first answer is kept in the transaction of what it made; a repetition with the same key and content gets that
//! answer again, byte for byte, with other content a 409. Source: draft-ietf-httpapi-idempotency-key-header.

use http::{HeaderName, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::auth::User;
use crate::database::{FromRow, Tx};
use crate::describe::Operation;
use crate::error::{Result, conflict, internal, invalid_field};
use crate::reply::Answer;
use crate::request::{FromRequest, Request, is_repeated};

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// The request's `Idempotency-Key`, if it has one. As a handler's parameter it goes last.
pub struct Idempotency {
    key: Option<String>,
    route: String,
    request_hash: String,
}

#[derive(FromRow)]
struct Claim {
    is_new: bool,
    request_hash: String,
    status: Option<i16>,
    body: Option<String>,
}

impl Idempotency {
    /// The key; 400 without one, for what must not happen twice and keeps the key with what it makes.
    pub fn require(&self) -> Result<&str> {
        self.key.as_deref().ok_or_else(|| {
            let sentence = "Idempotency-Key is required: a repetition with the same key does it once";
            invalid_field("/Idempotency-Key", "missing", sentence)
        })
    }

    /// Claims the key for this transaction; gives the kept answer if the request is a repetition. Two at once: the
    /// second waits for the first's commit. The person's row must exist.
    ///
    /// One statement, so that a kept answer has come when a statement behind it in the pipeline is refused: look at this
    /// one's result first.
    pub async fn replay(&self, tx: &Tx, user: &User) -> Result<Option<Answer>> {
        let Some(key) = &self.key else { return Ok(None) };
        let claim: Claim = tx
            .one(
                // An update that changes nothing, because only then a row that stands, also one that was committed while
                // this waited, is returned. A row of this insert has no xmax.
                "insert into identity.idempotency_keys as kept (user_id, route, key, request_hash)
                 values ($1, $2, $3, $4)
                 on conflict (user_id, route, key) do update set status = kept.status
                 returning xmax = 0 as is_new, request_hash, status, body::text as body",
                &[&user.id, &self.route, key, &self.request_hash],
            )
            .await?;
        if claim.is_new {
            return Ok(None);
        }
        if claim.request_hash != self.request_hash {
            return Err(conflict("the idempotency key was used for another request"));
        }
        let status = claim.status.and_then(|status| StatusCode::from_u16(status.unsigned_abs()).ok());
        match (status, claim.body) {
            (Some(status), Some(body)) => Ok(Some(Answer::of_json(status, body.into()))),
            _ => Err(internal("an idempotency key was committed without its answer")),
        }
    }

    /// Keeps the answer, before the commit.
    pub async fn keep(&self, tx: &Tx, user: &User, status: StatusCode, body: &impl Serialize) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let (status, body) = (i16::try_from(status.as_u16())?, serde_json::to_string(body)?);
        tx.execute(
            "update identity.idempotency_keys set status = $4, body = $5::text::json
             where user_id = $1 and route = $2 and key = $3",
            &[&user.id, &self.route, key, &status, &body],
        )
        .await?;
        Ok(())
    }
}

impl FromRequest for Idempotency {
    async fn from_request(request: &mut Request) -> Result<Idempotency> {
        // Bytes that are no text make a wrong key, not a missing one: ignoring it would make the thing twice.
        let key = request.headers.get(NAME);
        let key = key.map(|key| String::from_utf8_lossy(key.as_bytes()).trim().to_owned());
        let is_key =
            |key: &String| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        let is_bad = key.as_ref().is_some_and(|key| !is_key(key));
        if is_bad || is_repeated(&request.headers, NAME) {
            let sentence = "Idempotency-Key should be 1 to 255 visible ASCII characters, once";
            return Err(invalid_field("/Idempotency-Key", "idempotency_key", sentence));
        }
        let route = format!("{} {}", request.method, request.path);
        let request_hash = Sha256::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Idempotency { key, route, request_hash })
    }

    fn describe(operation: &mut Operation) {
        let schema =
            serde_json::json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        let description = "A repetition with the same key and body gets the first answer again.";
        operation.header("Idempotency-Key", description, schema);
        operation.error(400, "The `Idempotency-Key` is not 1 to 255 visible ASCII characters");
        operation.error(409, "The `Idempotency-Key` was used for another request");
    }
}
