//! Tokens, through a real function: which are taken, and every known way to forge one.

use local::testkit::fakes::{IdentityProvider, Key, token, unsigned_token};
use local::testkit::{Answer, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

use super::probe;

const REFUSED: &str = "invalid or expired access token";

async fn stack_of(provider: &IdentityProvider) -> Stack {
    let settings = [
        ("AUTH_MODE", "supabase"),
        ("MOCK_AUTH_ENABLED", ""),
        ("SUPABASE_URL", provider.url()),
        ("SUPABASE_ANON_KEY", "public"),
        ("SUPABASE_SIGNS_BY_SECRET", "true"),
    ];
    settings.into_iter().fold(probe(), |stack, (name, value)| stack.env(name, value)).start().await
}

async fn call(stack: &Stack, token: &str) -> Answer {
    stack.anonymous().bearer(token).post("/probe/answer", json!({})).await
}

fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_tokens_of_both_kinds_are_taken() {
    let provider = IdentityProvider::start().await;
    let stack = stack_of(&provider).await;
    for key in [provider.rsa_key(), provider.ec_key()] {
        let person = Uuid::new_v4();
        let answer = call(&stack, &key.sign(&provider.claims(person))).await;
        answer.assert_status(200);
        assert_eq!(answer.json()["person"], person.to_string());
    }
    assert_eq!(provider.key_fetches(), 1, "the keys are kept");
    assert_eq!(provider.user_fetches(), 0, "the provider is not asked for what its keys decide");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_unfit_tokens_are_401_and_cost_the_provider_nothing() {
    let provider = IdentityProvider::start().await;
    let stack = stack_of(&provider).await;
    let (rsa, ec, person) = (provider.rsa_key(), provider.ec_key(), Uuid::new_v4());
    let with = |name: &str, value: Value| {
        let mut claims = provider.claims(person);
        claims[name] = value;
        rsa.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = provider.claims(person);
        claims.as_object_mut().unwrap().remove(name);
        rsa.sign(&claims)
    };
    let claims = provider.claims(person);
    let good = rsa.sign(&claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let stranger = Key::rs256(rsa.id());
    let attacks = [
        ("alg none", unsigned_token(&claims)),
        ("HS256 with the public key", rsa.forge_hs256(&claims)),
        ("another's key under a known kid", stranger.sign(&claims)),
        ("the other key's kid", rsa.sign_with_header(&json!({ "alg": "RS256", "kid": ec.id() }), &claims)),
        ("the other key's alg", rsa.sign_with_header(&json!({ "alg": "ES256", "kid": rsa.id() }), &claims)),
        ("an unknown kid", rsa.sign_with_header(&json!({ "alg": "RS256", "kid": "nobody's" }), &claims)),
        ("no kid", rsa.sign_with_header(&json!({ "alg": "RS256" }), &claims)),
        ("expired", with("exp", json!(seconds() - 30))),
        ("not yet valid", with("nbf", json!(seconds() + 3600))),
        ("issued in the future", with("iat", json!(seconds() + 3600))),
        ("another audience", with("aud", json!("somebody-else"))),
        ("another issuer", with("iss", json!("https://evil.example/auth/v1"))),
        ("no expiry", without("exp")),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
        ("no subject", without("sub")),
        ("a subject that is no id", with("sub", json!("admin"))),
        ("changed after signing", format!("{signed}A.{signature}")),
        ("no signature", format!("{signed}.")),
        (
            "an empty signature of its own alg",
            token(&json!({ "alg": "RS256", "kid": rsa.id() }), &claims, |_| vec![]),
        ),
        ("garbage", "not.a.token".to_owned()),
        ("a mock token", format!("mock_{person}")),
        ("a huge one", "x".repeat(9000)),
    ];
    for (name, attack) in attacks {
        let answer = call(&stack, &attack).await;
        assert_eq!(answer.status(), 401, "{name}: {answer}");
        answer.assert_error(401, "UNAUTHORIZED", REFUSED);
    }
    assert_eq!(provider.user_fetches(), 0, "a forged token made a call to the provider");
    assert!(provider.key_fetches() <= 2, "forged tokens made {} fetches of the keys", provider.key_fetches());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_found_by_its_unknown_kid() {
    let provider = IdentityProvider::start().await;
    let stack = stack_of(&provider).await;
    call(&stack, &provider.token(Uuid::new_v4())).await.assert_status(200);
    let old = provider.rsa_key().sign(&provider.claims(Uuid::new_v4()));
    provider.rotate([Key::rs256("new-rsa"), Key::es256("new-ec")]);
    call(&stack, &provider.rsa_key().sign(&provider.claims(Uuid::new_v4()))).await.assert_status(200);
    call(&stack, &old).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    assert_eq!(provider.key_fetches(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_is_asked_only_for_what_its_keys_cannot_decide() {
    let provider = IdentityProvider::start().await;
    let stack = stack_of(&provider).await;
    let person = Uuid::new_v4();
    // A project that still signs with a shared secret: no published key can check that.
    let legacy =
        token(&json!({ "alg": "HS256", "typ": "JWT" }), &provider.claims(person), |_| b"secret".to_vec());
    provider.accept(&legacy, person);
    for _ in 0..3 {
        let answer = call(&stack, &legacy).await;
        answer.assert_status(200);
        assert_eq!(answer.json()["person"], person.to_string());
    }
    assert_eq!(provider.user_fetches(), 1, "an answer of the provider is kept for a moment");
}

#[tokio::test(flavor = "multi_thread")]
async fn mock_tokens_are_refused_by_name_and_by_the_start_in_production() {
    let stack = probe().start().await;
    let mock = async |authorization: &str| {
        let call = stack.anonymous().request("POST", "/probe/answer").header("authorization", authorization);
        call.json(&json!({})).await
    };
    mock("Basic eA==").await.assert_error(401, "UNAUTHORIZED", "invalid Authorization header");
    mock("bearer mock_x").await.assert_error(401, "UNAUTHORIZED", "invalid Authorization header");
    mock("Bearer  ").await.assert_error(401, "UNAUTHORIZED", "missing bearer token");
    mock("Bearer x").await.assert_error(401, "UNAUTHORIZED", "invalid mock token");
    mock("Bearer mock_").await.assert_error(401, "UNAUTHORIZED", "invalid mock token user id");
    mock("Bearer mock_x").await.assert_error(401, "UNAUTHORIZED", "mock user id must be a valid UUID");

    for mode in ["mock", "sesame", ""] {
        let stack = probe()
            .env("APP_ENV", "production")
            .env("AUTH_MODE", mode)
            .env("MOCK_AUTH_ENABLED", "")
            .start()
            .await;
        stack.user().post("/probe/answer", json!({})).await.assert_status(502);
        let named = stack.lines().into_iter().any(|line| line.line.contains("AUTH_MODE"));
        assert!(named, "the start with AUTH_MODE={mode} does not name the setting");
    }
}
