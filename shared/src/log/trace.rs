//! What the log says of networks and accounts: a keyed hash, by which lines are told to speak of the same one, and from
//! which nobody without the key finds out which one.

use std::sync::OnceLock;

use aws_lc_rs::hmac;

use crate::settings;

/// Hexadecimal digits of a hash: 64 bits tell a few million networks apart.
const DIGITS: usize = 16;

/// The caller's network, as limits count it (`Client::network`).
pub fn network(network: &str) -> String {
    hash(key(), "network", network)
}

/// The account that somebody tried: an address, normalised, or whatever else names it.
pub fn account(account: &str) -> String {
    hash(key(), "account", account)
}

/// `LOG_HASH_KEY`; without it a random one of this process, whose hashes no other process shares.
fn key() -> &'static hmac::Key {
    static KEY: OnceLock<hmac::Key> = OnceLock::new();
    KEY.get_or_init(|| {
        let given = settings::find("LOG_HASH_KEY").map(String::into_bytes);
        // Without randomness there is no TLS either; a key that everybody knows is better than no log.
        let bytes = given.unwrap_or_else(|| {
            let mut random = vec![0; 32];
            let _ = aws_lc_rs::rand::fill(&mut random);
            random
        });
        hmac::Key::new(hmac::HMAC_SHA256, &bytes)
    })
}

/// The kind ends with a NUL, so that a network is never the same as an account.
fn hash(key: &hmac::Key, kind: &str, text: &str) -> String {
    let tag = hmac::sign(key, format!("{kind}\0{text}").as_bytes());
    tag.as_ref().iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_key_kind_and_text() {
        let (one, other) =
            (hmac::Key::new(hmac::HMAC_SHA256, b"one"), hmac::Key::new(hmac::HMAC_SHA256, b"other"));
        let hashed = hash(&one, "network", "203.0.113.9");
        assert_eq!(hashed.len(), DIGITS);
        assert_eq!(hashed, hash(&one, "network", "203.0.113.9"));
        for different in [
            hash(&other, "network", "203.0.113.9"),
            hash(&one, "account", "203.0.113.9"),
            hash(&one, "network", "203.0.113.8"),
        ] {
            assert_ne!(hashed, different);
        }
        assert_eq!(network("203.0.113.9"), network("203.0.113.9"), "within a process");
    }
}
