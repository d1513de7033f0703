//! Praxis's access tokens in a real route: which are taken, and every known way to forge one.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use local::keys;
use local::testkit::fakes::{IdentityProvider, Key, Secrets, token, unsigned_token};
use local::testkit::{self, Answer, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::{MIA, PASSWORD, login, register};

const ME: &str = "/api/v1/me";
const REFUSED: &str = "invalid or expired access token";

/// Somebody with a sign-in of the same id.
async fn person(stack: &Stack) -> Uuid {
    let id = Uuid::new_v4();
    let sql = "with person as (
                   insert into identity.users (id, email, display_name)
                   values ($1, $1::uuid::text || '@mock.local', 'Mock User')
                   returning id
               )
               insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
               select id, id, 'token', 'password', now() + interval '1 day', now() + interval '1 day' from person";
    stack.db().await.execute(sql, &[&id]).await.expect("a person who is signed in");
    id
}

/// Claims as the sign-in makes them.
fn claims(person: Uuid) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "iss": "praxis",
        "aud": "praxis",
        "sub": person,
        "iat": now,
        "exp": now + 900,
        "sid": person,
        "auth_time": now,
    })
}

fn with(person: Uuid, name: &str, value: Value) -> Value {
    let mut claims = claims(person);
    claims[name] = value;
    claims
}

async fn call(stack: &Stack, token: &str) -> Answer {
    stack.anonymous().bearer(token).get(ME).await
}

#[tokio::test]
async fn a_token_of_the_sign_in_is_the_person_in_every_domain() {
    let stack = testkit::stack().await;
    let person = person(&stack).await;
    let me = stack.anonymous().bearer(&stack.signing_key().sign(&claims(person)));
    me.patch(ME, json!({ "display_name": "Ada" })).await.assert_status(200);
    let profile = me.get(ME).await.json();
    assert_eq!(
        (profile["user_id"].as_str(), &profile["display_name"]),
        (Some(&*person.to_string()), &json!("Ada"))
    );
    // The same person by a mock token: one account, whichever way in.
    let mock = stack.anonymous().mock(person);
    assert_eq!(mock.get(ME).await.json(), profile);
    let scene = json!({
        "title": "Late hand-over", "template_id": "PEER_FEEDBACK", "counterparty_role": "PEER",
        "relationship_level": "TENSE", "goal": "agree a date", "context": "Two days late.",
        "power_dynamic": "PEER_LEVEL",
    });
    let made = me.post("/api/v1/scenes", scene).await;
    made.assert_status(201);
    let stranger = stack.user();
    stranger.patch(ME, json!({})).await.assert_status(200);
    let paths = [
        "/api/v1/identity/users/me".to_owned(),
        "/api/v1/users/me".to_owned(),
        "/api/v1/scenes".to_owned(),
        format!("/api/v1/scenes/{}", made.str("scene_id")),
    ];
    for path in paths {
        let answer = me.get(&path).await;
        answer.assert_status(200);
        assert_eq!(answer.json(), mock.get(&path).await.json(), "{path}");
        let other = stranger.get(&path).await;
        assert!(other.status() == 404 || other.json() != answer.json(), "{path}: {other}");
        stack.anonymous().bearer("garbage").get(&path).await.assert_status(401);
    }
    for path in
        ["/api/v1/identity/sessions", "/api/v1/sessions", "/api/v1/progress/weekly?week_start=2026-03-02"]
    {
        me.get(path).await.assert_status(200);
        stack.anonymous().bearer("garbage").get(path).await.assert_status(401);
    }
}

#[tokio::test]
async fn forged_and_unfit_tokens_are_401() {
    let stack = testkit::stack().await;
    let (key, person, other) = (stack.signing_key(), person(&stack).await, person(&stack).await);
    let now = Timestamp::now().as_second();
    let good = key.sign(&claims(person));
    let (header, rest) = good.split_once('.').expect("a token");
    let (_, signature) = rest.split_once('.').expect("a token");
    let tampered = token(&json!({ "alg": "EdDSA", "kid": key.id() }), &claims(other), |_| vec![0; 64]);
    let (_, others) = tampered.split_once('.').expect("a token");
    let (others, _) = others.split_once('.').expect("a token");
    let stranger = Key::es256(key.id());
    let changed = |name: &str, value: Value| key.sign(&with(person, name, value));
    let attacks = [
        ("alg none", unsigned_token(&claims(person))),
        (
            "alg none with the kid",
            token(&json!({ "alg": "none", "kid": key.id() }), &claims(person), |_| vec![]),
        ),
        ("HS256 with the public key", key.forge_hs256(&claims(person))),
        ("another alg", {
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.id() });
            key.sign_with_header(&header, &claims(person))
        }),
        ("another kind of token", {
            let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.id() });
            key.sign_with_header(&header, &claims(person))
        }),
        ("another's key under a known kid", stranger.sign(&claims(person))),
        ("an unknown kid", {
            let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "x" });
            key.sign_with_header(&header, &claims(person))
        }),
        ("no kid", key.sign_with_header(&json!({ "alg": "EdDSA", "typ": "at+jwt" }), &claims(person))),
        ("another's claims", format!("{header}.{others}.{signature}")),
        ("no signature", format!("{header}.{}.", good.split('.').nth(1).expect("claims"))),
        ("expired", changed("exp", json!(now - 1))),
        ("from the future", changed("iat", json!(now + 3600))),
        ("of another audience", changed("aud", json!("authenticated"))),
        ("of another issuer", changed("iss", json!("https://evil.example"))),
        ("of nobody", changed("sub", json!("admin"))),
        ("of no sign-in", changed("sid", Value::Null)),
        ("of a sign-in that is not", changed("sid", json!(Uuid::new_v4()))),
        ("without proof", changed("auth_time", Value::Null)),
    ];
    for (name, attack) in attacks {
        let answer = call(&stack, &attack).await;
        assert_eq!(answer.status(), 401, "{name}: {answer}");
        answer.assert_error(401, "UNAUTHORIZED", REFUSED);
    }
    call(&stack, &good).await.assert_status(200);
    let secret = good.rsplit_once('.').expect("a signature").1;
    assert!(stack.lines().iter().all(|line| !line.line.contains(secret)), "a token in the log");
}

#[tokio::test]
async fn a_rotation_while_running_signs_nobody_out() {
    let file = KeyFile::new();
    let stack = file.stack().await;
    let (old_key, person) = (stack.signing_key(), person(&stack).await);
    let before = old_key.sign(&claims(person));
    call(&stack, &before).await.assert_status(200);

    keys::rotate(&file.0).expect("a rotation");
    assert_eq!(stack.signing_key().id(), old_key.id(), "the new key is published before it signs");
    file.let_pass(SignedDuration::from_mins(11));
    let new_key = stack.signing_key();
    assert_ne!(new_key.id(), old_key.id());
    call(&stack, &new_key.sign(&claims(person))).await.assert_status(200);
    call(&stack, &before).await.assert_status(200);
}

#[tokio::test]
async fn supabase_and_praxis_are_believed_for_their_own_tokens_only() {
    let provider = IdentityProvider::start().await;
    let settings = [
        ("AUTH_MODE", "praxis,supabase"),
        ("MOCK_AUTH_ENABLED", ""),
        ("SUPABASE_URL", provider.url()),
        ("SUPABASE_ANON_KEY", "public"),
    ];
    let stack = settings.into_iter().fold(Stack::builder(), |stack, (name, value)| stack.env(name, value));
    let stack = stack.start().await;
    let (ours, theirs, person) = (stack.signing_key(), provider.rsa_key(), person(&stack).await);
    call(&stack, &ours.sign(&claims(person))).await.assert_status(200);
    call(&stack, &theirs.sign(&provider.claims(person))).await.assert_status(200);

    // Each knows the other's kid, and has another key for it.
    provider.rotate([Key::rs256(theirs.id()), Key::es256(ours.id())]);
    let attacks = [
        ours.sign(&provider.claims(person)),
        theirs.sign(&claims(person)),
        provider.ec_key().sign(&claims(person)),
        format!("mock_{person}"),
    ];
    for attack in attacks {
        call(&stack, &attack).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    }
}

#[tokio::test]
async fn a_deactivated_person_s_token_opens_nothing() {
    let stack = testkit::stack().await;
    let person = person(&stack).await;
    let me = stack.anonymous().bearer(&stack.signing_key().sign(&claims(person)));
    me.patch(ME, json!({})).await.assert_status(200);
    let sql = "update identity.users set deactivated_at = now() where id = $1";
    stack.db().await.execute(sql, &[&person]).await.expect("a deactivation");
    me.get(ME).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    me.patch(ME, json!({})).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
}

#[tokio::test]
async fn a_token_says_what_it_is_and_which_stage_made_it() {
    let issuer = "https://api.example.org";
    let stack = Stack::builder().env("AUTH_ISSUER", issuer).start().await;
    register(&stack, MIA).await;
    let answer = login(&stack, MIA, PASSWORD).await;
    let parts: Vec<Value> = answer.str("access_token").split('.').take(2).map(decoded).collect();
    assert_eq!(parts[0]["typ"], "at+jwt");
    assert_eq!(parts[1]["iss"], issuer);
    let again = login(&stack, MIA, PASSWORD).await;
    let other: Vec<Value> = again.str("access_token").split('.').take(2).map(decoded).collect();
    assert!(parts[1]["jti"].is_string() && parts[1]["jti"] != other[1]["jti"], "{parts:?} {other:?}");
    call(&stack, &answer.str("access_token")).await.assert_status(200);
    // The same keys, another stage.
    let elsewhere = testkit::stack().await;
    let answer = call(&elsewhere, &answer.str("access_token")).await;
    answer.assert_error(401, "UNAUTHORIZED", REFUSED);
}

/// A part of a token, which is JSON in base64url.
fn decoded(part: &str) -> Value {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn in_aws_a_secret_signs_and_another_verifies() {
    let (secrets, file) = (Secrets::start().await, KeyFile::new());
    let text = fs::read_to_string(&file.0).expect("the file");
    let settings = [
        ("AUTH_KEYS_FILE", ""),
        ("AUTH_KEYS_SECRET_ARN", "arn:aws:secretsmanager:private"),
        ("AUTH_JWKS_SECRET_ARN", "arn:aws:secretsmanager:public"),
        ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", secrets.port()),
    ];
    let stack = settings.into_iter().fold(Stack::builder(), |stack, (name, value)| stack.env(name, value));
    let stack = stack.start().await;
    register(&stack, MIA).await;
    // Nothing can be decided without the keys, and nobody is let in.
    let unknown = file.stack().await.signing_key().sign(&claims(Uuid::new_v4()));
    call(&stack, &unknown).await.assert_error(503, "UNAVAILABLE", "failed to validate access token");
    login(&stack, MIA, PASSWORD).await.assert_error(500, "INTERNAL_ERROR", "internal server error");

    secrets.put("arn:aws:secretsmanager:private", text);
    secrets.put("arn:aws:secretsmanager:public", keys::read(&file.0).expect("keys").public().to_string());
    let stack = settings.into_iter().fold(Stack::builder(), |stack, (name, value)| stack.env(name, value));
    let stack = stack.start().await;
    let person = register(&stack, MIA).await;
    let signed_in = login(&stack, MIA, PASSWORD).await;
    let me = call(&stack, &signed_in.str("access_token")).await;
    assert_eq!(me.str("user_id"), person.to_string());
    let asked = secrets.asked("arn:aws:secretsmanager:public");
    for _ in 0..3 {
        let answer = stack.anonymous().get("/.well-known/jwks.json").await;
        assert_eq!(answer.json(), keys::read(&file.0).expect("keys").public());
    }
    let more = secrets.asked("arn:aws:secretsmanager:public") - asked;
    assert_eq!(more, 1, "what anybody may ask for does not cost a call of Secrets Manager each time");
}

#[tokio::test]
async fn without_keys_sign_in_is_not_configured() {
    let stack =
        Stack::builder().env("AUTH_KEYS_FILE", "").env("AUTH_JWKS_SECRET_ARN", "arn:public").start().await;
    register(&stack, MIA).await;
    let answer = login(&stack, MIA, PASSWORD).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in is not configured");
    assert!(answer.header("retry-after").is_some());
}

/// Keys of one test, removed when dropped.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new() -> KeyFile {
        let file = std::env::temp_dir().join(format!("praxis-keys-{}.json", Uuid::new_v4()));
        keys::keep(&file).expect("keys");
        KeyFile(file)
    }

    async fn stack(&self) -> Stack {
        Stack::builder().env("AUTH_KEYS_FILE", self.0.display().to_string()).start().await
    }

    /// Makes every key older.
    fn let_pass(&self, time: SignedDuration) {
        let text = fs::read_to_string(&self.0).expect("the file");
        let mut set: Value = serde_json::from_str(&text).expect("JSON");
        for key in set["keys"].as_array_mut().expect("keys") {
            key["nbf"] = json!(key["nbf"].as_i64().expect("a time") - time.as_secs());
        }
        fs::write(&self.0, set.to_string()).expect("a write");
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
