//! Real signing keys, and tokens with any header and any claims, the impossible ones included.

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

/// A key pair of an identity provider.
pub struct Key {
    id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl Key {
    /// A new RSA key of 2048 bits, for RS256.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn rs256(id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        Self { id: id.to_owned(), pair: Pair::Rsa(Box::new(pair)) }
    }

    /// A new key on the curve P-256, for ES256.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn es256(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).expect("an EC key");
        Self { id: id.to_owned(), pair: Pair::Ec(Box::new(pair)) }
    }

    /// A pair on the curve Ed25519, for EdDSA.
    pub fn eddsa(id: &str, pair: Ed25519KeyPair) -> Self {
        Self { id: id.to_owned(), pair: Pair::Ed(Box::new(pair)) }
    }

    /// The `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `alg` that fits the key.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// The public half as a JSON Web Key (RFC 7517 and RFC 7518, section 6).
    pub fn jwk(&self) -> Value {
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let modulus = BASE64.encode(public.modulus().big_endian_without_leading_zero());
                let exponent = BASE64.encode(public.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": modulus, "e": exponent})
            }
            Pair::Ec(pair) => {
                // An uncompressed point: 0x04, then 32 bytes of x and 32 of y.
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key())}),
        };
        key["kid"] = json!(self.id);
        key["alg"] = json!(self.algorithm());
        key["use"] = json!("sig");
        key
    }

    /// The public half as PEM: what an attacker signs an HS256 token with.
    pub fn public_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Rsa(pair) => AsDer::as_der(pair.public_key()).map(|der| der.as_ref().to_vec()),
            Pair::Ec(pair) => AsDer::as_der(pair.public_key()).map(|der| der.as_ref().to_vec()),
            Pair::Ed(pair) => AsDer::as_der(pair.public_key()).map(|der| der.as_ref().to_vec()),
        };
        let text =
            base64::engine::general_purpose::STANDARD.encode(der.expect("a public key has a DER form"));
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// A token with this key's own header. An Ed25519 key is this system's, and its tokens are access tokens (RFC 9068).
    pub fn sign(&self, claims: &Value) -> String {
        let kind = if matches!(self.pair, Pair::Ed(_)) { "at+jwt" } else { "JWT" };
        self.sign_with_header(&json!({"alg": self.algorithm(), "typ": kind, "kid": self.id}), claims)
    }

    /// A token with any header: the signature is by this key, whatever the header says.
    ///
    /// # Panics
    /// When the key cannot sign.
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        token(header, claims, |message| match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .expect("an RSA key signs");
                signature
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).expect("an EC key signs");
                signature.as_ref().to_vec()
            }
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }

    /// The classic forgery: an HS256 token whose secret is this key's public half.
    pub fn forge_hs256(&self, claims: &Value) -> String {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.public_pem().as_bytes());
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": self.id});
        token(&header, claims, |message| hmac::sign(&secret, message).as_ref().to_vec())
    }
}

/// A token in compact form (RFC 7515, section 3.1) with a signature of the caller's making.
pub fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = BASE64.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A token with `alg: none` and an empty signature.
pub fn unsigned_token(claims: &Value) -> String {
    token(&json!({"alg": "none", "typ": "JWT"}), claims, |_| Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(token: &str) -> (Vec<u8>, Vec<u8>) {
        let (message, signature) = token.rsplit_once('.').unwrap();
        (message.as_bytes().to_vec(), BASE64.decode(signature).unwrap())
    }

    fn decode(key: &Value, member: &str) -> Vec<u8> {
        BASE64.decode(key[member].as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_published_keys_verify_the_tokens() {
        let key = Key::rs256("r");
        let (message, signature) = parts(&key.sign(&json!({"sub": "x"})));
        let jwk = key.jwk();
        let public = signature::RsaPublicKeyComponents { n: decode(&jwk, "n"), e: decode(&jwk, "e") };
        public.verify(&signature::RSA_PKCS1_2048_8192_SHA256, &message, &signature).unwrap();

        let key = Key::es256("e");
        let (message, signature) = parts(&key.sign(&json!({"sub": "x"})));
        let jwk = key.jwk();
        let point = [vec![4], decode(&jwk, "x"), decode(&jwk, "y")].concat();
        let public = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
        public.verify(&message, &signature).unwrap();
        assert!(public.verify(b"something else", &signature).is_err());
    }
}
