//! What may be a password: length, form, and that it is not one that everybody tries first (NIST SP 800-63B-4, 3.1.1.2).

use std::borrow::Cow;
use std::fmt;

use deserr::{IntoValue, Value, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::input::problem;
use shared::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::common;
use crate::email::Email;

/// A password as somebody gives it to prove who they are: any text, in Unicode's form NFKC, so that the same characters
/// typed on another keyboard are the same password. Not trimmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// A password that somebody chooses: 8 to 128 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(Password);

/// Longer texts are no password of ours; they are refused before work is spent on them.
const GIVEN_CHARS: usize = 1024;
const NEW_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
/// Words that anybody would try here.
const HERE: &str = "praxis";

impl Password {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Password {
        Password(text.nfkc().collect())
    }
}

impl NewPassword {
    /// The password, for hashing.
    pub fn password(&self) -> &Password {
        &self.0
    }

    /// 400 at `path` for a password that as a whole is one thing a guesser tries early: a common password, the person's own
    /// address, a walk over the keyboard or a repetition; also in another case, backwards or in l33t.
    pub fn must_be_uncommon(&self, path: &'static str, email: Option<&Email>) -> Result<()> {
        let own = email.map_or([HERE; 3], |email| [email.as_str(), email.local_part(), HERE]);
        if common::is_common(&self.0.0, &own) {
            return Err(invalid_field(path, "common", "Password is one of those that are tried first"));
        }
        Ok(())
    }
}

/// Never the password.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Never the password.
impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword")
    }
}

impl Deserr<Problems> for Password {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Password, Problems> {
        match value {
            Value::String(text) if text.chars().count() > GIVEN_CHARS => {
                let sentence = format!("String should have at most {GIVEN_CHARS} characters");
                Err(problem(location, "too_long", sentence))
            }
            Value::String(text) => Ok(Password::from(text.as_str())),
            _ => Err(problem(location, "type", "Input should be a valid string")),
        }
    }
}

impl Deserr<Problems> for NewPassword {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<NewPassword, Problems> {
        let Value::String(text) = value else {
            return Err(problem(location, "type", "Input should be a valid string"));
        };
        // As it was typed: one character may become eighteen in NFKC, and several may become one.
        let given = text.chars().count();
        if given > *NEW_CHARS.end() {
            return Err(problem(location, "too_long", "String should have at most 128 characters"));
        }
        let password = Password::from(text.as_str());
        if given.min(password.0.chars().count()) < *NEW_CHARS.start() {
            return Err(problem(location, "too_short", "String should have at least 8 characters"));
        }
        Ok(NewPassword(password))
    }
}

impl JsonSchema for Password {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "maxLength": GIVEN_CHARS })
    }
}

impl JsonSchema for NewPassword {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NewPassword".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (least, most) = (NEW_CHARS.start(), NEW_CHARS.end());
        json_schema!({ "type": "string", "format": "password", "minLength": least, "maxLength": most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_address_and_a_common_password_in_another_form_are_refused() {
        let email = Email::parse("mia.keller@example.org").unwrap();
        let is_refused = |text: &str| {
            NewPassword(Password::from(text)).must_be_uncommon("/password", Some(&email)).is_err()
        };
        for text in [
            "Mia.Keller",
            "MIA.KELLER@example.org",
            "praxispraxis",
            "praxis2026",
            "Pr4x1s!!",
            "ｐａｓｓｗｏｒｄ１",
        ] {
            assert!(is_refused(text), "{text}");
        }
        assert!(!is_refused("Str0ngPass"));
    }

    #[test]
    fn the_same_characters_are_the_same_password() {
        // One character, and a letter with a combining mark; a ligature, and its letters.
        assert_eq!(Password::from("caf\u{e9} cr\u{e8}me"), Password::from("cafe\u{301} cre\u{300}me"));
        assert_eq!(Password::from("\u{fb01}nance"), Password::from("finance"));
        assert_ne!(Password::from(" secret words "), Password::from("secret words"));
        assert_eq!(format!("{:?}", Password::from("secret words")), "Password");
    }
}
