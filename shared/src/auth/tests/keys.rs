//! The cached key set: rotation, floods, outages.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::decisions::pass;
use super::provider::{Provider, verified};
use super::{SigningKey, legacy, with};

#[tokio::test]
async fn a_rotated_key_is_fetched_once() {
    let (old, new) = (SigningKey::ec("old"), SigningKey::ec("new"));
    let provider = Provider::start(&[&old]).await;
    let verifier = provider.verifier();
    verified(&verifier, &old.sign(&provider.claims())).await.unwrap();
    provider.publish(&[&old, &new]);
    for _ in 0..3 {
        verified(&verifier, &new.sign(&provider.claims())).await.unwrap();
        verified(&verifier, &old.sign(&provider.claims())).await.unwrap();
    }
    assert_eq!(provider.calls(), (2, 0));
}

#[tokio::test]
async fn a_flood_of_unknown_keys_makes_one_fetch_until_the_cool_down_ends() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let verifier = provider.verifier();
    verified(&verifier, &key.sign(&provider.claims())).await.unwrap();
    let flood = async |from: usize| {
        for n in from..from + 40 {
            let token =
                key.sign_as(&with(key.header(), "kid", json!(format!("invented {n}"))), &provider.claims());
            assert!(verified(&verifier, &token).await.is_err());
        }
    };
    flood(0).await;
    assert_eq!(provider.calls(), (2, 0));
    pass(Duration::from_secs(31)).await;
    flood(40).await;
    assert_eq!(provider.calls(), (3, 0));
}

#[tokio::test]
async fn a_secrets_id_is_no_reason_to_search_the_key_set() {
    let provider = Provider::start(&[&SigningKey::ec("e")]).await;
    let verifier = provider.verifier();
    for n in 0..5 {
        verified(&verifier, &legacy(&with(provider.claims(), "iat", json!(n)))).await.unwrap_err();
    }
    assert_eq!(provider.calls(), (1, 5));
}

#[tokio::test]
async fn many_at_once_share_a_fetch() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let verifier = provider.verifier();
    let token = key.sign(&provider.claims());
    let users = join_all((0..20).map(|_| verified(&verifier, &token))).await;
    assert!(users.iter().all(Result::is_ok));
    assert_eq!(provider.calls(), (1, 0));
}

#[tokio::test]
async fn many_at_once_share_a_failure() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    provider.keys_fail();
    let (verifier, token) = (provider.verifier(), key.sign(&provider.claims()));
    let users = join_all((0..20).map(|_| verified(&verifier, &token))).await;
    assert!(users.iter().all(Result::is_err));
    assert_eq!(provider.calls().0, 1);
}

#[tokio::test]
async fn keys_are_fetched_again_when_they_are_old() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let (verifier, token) = (provider.verifier(), key.sign(&provider.claims()));
    verified(&verifier, &token).await.unwrap();
    pass(Duration::from_secs(299)).await;
    verified(&verifier, &token).await.unwrap();
    assert_eq!(provider.calls(), (1, 0));
    // The key was withdrawn: five minutes later it is worth nothing.
    provider.publish(&[]);
    pass(Duration::from_secs(2)).await;
    verified(&verifier, &token).await.unwrap_err();
    assert_eq!(provider.calls(), (2, 0));
}

#[tokio::test]
async fn old_keys_serve_through_an_outage_but_not_for_ever() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let (verifier, token) = (provider.verifier(), key.sign(&provider.claims()));
    verified(&verifier, &token).await.unwrap();
    provider.keys_fail();
    pass(Duration::from_secs(301)).await;
    for _ in 0..5 {
        verified(&verifier, &token).await.unwrap();
    }
    assert_eq!(provider.calls(), (2, 0), "a failed fetch is not repeated at once");
    let unknown = key.sign_as(&with(key.header(), "kid", json!("new")), &provider.claims());
    verified(&verifier, &unknown).await.unwrap_err();
    assert_eq!(provider.calls(), (2, 0), "an unknown key is refused, not asked about");
    pass(Duration::from_secs(3600)).await;
    verified(&verifier, &token).await.unwrap_err();
    assert_eq!(provider.calls(), (3, 1), "without usable keys the provider is asked");
}

#[tokio::test]
async fn without_any_keys_the_provider_decides() {
    let key = SigningKey::rsa("r");
    let provider = Provider::start(&[&key]).await;
    provider.keys_fail();
    let (verifier, token) = (provider.verifier(), key.sign(&provider.claims()));
    assert_eq!(verified(&verifier, &token).await.unwrap_err(), "invalid or expired access token");
    assert_eq!(provider.calls(), (1, 1));
    provider.knows(Uuid::from_u128(7));
    pass(Duration::from_secs(31)).await;
    assert_eq!(verified(&verifier, &token).await.unwrap().id, Uuid::from_u128(7));
    assert_eq!(provider.calls(), (2, 2));
}

#[tokio::test]
async fn with_the_whole_provider_gone_nobody_gets_in() {
    let key = SigningKey::ec("e");
    let mut provider = Provider::start(&[&key]).await;
    // A port that was free a moment ago: connections are refused.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    provider.url = format!("http://{port}");
    let token = key.sign(&provider.claims());
    assert_eq!(verified(&provider.verifier(), &token).await.unwrap_err(), "failed to validate access token");
}
