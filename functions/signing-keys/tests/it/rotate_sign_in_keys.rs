//! rotate-sign-in-keys, against a real server of Secrets Manager's API.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use jiff::{SignedDuration, Timestamp};
use local::lambda::InvokeError;
use local::testkit::fakes::Secrets;
use local::testkit::{SecretsManager, Stack};
use serde_json::{Value, json};
use signing_keys::key_set::{KeySet, Role};
use uuid::Uuid;

const JOB: &str = "rotate-sign-in-keys";
const PRIVATE: &str = "praxis/auth-keys";
const PUBLIC: &str = "praxis/auth-jwks";
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// A stack whose keys are in Secrets Manager.
struct Rotating {
    manager: SecretsManager,
    stack: Stack,
    secret: String,
}

impl Rotating {
    /// One key, which has signed for an hour, and its public half, stored long ago.
    async fn start() -> Rotating {
        let manager = SecretsManager::start().await;
        let set = KeySet::new(Timestamp::now() - SignedDuration::from_hours(1)).unwrap();
        let secret = manager.create(PRIVATE, &set.text().unwrap()).await;
        let jwks = manager.create(PUBLIC, &set.public().to_string()).await;
        let stack = stack(&manager.environment(), &jwks).await;
        Rotating { manager, stack, secret }
    }

    /// Begins a rotation, as Secrets Manager does, and gives its token.
    async fn begin(&self) -> String {
        let token = Uuid::new_v4().to_string();
        self.manager.begin_rotation(&self.secret, &token).await;
        token
    }

    async fn try_step(&self, step: &str, token: &str) -> Result<Value, InvokeError> {
        let event = json!({ "Step": step, "SecretId": self.secret, "ClientRequestToken": token });
        self.stack.try_invoke(JOB, event).await
    }

    async fn step(&self, step: &str, token: &str) -> Value {
        self.try_step(step, token).await.unwrap_or_else(|error| panic!("{step}: {error}"))
    }

    /// Why a step was refused.
    async fn refusal(&self, step: &str, token: &str) -> (String, String) {
        refusal(self.try_step(step, token).await)
    }

    /// The set that signs, or that a rotation prepares.
    async fn set(&self, stage: &str) -> KeySet {
        KeySet::parse(&self.manager.text(PRIVATE, stage).await.unwrap()).unwrap()
    }

    async fn published(&self) -> Value {
        serde_json::from_str(&self.manager.text(PUBLIC, "AWSCURRENT").await.unwrap()).unwrap()
    }
}

async fn stack(access: &[(&'static str, String)], jwks: &str) -> Stack {
    let settings = access.iter().fold(Stack::builder(), |stack, (name, value)| stack.env(name, value));
    // The function needs no database: nothing but this.
    settings.env("AUTH_JWKS_SECRET_ARN", jwks).env("DATABASE_URL", "").start().await
}

fn refusal(outcome: Result<Value, InvokeError>) -> (String, String) {
    match outcome {
        Err(InvokeError::Function { error_type, message }) => (error_type, message),
        other => panic!("expected a failed invocation, got {other:?}"),
    }
}

fn roles(set: &KeySet) -> Vec<Role> {
    set.roles(Timestamp::now()).into_iter().map(|(_, role)| role).collect()
}

fn kid(set: &KeySet) -> String {
    set.newest().unwrap().kid.clone()
}

#[tokio::test]
async fn a_rotation_publishes_a_key_and_only_then_makes_it_current() {
    let rotating = Rotating::start().await;
    let (before, public_before) = (rotating.set("AWSCURRENT").await, rotating.published().await);
    let token = rotating.begin().await;

    let created = rotating.step("createSecret", &token).await;
    let pending = rotating.set("AWSPENDING").await;
    assert_eq!(created, json!({ "step": "createSecret", "kid": kid(&pending), "already_current": false }));
    assert_eq!(roles(&pending), [Role::Next, Role::Signing]);
    assert!(pending.lacks(&before).is_empty(), "what was signed before goes on verifying");
    assert_eq!(rotating.published().await, public_before);

    // Nobody signs with what nobody can verify.
    for step in ["testSecret", "finishSecret"] {
        let (code, message) = rotating.refusal(step, &token).await;
        assert!(code == "CONFLICT" && message.ends_with("setSecret comes first"), "{message}");
    }
    rotating.step("setSecret", &token).await;
    assert_eq!(rotating.published().await, pending.public());
    assert_eq!(kid(&rotating.set("AWSCURRENT").await), kid(&before), "the public halves come first");

    rotating.step("testSecret", &token).await;
    rotating.step("finishSecret", &token).await;
    let current = rotating.set("AWSCURRENT").await;
    assert_eq!(current.text().unwrap(), pending.text().unwrap());
    assert_eq!(rotating.set("AWSPREVIOUS").await.text().unwrap(), before.text().unwrap());

    // The next one drops nothing that was replaced less than a day ago.
    let token = rotating.begin().await;
    for step in STEPS {
        rotating.step(step, &token).await;
    }
    assert_eq!(roles(&rotating.set("AWSCURRENT").await), [Role::Next, Role::Next, Role::Signing]);
}

#[tokio::test]
async fn every_step_may_come_again() {
    let rotating = Rotating::start().await;
    let token = rotating.begin().await;
    let mut versions = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        // From the beginning each time, as after a crash.
        for again in &STEPS[..=index] {
            rotating.step(again, &token).await;
            rotating.step(again, &token).await;
        }
        let described = rotating.manager.call("DescribeSecret", json!({ "SecretId": PUBLIC })).await.unwrap();
        versions.push((*step, described["VersionIdsToStages"].as_object().unwrap().len()));
    }
    assert_eq!(roles(&rotating.set("AWSCURRENT").await), [Role::Next, Role::Signing], "one key was made");
    assert_eq!(
        versions,
        [("createSecret", 1), ("setSecret", 2), ("testSecret", 2), ("finishSecret", 2)],
        "and published once"
    );
    let done = rotating.step("createSecret", &token).await;
    assert_eq!(done, json!({ "step": "createSecret", "kid": null, "already_current": true }));
}

#[tokio::test]
async fn two_runs_of_a_step_at_once_make_one_key() {
    let rotating = Rotating::start().await;
    let token = rotating.begin().await;
    for step in STEPS {
        let (one, other) = tokio::join!(rotating.try_step(step, &token), rotating.try_step(step, &token));
        // The label moves once; whoever comes second is called again and finds it there.
        assert!(one.is_ok() || other.is_ok(), "{step}: {one:?} {other:?}");
        rotating.step(step, &token).await;
        if step == "createSecret" {
            let made = kid(&rotating.set("AWSPENDING").await);
            for outcome in [one, other] {
                assert_eq!(outcome.unwrap()["kid"], made, "who comes second takes the first one's key");
            }
        }
    }
    assert_eq!(roles(&rotating.set("AWSCURRENT").await), [Role::Next, Role::Signing]);
    assert_eq!(rotating.published().await, rotating.set("AWSCURRENT").await.public());
}

#[tokio::test]
async fn another_rotation_takes_the_place_of_one_that_did_not_end() {
    let rotating = Rotating::start().await;
    let (first, second) = (rotating.begin().await, Uuid::new_v4().to_string());
    rotating.step("createSecret", &first).await;
    rotating.step("setSecret", &first).await;
    rotating.manager.begin_rotation(&rotating.secret, &second).await;
    for step in STEPS {
        let (code, message) = rotating.refusal(step, &first).await;
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("CONFLICT", "this version is not the one being prepared")
        );
    }
    for step in STEPS {
        rotating.step(step, &second).await;
    }
    let current = rotating.set("AWSCURRENT").await;
    assert_eq!(rotating.published().await, current.public());
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_for_long_waits_until_its_key_is_known() {
    let rotating = Rotating::start().await;
    let token = Uuid::new_v4().to_string();
    rotating.manager.begin_rotation(&rotating.secret, &token).await;
    // Its first step ran an hour ago: the key's time has come, and nobody has seen it.
    let mut set = rotating.set("AWSCURRENT").await;
    set.rotate(Timestamp::now() - SignedDuration::from_hours(1)).unwrap();
    let prepared = json!({
        "SecretId": PRIVATE,
        "ClientRequestToken": token,
        "SecretString": set.text().unwrap(),
        "VersionStages": ["AWSPENDING"],
    });
    rotating.manager.call("PutSecretValue", prepared).await.unwrap();
    rotating.step("createSecret", &token).await;
    assert_eq!(kid(&rotating.set("AWSPENDING").await), kid(&set), "what a version holds stays");
    rotating.step("setSecret", &token).await;
    for step in ["testSecret", "finishSecret"] {
        let (_, message) = rotating.refusal(step, &token).await;
        assert!(message.contains("not published for long enough"), "{message}");
    }
    assert_ne!(kid(&rotating.set("AWSCURRENT").await), kid(&set));
}

#[tokio::test]
async fn what_secrets_manager_tests_when_a_schedule_is_set_up_is_in_order() {
    let rotating = Rotating::start().await;
    let token = rotating.begin().await;
    // It tests with a copy of the current version, also a minute after the first secrets were stored.
    let prepared = json!({
        "SecretId": PRIVATE,
        "ClientRequestToken": token,
        "SecretString": rotating.set("AWSCURRENT").await.text().unwrap(),
        "VersionStages": ["AWSPENDING"],
    });
    rotating.manager.call("PutSecretValue", prepared).await.unwrap();
    rotating.step("testSecret", &token).await;
}

#[tokio::test]
async fn wrong_states_are_refused_in_words() {
    let rotating = Rotating::start().await;
    let token = Uuid::new_v4().to_string();
    let refused = async |step: &str, token: &str| rotating.refusal(step, token).await.1;
    assert_eq!(refused("createSecret", &token).await, "rotation is not enabled for this secret");
    rotating.manager.begin_rotation(&rotating.secret, &token).await;
    let unknown = Uuid::new_v4().to_string();
    assert_eq!(refused("createSecret", &unknown).await, "the secret has no such version");
    let early = refused("setSecret", &token).await;
    assert_eq!(early, "this version has no text yet: createSecret comes first");

    // A secret that holds something else is left alone.
    rotating.manager.put(PRIVATE, "hunter2").await;
    let (code, message) = rotating.refusal("createSecret", &token).await;
    assert_eq!((code.as_str(), message.as_str()), ("INTERNAL_ERROR", "internal server error"));
    assert_eq!(rotating.manager.text(PRIVATE, "AWSPENDING").await, None);
    rotating.stack.wait_for_logs(4).await;
    assert!(rotating.stack.lines().iter().all(|line| !line.line.contains("hunter2")));
}

#[tokio::test]
async fn an_event_that_is_none_of_a_rotation_is_refused() {
    let rotating = Rotating::start().await;
    let token = rotating.begin().await;
    for event in [
        json!({}),
        json!({ "Step": "deleteSecret", "SecretId": rotating.secret, "ClientRequestToken": token }),
        json!({ "Step": "createSecret", "SecretId": "", "ClientRequestToken": token }),
        json!({ "Step": "createSecret", "SecretId": rotating.secret, "ClientRequestToken": "7" }),
    ] {
        let (code, _) = refusal(rotating.stack.try_invoke(JOB, event.clone()).await);
        assert_eq!(code, "VALIDATION_ERROR", "{event}");
    }
    assert_eq!(rotating.manager.text(PRIVATE, "AWSPENDING").await, None);
}

#[tokio::test]
async fn without_the_right_to_it_the_log_says_what_is_missing() {
    let manager = SecretsManager::start().await;
    let set = KeySet::new(Timestamp::now()).unwrap();
    let secret = manager.create(PRIVATE, &set.text().unwrap()).await;
    let jwks = manager.create(PUBLIC, &set.public().to_string()).await;
    let stack = stack(&manager.user_without_rights().await, &jwks).await;
    let event = json!({ "Step": "createSecret", "SecretId": secret, "ClientRequestToken": Uuid::new_v4().to_string() });
    let (code, message) = refusal(stack.try_invoke(JOB, event).await);
    assert_eq!((code.as_str(), message.as_str()), ("UPSTREAM_UNAVAILABLE", "Secrets Manager failed"));
    let logs = stack.wait_for_logs(1).await;
    let cause = logs[0]["cause"].as_str().unwrap();
    assert!(cause.contains("cannot describe the secret") && cause.contains("AccessDenied"), "{cause}");
    assert!(!cause.contains(&set.newest().unwrap().kid), "{cause}");
}

#[tokio::test]
async fn nobody_is_signed_out() {
    const MIA: &str = "mia@example.org";
    const PASSWORD: &str = "amber-falcon-quilt-93";
    let (rotating, extension) = (Rotating::start().await, Secrets::start().await);
    let publish = async || {
        extension.put(PRIVATE, rotating.manager.text(PRIVATE, "AWSCURRENT").await.unwrap());
        extension.put(PUBLIC, rotating.manager.text(PUBLIC, "AWSCURRENT").await.unwrap());
    };
    publish().await;
    let stack = Stack::builder()
        .env("AUTH_KEYS_FILE", "")
        .env("AUTH_KEYS_SECRET_ARN", PRIVATE)
        .env("AUTH_JWKS_SECRET_ARN", PUBLIC)
        .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", extension.port())
        .start()
        .await;
    let anybody = stack.anonymous();
    let account = json!({ "email": MIA, "password": PASSWORD });
    let person = json!({ "email": MIA, "password": PASSWORD, "display_name": "Mia" });
    anybody.post("/api/v1/identity/auth/register", person).await.assert_status(201);
    let before = anybody.post("/api/v1/identity/auth/login", account.clone()).await;
    let token_before = before.str("access_token");

    let token = rotating.begin().await;
    for step in STEPS {
        rotating.step(step, &token).await;
    }
    publish().await;
    let (old, new) = {
        let set = rotating.set("AWSCURRENT").await;
        let roles = set.roles(Timestamp::now());
        (roles[1].0.kid.clone(), roles[0].0.kid.clone())
    };
    // Each of these functions starts now, and reads the secrets as they are now.
    anybody.bearer(&token_before).get("/api/v1/me").await.assert_status(200);
    let refreshed = json!({ "refresh_token": before.str("refresh_token") });
    let during = anybody.post("/api/v1/identity/auth/refresh", refreshed).await.str("access_token");
    assert_eq!(kid_of(&during), old, "the new key is known, and does not sign yet");
    let jwks = anybody.get("/.well-known/jwks.json").await.json();
    assert!(jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == new));

    // Ten minutes later, by making the keys older, in sandboxes that have just started.
    let mut set: Value = serde_json::from_str(&rotating.set("AWSCURRENT").await.text().unwrap()).unwrap();
    for key in set["keys"].as_array_mut().unwrap() {
        key["nbf"] = json!(key["nbf"].as_i64().unwrap() - 601);
    }
    extension.put(PRIVATE, set.to_string());
    let fleet = stack.another_fleet().await;
    let sample = local::project::root().join("events/account/login.json");
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(sample).unwrap()).unwrap();
    event["body"] = json!(account.to_string());
    let answer = fleet.invoke("login", event.to_string().into(), Default::default()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.into_bytes().await.unwrap()).unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let after = body["access_token"].as_str().unwrap();
    assert_eq!(kid_of(after), new, "{answer}");
    for token in [after, &token_before, &during] {
        anybody.bearer(token).get("/api/v1/identity/users/me").await.assert_status(200);
    }
}

/// The key that a token names.
fn kid_of(token: &str) -> String {
    use base64::Engine;
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split_once('.').unwrap().0);
    let head: Value = serde_json::from_slice(&head.unwrap()).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}
