//! Which tokens are good, and who decides.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::provider::{Provider, verified};
use super::{SUBJECT, SigningKey, encoded, legacy, now, signed, with};

const REFUSED: &str = "invalid or expired access token";
const UNDECIDED: &str = "failed to validate access token";

#[tokio::test]
async fn each_kind_of_key_verifies_its_tokens_with_one_fetch_and_no_question() {
    let keys = [SigningKey::rsa("r"), SigningKey::ec("e"), SigningKey::ed("d")];
    let provider = Provider::start(&keys.each_ref()).await;
    let verifier = provider.verifier();
    for key in &keys {
        let user = verified(&verifier, &key.sign(&provider.claims())).await.unwrap();
        assert_eq!(user.id.to_string(), SUBJECT);
        assert_eq!(user.email.as_deref(), Some("ada@example.com"));
        assert_eq!(user.display_name, Some("ä".repeat(120)));
    }
    assert_eq!(provider.calls(), (1, 0));
}

#[tokio::test]
async fn an_audience_in_a_list_and_a_profile_of_odd_types_are_fine() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let claims = with(provider.claims(), "aud", json!(["other", "authenticated"]));
    let claims = with(with(claims, "email", json!(7)), "user_metadata", json!("none"));
    let user = verified(&provider.verifier(), &key.sign(&claims)).await.unwrap();
    assert_eq!((user.email, user.display_name), (None, None));
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused_without_any_call() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    provider.knows(Uuid::nil());
    let verifier = provider.verifier();
    let wrong: [(&str, Value); 18] = [
        ("exp", json!(now() - 7)),
        ("exp", json!(now() - 600)),
        ("exp", json!("9999999999")),
        ("exp", Value::Null),
        ("iat", json!(now() + 65)),
        ("iat", Value::Null),
        ("nbf", json!(now() + 65)),
        ("nbf", json!("soon")),
        ("aud", json!("anon")),
        ("aud", json!(["anon", "service"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("iss", json!(format!("{}/", provider.issuer()))),
        ("iss", json!([provider.issuer()])),
        ("iss", Value::Null),
        ("sub", json!("ada")),
        ("sub", json!("")),
        ("sub", Value::Null),
    ];
    for (name, value) in wrong {
        let claims = with(provider.claims(), name, value.clone());
        for token in [key.sign(&claims), legacy(&claims)] {
            assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED, "{name} {value}");
        }
    }
    assert_eq!(provider.calls(), (0, 0));
}

#[tokio::test]
async fn what_is_no_token_is_refused_without_any_call() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    provider.knows(Uuid::nil());
    let verifier = provider.verifier();
    let good = provider.claims();
    let token = key.sign(&good);
    let unsigned = |alg: &str| format!("{}.{}.", encoded(&json!({ "alg": alg, "kid": "e" })), encoded(&good));
    let header = |name: &str, value: Value| key.sign_as(&with(key.header(), name, value), &good);
    let tokens = [
        "garbage".to_owned(),
        "a.b".to_owned(),
        "..".to_owned(),
        format!("{token}.x"),
        token.replace('.', " ."),
        format!("é{token}"),
        "mock_0192a000-0000-7000-8000-000000000001".to_owned(),
        unsigned("none"),
        unsigned("None"),
        unsigned("NONE"),
        header("alg", json!("none")),
        header("alg", json!("ES384")),
        header("alg", Value::Null),
        header("crit", json!(["exp"])),
        key.sign(&with(good.clone(), "padding", json!("x".repeat(8 * 1024)))),
    ];
    for token in tokens {
        assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED, "{token}");
    }
    assert_eq!(provider.calls(), (0, 0));
}

#[tokio::test]
async fn a_signature_that_is_not_the_keys_is_refused_without_a_question() {
    let (rsa, ec, other) = (SigningKey::rsa("r"), SigningKey::ec("e"), SigningKey::ec("e"));
    let provider = Provider::start(&[&rsa, &ec]).await;
    provider.knows(Uuid::nil());
    let verifier = provider.verifier();
    let claims = provider.claims();
    let token = ec.sign(&claims);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let forged = with(claims.clone(), "sub", json!(Uuid::nil()));

    // The classic confusion: the public key's own text as the secret of an HMAC.
    let with_public_key = |secret: &[u8], kid: &str| {
        signed(
            &json!({ "alg": "HS256", "kid": kid }),
            &claims,
            &EncodingKey::from_secret(secret),
            Algorithm::HS256,
        )
    };
    let tokens = [
        other.sign(&claims),
        format!("{message}."),
        format!("{message}.!!"),
        format!("{header}.{}.{signature}", encoded(&forged)),
        ec.sign_as(&with(ec.header(), "kid", json!("r")), &claims),
        ec.sign_as(&with(ec.header(), "alg", json!("RS256")), &claims),
        ec.sign_as(&with(ec.header(), "kid", Value::Null), &claims),
        with_public_key(&rsa.public_pem(), "r"),
        with_public_key(&ec.public_pem(), "e"),
        with_public_key(&ec.public, "e"),
    ];
    for token in tokens {
        assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED, "{token}");
    }
    assert_eq!(provider.calls(), (1, 0));
}

#[tokio::test]
async fn a_key_that_is_not_for_these_signatures_verifies_none() {
    let (ec, rsa) = (SigningKey::ec("e"), SigningKey::rsa("r"));
    let provider = Provider::start(&[]).await;
    let good = with(ec.jwk(), "kid", json!("good"));
    provider.publish_set(json!({ "keys": [
        "not a key",
        { "kty": "AKP", "kid": "future" },
        with(ec.jwk(), "use", json!("enc")),
        with(rsa.jwk(), "alg", json!("RS512")),
        { "kty": "oct", "kid": "legacy", "alg": "HS256", "k": encoded(&json!("secret")) },
        with(with(good, "alg", Value::Null), "key_ops", json!(["verify"])),
    ] }));
    let verifier = provider.verifier();
    for token in [ec.sign(&provider.claims()), rsa.sign(&provider.claims())] {
        assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED);
    }
    let header = with(ec.header(), "kid", json!("good"));
    verified(&verifier, &ec.sign_as(&header, &provider.claims())).await.unwrap();
}

#[tokio::test]
async fn a_token_signed_with_the_providers_secret_is_shown_to_the_provider() {
    let id = Uuid::from_u128(7);
    let provider = Provider::start(&[&SigningKey::ec("e")]).await;
    let verifier = provider.verifier();
    let token = legacy(&provider.claims());
    provider.knows(id);
    for _ in 0..3 {
        let user = verified(&verifier, &token).await.unwrap();
        assert_eq!(
            (user.id, user.email.as_deref(), user.display_name.as_deref()),
            (id, Some("ada@example.com"), Some("Ada"))
        );
    }
    assert_eq!(provider.calls(), (1, 1), "the answer is remembered");
    assert_eq!(provider.last_header("authorization"), Some(format!("Bearer {token}")));
    assert_eq!(provider.last_header("apikey").as_deref(), Some("anon"));

    // Signed out at the provider: noticed when the memory ends.
    provider.user_answers(403, "{}");
    pass(Duration::from_secs(31)).await;
    assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED);
    assert_eq!(verified(&verifier, &token).await.unwrap_err(), REFUSED);
    assert_eq!(provider.calls(), (1, 2), "and so is a refusal");
}

#[tokio::test]
async fn the_providers_odd_answers_have_the_contracts_words() {
    let provider = Provider::start(&[]).await;
    let answers = [
        (401, "{}", REFUSED),
        (404, "{}", REFUSED),
        (503, "{}", UNDECIDED),
        (429, "{}", UNDECIDED),
        (302, "", UNDECIDED),
        (200, "{\"id\":\"seven\"}", "invalid access token subject"),
        (200, "{}", "invalid access token subject"),
        (200, "<html>", UNDECIDED),
    ];
    for (status, body, message) in answers {
        provider.user_answers(status, body);
        assert_eq!(
            verified(&provider.verifier(), &legacy(&provider.claims())).await.unwrap_err(),
            message,
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn a_broken_provider_is_asked_again_after_a_moment_and_says_nothing_lasting() {
    let provider = Provider::start(&[]).await;
    let (verifier, token) = (provider.verifier(), legacy(&provider.claims()));
    provider.user_answers(503, "");
    verified(&verifier, &token).await.unwrap_err();
    provider.knows(Uuid::nil());
    verified(&verifier, &token).await.expect("a 503 is not remembered as a refusal");

    let (verifier, token) = (provider.verifier(), legacy(&with(provider.claims(), "iat", json!(1))));
    provider.user_answers(200, "broken");
    let (_, before) = provider.calls();
    for _ in 0..5 {
        assert_eq!(verified(&verifier, &token).await.unwrap_err(), UNDECIDED);
    }
    assert_eq!(provider.calls().1, before + 1);
    provider.knows(Uuid::nil());
    pass(Duration::from_secs(6)).await;
    verified(&verifier, &token).await.unwrap();
}

#[tokio::test]
async fn a_projects_clock_may_be_off() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let verifier = provider.verifier();
    for (name, value) in [("iat", now() + 8), ("iat", now() + 55), ("nbf", now() + 55), ("exp", now() - 2)] {
        let token = key.sign(&with(provider.claims(), name, json!(value)));
        verified(&verifier, &token).await.unwrap_or_else(|message| panic!("{name} {value}: {message}"));
    }
}

#[tokio::test]
async fn a_project_that_signs_by_published_keys_is_never_asked() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    provider.knows(Uuid::nil());
    let verifier = provider.verifier_with(&[]);
    for n in 0..100 {
        let invented = legacy(&with(provider.claims(), "iat", json!(n)));
        assert_eq!(verified(&verifier, &invented).await.unwrap_err(), REFUSED);
    }
    verified(&verifier, &key.sign(&provider.claims())).await.unwrap();
    assert_eq!(provider.calls(), (1, 0));

    let without_keys = Provider::start(&[]).await;
    without_keys.keys_fail();
    let token = key.sign(&without_keys.claims());
    assert_eq!(verified(&without_keys.verifier_with(&[]), &token).await.unwrap_err(), UNDECIDED);
    assert_eq!(without_keys.calls(), (1, 0));
}

#[tokio::test]
async fn invented_tokens_do_not_spend_what_the_project_allows() {
    let provider = Provider::start(&[]).await;
    let verifier = provider.verifier();
    let claims = provider.claims();
    let token = |n: u64| legacy(&with(claims.clone(), "iat", json!(n)));
    provider.knows(Uuid::nil());
    verified(&verifier, &token(0)).await.unwrap();
    provider.user_answers(401, "{}");
    for n in 1..=30 {
        assert_eq!(verified(&verifier, &token(n)).await.unwrap_err(), REFUSED);
    }
    provider.knows(Uuid::nil());
    for n in 31..100 {
        assert_eq!(verified(&verifier, &token(n)).await.unwrap_err(), UNDECIDED);
    }
    assert_eq!(provider.calls().1, 31);
    // Who is known goes on, also who is known to be refused; and after a minute new ones are asked about again.
    verified(&verifier, &token(0)).await.unwrap();
    assert_eq!(verified(&verifier, &token(1)).await.unwrap_err(), REFUSED);
    pass(Duration::from_secs(61)).await;
    verified(&verifier, &token(50)).await.unwrap();
}

#[tokio::test]
async fn a_project_that_is_asked_too_often_is_left_in_peace_for_a_moment() {
    let provider = Provider::start(&[]).await;
    let (verifier, token) = (provider.verifier(), legacy(&provider.claims()));
    provider.user_answers(429, "{}");
    for _ in 0..5 {
        assert_eq!(verified(&verifier, &token).await.unwrap_err(), UNDECIDED);
    }
    assert_eq!(provider.calls().1, 1);
    provider.knows(Uuid::nil());
    pass(Duration::from_secs(6)).await;
    verified(&verifier, &token).await.expect("a 429 is no word on the token");
}

#[tokio::test]
async fn anonymous_people_are_let_in_only_where_a_setting_says_so() {
    let key = SigningKey::ec("e");
    let provider = Provider::start(&[&key]).await;
    let anonymous = with(provider.claims(), "is_anonymous", json!(true));
    let nobody = [anonymous.clone(), with(provider.claims(), "role", json!("anon"))];
    let (closed, open) = (provider.verifier(), provider.verifier_with(&[("SUPABASE_ANONYMOUS", "true")]));
    for claims in &nobody {
        assert_eq!(verified(&closed, &key.sign(claims)).await.unwrap_err(), REFUSED, "{claims}");
        verified(&open, &key.sign(claims)).await.unwrap();
    }
    let person = with(with(provider.claims(), "is_anonymous", json!(false)), "role", json!("authenticated"));
    verified(&closed, &key.sign(&person)).await.unwrap();

    // Also where the project itself is asked.
    let body = json!({ "id": Uuid::nil(), "is_anonymous": true }).to_string();
    provider.user_answers(200, &body);
    assert_eq!(verified(&closed, &legacy(&provider.claims())).await.unwrap_err(), REFUSED);
}

/// Lets the caches' time pass.
pub(super) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
