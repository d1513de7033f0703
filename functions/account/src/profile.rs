//! The profile: the person's name, language and time zone.

use deserr::{IntoValue, Value, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::identity::{self, Preferences};
use shared::input::problem;
use shared::prelude::*;

/// The caller's own profile.
#[row]
pub struct Profile {
    /// The identity provider's id of the person.
    pub user_id: Uuid,
    /// E-mail address, as the identity provider gave it at first.
    pub email: Option<String>,
    /// What to call the person; null after it was removed.
    pub display_name: Option<String>,
    /// Language tag (BCP 47).
    pub locale: String,
    /// IANA time zone, in which the person's days and weeks begin.
    pub timezone: String,
    /// When the profile was stored; null before the person has written anything.
    pub created_at: Option<Time>,
}

/// Changes of a profile; absent fields stay as they are.
#[input]
pub struct ProfilePatch {
    /// What to call the person; null removes it.
    pub display_name: Change<Option<Text<1, 120>>>,
    /// Language tag (BCP 47), for example `en-GB`.
    pub locale: Change<Locale>,
    /// IANA time zone, for example `Asia/Shanghai`.
    pub timezone: Change<Text<1, 64>>,
}

/// A language tag in the shape of BCP 47 (RFC 5646): subtags of letters and digits, the first one of letters. The
/// subtags themselves are not looked up, because the registry grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(String);

/// RFC 5646, section 4.4.1, has tags of up to 35 characters fit everywhere.
const LOCALE_LENGTH: usize = 35;

/// The caller's profile. Somebody who has not written anything yet has the one that they would start with.
pub async fn get(tx: &Tx, user: &User) -> Result<Profile> {
    let found = tx
        .find(
            "select id as user_id, email, display_name, locale, timezone, created_at
             from identity.users
             where id = $1",
            &[&user.id],
        )
        .await?;
    Ok(found.unwrap_or_else(|| {
        let (email, display_name) = identity::introduction(user);
        let Preferences { locale, timezone } = Preferences::default();
        Profile {
            user_id: user.id,
            email: Some(email),
            display_name: Some(display_name),
            locale,
            timezone,
            created_at: None,
        }
    }))
}

/// Changes the caller's profile, whose row must exist; 400 for a time zone that the database does not know.
pub async fn update(tx: &Tx, user: &User, patch: &ProfilePatch) -> Result<Profile> {
    let name = patch.display_name.as_set();
    tx.one(
        "update identity.users set
             display_name = case when $2 then $3 else display_name end,
             locale = coalesce($4, locale),
             timezone = coalesce($5, timezone),
             updated_at = now()
         where id = $1
         returning id as user_id, email, display_name, locale, timezone, created_at",
        &[
            &user.id,
            &name.is_some(),
            &name.and_then(|name| name.as_ref().map(Text::as_str)),
            &patch.locale.as_set().map(|locale| locale.as_str()),
            &patch.timezone.as_set().map(Text::as_str),
        ],
    )
    .await
    .on_constraint("users_timezone_check", || {
        invalid_field("/timezone", "timezone", "Input should be an IANA time zone name")
    })
}

impl Locale {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_tag(text: &str) -> bool {
        let mut subtags = text.split('-');
        let language = subtags.next().unwrap_or_default();
        text.len() <= LOCALE_LENGTH
            && (2..=8).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphabetic())
            && subtags.all(|subtag| {
                (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
    }
}

impl Deserr<Problems> for Locale {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Locale, Problems> {
        match value {
            Value::String(text) if Locale::is_tag(&text) => Ok(Locale(text)),
            Value::String(_) => {
                let sentence = "Input should be a language tag like zh-CN, of at most 35 characters";
                Err(problem(location, "locale", sentence))
            }
            _ => Err(problem(location, "type", "Input should be a valid string")),
        }
    }
}

impl JsonSchema for Locale {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Locale".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": LOCALE_LENGTH,
            "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_tag() {
        for tag in ["zh-CN", "en", "sr-Latn-RS", "de-CH-1901", "ast", "zh-yue-HK"] {
            assert!(Locale::is_tag(tag), "{tag}");
        }
        let long = "de-CH-abcdefgh-abcdefgh-abcdefgh-abcde";
        for text in ["", "z", "1a", "zh_CN", "zh-", "-CN", "zh--CN", "zh-abcdefghi", "中文", "zh-CN\n", long]
        {
            assert!(!Locale::is_tag(text), "{text}");
        }
    }
}
