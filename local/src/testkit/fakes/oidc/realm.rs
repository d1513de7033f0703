//! What the provider knows, and the ID tokens that it makes of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    super::{Key, token, unsigned_token},
    CLIENT_ID, CLIENT_SECRET, Misbehaviour,
};

pub(super) struct Realm {
    pub(super) issuer: String,
    pub(super) keys: Vec<Arc<Key>>,
    pub(super) auth_methods: Vec<&'static str>,
    pub(super) person: Value,
    pub(super) misbehaviour: Option<Misbehaviour>,
    pub(super) codes: BTreeMap<String, Grant>,
    /// Whose an access token is.
    pub(super) access: BTreeMap<String, Value>,
    pub(super) discoveries: usize,
    pub(super) key_fetches: usize,
    pub(super) exchanges: usize,
    pub(super) secrets: Vec<String>,
}

/// What a code stands for.
pub(super) struct Grant {
    pub(super) redirect_uri: String,
    pub(super) nonce: String,
    pub(super) challenge: String,
    pub(super) person: Value,
}

impl Realm {
    /// Nobody is signed in, and there is one key for RS256.
    pub(super) fn new() -> Self {
        Self {
            issuer: String::new(),
            keys: vec![Arc::new(Key::rs256("rsa-1"))],
            auth_methods: vec!["client_secret_basic", "client_secret_post"],
            person: json!({}),
            misbehaviour: None,
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            discoveries: 0,
            key_fetches: 0,
            exchanges: 0,
            secrets: Vec::new(),
        }
    }

    pub(super) fn does(&self, misbehaviour: &Misbehaviour) -> bool {
        self.misbehaviour.as_ref() == Some(misbehaviour)
    }

    /// The ID token for a grant (OpenID Connect Core 1.0, section 2), as it should be or not.
    pub(super) fn id_token(&self, grant: &Grant) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "iat": now,
            "exp": now + 3600,
            "nonce": grant.nonce,
        });
        merge(&mut claims, &grant.person);
        match &self.misbehaviour {
            Some(Misbehaviour::WrongNonce) => claims["nonce"] = json!("another nonce"),
            Some(Misbehaviour::NoNonce) => drop(claims.as_object_mut().map(|claims| claims.remove("nonce"))),
            Some(Misbehaviour::WrongAudience) => claims["aud"] = json!("another-client"),
            Some(Misbehaviour::SecondAudience) => claims["aud"] = json!([CLIENT_ID, "another-client"]),
            Some(Misbehaviour::WrongIssuer) => claims["iss"] = json!("https://accounts.example.com"),
            Some(Misbehaviour::Expired) => merge(&mut claims, &json!({"iat": now - 3660, "exp": now - 60})),
            Some(Misbehaviour::FromTheFuture) => {
                merge(&mut claims, &json!({"iat": now + 3600, "exp": now + 7200}))
            }
            Some(Misbehaviour::FromThePast) => claims["iat"] = json!(now - 86_400),
            _ => {}
        }
        let key = Arc::clone(self.keys.first().expect("a key"));
        let header = json!({"alg": key.algorithm(), "typ": "JWT", "kid": key.id()});
        match &self.misbehaviour {
            Some(Misbehaviour::UnknownKey) => Key::rs256("never-published").sign(&claims),
            Some(Misbehaviour::ForeignKey) => Key::rs256(key.id()).sign(&claims),
            Some(Misbehaviour::Unsigned) => unsigned_token(&claims),
            Some(Misbehaviour::Forged) => key.forge_hs256(&claims),
            Some(Misbehaviour::SignedWithClientSecret) => {
                let secret =
                    aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
                let header = json!({"alg": "HS256", "typ": "JWT"});
                token(&header, &claims, |message| aws_lc_rs::hmac::sign(&secret, message).as_ref().to_vec())
            }
            Some(Misbehaviour::Tampered) => {
                let good = key.sign(&claims);
                let signature = good.rsplit('.').next().unwrap_or_default();
                let signature = URL_SAFE_NO_PAD.decode(signature).expect("a signature in base64url");
                claims["sub"] = json!("somebody-else");
                token(&header, &claims, |_| signature)
            }
            _ => key.sign(&claims),
        }
    }
}

fn merge(claims: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
}

pub(super) fn lock(state: &Mutex<Realm>) -> MutexGuard<'_, Realm> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
