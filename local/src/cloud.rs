//! How the template is run here: its parameters, and the settings that replace AWS's.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;

use crate::{keys, mails, postgres::Addresses, project, template::Template};

/// Settings that a developer may set in the shell for the functions; docs/settings.md says what they do.
const SETTINGS: &[&str] = &[
    "ACCESS_TOKEN_MINUTES",
    "ALLOW_MOCK_AUTH_IN_PRODUCTION",
    "API_URL",
    "APP_ENV",
    "APP_URL",
    "ARGON2_ITERATIONS",
    "ARGON2_MEMORY_KIB",
    "ARGON2_PARALLELISM",
    "AUDIT_RETENTION_DAYS",
    "AUTH_AUDIENCE",
    "AUTH_ISSUER",
    "AUTH_KEYS_FILE",
    "AUTH_MODE",
    "CLEVER_CLIENT_ID",
    "CLEVER_CLIENT_SECRET",
    "CLEVER_ISSUER",
    "COOKIES_OVER_HTTP",
    "CORS_ORIGINS",
    "DATABASE_CA_FILE",
    "DATABASE_CA_PEM",
    "DATABASE_CONNECTION",
    "EMBEDDING_API_KEY",
    "EMBEDDING_BASE_URL",
    "EMBEDDING_BATCH",
    "EMBEDDING_MODEL",
    "EMBEDDING_QUERY_MODEL",
    "EMBEDDING_QUERY_PREFIX",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "GOOGLE_ISSUER",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "LIMITS_BACKEND",
    "LLM_API_KEY",
    "LLM_DEADLINE_MS",
    "LLM_EMBEDDING_MODEL",
    "LLM_MODEL",
    "LLM_OMIT",
    "LLM_STREAM_DEADLINE_MS",
    "LLM_STREAM_IDLE_MS",
    "LOG_HASH_KEY",
    "LOG_LEVEL",
    "MAIL_DIRECTORY",
    "MAIL_FROM",
    "MAIL_URL",
    "MOCK_AUTH_ENABLED",
    "OBSERVABILITY_RECENT_ERROR_LIMIT",
    "OPENAI_BASE_URL",
    "OPS_OPEN",
    "OPS_TOKEN",
    "REDIS_URL",
    "REFRESH_IDLE_DAYS",
    "RUST_BACKTRACE",
    "SESSION_IDLE_MINUTES",
    "SESSION_MAX_DAYS",
    "SIGN_IN_MAX_DAYS",
    "SIGN_UP_DOMAINS",
    "SLOW_REQUEST_MS",
    "SUPABASE_ANONYMOUS",
    "SUPABASE_ANON_KEY",
    "SUPABASE_CONFIRMS_EMAIL",
    "SUPABASE_SIGNS_BY_SECRET",
    "SUPABASE_URL",
    "SSL_CERT_FILE",
    "STRIPE_API_URL",
    "STRIPE_LIVEMODE",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "TZ",
];

/// The settings of the shell, blank ones left out.
pub fn shell() -> BTreeMap<String, String> {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?))).collect()
}

/// The variables of every function: development with mock sign-in beside Praxis's own, on the database at
/// `addresses`, no secrets from AWS, `over` above that. Unless `over` names other keys for access tokens, those of
/// `cargo local` are made if there are none.
///
/// # Errors
/// When the keys cannot be written.
pub fn environment(
    addresses: &Addresses,
    over: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    if !over.contains_key("AUTH_KEYS_FILE") {
        keys::keep(&keys::path())?;
    }
    let keys = keys::path().display().to_string();
    let mails = mails::folder().display().to_string();
    // The portal, where the API's address is known.
    let api = over.get("API_URL").map(|api| api.trim().trim_end_matches('/')).filter(|api| !api.is_empty());
    let app_url =
        api.map_or_else(|| format!("{}://localhost:3000", scheme(over)), |api| format!("{api}/portal"));
    let fixed = [
        ("APP_ENV", "development"),
        ("APP_URL", &app_url),
        ("AUTH_KEYS_FILE", &keys),
        ("AUTH_MODE", "mock,praxis"),
        ("COOKIES_OVER_HTTP", "true"),
        ("LIMITS_BACKEND", "postgres"),
        ("MAIL_DIRECTORY", &mails),
        ("MOCK_AUTH_ENABLED", "true"),
        ("OPS_OPEN", "true"),
        ("CORS_ORIGINS", "*"),
        // Blank counts as unset: without a queue here nothing is sent to AWS', and nothing asks AWS for a secret.
        ("JOBS_QUEUE_URL", ""),
        ("AUTH_JWKS_SECRET_ARN", ""),
        ("AUTH_KEYS_SECRET_ARN", ""),
        ("DATABASE_ACCOUNTS_SECRET_ARN", ""),
        ("DATABASE_JOBS_SECRET_ARN", ""),
        ("DATABASE_OWNER_SECRET_ARN", ""),
        ("DATABASE_SECRET_ARN", ""),
        ("LLM_SECRET_ARN", ""),
        ("MAIL_SECRET_ARN", ""),
        ("OIDC_SECRET_ARN", ""),
        ("OPS_SECRET_ARN", ""),
        ("REDIS_SECRET_ARN", ""),
    ];
    let variables = fixed.into_iter().chain(addresses.settings());
    let mut variables: BTreeMap<_, _> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    variables.extend(over.clone());
    Ok(variables)
}

/// What this machine's own addresses begin with in settings: production starts with nothing but https.
pub fn scheme(over: &BTreeMap<String, String>) -> &'static str {
    match over.get("APP_ENV").map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        None | Some("development" | "test") => "http",
        _ => "https",
    }
}

/// The project's template, with the parameters that follow from the functions' `environment`.
///
/// # Errors
/// When the template cannot be read or evaluated.
pub fn template(environment: &BTreeMap<String, String>) -> Result<Arc<Template>> {
    let setting =
        |name: &str, default: &str| environment.get(name).map_or(default, String::as_str).to_owned();
    let parameters = [
        ("Stage", "local".to_owned()),
        ("AppEnv", "development".to_owned()),
        ("AuthMode", auth_mode(&setting("AUTH_MODE", "mock")).to_owned()),
        ("AuthIssuer", setting("AUTH_ISSUER", "praxis")),
        // The gateway answers preflights itself, from the same list that the functions name origins from.
        ("CorsOrigins", setting("CORS_ORIGINS", "*")),
        // Nothing asks AWS for a secret here.
        ("DatabaseSecretArn", String::new()),
        ("SecretsExtensionArn", String::new()),
    ];
    let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Arc::new(Template::load(&project::root().join("template.yaml"), &parameters)?))
}

/// The template's word for a list of modes. It knows mock sign-in only by itself, because no deployment has both.
fn auth_mode(modes: &str) -> &'static str {
    let modes: Vec<_> = modes.split(',').map(|mode| mode.trim().to_ascii_lowercase()).collect();
    let has = |wanted: &str| modes.iter().any(|mode| mode == wanted);
    match (has("mock"), has("praxis"), has("supabase")) {
        (false, true, true) => "praxis,supabase",
        (false, true, false) => "praxis",
        (false, false, true) => "supabase",
        _ => "mock",
    }
}
