//! What tests start from: scenes, sessions and turns made through the API, and stacks with a model.

use local::testkit::{
    Answer, Call, Client, Stack,
    fakes::{Behaviour, Provider},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The body of a scene that is valid in every field.
pub(crate) fn new_scene() -> Value {
    json!({
        "title": "Late hand-over",
        "template_id": "PEER_FEEDBACK",
        "counterparty_role": "PEER",
        "relationship_level": "TENSE",
        "goal": "agree a date",
        "pain_points": ["I get loud", "they go silent"],
        "context": "The draft came two days late, twice.",
        "power_dynamic": "PEER_LEVEL",
    })
}

/// A scene of `user`.
pub(crate) async fn scene(user: &Client) -> Uuid {
    scene_with(user, json!({})).await
}

/// A scene of `user` with some fields of its own.
pub(crate) async fn scene_with(user: &Client, fields: Value) -> Uuid {
    created(user.post("/api/v1/scenes", with(new_scene(), fields)), "scene_id").await
}

/// A session of `user` on a new scene, complete after five turns.
pub(crate) async fn session(user: &Client) -> Uuid {
    let scene = scene(user).await;
    session_on(user, scene).await
}

/// A session on a scene, complete after five turns.
pub(crate) async fn session_on(user: &Client, scene: Uuid) -> Uuid {
    created(user.post("/api/v1/sessions", json!({"scene_id": scene, "target_turns": 5})), "session_id").await
}

/// A session with one answered turn, and the id of its message.
pub(crate) async fn session_with_turn(user: &Client) -> (Uuid, Uuid) {
    let session = session(user).await;
    let turn = say(user, session, "我希望今天可以一起确认").await;
    (session, id(&turn["user_message_id"]))
}

/// A session with all its turns.
pub(crate) async fn completed_session(user: &Client) -> Uuid {
    let session = session(user).await;
    for turn in 1..=5 {
        say(user, session, &format!("第{turn}句")).await;
    }
    session
}

/// The body of a message with an id of its own.
pub(crate) fn message(content: &str) -> Value {
    json!({"client_message_id": Uuid::new_v4(), "content": content})
}

/// The call that sends a message.
pub(crate) fn send(user: &Client, session: Uuid, message: &Value) -> Call {
    user.post(&format!("/api/v1/sessions/{session}/messages"), message.clone())
}

/// Sends a message that must be answered, and gives the turn.
pub(crate) async fn say(user: &Client, session: Uuid, content: &str) -> Value {
    let answer = send(user, session, &message(content)).await;
    answer.assert_status(200);
    answer.json()
}

/// The card of a session.
pub(crate) async fn summary(user: &Client, session: Uuid) -> Value {
    let answer = user.request("POST", &format!("/api/v1/sessions/{session}/summary")).await;
    answer.assert_status(200);
    answer.json()
}

/// A reflection on a session.
pub(crate) async fn reflection(user: &Client, session: Uuid, used: bool, score: Option<u8>) -> Uuid {
    let body = json!({"session_id": session, "used_in_real_world": used, "outcome_score": score});
    created(user.post("/api/v1/reflections", body), "reflection_id").await
}

/// Moves the start of a session in time; the API has no way to.
pub(crate) async fn started_at(db: &tokio_postgres::Client, session: Uuid, at: &str) {
    execute(db, &format!("update practice.sessions set created_at = '{at}' where id = '{session}'")).await;
}

/// A stack whose functions speak to `provider`.
pub(crate) async fn stack_with(provider: &Provider) -> Stack {
    stack_with_settings(provider, &[]).await
}

/// A stack whose functions speak to `provider`, with settings of its own.
pub(crate) async fn stack_with_settings(provider: &Provider, settings: &[(&str, &str)]) -> Stack {
    let usual =
        [("LLM_API_KEY", "test-key"), ("OPENAI_BASE_URL", &provider.base_url()), ("LLM_MODEL", "test-model")];
    let settings = usual.iter().chain(settings);
    settings.fold(Stack::builder(), |builder, (name, value)| builder.env(name, *value)).start().await
}

/// A provider that says "好的，明天上午可以。".
pub(crate) async fn provider() -> Provider {
    Provider::start(Behaviour::Text("好的，明天上午可以。".to_owned())).await
}

/// What the counterpart says without a model.
pub(crate) const REPLY_BY_RULES: &str =
    "我明白你想把这件事往前推进，我们可以先对齐一下事实，再说说你希望的下一步是什么。";

/// `value` with the members of `fields` set.
pub(crate) fn with(mut value: Value, fields: Value) -> Value {
    let (Value::Object(members), Value::Object(fields)) = (&mut value, fields) else { panic!("two objects") };
    members.extend(fields);
    value
}

/// An id of an answer: lower-case and hyphenated.
#[track_caller]
pub(crate) fn id(value: &Value) -> Uuid {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no id"));
    let id: Uuid = text.parse().unwrap_or_else(|_| panic!("{value} is no id"));
    assert_eq!(id.to_string(), text, "ids are lower-case and hyphenated");
    id
}

/// The only number of a query.
pub(crate) async fn count(db: &tokio_postgres::Client, sql: &str) -> i64 {
    db.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// The only text of a query, which may be null.
pub(crate) async fn text(db: &tokio_postgres::Client, sql: &str) -> Option<String> {
    db.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// Runs statements.
pub(crate) async fn execute(db: &tokio_postgres::Client, sql: &str) {
    db.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Waits until a query gives `wanted`.
pub(crate) async fn until(db: &tokio_postgres::Client, sql: &str, wanted: impl Fn(i64) -> bool) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while !wanted(count(db, sql).await) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it never came to be: {sql}"));
}

/// The number of open database sessions of the function that takes messages.
pub(crate) const SENDERS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'send-message'";

async fn created(call: Call, member: &str) -> Uuid {
    let answer: Answer = call.await;
    answer.assert_status(201);
    id(&answer.json()[member])
}
