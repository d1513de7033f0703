//! Settings: environment variables, or lines of the one variable `PRAXIS_SETTINGS`; a missing or unreadable one fails the
//! start by its name.
//!
//! A stack of hundreds of functions says its common settings once: they are lines `NAME=value` of one text, which every
//! function gets as one variable. What a function has as a variable of its own counts before that.

mod production;

use std::collections::BTreeMap;
use std::env;
use std::sync::OnceLock;

/// Why a function cannot start: names the setting at fault.
pub type SettingError = String;

/// The setting's trimmed value; `None` when it is unset or blank. A variable that is not blank counts first, then the last
/// line of `PRAXIS_SETTINGS` that begins with `NAME=`.
pub fn find(name: &str) -> Option<String> {
    let own = env::var(name).ok().and_then(|value| filled(&value));
    own.or_else(|| filled(common().get(name)?))
}

/// The lines of `PRAXIS_SETTINGS` by name, read once: a start asks for some thirty settings.
fn common() -> &'static BTreeMap<&'static str, &'static str> {
    static LINES: OnceLock<String> = OnceLock::new();
    static COMMON: OnceLock<BTreeMap<&str, &str>> = OnceLock::new();
    COMMON.get_or_init(|| of_lines(LINES.get_or_init(|| env::var("PRAXIS_SETTINGS").unwrap_or_default())))
}

fn filled(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// The last line of a name counts, also when it is blank: so one may be unset by adding another.
fn of_lines(lines: &str) -> BTreeMap<&str, &str> {
    lines.lines().filter_map(|line| line.trim_start().split_once('=')).collect()
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

/// Refuses a start in production with an address over which secrets or people's words would go in the clear; the error
/// names the setting.
pub(crate) fn check_production() -> Result<(), SettingError> {
    production::check(Environment::current(), &find)
}

/// The web application's address, without a slash at its end: `APP_URL`, default `http://localhost:3000`, which production
/// does not start with.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_the_last_line_of_its_name() {
        let lines =
            "\nAPP_ENV=test\nAPP_URL = no\n  APP_URL= https://a.example/?b=c \nLLM_MODEL=one\nLLM_MODEL=\n";
        let settings = of_lines(lines);
        let of = |name| filled(settings.get(name)?);
        assert_eq!(of("APP_ENV").as_deref(), Some("test"));
        assert_eq!(of("APP_URL").as_deref(), Some("https://a.example/?b=c"));
        assert_eq!(of("LLM_MODEL"), None, "unset again");
        assert_eq!((of("APP"), of("ENV"), of("")), (None, None, None), "a name is a whole one");
    }
}
