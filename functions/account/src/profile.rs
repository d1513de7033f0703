//! The profile: the person's name, language and time zone.

use deserr::{IntoValue, Value, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::identity::{self, Preferences};
use shared::input::problem;
use shared::language;
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
    /// IANA time zone, in which the person's days and weeks begin, as the person said it.
    pub timezone: String,
    /// When the profile was stored; null before the person has written anything.
    pub created_at: Option<Time>,
}

/// Changes of a profile; absent fields stay as they are.
#[input]
pub struct ProfilePatch {
    /// What to call the person; null removes it.
    pub display_name: Change<Option<Name<1, 120>>>,
    /// Language tag (BCP 47), for example `en-GB`.
    pub locale: Change<Locale>,
    /// IANA time zone, for example `Asia/Shanghai`; old names too, as browsers send them.
    pub timezone: Change<ZoneName>,
}

/// A language tag, see [`language::is_tag`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(String);

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
    Ok(found.map(|profile: Profile| profile.of(user)).unwrap_or_else(|| {
        let (email, display_name) = identity::introduction(user);
        let Preferences { locale, timezone } = Preferences::at_first(user);
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

/// Changes the caller's profile, whose row must exist.
pub async fn update(tx: &Tx, user: &User, patch: &ProfilePatch) -> Result<Profile> {
    let name = patch.display_name.as_set();
    let profile: Profile = tx
        .one(
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
                &name.and_then(|name| name.as_ref().map(Name::as_str)),
                &patch.locale.as_set().map(|locale| locale.as_str()),
                &patch.timezone.as_set().map(ZoneName::as_str),
            ],
        )
        .await?;
    Ok(profile.of(user))
}

impl Profile {
    /// With the language of the person's request where their row says none.
    fn of(self, user: &User) -> Profile {
        Profile { locale: language::or_instead(self.locale, || user.locale.clone()), ..self }
    }
}

impl Locale {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deserr<Problems> for Locale {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Locale, Problems> {
        match value {
            Value::String(text) if language::is_tag(&text) => Ok(Locale(text)),
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
            "maxLength": language::TAG_LENGTH,
            "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        })
    }
}
