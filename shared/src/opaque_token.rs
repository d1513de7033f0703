//! Secrets that are nothing but random: of browsers' sessions, refresh tokens, and links in mails.
//!
//! The holder has the token, the database its SHA-256. 256 random bits need no salt and no slow hash: nobody guesses
//! them, and a copy of the database opens nothing.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Result, internal};

const BYTES: usize = 32;

/// A token of 256 random bits; on the wire 43 characters of base64url (RFC 4648, section 5).
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueToken([u8; BYTES]);

impl OpaqueToken {
    /// A new one, from the system's source of randomness.
    pub fn generate() -> Result<OpaqueToken> {
        let mut bytes = [0; BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| internal("there is no randomness"))?;
        Ok(OpaqueToken(bytes))
    }

    /// The token as its holder sends it; `None` for anything that cannot be one.
    pub fn parse(text: &str) -> Option<OpaqueToken> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(OpaqueToken)
    }

    /// The text for the holder. Nothing else may keep or print it.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the database keeps: SHA-256 of the token's bytes.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    /// Another secret that follows from this one and a purpose, and says nothing about it: HMAC's job, done by SHA-256
    /// over a label and a secret of fixed lengths.
    pub fn derive(&self, purpose: &'static str) -> OpaqueToken {
        let label: [u8; 32] = Sha256::digest(purpose).into();
        OpaqueToken(Sha256::new().chain_update(label).chain_update(self.0).finalize().into())
    }

    /// `other`, readable only for whoever holds this token: AES-256-GCM under a key derived from it. The key seals one
    /// message in its life, so the nonce is constant.
    pub fn seal(&self, other: &OpaqueToken) -> Result<Vec<u8>> {
        let mut bytes = other.0.to_vec();
        let sealed = self.key()?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut bytes);
        sealed.map_err(|_| internal("a token could not be sealed"))?;
        Ok(bytes)
    }

    /// What [`OpaqueToken::seal`] sealed.
    pub fn open(&self, sealed: &[u8]) -> Result<OpaqueToken> {
        let mut bytes = sealed.to_vec();
        let opened = self.key()?.open_in_place(nonce(), Aad::empty(), &mut bytes);
        let opened = opened.map_err(|_| internal("a sealed token does not open"))?;
        Ok(OpaqueToken(<[u8; BYTES]>::try_from(&*opened)?))
    }

    fn key(&self) -> Result<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, &self.derive("seal").0);
        Ok(LessSafeKey::new(key.map_err(|_| internal("a key of another length"))?))
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// Never the token.
impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_wire_and_nothing_else_parses() {
        let token = OpaqueToken::generate().unwrap();
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(OpaqueToken::parse(&token.reveal()), Some(token.clone()));
        assert_ne!(OpaqueToken::generate().unwrap(), token);
        for text in ["", "x", &token.reveal()[1..], &format!("{}A", token.reveal()), &"!".repeat(43)] {
            assert_eq!(OpaqueToken::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_holder_opens_what_was_sealed() {
        let (old, new) = (OpaqueToken::generate().unwrap(), OpaqueToken::generate().unwrap());
        let sealed = old.seal(&new).unwrap();
        assert_eq!(old.open(&sealed).unwrap(), new);
        assert!(new.open(&sealed).is_err());
        assert!(!sealed.windows(8).any(|part| new.0.windows(8).any(|secret| secret == part)));
    }

    #[test]
    fn derived_secrets_differ_by_purpose_and_token() {
        let token = OpaqueToken::generate().unwrap();
        assert_eq!(token.derive("csrf"), token.derive("csrf"));
        assert_ne!(token.derive("csrf"), token.derive("seal"));
        assert_ne!(token.derive("csrf"), OpaqueToken::generate().unwrap().derive("csrf"));
    }
}
