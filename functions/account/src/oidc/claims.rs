//! What is read of a person's claims, in the shapes of both providers. Each may be of any form: a surprise in one does not
//! refuse the person.

use serde_json::Value;
use shared::prelude::*;
use shared::settings;

use super::Provider;
use super::failure::Failure;
use super::id_token::Claims;
use crate::email::Email;

/// A person as a provider vouches for them.
pub struct Identity {
    /// Who says so.
    pub(super) provider: Provider,
    /// The provider's own id of the person, which never changes hands; an address does.
    pub(super) subject: String,
    /// Their address. Google always has one; Clever's come from the school's roster, and pupils often have none.
    pub(super) email: Option<Email>,
    /// Whether the provider speaks for the address: whoever has this account there reads its mail today.
    pub(super) is_authoritative: bool,
    /// The domain whose administrators gave the person their account: Google's `hd`.
    pub(super) hosted_domain: Option<String>,
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
/// The domains of Google's own mailboxes.
const GMAIL: [&str; 2] = ["gmail.com", "googlemail.com"];

impl Identity {
    /// Reads verified claims. 401 without a usable subject, and for Google without an address.
    pub(super) fn read(provider: Provider, claims: &Claims) -> Result<Identity> {
        let invalid = || unauthorized(format!("Invalid user info from {}", provider.label()));
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let subject = text("sub").unwrap_or_default();
        if !(1..=SUBJECT_LENGTH).contains(&subject.len())
            || !subject.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(invalid().because(Failure::refused("the claims have no usable subject")));
        }
        // A roster's address that no mail reaches counts as none.
        let email = text("email").and_then(|email| Email::parse(email).ok());
        if email.is_none() && provider == Provider::Google {
            return Err(invalid().because(Failure::refused("the claims have no address")));
        }
        let part = |name: &str| text(name).map(printable).filter(|text| !text.is_empty());
        let both =
            [part("given_name"), part("family_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let hosted_domain = match provider {
            Provider::Google => text("hd").map(|domain| domain.trim().to_ascii_lowercase()),
            Provider::Clever => None,
        };
        Ok(Identity {
            provider,
            subject: subject.to_owned(),
            is_authoritative: email.as_ref().is_some_and(|email| {
                provider == Provider::Google
                    && is_true(claims.get("email_verified"))
                    && speaks_for(hosted_domain.as_deref(), email)
            }),
            role: role(provider, hosted_domain.as_deref(), text("user_type").or_else(|| text("type"))),
            organization_id: text("district")
                .and_then(organization_id)
                .filter(|_| provider == Provider::Clever),
            email,
            hosted_domain,
            name: part("name").or_else(|| Some(both).filter(|both| !both.is_empty())),
        })
    }

    /// `SIGN_UP_DOMAINS` is about Google, where anybody has an account; who comes from Clever was let in by their school.
    pub(super) fn may_sign_up(&self) -> bool {
        match (self.provider, settings::find("SIGN_UP_DOMAINS")) {
            (Provider::Google, Some(domains)) => is_listed(self.hosted_domain.as_deref(), &domains),
            _ => true,
        }
    }
}

/// Providers that follow OpenID Connect send a boolean, some a text.
fn is_true(claim: Option<&Value>) -> bool {
    match claim {
        Some(Value::Bool(is)) => *is,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// Google speaks for an address of its own mailboxes, and for one of a domain that it hosts. Any other it has verified once,
/// and does not hear when the mailbox becomes somebody else's. Clever has no say here: a district writes the roster.
/// Source: <https://developers.google.com/identity/gsi/web/guides/verify-google-id-token>
fn speaks_for(hosted_domain: Option<&str>, email: &Email) -> bool {
    let domain = email.as_str().rsplit('@').next().unwrap_or_default();
    GMAIL.contains(&domain) || hosted_domain == Some(domain)
}

/// Everybody starts as a student, unless a setting says otherwise: `EDUCATOR_DOMAINS` of whom Google hosts there,
/// `CLEVER_EDUCATORS` of whom a school's roster calls teacher or staff. Neither makes an admin.
fn role(provider: Provider, hosted_domain: Option<&str>, kind: Option<&str>) -> Role {
    let is_educator = match provider {
        Provider::Google => {
            settings::find("EDUCATOR_DOMAINS").is_some_and(|domains| is_listed(hosted_domain, &domains))
        }
        Provider::Clever => {
            let works_at_school = matches!(
                kind,
                Some(
                    "teacher"
                        | "staff"
                        | "school_admin"
                        | "district_admin"
                        | "school admin"
                        | "district admin"
                )
            );
            works_at_school
                && settings::find("CLEVER_EDUCATORS").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        }
    };
    if is_educator { Role::Educator } else { Role::Student }
}

/// Whether the domain stands in a comma list.
fn is_listed(domain: Option<&str>, list: &str) -> bool {
    domain.is_some_and(|domain| list.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(domain)))
}

fn organization_id(district: &str) -> Option<String> {
    let is_id = (1..=ORGANIZATION_LENGTH).contains(&district.len())
        && district.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| district.to_owned())
}

/// The text in one line, without characters that are no part of a name, as much of it as a name may have.
fn printable(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    shared::value::name_within(&line.collect::<Vec<_>>().join(" "), NAME_CHARS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(provider: Provider, claims: Value) -> Identity {
        Identity::read(provider, claims.as_object().unwrap()).unwrap()
    }

    #[test]
    fn google_speaks_for_its_own_mailboxes_and_the_domains_that_it_hosts() {
        for (email, verified, domain, speaks) in [
            ("a@gmail.com", json!(true), json!(null), true),
            ("A@GoogleMail.com", json!("true"), json!(null), true),
            ("a@school.org", json!(true), json!("School.ORG"), true),
            ("a@school.org", json!(true), json!(null), false),
            ("a@school.org", json!(true), json!("other.org"), false),
            ("a@sub.school.org", json!(true), json!("school.org"), false),
            ("a@school.org", json!(false), json!("school.org"), false),
            ("a@school.org", json!("yes"), json!("school.org"), false),
            ("a@school.org", json!(1), json!("school.org"), false),
            ("a@gmail.com", json!(null), json!(null), false),
            ("a@gmail.com.evil.org", json!(true), json!(["gmail.com"]), false),
        ] {
            let claims = json!({"sub": "1", "email": email, "email_verified": verified, "hd": domain});
            assert_eq!(of(Provider::Google, claims.clone()).is_authoritative, speaks, "{claims}");
            assert!(!of(Provider::Clever, claims.clone()).is_authoritative, "{claims}");
        }
    }

    #[test]
    fn a_claim_of_another_form_is_as_if_it_were_absent() {
        let claims = json!({
            "sub": "1", "email": "a@school.org", "email_verified": [], "hd": 7, "name": {"first": "A"}, "given_name": 7,
            "district": 7, "user_type": ["admin"], "locale": {}, "updated_at": "now", "picture": false,
        });
        let identity = of(Provider::Clever, claims);
        assert_eq!((identity.name, identity.organization_id, identity.hosted_domain), (None, None, None));
        assert_eq!(identity.role, Role::Student);
    }
}
