//! What is asked, and how answers are read.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::{Chat, MAX_ANSWER_CHARS, ModelErrorKind};

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
    let completion = provider.model(LONG).chat(&chat()).await.unwrap();
    assert_eq!((completion.text, completion.truncated), ("好".repeat(MAX_ANSWER_CHARS), true));
}

#[tokio::test]
async fn the_caller_says_how_long_an_answer_may_be() {
    let long = "好".repeat(MAX_ANSWER_CHARS + 1);
    for (text, max_chars, shown, truncated) in [
        (long.as_str(), MAX_ANSWER_CHARS * 2, long.as_str(), false),
        (" 你好 Ada ", 6, "你好 Ada", false),
        (" 你好 Ada ", 3, "你好", true),
        ("<think>a long reasoning</think>\n你好 Ada", 6, "你好 Ada", false),
    ] {
        let provider = Provider::start([Reply::ok(json!(text))]).await;
        let chat = Chat { max_chars, ..chat() };
        let completion = provider.model(LONG).chat(&chat).await.unwrap();
        assert_eq!((completion.text.as_str(), completion.truncated), (shown, truncated));
    }
}

fn ended(reason: &str, content: &str) -> Reply {
    let message = json!({ "content": content, "reasoning_content": "secret", "reasoning": "secret" });
    Reply::body(json!({ "choices": [{ "message": message, "finish_reason": reason }] }).to_string())
}

#[tokio::test]
async fn an_answer_says_when_its_length_was_used_up() {
    for (reason, truncated) in [("length", true), ("max_tokens", true), ("MAX_TOKENS", true), ("stop", false)]
    {
        let provider = Provider::start([ended(reason, "half")]).await;
        let completion = provider.model(LONG).chat(&chat()).await.unwrap();
        assert_eq!((completion.text.as_str(), completion.truncated), ("half", truncated), "{reason}");
    }
    for (reason, content, kind) in [
        ("length", "", ModelErrorKind::Truncated),
        ("length", "<think>secret", ModelErrorKind::Truncated),
        ("stop", "<think>secret", ModelErrorKind::Empty),
        ("stop", "<think>secret</think>\n", ModelErrorKind::Empty),
    ] {
        let provider = Provider::start([ended(reason, content)]).await;
        let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!((error.kind(), provider.calls()), (kind, 1), "{content}");
    }
}

#[tokio::test]
async fn reasoning_is_no_part_of_an_answer() {
    for text in [
        "<think>secret\n\nreasons</think>\n\n你好",
        "secret reasons\n</think>\n你好",
        "</think>你好",
        "<REASONING>secret</REASONING><thinking>secret</thinking>你好",
    ] {
        let provider = Provider::start([ended("stop", text)]).await;
        assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().text, "你好", "{text}");
    }
    let parts = json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "secret" }] },
        { "type": "text", "text": "你好" }]);
    let provider = Provider::start([Reply::ok(parts)]).await;
    assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().text, "你好");
}

#[tokio::test]
async fn usage_has_other_names_too_and_never_numbers_that_cannot_be() {
    for (usage, tokens) in [
        (json!({ "input_tokens": 5, "output_tokens": 6 }), (Some(5), Some(6))),
        (json!({ "prompt_tokens": null, "input_tokens": 5, "completion_tokens": 0 }), (Some(5), Some(0))),
        (json!({ "prompt_tokens": u64::MAX, "completion_tokens": i64::MAX }), (None, None)),
        (json!({ "prompt_tokens": -1, "completion_tokens": 1.5 }), (None, None)),
        (json!({ "prompt_tokens": i32::MAX, "completion_tokens": {} }), (Some(i32::MAX), None)),
        (json!([7]), (None, None)),
    ] {
        let body = json!({ "choices": [{ "message": { "content": "x" } }], "usage": usage });
        let provider = Provider::start([Reply::body(body.to_string())]).await;
        let told = provider.model(LONG).chat(&chat()).await.unwrap().usage;
        assert_eq!((told.tokens_in, told.tokens_out), tokens, "{usage}");
    }
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
async fn a_value_is_found_behind_reasoning() {
    for text in [
        "<think>{\"points\": 1}</think>{\"points\": 3, \"parts\": {}}",
        "secret</think>\n```json\n{\"points\": 3, \"parts\": {}}\n```",
    ] {
        let provider = Provider::start([Reply::ok(json!(text))]).await;
        assert_eq!(provider.model(LONG).structured::<Score>(&chat()).await.unwrap().value.points, 3);
    }
    let text = json!("{\"points\": 3, \"note\": \"a </think> b\", \"parts\": {}}");
    let provider = Provider::start([Reply::ok(text)]).await;
    let model = provider.model(LONG);
    let note = model.structured::<Score>(&chat()).await.unwrap().value.note;
    assert_eq!(note.as_deref(), Some("a </think> b"), "a value may speak of tags");
    assert!(!model.server.learned.begins_in_reasoning());

    let wrong = Reply::ok(json!("<think>secret</think>three points"));
    let provider = Provider::start([wrong, Reply::ok(json!("{\"points\": 3, \"parts\": {}}"))]).await;
    provider.model(LONG).structured::<Score>(&chat()).await.unwrap();
    assert_eq!(provider.body_of(1)["messages"][2]["content"], "three points");
}

#[tokio::test]
async fn half_a_value_is_not_asked_for_again() {
    let provider = Provider::start([ended("length", "{\"points\": 3, \"no")]).await;
    let error = provider.model(LONG).structured::<Score>(&chat()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Truncated, 1));
    assert!(!error.is_providers_fault());
    let provider = Provider::start([ended("length", "{\"points\": 3, \"parts\": {}}")]).await;
    let whole = provider.model(LONG).structured::<Score>(&chat()).await.unwrap();
    assert_eq!(whole.value.points, 3, "it was whole all the same");
    let provider = Provider::start([Reply::ok(json!("no")), ended("length", "{\"points\"")]).await;
    let error = provider.model(LONG).structured::<Score>(&chat()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Truncated, 2));
}
