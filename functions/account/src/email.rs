//! E-mail addresses in the one form that counts, so that one mailbox is one account.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use deserr::{IntoValue, Value, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::bytes::BytesMut;
use shared::database::SqlType;
use shared::input::problem;
use shared::prelude::*;
use shared::tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// An address that mail can reach: trimmed, the whole of it in lower case, because no provider of note tells `Mia@` from
/// `mia@` and an attacker would. ASCII only: then PostgreSQL and Rust agree on lower case, and no two addresses look alike.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// RFC 5321, section 4.5.3.1.3, gives a path 256 characters, of which two are brackets.
const ADDRESS_LENGTH: usize = 254;
/// RFC 5321, section 4.5.3.1.1.
const LOCAL_PART_LENGTH: usize = 64;
/// RFC 1035, section 2.3.4.
const LABEL_LENGTH: usize = 63;
/// RFC 6761 and RFC 7686: names that are nobody's, or never leave a machine.
const SPECIAL_USE: [&str; 5] = ["test", "local", "localhost", "invalid", "onion"];

impl Email {
    /// Reads an address; `Err` is a sentence for the caller.
    pub fn parse(text: &str) -> Result<Email, &'static str> {
        const SENTENCE: &str = "Input should be an e-mail address";
        let text = text.trim();
        if text.len() > ADDRESS_LENGTH {
            return Err("E-mail address should have at most 254 characters");
        }
        let address = text.to_ascii_lowercase();
        let (local_part, domain) = address.rsplit_once('@').ok_or(SENTENCE)?;
        if !is_local_part(local_part) || !is_domain(domain) {
            return Err(SENTENCE);
        }
        if domain.rsplit('.').next().is_some_and(|last| SPECIAL_USE.contains(&last)) {
            return Err("E-mail address should not be of a special-use domain");
        }
        Ok(Email(address))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

/// A dot-atom of RFC 5322, section 3.2.3. Quoted local parts are legal, unused, and refused.
fn is_local_part(text: &str) -> bool {
    text.len() <= LOCAL_PART_LENGTH
        && text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
        })
}

/// A host name of at least two labels, the last one not a number.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_LENGTH).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_special = SPECIAL_USE.contains(&text);
    (is_special || text.contains('.'))
        && text.split('.').all(is_label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Never the address: it does not belong into logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email")
    }
}

impl Deserr<Problems> for Email {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Email, Problems> {
        match value {
            Value::String(text) => {
                Email::parse(&text).map_err(|sentence| problem(location, "email", sentence))
            }
            _ => Err(problem(location, "type", "Input should be a valid string")),
        }
    }
}

impl Serialize for Email {
    fn serialize<S: shared::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Email {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Email".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        const ATOM: &str = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
        const LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
        // A pattern has no way to say "in any case" that every language knows.
        let any_case = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
        let special_use = SPECIAL_USE.map(|name| name.chars().map(any_case).collect::<String>()).join("|");
        json_schema!({
            "type": "string",
            "format": "email",
            "maxLength": ADDRESS_LENGTH,
            "pattern": format!("^{ATOM}(\\.{ATOM})*@({LABEL}\\.)+{LABEL}$"),
            "not": { "pattern": format!("^[^@]{{65}}|\\.({special_use}|[0-9]+)$") },
        })
    }
}

impl SqlType for Email {
    fn sql_type() -> Type {
        Type::TEXT
    }
}

impl ToSql for Email {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.as_str().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_one_form() {
        for text in ["Mia@Example.org", " mia@example.org\n", "MIA@EXAMPLE.ORG"] {
            assert_eq!(Email::parse(text).map(|email| email.0), Ok("mia@example.org".to_owned()), "{text}");
        }
        let email = Email::parse("mia.o'neil+praxis@mail.example.co.uk").unwrap();
        assert_eq!(email.local_part(), "mia.o'neil+praxis");
        assert_eq!(format!("{email:?}"), "Email");
    }

    #[test]
    fn what_no_mail_reaches_is_refused() {
        let long_local_part = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "b".repeat(64));
        let long = format!("a@{}.org", ["b".repeat(60).as_str(); 5].join("."));
        for text in [
            "",
            "@",
            "mia",
            "mia@",
            "@example.org",
            "mia@example",
            "mia@@example.org",
            "a b@example.org",
            ".a@example.org",
            "a.@example.org",
            "a..b@example.org",
            "\"a b\"@example.org",
            "a@-b.org",
            "a@b-.org",
            "a@b..org",
            "a@.org",
            "a@1.2.3.4",
            "a@[1.2.3.4]",
            "Mia <mia@example.org>",
            "mïa@example.org",
            "mia@exämple.org",
            "mia@example.org\0",
            "a,b@example.org",
            "a@b.test",
            "a@b.local",
            "a@localhost",
            "a@x.localhost",
            "a@b.invalid",
            "a@b.onion",
            "a@B.TEST",
            &long_local_part,
            &long_label,
            &long,
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
    }
}
