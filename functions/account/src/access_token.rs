//! Access tokens: what an app shows with every request, for a quarter of an hour.
//!
//! A JWT (RFC 7519) of the kind `at+jwt` (RFC 9068), signed with EdDSA (RFC 8037). Its key is the newest of the set whose `nbf` has come, so that a
//! rotation publishes a key before it signs. `shared::auth` verifies the tokens, in every route.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared::auth;
use shared::describe::Operation;
use shared::error::unavailable;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::secrets;
use shared::settings::{self, SettingError};
use tokio::sync::Mutex;

/// How long a secret's keys are used before it is read again, so that a rotation needs no restart.
const FRESH: Duration = Duration::from_secs(300);

/// What precedes the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

static SETTINGS: OnceLock<Settings> = OnceLock::new();
/// The keys of the secret, and when they were read.
static SECRET: Mutex<Option<(Instant, Arc<[SigningKey]>)>> = Mutex::const_new(None);

/// A signed token.
pub struct AccessToken {
    /// The token itself.
    pub token: String,
    /// Seconds until it expires.
    pub expires_in: i64,
}

/// What signs tokens, as a handler's parameter. Settings: `AUTH_KEYS_FILE`, `AUTH_KEYS` or `AUTH_KEYS_SECRET_ARN`, a JWK
/// set with private Ed25519 keys; `AUTH_ISSUER`, `AUTH_AUDIENCE`, `ACCESS_TOKEN_MINUTES` (default 15). 503 without keys.
pub struct Signer {
    keys: Arc<[SigningKey]>,
}

impl Signer {
    /// A token of this person, who proved who they are at `authenticated_at`, for this row of `identity.sign_ins`.
    pub fn issue(&self, user_id: Uuid, sign_in_id: Uuid, authenticated_at: Timestamp) -> Result<AccessToken> {
        let settings = SETTINGS.get().ok_or_else(|| internal("the signer was not started"))?;
        let now = Timestamp::now().as_second();
        let key = signing(&self.keys, now).ok_or_else(|| internal("no key signs yet"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.kid.clone());
        header.typ = Some("at+jwt".to_owned());
        let claims = Claims {
            iss: &settings.issuer,
            aud: &settings.audience,
            sub: user_id,
            iat: now,
            exp: now + settings.seconds,
            jti: Uuid::new_v4(),
            client_id: "praxis",
            sid: sign_in_id,
            auth_time: authenticated_at.as_second(),
        };
        let token = jsonwebtoken::encode(&header, &claims, &key.private)?;
        Ok(AccessToken { token, expires_in: settings.seconds })
    }
}

struct Settings {
    source: Option<Source>,
    issuer: String,
    audience: String,
    seconds: i64,
}

enum Source {
    File(String),
    Text(String),
    Secret(String),
}

struct SigningKey {
    kid: String,
    nbf: i64,
    private: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
    /// There is one client, the application; RFC 9068 wants to know which.
    client_id: &'static str,
    sid: Uuid,
    auth_time: i64,
}

impl FromRequest for Signer {
    fn start() -> Result<(), SettingError> {
        let file = settings::find("AUTH_KEYS_FILE").map(Source::File);
        let text = || settings::find("AUTH_KEYS").map(Source::Text);
        let source =
            file.or_else(text).or_else(|| settings::find("AUTH_KEYS_SECRET_ARN").map(Source::Secret));
        let minutes = settings::number("ACCESS_TOKEN_MINUTES", 15, 1)?.min(24 * 60);
        let seconds = i64::try_from(minutes * 60).unwrap_or_default();
        SETTINGS.get_or_init(|| Settings {
            source,
            issuer: auth::issuer(),
            audience: auth::audience(),
            seconds,
        });
        Ok(())
    }

    async fn from_request(_: &mut Request) -> Result<Signer> {
        let keys = match SETTINGS.get().and_then(|settings| settings.source.as_ref()) {
            None => return Err(unavailable("sign-in is not configured", 60)),
            // A file is at hand: it is read each time.
            Some(Source::File(path)) => parse(&std::fs::read_to_string(path)?)?,
            Some(Source::Text(text)) => parse(text)?,
            Some(Source::Secret(arn)) => of_secret(arn).await?,
        };
        Ok(Signer { keys })
    }

    fn describe(operation: &mut Operation) {
        operation.error(503, "Sign-in is not configured");
    }
}

async fn of_secret(arn: &str) -> Result<Arc<[SigningKey]>> {
    let mut kept = SECRET.lock().await;
    if let Some((read, keys)) = &*kept
        && read.elapsed() < FRESH
    {
        return Ok(keys.clone());
    }
    let read = secrets::fresh(arn).await.and_then(|text| parse(&text));
    let keys = match (read, &*kept) {
        (Ok(keys), _) => keys,
        // The keys of a moment ago still sign, and everybody has them.
        (Err(error), Some((_, keys))) => {
            tracing::warn!(cause = error.cause(), "the signing keys could not be read again");
            keys.clone()
        }
        (Err(error), None) => return Err(error),
    };
    *kept = Some((Instant::now(), keys.clone()));
    Ok(keys)
}

/// The keys of a JWK set. The error says nothing of the text, which holds secrets.
fn parse(text: &str) -> Result<Arc<[SigningKey]>> {
    #[derive(Deserialize)]
    struct Jwk {
        kid: String,
        crv: String,
        d: String,
        #[serde(default)]
        nbf: i64,
    }
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Jwk>,
    }
    let broken = || internal("the signing keys are no JWK set of private Ed25519 keys");
    let set: Set = serde_json::from_str(text).map_err(|_| broken())?;
    let key = |jwk: Jwk| {
        let seed =
            URL_SAFE_NO_PAD.decode(&jwk.d).ok().filter(|seed| seed.len() == 32 && jwk.crv == "Ed25519")?;
        let private = EncodingKey::from_ed_der(&[&PKCS8[..], &seed].concat());
        Some(SigningKey { kid: jwk.kid, nbf: jwk.nbf, private })
    };
    set.keys.into_iter().map(key).collect::<Option<Vec<_>>>().map(Arc::from).ok_or_else(broken)
}

/// The key that signs now.
fn signing(keys: &[SigningKey], now: i64) -> Option<&SigningKey> {
    keys.iter().filter(|key| key.nbf <= now).max_by_key(|key| key.nbf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(nbfs: &[i64]) -> String {
        let d = URL_SAFE_NO_PAD.encode([7; 32]);
        let keys = nbfs.iter().map(|nbf| {
            serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": "", "d": d, "kid": nbf.to_string(), "nbf": nbf })
        });
        serde_json::json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
    }

    #[test]
    fn the_newest_key_whose_time_has_come_signs() {
        let keys = parse(&set(&[10, 30, 20])).unwrap_or_default();
        let signs = |now| signing(&keys, now).map(|key| key.kid.as_str());
        assert_eq!([signs(9), signs(10), signs(29), signs(30)], [None, Some("10"), Some("20"), Some("30")]);
    }

    #[test]
    fn a_broken_set_is_an_error_that_repeats_nothing_of_it() {
        let spoilt = set(&[1]).replace("Ed25519", "P-256");
        for text in ["", "{}", "hunter2", &spoilt, &set(&[1]).replace("\"d\":\"", "\"d\":\"A")] {
            let error = parse(text).err().expect("an error");
            assert_eq!(
                error.cause().as_deref(),
                Some("the signing keys are no JWK set of private Ed25519 keys")
            );
        }
    }
}
