//! Sign-in against a small provider on loopback, with keys that are made for the test.

mod decisions;
mod keys;
mod modes;
mod praxis;
mod provider;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// The person of every good token.
const SUBJECT: &str = "0192a000-0000-7000-8000-000000000001";

/// A key pair of the issuer.
struct SigningKey {
    kid: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    /// The public key in the form that TLS libraries print between PEM's lines.
    public: Vec<u8>,
}

impl SigningKey {
    fn rsa(kid: &'static str) -> SigningKey {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        // PKCS#8 puts 26 bytes before a key of this size; a JWT's signer takes the PKCS#1 key inside.
        let private = EncodingKey::from_rsa_der(&AsDer::as_der(&pair).unwrap().as_ref()[26..]);
        let public = pair.public_key().as_der().unwrap().as_ref().to_vec();
        SigningKey { kid, algorithm: Algorithm::RS256, private, public }
    }

    fn ec(kid: &'static str) -> SigningKey {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let public = pair.public_key().as_der().unwrap().as_ref().to_vec();
        SigningKey { kid, algorithm: Algorithm::ES256, private, public }
    }

    fn ed(kid: &'static str) -> SigningKey {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        let public = pair.public_key().as_ref().to_vec();
        SigningKey { kid, algorithm: Algorithm::EdDSA, private, public }
    }

    /// What the issuer publishes of it.
    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn public_pem(&self) -> Vec<u8> {
        let base64 = base64::engine::general_purpose::STANDARD.encode(&self.public);
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n").into_bytes()
    }

    fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.algorithm), "kid": self.kid, "typ": "JWT" })
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    /// The header of this system's own access tokens.
    fn access_header(&self) -> Value {
        with(self.header(), "typ", json!("at+jwt"))
    }

    /// An access token as this system's sign-in makes it.
    fn issue(&self, claims: &Value) -> String {
        self.sign_as(&self.access_header(), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, &self.private, self.algorithm)
    }
}

fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token of a project that still signs with its secret.
fn legacy(claims: &Value) -> String {
    let secret = EncodingKey::from_secret(b"a secret that only the provider knows");
    signed(&json!({ "alg": "HS256", "kid": "legacy" }), claims, &secret, Algorithm::HS256)
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims that hold, of `issuer`.
fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer,
        "aud": "authenticated",
        "sub": SUBJECT,
        "exp": now() + 600,
        "iat": now() - 1,
        "email": " Ada@Example.COM ",
        "user_metadata": { "full_name": format!("  {}\u{0}  ", "ä".repeat(130)) },
    })
}

/// The claims with one of them changed; null takes it away.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let object = claims.as_object_mut().unwrap();
    object.remove(name);
    if !value.is_null() {
        object.insert(name.to_owned(), value);
    }
    claims
}
