//! Settings: environment variables, read once at the start; a missing or unreadable one fails the start by its name.

use std::env;

/// Why a function cannot start: names the setting at fault.
pub type SettingError = String;

/// The setting's trimmed value; `None` when it is unset or blank.
pub fn find(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// A whole number of at least `minimum`, `default` when it is unset.
pub fn number(name: &str, default: u64, minimum: u64) -> Result<u64, SettingError> {
    match find(name) {
        None => Ok(default.max(minimum)),
        Some(text) => match text.parse::<i64>() {
            Ok(number) => Ok(u64::try_from(number).unwrap_or(0).max(minimum)),
            Err(_) => Err(format!("{name} must be a whole number")),
        },
    }
}

/// The web application's address, without a slash at its end: `APP_URL`, default `http://localhost:3000`.
pub fn app_url() -> String {
    let address = find("APP_URL").unwrap_or_else(|| "http://localhost:3000".to_owned());
    address.trim_end_matches('/').to_owned()
}

/// Where the function runs, from `APP_ENV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A laptop.
    Development,
    /// A test run.
    Test,
    /// The real thing, and whatever is unset or not known: a missing setting opens nothing.
    Production,
}

/// `APP_ENV` as given, for people to read.
pub fn app_env() -> String {
    find("APP_ENV").unwrap_or_else(|| "production".to_owned())
}

/// The stage of a deployment, for metrics: `PRAXIS_STAGE`, else `APP_ENV`.
pub fn stage() -> String {
    find("PRAXIS_STAGE").unwrap_or_else(app_env)
}

impl Environment {
    /// Reads `APP_ENV`, in any case.
    pub fn current() -> Environment {
        match app_env().to_ascii_lowercase().as_str() {
            "development" => Environment::Development,
            "test" => Environment::Test,
            _ => Environment::Production,
        }
    }
}

/// The function's name, the same everywhere: locally its program's, in Lambda its own without the stack's before it.
pub fn function_name() -> String {
    if let Some(name) = find("AWS_LAMBDA_FUNCTION_NAME") {
        let stack = find("PRAXIS_STACK").map(|stack| format!("{stack}-")).unwrap_or_default();
        return name.strip_prefix(&stack).unwrap_or(&name).to_owned();
    }
    let program = env::current_exe().ok();
    let stem = program.as_deref().and_then(|path| path.file_stem()?.to_str());
    stem.unwrap_or("unknown").to_owned()
}
