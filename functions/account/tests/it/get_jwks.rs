//! get-jwks.

use std::fs;

use local::keys;
use local::testkit::{self, Stack};
use serde_json::{Value, json};

const JWKS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn everybody_gets_the_public_halves_and_may_keep_them_for_a_moment() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get(JWKS).await;
    answer.assert_status(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let mut wanted = stack.signing_key().jwk();
    let keys = answer.json()["keys"].as_array().expect("a list").clone();
    let key = keys.iter().find(|key| key["kid"] == wanted["kid"]).expect("the key that signs");
    wanted["nbf"] = key["nbf"].clone();
    assert_eq!(*key, wanted, "and nothing else of it");
}

#[tokio::test]
async fn a_private_half_is_never_shown() {
    let folder = std::env::temp_dir().join(format!("praxis-test-{}", uuid::Uuid::new_v4()));
    let file = folder.join("keys.json");
    keys::keep(&file).expect("keys");
    let set = keys::rotate(&file).expect("a rotation");
    let stack = Stack::builder().env("AUTH_KEYS_FILE", file.display().to_string()).start().await;
    let answer = stack.anonymous().get(JWKS).await;
    assert_eq!(answer.json(), set.public());
    let text: Value = serde_json::from_str(&fs::read_to_string(&file).expect("the file")).expect("JSON");
    for key in text["keys"].as_array().expect("keys") {
        assert!(!answer.text().contains(key["d"].as_str().expect("a private half")));
    }

    // What is not understood is left out, also when the whole set is not ours.
    fs::write(
        &file,
        json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256" }] }).to_string(),
    )
    .expect("a write");
    assert_eq!(stack.anonymous().get(JWKS).await.json(), json!({ "keys": [] }));
    fs::write(&file, "hunter2").expect("a write");
    let answer = stack.anonymous().get(JWKS).await;
    answer.assert_error(500, "INTERNAL_ERROR", "internal server error");
    assert!(stack.lines().iter().all(|line| !line.line.contains("hunter2")));
    assert!(keys::read(&file).is_err());
    fs::remove_dir_all(folder).expect("a folder to remove");
}

#[tokio::test]
async fn where_nobody_is_signed_in_there_is_no_key() {
    let stack = Stack::builder().env("AUTH_KEYS_FILE", "").env("AUTH_MODE", "mock").start().await;
    assert_eq!(stack.anonymous().get(JWKS).await.json(), json!({ "keys": [] }));
}
