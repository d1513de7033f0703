//! Get the public keys that verify access tokens.

use shared::auth::{self, PublicKey};
use shared::describe::Operation;
use shared::http::{HeaderValue, StatusCode, header};
use shared::prelude::*;
use shared::reply::{Answer, Reply};

fn main() {
    serve(get("/.well-known/jwks.json", keys))
}

/// A JWK set (RFC 7517, section 5).
#[answer]
struct JwkSet {
    keys: Vec<PublicKey>,
}

/// 200, which may be kept for five minutes: a new key is published ten minutes before it signs.
struct Cached(JwkSet);

async fn keys() -> Result<Cached> {
    Ok(Cached(JwkSet { keys: auth::public_keys().await? }))
}

impl Reply for Cached {
    fn answer(self) -> Result<Answer> {
        let mut answer = Answer::json(StatusCode::OK, &self.0)?;
        let value = HeaderValue::from_static("public, max-age=300");
        answer.headers.insert(header::CACHE_CONTROL, value);
        Ok(answer)
    }

    fn describe(operation: &mut Operation) {
        operation.reply::<JwkSet>(200, "Successful");
    }
}
