//! What an ID token says of a person, in the shapes of both providers.

use openidconnect::core::CoreGenderClaim;
use openidconnect::{AdditionalClaims, IdTokenClaims};
use serde_json::Value;
use shared::prelude::*;

use super::Provider;
use crate::email::Email;

/// Claims that are Clever's own (<https://dev.clever.com/docs/oidc-implementation>). Each may be of any type, so that a
/// surprise in one does not refuse the person.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct CleverClaims {
    /// `student`, `teacher`, `staff` or `district_admin`.
    user_type: Option<Value>,
    /// The same, as Clever's API names it.
    r#type: Option<Value>,
    /// The district's id, 24 hexadecimal digits.
    district: Option<Value>,
}

impl AdditionalClaims for CleverClaims {}

/// A person as a provider vouches for them.
pub struct Identity {
    /// Who says so.
    pub(super) provider: Provider,
    /// The provider's own id of the person, which never changes hands; an address does.
    pub(super) subject: String,
    /// Their address. Google always has one; Clever's come from the school's roster, and pupils often have none.
    pub(super) email: Option<Email>,
    /// Whether the provider knows that the mailbox is theirs. Clever says `false` unless it was asked to do otherwise.
    pub(super) is_email_verified: bool,
    /// What to call them.
    pub(super) name: Option<String>,
    /// What they start as; later only an admin changes it.
    pub(super) role: Role,
    /// The district.
    pub(super) organization_id: Option<String>,
}

/// As many characters as `identity.users` takes.
const NAME_CHARS: usize = 120;
/// OpenID Connect Core 1.0, section 2: a subject has at most 255 ASCII characters.
const SUBJECT_LENGTH: usize = 255;
const ORGANIZATION_LENGTH: usize = 64;

impl Identity {
    /// Reads verified claims. 401 without a usable subject, and for Google without an address.
    pub(super) fn read(
        provider: Provider,
        claims: &IdTokenClaims<CleverClaims, CoreGenderClaim>,
    ) -> Result<Identity> {
        let invalid = || unauthorized(format!("Invalid user info from {}", provider.label()));
        let subject = claims.subject().as_str();
        if !(1..=SUBJECT_LENGTH).contains(&subject.len())
            || !subject.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(invalid());
        }
        // A roster's address that no mail reaches counts as none.
        let email = claims.email().and_then(|email| Email::parse(email).ok());
        if email.is_none() && provider == Provider::Google {
            return Err(invalid());
        }
        let part = |claim: Option<&str>| claim.map(printable).filter(|text| !text.is_empty());
        let given = part(claims.given_name().and_then(|name| name.get(None)).map(|name| name.as_str()));
        let family = part(claims.family_name().and_then(|name| name.get(None)).map(|name| name.as_str()));
        let both = [given, family].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let name = part(claims.name().and_then(|name| name.get(None)).map(|name| name.as_str()));
        let more = claims.additional_claims();
        Ok(Identity {
            provider,
            subject: subject.to_owned(),
            is_email_verified: email.is_some() && claims.email_verified() == Some(true),
            email,
            name: name.or_else(|| part(Some(&both))),
            role: more.role(),
            organization_id: more.organization_id().filter(|_| provider == Provider::Clever),
        })
    }
}

impl CleverClaims {
    /// A pupil is a student; everybody else at a school, and everybody at Google, is an educator. An administrator of a
    /// district is one too: they run a school, not this product, and admins are made by admins.
    fn role(&self) -> Role {
        let kind = [&self.user_type, &self.r#type].into_iter().flatten().find_map(Value::as_str);
        match kind {
            Some("student") => Role::Student,
            _ => Role::Educator,
        }
    }

    fn organization_id(&self) -> Option<String> {
        let district = self.district.as_ref()?.as_str()?;
        let is_id = (1..=ORGANIZATION_LENGTH).contains(&district.len())
            && district.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| district.to_owned())
    }
}

/// The text in one line, without characters that are no part of a name, as much of it as a name may have.
fn printable(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    shared::value::name_within(&line.collect::<Vec<_>>().join(" "), NAME_CHARS).unwrap_or_default()
}
