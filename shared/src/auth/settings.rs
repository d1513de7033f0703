//! The settings of sign-in, and the guard that keeps development's tokens out of production.

use reqwest::Url;

use crate::auth::jwks::{KeySet, Source};
use crate::auth::praxis::Praxis;
use crate::auth::supabase::Supabase;
use crate::auth::token::{Expected, Skew};
use crate::auth::user_endpoint::UserEndpoint;
use crate::auth::{Verifier, praxis};

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// See [`Verifier::from_settings`].
pub(super) fn verifier(get: Get<'_>) -> Result<Verifier, String> {
    let relaxed = is_relaxed(get);
    let enabled = boolean(get, "MOCK_AUTH_ENABLED")?;
    let overridden = boolean(get, "ALLOW_MOCK_AUTH_IN_PRODUCTION")?.unwrap_or(false);

    let modes = Modes::of(get)?;
    let accepts_mock_tokens = modes.mock || enabled == Some(true);
    if accepts_mock_tokens && !relaxed && !(enabled == Some(true) && overridden) {
        let at_fault = if modes.mock { "AUTH_MODE=mock" } else { "MOCK_AUTH_ENABLED=true" };
        return Err(format!(
            "{at_fault} lets anybody be anybody: outside APP_ENV=development and test it needs both \
             MOCK_AUTH_ENABLED=true and ALLOW_MOCK_AUTH_IN_PRODUCTION=true"
        ));
    }
    let praxis = modes.praxis.then(|| own(get)).transpose()?;
    let supabase = modes.supabase.then(|| project(get, relaxed)).transpose()?;
    if let (Some(praxis), Some(supabase)) = (&praxis, &supabase)
        && praxis.expected.issuer == supabase.expected.issuer
    {
        return Err("AUTH_ISSUER must differ from the issuer of the Supabase project".to_owned());
    }
    Ok(Verifier { is_mock_mode: modes.mock, accepts_mock_tokens, praxis, supabase })
}

/// A missing or unknown environment is the real one: a forgotten variable must not let anybody be anybody.
fn is_relaxed(get: Get<'_>) -> bool {
    let app_env = text(get, "APP_ENV").unwrap_or_default().to_ascii_lowercase();
    matches!(app_env.as_str(), "development" | "test")
}

/// Whose tokens are taken.
#[derive(Default)]
pub(super) struct Modes {
    mock: bool,
    /// Also whether this system signs people in.
    pub(super) praxis: bool,
    supabase: bool,
}

impl Modes {
    /// `AUTH_MODE`, or its default where there is one.
    pub(super) fn of(get: Get<'_>) -> Result<Modes, String> {
        let mut modes = Modes::default();
        match text(get, "AUTH_MODE").map(|list| list.to_ascii_lowercase()) {
            Some(list) => list.split(',').try_for_each(|mode| modes.add(mode.trim()))?,
            // Praxis's own tokens need keys, which a bare environment has not.
            None if is_relaxed(get) => {
                modes.mock = true;
                modes.praxis = praxis::source(&|name| text(get, name)).is_some();
            }
            None => {
                return Err("AUTH_MODE must be set: it has a default only with APP_ENV=development or test"
                    .to_owned());
            }
        }
        Ok(modes)
    }

    fn add(&mut self, mode: &str) -> Result<(), String> {
        match mode {
            "mock" => self.mock = true,
            "praxis" => self.praxis = true,
            "supabase" => self.supabase = true,
            _ => return Err("AUTH_MODE must be a comma list of praxis, supabase and mock".to_owned()),
        }
        Ok(())
    }
}

/// Whether an address that an outside provider's token brings is the person's for sure. A Supabase project may let people in
/// with any address; `SUPABASE_CONFIRMS_EMAIL=true` says that this one does not.
pub(super) fn providers_prove_addresses(get: Get<'_>) -> Result<bool, String> {
    Ok(!Modes::of(get)?.supabase || boolean(get, "SUPABASE_CONFIRMS_EMAIL")?.unwrap_or(false))
}

/// This system's own tokens.
fn own(get: Get<'_>) -> Result<Praxis, String> {
    let get = &|name: &str| text(get, name);
    let source = praxis::source(get).ok_or_else(|| {
        "AUTH_JWKS_SECRET_ARN or AUTH_KEYS_FILE must be set for AUTH_MODE=praxis".to_owned()
    })?;
    let expected =
        Expected { issuer: praxis::issuer_of(get), audience: praxis::audience_of(get), skew: Skew::OURS };
    Ok(Praxis { keys: KeySet::new(source), expected })
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
    boolean(get, "SUPABASE_CONFIRMS_EMAIL")?;
    let takes_anonymous = boolean(get, "SUPABASE_ANONYMOUS")?.unwrap_or(false);
    let signs_by_secret = boolean(get, "SUPABASE_SIGNS_BY_SECRET")?.unwrap_or(false);
    if signs_by_secret && project.is_none() {
        return Err("SUPABASE_URL must be set for SUPABASE_SIGNS_BY_SECRET: the project is asked".to_owned());
    }
    let endpoint = |project| UserEndpoint::new(format!("{project}/auth/v1/user"), api_key, takes_anonymous);
    Ok(Supabase {
        keys: KeySet::new(Source::Url(format!("{issuer}/.well-known/jwks.json"))),
        expected: Expected { issuer, audience, skew: Skew::SUPABASE },
        user_endpoint: project.filter(|_| signs_by_secret).map(endpoint),
        takes_anonymous,
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
