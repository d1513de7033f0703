//! Access tokens that the sign-in did not give, over all routes that ask who calls (RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local::testkit::fakes::{Key, token, unsigned_token};
use serde_json::{Value, json};

use super::is_guarded;
use crate::{Sample, samples, seeded};

fn part(token: &str, n: usize) -> Value {
    let part = token.split('.').nth(n).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_takes_a_forged_token() {
    let stack = seeded().await;
    let nobody = stack.anonymous();
    let all = samples(&stack);
    let login = all.iter().find(|sample| sample.function == "login").expect("a sample of login");
    let good = login.call(&nobody, false).await.str("access_token");
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let (signed, signature) = good.rsplit_once('.').expect("a signature");
    let (key, now) = (stack.signing_key(), claims["iat"].as_i64().expect("iat"));
    let another = "00000000-0000-7000-8000-000000000002";
    let changed = |name: &str, value: Value| key.sign_with_header(&header, &with(&claims, name, value));
    let own = Key::es256(key.id());
    let attacks = [
        ("alg none", unsigned_token(&claims)),
        ("alg none with a kid", token(&with(&header, "alg", json!("none")), &claims, |_| vec![])),
        ("alg none in other capitals", token(&with(&header, "alg", json!("NoNe")), &claims, |_| vec![])),
        ("HS256 by the public key", key.forge_hs256(&claims)),
        ("another's key under a known kid", own.sign(&claims)),
        ("an unknown kid", key.sign_with_header(&with(&header, "kid", json!("../../dev/null")), &claims)),
        (
            "another's claims",
            token(&header, &with(&claims, "sub", json!(another)), |_| {
                URL_SAFE_NO_PAD.decode(signature).expect("a signature")
            }),
        ),
        ("no signature", format!("{signed}.")),
        ("an empty token", String::new()),
        ("four parts", format!("{good}.{signature}")),
        ("two parts", signed.to_owned()),
        ("a signature of noughts", token(&header, &claims, |_| vec![0; 64])),
        ("expired", changed("exp", json!(now - 3600))),
        ("from the future", changed("iat", json!(now + 36_000))),
        ("not valid yet", changed("nbf", json!(now + 36_000))),
        ("of another audience", changed("aud", json!("authenticated"))),
        ("of another issuer", changed("iss", json!("https://evil.example"))),
        ("of nobody", changed("sub", json!("admin"))),
        ("of no sign-in", changed("sid", Value::Null)),
        ("of a sign-in that is not", changed("sid", json!(another))),
        ("of 9 KB", changed("filler", json!("x".repeat(9000)))[..9000].to_owned()),
        ("a mock token of nobody", "mock_admin".to_owned()),
    ];
    let me = all.iter().find(|sample| sample.function == "get-me").expect("a sample of get-me");
    call(me, &nobody.bearer(&good)).await.assert_status(200);
    let mut calls = 0;
    for sample in all.iter().filter(|sample| is_guarded(sample)) {
        for (name, attack) in &attacks {
            let answer = call(sample, &nobody.bearer(attack)).await;
            assert_eq!(answer.status(), 401, "{} with {name}: {answer}", sample.function);
            calls += 1;
        }
    }
    assert!(calls > 500, "{calls} calls");
    assert!(stack.lines().iter().all(|line| !line.line.contains(signature)), "a signature in the log");
}

async fn call(sample: &Sample, caller: &local::testkit::Client) -> local::testkit::Answer {
    sample.call(caller, false).await
}
