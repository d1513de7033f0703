//! Praxis's own tokens: which are good, beside those of a Supabase project, and while keys rotate.

use std::path::PathBuf;

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::provider::{Provider, verified};
use super::{SUBJECT, SigningKey, encoded, now, signed, with};
use crate::auth::Verifier;

const REFUSED: &str = "invalid or expired access token";
const UNDECIDED: &str = "failed to validate access token";
const SIGN_IN: &str = "0192a000-0000-7000-8000-000000000002";

/// A file of keys, removed when dropped.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(keys: &[&SigningKey]) -> KeyFile {
        let file = KeyFile(std::env::temp_dir().join(format!("praxis-keys-{}.json", Uuid::new_v4())));
        file.publish(keys);
        file
    }

    fn publish(&self, keys: &[&SigningKey]) {
        // As the real file is: with members that a verifier has no use for.
        let keys = keys.iter().map(|key| with(with(key.jwk(), "d", json!("secret")), "nbf", json!(1)));
        std::fs::write(&self.0, json!({ "keys": keys.collect::<Vec<_>>() }).to_string()).unwrap();
    }

    fn verifier(&self, modes: &str, more: &[(&str, &str)]) -> Verifier {
        let settings =
            [("APP_ENV", "test"), ("AUTH_MODE", modes), ("AUTH_KEYS_FILE", self.0.to_str().unwrap())];
        let find = |name: &str| {
            let mut all = settings.iter().chain(more);
            all.find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Verifier::from_settings(&find).unwrap()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Claims as the sign-in makes them.
fn good() -> Value {
    json!({
        "iss": "praxis",
        "aud": "praxis",
        "sub": SUBJECT,
        "iat": now(),
        "exp": now() + 900,
        "sid": SIGN_IN,
        "auth_time": 1_790_000_000,
    })
}

#[tokio::test]
async fn a_token_names_the_person_the_sign_in_and_the_moment_of_proof() {
    let key = SigningKey::ed("a");
    let file = KeyFile::new(&[&key]);
    for modes in ["praxis", "mock, Praxis", "supabase,praxis,mock"] {
        let verifier = file.verifier(modes, &[("SUPABASE_URL", "https://project.example.com")]);
        let user = verified(&verifier, &key.issue(&good())).await.unwrap();
        assert_eq!(user.id.to_string(), SUBJECT);
        assert_eq!(user.sign_in.map(|id| id.to_string()).as_deref(), Some(SIGN_IN));
        assert_eq!(user.authenticated_at.map(|at| at.as_second()), Some(1_790_000_000));
        assert_eq!((user.email, user.display_name), (None, None));
    }
}

#[tokio::test]
async fn every_forgery_is_refused() {
    let (key, other) = (SigningKey::ed("a"), SigningKey::ed("a"));
    let file = KeyFile::new(&[&key]);
    let verifier = file.verifier("mock,praxis", &[]);
    let claims = good();
    let token = key.issue(&claims);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let hmac = |secret: &[u8]| {
        let header = json!({ "alg": "HS256", "kid": "a" });
        signed(&header, &claims, &EncodingKey::from_secret(secret), Algorithm::HS256)
    };
    let unsigned =
        |alg: &str| format!("{}.{}.", encoded(&json!({ "alg": alg, "kid": "a" })), encoded(&claims));
    let changed = |name: &str, value: Value| key.issue(&with(claims.clone(), name, value));
    let attacks = [
        ("alg none", unsigned("none")),
        ("no signature", unsigned("EdDSA")),
        ("HS256 with the public key", hmac(&key.public)),
        ("HS256 with the public key as text", hmac(&key.public_pem())),
        ("HS256 with the published x", hmac(key.jwk()["x"].as_str().unwrap().as_bytes())),
        ("another alg", key.sign_as(&with(key.access_header(), "alg", json!("ES256")), &claims)),
        ("another kind of token", key.sign(&claims)),
        ("no kind of token", key.sign_as(&with(key.access_header(), "typ", Value::Null), &claims)),
        ("an ID token", key.sign_as(&with(key.access_header(), "typ", json!("id+jwt")), &claims)),
        ("another's key", other.issue(&claims)),
        ("an unknown kid", key.sign_as(&with(key.access_header(), "kid", json!("b")), &claims)),
        ("no kid", key.sign_as(&with(key.access_header(), "kid", Value::Null), &claims)),
        ("a critical extension", key.sign_as(&with(key.access_header(), "crit", json!(["x"])), &claims)),
        ("another person", format!("{header}.{}.{signature}", encoded(&with(good(), "sub", json!(SIGN_IN))))),
        (
            "a longer life",
            format!("{header}.{}.{signature}", encoded(&with(good(), "exp", json!(now() + 9999)))),
        ),
        ("expired", changed("exp", json!(now() - 1))),
        ("without end", changed("exp", Value::Null)),
        ("from the future", changed("iat", json!(now() + 60))),
        ("of another audience", changed("aud", json!("authenticated"))),
        ("of another issuer", changed("iss", json!("praxis2"))),
        ("of no issuer", changed("iss", Value::Null)),
        ("of nobody", changed("sub", json!("admin"))),
        ("of no sign-in", changed("sid", Value::Null)),
        ("without proof", changed("auth_time", Value::Null)),
        ("with proof of no time", changed("auth_time", json!("now"))),
    ];
    for (name, token) in attacks {
        assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED, "{name}");
    }
    verified(&verifier, &token).await.unwrap();
    // RFC 7515, 4.1.9: the prefix may be left out, and the case says nothing.
    let header = with(key.access_header(), "typ", json!("application/AT+JWT"));
    verified(&verifier, &key.sign_as(&header, &claims)).await.unwrap();
}

#[tokio::test]
async fn a_token_of_another_stage_is_refused() {
    let key = SigningKey::ed("a");
    let file = KeyFile::new(&[&key]);
    let verifier = file.verifier("praxis", &[("AUTH_ISSUER", "https://api.example.org")]);
    assert_eq!(verified(&verifier, &key.issue(&good())).await.unwrap_err(), REFUSED);
    let claims = with(good(), "iss", json!("https://api.example.org"));
    verified(&verifier, &key.issue(&claims)).await.unwrap();
}

#[tokio::test]
async fn each_issuer_is_believed_for_its_own_keys_only() {
    // One kid at both, so that only the keys tell them apart.
    let (ours, theirs) = (SigningKey::ed("a"), SigningKey::ed("a"));
    let provider = Provider::start(&[&theirs]).await;
    provider.knows(Uuid::nil());
    let file = KeyFile::new(&[&ours]);
    let verifier = file.verifier("praxis,supabase", &[("SUPABASE_URL", &provider.url)]);
    let supabase = || {
        let claims = with(provider.claims(), "sid", json!(SIGN_IN));
        with(claims, "amr", json!([{ "timestamp": 5 }, { "timestamp": 1_790_000_001 }, { "timestamp": 7 }]))
    };
    let user = verified(&verifier, &theirs.sign(&supabase())).await.unwrap();
    assert_eq!(user.authenticated_at.map(|at| at.as_second()), Some(1_790_000_001));
    assert_eq!(user.sign_in, None, "a Supabase session is no sign-in of ours");
    verified(&verifier, &ours.issue(&good())).await.unwrap();

    assert_eq!(verified(&verifier, &ours.sign(&supabase())).await.unwrap_err(), REFUSED);
    assert_eq!(verified(&verifier, &theirs.issue(&good())).await.unwrap_err(), REFUSED);
    assert_eq!(verified(&verifier, "mock_0192a000-0000-7000-8000-000000000001").await.unwrap_err(), REFUSED);
    assert_eq!(provider.calls().1, 0, "nobody was asked");
}

#[tokio::test]
async fn a_rotation_signs_nobody_out() {
    let (old, new) = (SigningKey::ed("old"), SigningKey::ed("new"));
    let file = KeyFile::new(&[&old]);
    let verifier = file.verifier("praxis", &[]);
    let before = old.issue(&good());
    verified(&verifier, &before).await.unwrap();
    file.publish(&[&old, &new]);
    verified(&verifier, &new.issue(&good())).await.unwrap();
    verified(&verifier, &before).await.unwrap();
}

#[tokio::test]
async fn without_any_keys_nobody_is_let_in() {
    let key = SigningKey::ed("a");
    let file = KeyFile::new(&[&key]);
    let verifier = file.verifier("praxis", &[]);
    std::fs::remove_file(&file.0).unwrap();
    assert_eq!(verified(&verifier, &key.issue(&good())).await.unwrap_err(), UNDECIDED);
    std::fs::write(&file.0, "hunter2").unwrap();
    assert_eq!(verified(&file.verifier("praxis", &[]), &key.issue(&good())).await.unwrap_err(), UNDECIDED);
}

#[tokio::test]
async fn beside_mock_sign_in_only_what_looks_like_a_token_is_taken_for_one() {
    let key = SigningKey::ed("a");
    let file = KeyFile::new(&[&key]);
    let verifier = file.verifier("mock,praxis", &[]);
    for (token, message) in [
        ("garbage", "invalid mock token"),
        ("a.b", "invalid mock token"),
        ("a.b.c.d", "invalid mock token"),
        ("mock_a.b.c", "mock user id must be a valid UUID"),
        ("a.b.c", REFUSED),
        ("..", REFUSED),
    ] {
        assert_eq!(verified(&verifier, token).await.unwrap_err(), message, "{token}");
    }
    assert_eq!(verified(&file.verifier("mock", &[]), "a.b.c").await.unwrap_err(), "invalid mock token");
}
