//! start-google-sign-in.

use std::collections::BTreeMap;

use local::testkit::{self, fakes::Misbehaviour};
use reqwest::Url;

use crate::outside_sign_in::{PAGE, assert_told, count, start};

const LOGIN: &str = "/api/v1/auth/google/login";

fn query(address: &str) -> BTreeMap<String, String> {
    Url::parse(address).expect("an address").query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_browser_is_sent_to_google() {
    let (stack, provider) = start(&[]).await;
    let answer = stack.anonymous().get(LOGIN).await;
    answer.assert_status(302);
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(&format!("{}/authorize?", provider.issuer())), "{location}");
    let query = query(location);
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], provider.client_id());
    assert_eq!(query["redirect_uri"], format!("{}/api/v1/auth/google/callback", stack.url()));
    assert_eq!(query["scope"], "openid email profile");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!((query["state"].len(), query["code_challenge"].len()), (43, 43));

    let cookies = answer.set_cookies();
    let [cookie] = cookies.as_slice() else { panic!("{cookies:?}") };
    assert!(cookie.name.starts_with("praxis_oidc_"), "{}", cookie.name);
    assert_eq!(cookie.value.len(), 43);
    assert!(!cookie.name.contains(&query["state"][..8]), "the name says nothing of the state");
    let attribute = |name| cookie.attribute(name);
    assert_eq!(attribute("max-age").as_deref(), Some("600"));
    assert_eq!(attribute("samesite").as_deref(), Some("Lax"));
    assert_eq!((attribute("path").as_deref(), attribute("domain")), (Some("/"), None));
    assert!(attribute("httponly").is_some());

    // The database knows the state and the browser by their hashes, for ten minutes.
    let db = stack.db().await;
    let sql =
        "select provider, nonce, pkce_verifier, return_to, expires_at - created_at = interval '10 minutes',
                      to_jsonb(oidc_attempts)::text
               from identity.oidc_attempts";
    let row = db.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("google", query["nonce"].as_str()));
    assert!(row.get::<_, &str>(2).len() >= 43, "RFC 7636, section 4.1");
    assert_eq!((row.get::<_, &str>(3), row.get::<_, bool>(4)), ("/", true));
    let whole = row.get::<_, &str>(5);
    assert!(!whole.contains(&query["state"]) && !whole.contains(&cookie.value));
}

#[tokio::test]
async fn every_attempt_has_secrets_and_a_cookie_of_its_own() {
    let (stack, _provider) = start(&[]).await;
    let first = stack.anonymous().get(LOGIN).await;
    let browser = stack.anonymous().with_cookies_of(&first);
    let second = browser.get(LOGIN).await;
    let (first_cookies, second_cookies) = (first.set_cookies(), second.set_cookies());
    assert_eq!((first_cookies.len(), second_cookies.len()), (1, 1));
    assert_ne!(first_cookies[0].name, second_cookies[0].name);
    assert_ne!(first_cookies[0].value, second_cookies[0].value);
    let (one, other) = (query(first.header("location").unwrap()), query(second.header("location").unwrap()));
    for secret in ["state", "nonce", "code_challenge"] {
        assert_ne!(one[secret], other[secret], "{secret}");
    }
}

#[tokio::test]
async fn a_browser_does_not_drown_in_cookies() {
    let (stack, _provider) = start(&[]).await;
    let mut browser = stack.anonymous();
    for _ in 0..8 {
        browser = browser.with_cookies_of(&browser.get(LOGIN).await);
    }
    let answer = browser.get(LOGIN).await;
    let cookies = answer.set_cookies();
    let gone = cookies.iter().filter(|cookie| cookie.attribute("max-age").as_deref() == Some("0")).count();
    assert_eq!((cookies.len(), gone), (9, 8), "those under way make room");
}

#[tokio::test]
async fn no_other_place_than_a_page_of_ours_is_returned_to() {
    let (stack, _provider) = start(&[]).await;
    for text in [
        "",
        "practice",
        "//evil.example",
        "%2F%2Fevil.example",
        "/%2Fevil.example",
        "/%252Fevil.example",
        "/%5Cevil.example",
        "%5C/evil.example",
        "/%255Cevil.example",
        "/%09/evil.example",
        "/%0A/evil.example",
        "/%0D%0ASet-Cookie:%20a=b",
        "/%00",
        "/.//evil.example",
        "https://evil.example",
        "https:evil.example",
        "https%3A%2F%2Fevil.example",
        "javascript:alert(1)",
        "@evil.example",
        "%20//evil.example",
        "/%E4%BD%A0",
        &format!("/{}", "a".repeat(2048)),
    ] {
        let answer = stack.anonymous().get(&format!("{LOGIN}?return_to={text}")).await;
        answer.assert_invalid(&["/return_to"]);
        assert!(answer.set_cookies().is_empty());
    }
    // The last of two counts, and it is the one that is checked.
    let twice = format!("{LOGIN}?return_to=/a&return_to=//evil.example");
    stack.anonymous().get(&twice).await.assert_invalid(&["/return_to"]);
    assert_eq!(count(&stack, "identity.oidc_attempts").await, 0);
}

#[tokio::test]
async fn without_a_registration_it_is_unavailable() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get(LOGIN).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in with Google is not configured");
}

#[tokio::test]
async fn a_half_registration_is_named_at_the_start() {
    for (settings, name) in [
        (&[("GOOGLE_CLIENT_SECRET", "")][..], "GOOGLE_CLIENT_SECRET"),
        (&[("GOOGLE_ISSUER", "accounts.google.com")], "GOOGLE_ISSUER"),
        (&[("API_URL", "api.example.com")], "API_URL"),
    ] {
        let (stack, _provider) = start(settings).await;
        let answer = stack.anonymous().get(LOGIN).await;
        assert!(answer.status() >= 500, "{answer}");
        assert!(!answer.text().contains(name));
        let lines = stack.lines();
        assert!(lines.iter().any(|line| line.line.contains(name)), "{name} is not named");
    }
}

#[tokio::test]
async fn the_callback_is_at_this_apis_public_address() {
    let (stack, _provider) = start(&[("API_URL", "https://api.example.com/v/")]).await;
    let answer = stack.anonymous().get(LOGIN).await;
    let query = query(answer.header("location").unwrap());
    assert_eq!(query["redirect_uri"], "https://api.example.com/v/api/v1/auth/google/callback");
}

#[tokio::test]
async fn discovery_is_kept_and_its_failure_is_not() {
    let (stack, provider) = start(&[]).await;
    for misbehaviour in [Misbehaviour::NoDiscovery, Misbehaviour::ForeignDiscovery, Misbehaviour::NoKeys] {
        provider.misbehave(misbehaviour);
        let answer = stack.anonymous().get(LOGIN).await;
        answer.assert_error(502, "UPSTREAM_UNAVAILABLE", "Google cannot be reached right now");
        assert!(answer.set_cookies().is_empty());
    }
    let answer = stack.anonymous().get(LOGIN).header("accept", PAGE).await;
    let why = "the provider answered that it does not work now";
    assert_told(&stack, &answer, "unavailable", 502, why).await;
    assert_eq!(count(&stack, "identity.oidc_attempts").await, 0);
    provider.behave();
    for _ in 0..3 {
        stack.anonymous().get(LOGIN).await.assert_status(302);
    }
    assert_eq!((provider.discoveries(), provider.key_fetches()), (5, 3));
}

#[tokio::test]
async fn without_a_database_it_is_unavailable() {
    let provider = testkit::fakes::OidcProvider::start().await;
    let mut stack = testkit::Stack::builder()
        .own_server()
        .env("GOOGLE_CLIENT_ID", provider.client_id())
        .env("GOOGLE_CLIENT_SECRET", provider.client_secret())
        .env("GOOGLE_ISSUER", provider.issuer())
        .start()
        .await;
    stack.stop_postgres().await;
    let answer = stack.anonymous().get(LOGIN).await;
    answer.assert_error(503, "UNAVAILABLE", "database unavailable");
}
