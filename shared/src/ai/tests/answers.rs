//! What is asked, and how answers are read.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::{MAX_ANSWER_CHARS, ModelErrorKind};

#[tokio::test]
async fn a_chat_is_asked_as_the_api_says_and_its_answer_is_trimmed() {
    let provider = Provider::start([Reply::ok(json!("  你好,\u{0}\u{1b}Ada\n\tand all \n"))]).await;
    let completion = provider.model(LONG).chat(&chat()).await.unwrap();
    assert_eq!(completion.text, "你好,Ada\n\tand all");
    let usage = completion.usage;
    assert_eq!(usage.model, "small");
    assert_eq!((usage.tokens_in, usage.tokens_out, usage.attempts), (Some(11), Some(7), 1));
    let body = json!({
        "model": "small",
        "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": "hello" }],
        "temperature": 0.2,
        "max_tokens": 200,
    });
    assert_eq!(provider.asked(), [("/v1/chat/completions".to_owned(), "Bearer sk-secret".to_owned(), body)]);
}

#[tokio::test]
async fn the_texts_of_a_list_of_parts_are_joined() {
    let parts = json!([
        { "type": "text", "text": " one " },
        { "type": "image", "text": "no" },
        { "type": "text", "text": "  " },
        { "type": "text" },
        { "type": "text", "text": "two" },
    ]);
    let provider = Provider::start([Reply::ok(parts)]).await;
    assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().text, "one two");
}

#[tokio::test]
async fn a_long_answer_is_cut() {
    let provider = Provider::start([Reply::ok(json!("好".repeat(MAX_ANSWER_CHARS + 1)))]).await;
    assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().text, "好".repeat(MAX_ANSWER_CHARS));
}

#[tokio::test]
async fn odd_usage_is_no_usage() {
    let body = json!({ "choices": [{ "message": { "content": "x" } }], "usage": { "prompt_tokens": "many", "completion_tokens": 1e12 } });
    let provider = Provider::start([Reply::body(body.to_string())]).await;
    let usage = provider.model(LONG).chat(&chat()).await.unwrap().usage;
    assert_eq!((usage.tokens_in, usage.tokens_out), (None, None));
}

/// What a model is to fill in.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Score {
    points: u32,
    note: Option<String>,
    parts: HashMap<String, Part>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Part {
    #[serde(default)]
    weight: f32,
}

#[tokio::test]
async fn a_structured_answer_is_asked_for_with_a_strict_schema() {
    let fenced = "```json\n{\"points\": 3, \"note\": \"a\\u0000b\", \"parts\": {}}\n```";
    let provider = Provider::start([Reply::ok(json!(fenced))]).await;
    let answer = provider.model(LONG).structured::<Score>(&chat()).await.unwrap();
    assert_eq!(answer.value, Score { points: 3, note: Some("ab".to_owned()), parts: HashMap::new() });

    let format = &provider.asked()[0].2["response_format"];
    assert_eq!((&format["type"], &format["json_schema"]["name"]), (&json!("json_schema"), &json!("Score")));
    assert_eq!(format["json_schema"]["strict"], true);
    let schema = &format["json_schema"]["schema"];
    assert_eq!(schema["additionalProperties"], false);
    let mut required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    required.sort_unstable();
    assert_eq!(required, ["note", "parts", "points"]);
    assert_eq!(schema["properties"]["points"]["format"], Value::Null);
    assert_eq!(schema["$defs"]["Part"]["required"], json!(["weight"]));
    assert_eq!(schema["$defs"]["Part"]["additionalProperties"], false);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_once_more() {
    let good = json!("{\"points\": 3, \"parts\": {}}");
    let provider =
        Provider::start([Reply::ok(json!("three points")), Reply::status(500), Reply::ok(good)]).await;
    let answer = provider.model(LONG).structured::<Score>(&chat()).await.unwrap();
    assert_eq!(answer.value.points, 3);
    assert_eq!(
        (answer.usage.attempts, answer.usage.tokens_in, answer.usage.tokens_out),
        (3, Some(22), Some(14))
    );
    let messages = provider.asked()[1].2["messages"].clone();
    assert_eq!(messages[2], json!({ "role": "assistant", "content": "three points" }));
    assert!(messages[3]["content"].as_str().unwrap().contains("does not match"));

    let provider = Provider::start([Reply::ok(json!("no")), Reply::ok(json!("{}"))]).await;
    let error = provider.model(LONG).structured::<Score>(&chat()).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Malformed);
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let body = json!({
        "data": [{ "index": 1, "embedding": [0.5, 1] }, { "index": 0, "embedding": [-1, 0.25] }],
        "usage": { "prompt_tokens": 5, "total_tokens": 5 },
    });
    let provider = Provider::start([Reply::body(body.to_string())]).await;
    let (vectors, usage) = provider.model(LONG).embed(&["one", "two"]).await.unwrap();
    assert_eq!(vectors, [[-1.0, 0.25], [0.5, 1.0]]);
    assert_eq!((usage.model.as_str(), usage.tokens_in, usage.tokens_out), ("vectors", Some(5), None));
    let (path, _, body) = provider.asked().remove(0);
    assert_eq!((path.as_str(), &body["input"]), ("/v1/embeddings", &json!(["one", "two"])));

    assert!(provider.model(LONG).embed(&[]).await.unwrap().0.is_empty());
    assert_eq!(provider.calls(), 1, "nothing is asked about no texts");
}

#[tokio::test]
async fn vectors_that_are_missing_or_uneven_are_malformed() {
    for data in [
        json!([{ "index": 0, "embedding": [1] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 1, "embedding": [1, 2] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 2, "embedding": [1] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 1, "embedding": ["1"] }]),
        json!([{ "index": 0, "embedding": [] }, { "index": 1, "embedding": [] }]),
        json!(null),
    ] {
        let provider = Provider::start([Reply::body(json!({ "data": data }).to_string())]).await;
        let error = provider.model(LONG).embed(&["one", "two"]).await.expect_err("not two vectors");
        assert_eq!(error.kind(), ModelErrorKind::Malformed, "{data}");
    }
}
