//! What production refuses to start with: an address over which secrets or people's words would go in the clear.
//!
//! Every function looks at all of them, also at those that it does not read: a deployment that is wrong in one place says
//! so at once, and nobody has to remember the check where a setting is read.

use super::{Environment, SettingError};

/// What an address must be.
#[derive(Clone, Copy)]
enum Rule {
    /// https, and said.
    Required,
    /// https.
    Https,
    /// https, or http to this machine, where nobody can sit between.
    HttpsOrLoopback,
    /// `rediss`.
    Redis,
}

/// Mail servers have a rule of their own where they are read, and databases theirs in `database::target`, because both
/// hold for secrets too.
const ADDRESSES: [(&str, Rule); 14] = [
    ("APP_URL", Rule::Required),
    ("API_URL", Rule::Https),
    ("AUTH_ISSUER", Rule::HttpsOrLoopback),
    ("AWS_ENDPOINT_URL", Rule::HttpsOrLoopback),
    ("AWS_ENDPOINT_URL_SQS", Rule::HttpsOrLoopback),
    ("CLEVER_ISSUER", Rule::Https),
    ("EMBEDDING_BASE_URL", Rule::Https),
    ("GOOGLE_ISSUER", Rule::Https),
    ("JOBS_QUEUE_URL", Rule::HttpsOrLoopback),
    ("JWT_ISSUER", Rule::HttpsOrLoopback),
    ("OPENAI_BASE_URL", Rule::Https),
    ("REDIS_URL", Rule::Redis),
    ("STRIPE_API_URL", Rule::HttpsOrLoopback),
    ("SUPABASE_URL", Rule::HttpsOrLoopback),
];

/// Says which setting must not be as it is in this environment; each stands in `docs/settings.md`.
pub(super) fn check(
    environment: Environment,
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<(), SettingError> {
    if environment != Environment::Production {
        return Ok(());
    }
    for (name, rule) in ADDRESSES {
        check_address(name, rule, get(name).as_deref())?;
    }
    for origin in get("CORS_ORIGINS").unwrap_or_default().split(',').map(str::trim) {
        if origin.starts_with("http://") && !is_loopback(origin) {
            return Err(format!(
                "CORS_ORIGINS must be https origins in production: anybody on the way writes pages of {origin}"
            ));
        }
    }
    Ok(())
}

fn check_address(name: &str, rule: Rule, value: Option<&str>) -> Result<(), SettingError> {
    let Some(value) = value else {
        return match rule {
            Rule::Required => Err(format!("{name} must be set in production")),
            _ => Ok(()),
        };
    };
    // An issuer need not be an address.
    let is_plain = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    match rule {
        Rule::Redis if value.starts_with("redis://") => {
            Err(format!("{name} must be rediss:// in production: redis:// sends its password in the clear"))
        }
        Rule::HttpsOrLoopback if is_plain && is_loopback(value) => Ok(()),
        Rule::Required | Rule::Https | Rule::HttpsOrLoopback if is_plain => {
            Err(format!("{name} must be an https address in production"))
        }
        _ => Ok(()),
    }
}

/// By hand, because a parser of addresses has tables that every program would carry.
fn is_loopback(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a deployment says at least.
    const APP: (&str, &str) = ("APP_URL", "https://app.example.org");

    fn refusal(environment: Environment, settings: &[(&str, &str)]) -> Option<String> {
        check(environment, &|name| {
            let found = settings.iter().rev().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .err()
    }

    #[test]
    fn an_insecure_setting_fails_productions_start_by_its_name() {
        let insecure: [(&str, &str); 16] = [
            ("APP_URL", "http://app.example.org"),
            ("APP_URL", "HTTP://localhost:3000"),
            ("API_URL", "http://api.example.org"),
            ("API_URL", "http://127.0.0.1:3000"),
            ("AUTH_ISSUER", "http://api.example.org"),
            ("AWS_ENDPOINT_URL", "http://secrets.example.org"),
            ("CLEVER_ISSUER", "http://clever.com"),
            ("EMBEDDING_BASE_URL", "http://model.example.org/v1"),
            ("GOOGLE_ISSUER", "http://accounts.google.com"),
            ("JWT_ISSUER", "http://project.example.org/auth/v1"),
            ("OPENAI_BASE_URL", "http://model.example.org/v1"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"),
            ("REDIS_URL", "redis://:hunter2@cache.example.org"),
            ("REDIS_URL", "redis://127.0.0.1"),
            ("SUPABASE_URL", "http://kong:8000"),
            ("CORS_ORIGINS", "https://app.example.org, http://app.example.org"),
        ];
        for setting in insecure {
            let refused = refusal(Environment::Production, &[APP, setting]);
            assert!(
                refused.as_ref().is_some_and(|text| text.contains(setting.0)),
                "{setting:?}: {refused:?}"
            );
            assert!(!refused.unwrap_or_default().contains("hunter2"), "{setting:?}");
            assert_eq!(refusal(Environment::Development, &[setting]), None, "{setting:?} on a laptop");
        }
        assert_eq!(
            refusal(Environment::Production, &[]).as_deref(),
            Some("APP_URL must be set in production")
        );
        assert_eq!(refusal(Environment::Test, &[]), None);
    }

    #[test]
    fn this_machine_is_told_from_names_that_look_like_it() {
        for address in
            ["http://localhost", "http://127.0.0.1:8000/a", "http://[::1]:1?x", "http://u:p@localhost/"]
        {
            assert!(is_loopback(address), "{address}");
        }
        for address in [
            "http://localhost.example.org",
            "http://localhost@example.org",
            "http://127.0.0.1.nip.io:80",
            "http://[::2]",
        ] {
            assert!(!is_loopback(address), "{address}");
        }
    }

    #[test]
    fn a_secure_setting_and_a_neighbour_on_this_machine_are_fine() {
        let secure: [(&str, &str); 12] = [
            APP,
            ("API_URL", "https://api.example.org"),
            ("AUTH_ISSUER", "praxis"),
            ("AUTH_ISSUER", "urn:praxis:prod"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:5000"),
            ("JWT_ISSUER", "http://[::1]:9999"),
            ("OPENAI_BASE_URL", "https://model.example.org/v1"),
            ("REDIS_URL", "rediss://:word@cache.example.org"),
            ("SUPABASE_URL", "http://localhost:54321"),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "http://localhost:3000,https://app.example.org"),
            ("GOOGLE_ISSUER", "https://accounts.google.com"),
        ];
        for setting in secure {
            assert_eq!(refusal(Environment::Production, &[APP, setting]), None, "{setting:?}");
        }
    }
}
