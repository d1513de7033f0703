//! How the template is run here: its parameters, and the settings that replace AWS's.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;

use crate::{project, template::Template};

/// Settings that a developer may set in the shell for the functions; the README lists what they do.
const SETTINGS: &[&str] = &[
    "ALLOW_MOCK_AUTH_IN_PRODUCTION",
    "APP_ENV",
    "AUTH_MODE",
    "CORS_ORIGINS",
    "DATABASE_CA_PEM",
    "DATABASE_CONNECTION",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "LLM_API_KEY",
    "LLM_DEADLINE_MS",
    "LLM_EMBEDDING_MODEL",
    "LLM_MODEL",
    "LOG_LEVEL",
    "MOCK_AUTH_ENABLED",
    "OBSERVABILITY_RECENT_ERROR_LIMIT",
    "OPENAI_BASE_URL",
    "OPS_TOKEN",
    "RUST_BACKTRACE",
    "SLOW_REQUEST_MS",
    "SUPABASE_ANON_KEY",
    "SUPABASE_URL",
    "SSL_CERT_FILE",
    "TZ",
];

/// The settings of the shell, blank ones left out.
pub fn shell() -> BTreeMap<String, String> {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?))).collect()
}

/// The variables of every function: development with mock sign-in on the database at `database_url`, no secrets
/// from AWS, `over` above that.
pub fn environment(database_url: &str, over: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fixed = [
        ("APP_ENV", "development"),
        ("AUTH_MODE", "mock"),
        ("MOCK_AUTH_ENABLED", "true"),
        ("CORS_ORIGINS", "*"),
        ("DATABASE_URL", database_url),
        // Blank counts as unset: nothing asks AWS for a secret.
        ("DATABASE_SECRET_ARN", ""),
        ("LLM_SECRET_ARN", ""),
        ("OPS_SECRET_ARN", ""),
    ];
    let mut variables: BTreeMap<_, _> =
        fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    variables.extend(over.clone());
    variables
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
        ("AuthMode", setting("AUTH_MODE", "mock")),
        // The gateway answers preflights itself, from the same list that the functions name origins from.
        ("CorsOrigins", setting("CORS_ORIGINS", "*")),
        ("DatabaseSecretArn", "arn:aws:secretsmanager:local".to_owned()),
        ("SecretsExtensionArn", "arn:aws:lambda:local:layer:none".to_owned()),
    ];
    let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Arc::new(Template::load(&project::root().join("template.yaml"), &parameters)?))
}
