//! The settings of sign-in, and the guard that keeps development's tokens out of production.

use reqwest::Url;

use crate::auth::Verifier;
use crate::auth::jwks::KeySet;
use crate::auth::supabase::Supabase;
use crate::auth::token::Expected;
use crate::auth::user_endpoint::UserEndpoint;

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// See [`Verifier::from_settings`].
pub(super) fn verifier(get: Get<'_>) -> Result<Verifier, String> {
    // A missing or unknown environment is the real one: a forgotten variable must not let anybody be anybody.
    let app_env = text(get, "APP_ENV").unwrap_or_default().to_ascii_lowercase();
    let relaxed = matches!(app_env.as_str(), "development" | "dev" | "local" | "test");
    let enabled = boolean(get, "MOCK_AUTH_ENABLED")?;
    let overridden = boolean(get, "ALLOW_MOCK_AUTH_IN_PRODUCTION")?.unwrap_or(false);

    let mode = text(get, "AUTH_MODE").map(|mode| mode.to_ascii_lowercase());
    let supabase = match mode.as_deref() {
        Some("mock") => false,
        Some("supabase") => true,
        Some(_) => return Err("AUTH_MODE must be mock or supabase".to_owned()),
        None if relaxed => false,
        None => {
            return Err(
                "AUTH_MODE must be set: it has a default only with APP_ENV=development or test".to_owned()
            );
        }
    };

    let accepts_mock_tokens = !supabase || enabled == Some(true);
    if accepts_mock_tokens && !relaxed && !(enabled == Some(true) && overridden) {
        let at_fault = if supabase { "MOCK_AUTH_ENABLED=true" } else { "AUTH_MODE=mock" };
        return Err(format!(
            "{at_fault} lets anybody be anybody: outside APP_ENV=development and test it needs both \
             MOCK_AUTH_ENABLED=true and ALLOW_MOCK_AUTH_IN_PRODUCTION=true"
        ));
    }
    let supabase = if supabase { Some(project(get, relaxed)?) } else { None };
    Ok(Verifier { accepts_mock_tokens, supabase })
}

/// The Supabase project whose tokens are taken.
fn project(get: Get<'_>, plain_http: bool) -> Result<Supabase, String> {
    let project = address(get, "SUPABASE_URL", plain_http)?;
    let issuer = match (address(get, "JWT_ISSUER", plain_http)?, &project) {
        (Some(issuer), _) => issuer,
        (None, Some(project)) => format!("{project}/auth/v1"),
        (None, None) => {
            return Err("SUPABASE_URL (or JWT_ISSUER) must be set for AUTH_MODE=supabase".to_owned());
        }
    };
    let api_key = text(get, "SUPABASE_ANON_KEY");
    if api_key.as_ref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err("SUPABASE_ANON_KEY must be visible ASCII characters only".to_owned());
    }
    let audience = text(get, "JWT_AUDIENCE").unwrap_or_else(|| "authenticated".to_owned());
    Ok(Supabase {
        keys: KeySet::new(format!("{issuer}/.well-known/jwks.json")),
        expected: Expected { issuer, audience },
        user_endpoint: project.map(|project| UserEndpoint::new(format!("{project}/auth/v1/user"), api_key)),
    })
}

/// An http(s) address without the slashes at its end.
///
/// Keys that come over plain http are anybody's keys, so that is for loopback, or for a laptop's own network.
fn address(get: Get<'_>, name: &str, plain_http: bool) -> Result<Option<String>, String> {
    let Some(text) = text(get, name) else { return Ok(None) };
    let url = Url::parse(&text).map_err(|_| format!("{name} must be an address like https://example.com"))?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => {}
        "http" if plain_http || loopback => {}
        _ => return Err(format!("{name} must be an https address")),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!("{name} must be an address without user, query and fragment"));
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

/// A truth value: 1, true, yes, on, or 0, false, no, off, in any case. `None` when it is unset.
fn boolean(get: Get<'_>, name: &str) -> Result<Option<bool>, String> {
    match text(get, name).map(|text| text.to_ascii_lowercase()).as_deref() {
        None => Ok(None),
        Some("1" | "true" | "yes" | "on") => Ok(Some(true)),
        Some("0" | "false" | "no" | "off") => Ok(Some(false)),
        Some(_) => Err(format!("{name} must be true or false")),
    }
}

fn text(get: Get<'_>, name: &str) -> Option<String> {
    get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
