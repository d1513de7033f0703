//! Headers, modes, and the guard of production.

use uuid::Uuid;

use super::provider::{Provider, verified};
use super::{SUBJECT, SigningKey};
use crate::auth::{User, Verifier};

fn start(settings: &[(&str, &str)]) -> Result<Verifier, String> {
    Verifier::from_settings(&|name| {
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

async fn message(verifier: &Verifier, header: Option<&str>) -> String {
    verifier.verify(header).await.expect_err("a 401").message().to_owned()
}

const MOCK: (&str, &str) = ("AUTH_MODE", "mock");
const SUPABASE: (&str, &str) = ("AUTH_MODE", "supabase");
const PRAXIS: (&str, &str) = ("AUTH_MODE", "praxis");
const BOTH: (&str, &str) = ("AUTH_MODE", "praxis,supabase");
const KEYS: (&str, &str) = ("AUTH_JWKS_SECRET_ARN", "arn:aws:secretsmanager:x");
const ENABLED: (&str, &str) = ("MOCK_AUTH_ENABLED", "true");
const ALLOWED: (&str, &str) = ("ALLOW_MOCK_AUTH_IN_PRODUCTION", "true");
const PROJECT: (&str, &str) = ("SUPABASE_URL", "https://project.example.com");
const DEVELOPMENT: (&str, &str) = ("APP_ENV", "development");
const PRODUCTION: (&str, &str) = ("APP_ENV", "Production");

#[tokio::test]
async fn a_mock_token_names_a_person() {
    let verifier = start(&[("APP_ENV", "TEST")]).expect("mock is test's default");
    let user = verifier.verify(Some(&format!("Bearer mock_{}", SUBJECT.to_uppercase()))).await.unwrap();
    assert_eq!(user.id.to_string(), SUBJECT);
    assert_eq!(user.email, Some(format!("{SUBJECT}@mock.local")));
    assert_eq!(user.display_name.as_deref(), Some("Mock User"));
    assert_eq!(user.sign_in, None);
    assert!(user.authenticated_at.is_some_and(|at| at <= jiff::Timestamp::now()));
}

#[tokio::test]
async fn bad_headers_have_the_contracts_words() {
    let verifier = start(&[DEVELOPMENT]).unwrap();
    let table = [
        (None, "missing Authorization header"),
        (Some(""), "missing Authorization header"),
        (Some("Basic YTpi"), "invalid Authorization header"),
        (Some("bearer mock_x"), "invalid Authorization header"),
        (Some("Bearermock_x"), "invalid Authorization header"),
        (Some("Bearer"), "missing bearer token"),
        (Some("Bearer   "), "missing bearer token"),
        (Some("Bearer abc"), "invalid mock token"),
        (Some("Bearer mock_"), "invalid mock token user id"),
        (Some("Bearer mock_ada"), "mock user id must be a valid UUID"),
    ];
    for (header, expected) in table {
        assert_eq!(message(&verifier, header).await, expected, "{header:?}");
    }
}

#[tokio::test]
async fn supabase_mode_takes_mock_tokens_only_when_told_to() {
    let token = format!("Bearer mock_{SUBJECT}");
    let open = start(&[DEVELOPMENT, SUPABASE, PROJECT, ENABLED]).unwrap();
    assert_eq!(open.verify(Some(&token)).await.unwrap().id.to_string(), SUBJECT);
    for enabled in [None, Some(("MOCK_AUTH_ENABLED", "off"))] {
        let settings: Vec<_> = [DEVELOPMENT, SUPABASE, PROJECT].into_iter().chain(enabled).collect();
        let closed = start(&settings).unwrap();
        assert_eq!(message(&closed, Some(&token)).await, "invalid or expired access token");
    }
}

#[test]
fn settings_that_would_open_production_or_mean_nothing_fail_the_start() {
    let open: [&[(&str, &str)]; 17] = [
        &[DEVELOPMENT],
        &[MOCK, ("APP_ENV", "test")],
        &[("AUTH_MODE", " MOCK "), DEVELOPMENT, ("MOCK_AUTH_ENABLED", "no")],
        &[SUPABASE, PROJECT],
        &[SUPABASE, PROJECT, PRODUCTION],
        &[SUPABASE, PROJECT, PRODUCTION, ("MOCK_AUTH_ENABLED", "0")],
        &[SUPABASE, PROJECT, PRODUCTION, ENABLED, ALLOWED],
        &[SUPABASE, PROJECT, ALLOWED],
        &[MOCK, PRODUCTION, ("MOCK_AUTH_ENABLED", "ON"), ALLOWED],
        &[SUPABASE, ("JWT_ISSUER", "https://issuer.example.com/"), PRODUCTION],
        &[SUPABASE, ("SUPABASE_URL", "http://127.0.0.1:9/"), PRODUCTION],
        &[SUPABASE, ("SUPABASE_URL", "http://kong:8000"), DEVELOPMENT],
        &[PRAXIS, KEYS, PRODUCTION],
        &[PRAXIS, ("AUTH_KEYS_FILE", "/nowhere"), PRODUCTION],
        &[BOTH, KEYS, PROJECT, PRODUCTION],
        &[("AUTH_MODE", "Mock, praxis"), KEYS, DEVELOPMENT],
        &[("AUTH_MODE", "mock,praxis"), KEYS, PRODUCTION, ENABLED, ALLOWED],
    ];
    for settings in open {
        assert_eq!(start(settings).err(), None, "{settings:?}");
    }
    let closed: [(&[(&str, &str)], &str); 27] = [
        (&[], "AUTH_MODE"),
        (&[PRODUCTION], "AUTH_MODE"),
        (&[("APP_ENV", "staging")], "AUTH_MODE"),
        (&[("AUTH_MODE", "mok"), DEVELOPMENT], "AUTH_MODE"),
        (&[MOCK], "AUTH_MODE"),
        (&[MOCK, PRODUCTION], "AUTH_MODE"),
        (&[MOCK, PRODUCTION, ENABLED], "ALLOW_MOCK_AUTH_IN_PRODUCTION"),
        (&[MOCK, PRODUCTION, ALLOWED], "MOCK_AUTH_ENABLED"),
        (&[MOCK, PRODUCTION, ALLOWED, ("MOCK_AUTH_ENABLED", "false")], "MOCK_AUTH_ENABLED"),
        (&[SUPABASE, PROJECT, PRODUCTION, ENABLED], "ALLOW_MOCK_AUTH_IN_PRODUCTION"),
        (&[SUPABASE, PROJECT, ("APP_ENV", "prod"), ENABLED], "ALLOW_MOCK_AUTH_IN_PRODUCTION"),
        (&[DEVELOPMENT, ("MOCK_AUTH_ENABLED", "maybe")], "MOCK_AUTH_ENABLED"),
        (&[DEVELOPMENT, ("ALLOW_MOCK_AUTH_IN_PRODUCTION", "2")], "ALLOW_MOCK_AUTH_IN_PRODUCTION"),
        (&[SUPABASE], "SUPABASE_URL"),
        (&[SUPABASE, ("SUPABASE_URL", "  ")], "SUPABASE_URL"),
        (&[SUPABASE, ("SUPABASE_URL", "project.example.com")], "SUPABASE_URL"),
        (&[SUPABASE, ("SUPABASE_URL", "http://kong:8000"), PRODUCTION], "SUPABASE_URL"),
        (&[SUPABASE, PROJECT, ("JWT_ISSUER", "https://x.example.com?a=b")], "JWT_ISSUER"),
        (&[SUPABASE, PROJECT, ("SUPABASE_ANON_KEY", "a\nb")], "SUPABASE_ANON_KEY"),
        (&[PRAXIS, PRODUCTION], "AUTH_JWKS_SECRET_ARN"),
        (&[("AUTH_MODE", "mock,praxis"), DEVELOPMENT], "AUTH_JWKS_SECRET_ARN"),
        (&[BOTH, KEYS], "SUPABASE_URL"),
        (&[BOTH, PROJECT], "AUTH_JWKS_SECRET_ARN"),
        (&[BOTH, KEYS, PROJECT, ("AUTH_ISSUER", "https://project.example.com/auth/v1")], "AUTH_ISSUER"),
        (&[("AUTH_MODE", "praxis,"), KEYS, DEVELOPMENT], "AUTH_MODE"),
        (&[("AUTH_MODE", "praxis,mock"), KEYS, PRODUCTION], "AUTH_MODE=mock"),
        (&[PRAXIS, KEYS, PRODUCTION, ENABLED], "ALLOW_MOCK_AUTH_IN_PRODUCTION"),
    ];
    for (settings, at_fault) in closed {
        let message = start(settings).err().unwrap_or_else(|| panic!("{settings:?} must not start"));
        assert!(message.contains(at_fault), "{settings:?}: {message}");
    }
}

#[tokio::test]
async fn an_issuer_of_its_own_replaces_the_projects() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let issuer = provider.issuer();
    let slashed = format!("{issuer}/");
    let settings = [SUPABASE, ("JWT_ISSUER", slashed.as_str()), ("JWT_AUDIENCE", "praxis")];
    let verifier = start(&settings).unwrap();
    let claims = super::with(provider.claims(), "aud", "praxis".into());
    verified(&verifier, &key.sign(&claims)).await.unwrap();
    // Nobody can be asked about a secret's signature here.
    assert_eq!(
        verified(&verifier, &super::legacy(&claims)).await.unwrap_err(),
        "invalid or expired access token"
    );
    assert_eq!(provider.calls(), (1, 0));
}

#[test]
fn a_person_is_not_printed() {
    let user = User::new(Uuid::nil(), Some("ada@example.com"), Some("Ada"));
    assert_eq!(format!("{user:?}"), "User { id: 00000000-0000-0000-0000-000000000000, .. }");
}

/// Handlers' futures run on any executor only if this one may.
#[test]
fn verifying_can_be_sent_to_another_thread() {
    fn send<T: Send>(_: T) {}
    let verifier = start(&[DEVELOPMENT]).unwrap();
    send(verifier.verify(None));
}
