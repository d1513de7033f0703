//! Providers that refuse a part of what is asked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::{Chat, Message, ModelErrorKind, Tool, ToolChoice};

const END: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}\n\n";

/// What of a request is there.
fn sent(body: &Value) -> Vec<&str> {
    let names = ["max_completion_tokens", "max_tokens", "stream_options", "temperature"];
    names.into_iter().filter(|name| body.get(*name).is_some()).collect()
}

/// Errors as providers write them, with the parameter that they refuse.
fn refusals() -> Vec<(u16, Value, &'static str)> {
    let loc = json!([{ "type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"],
        "msg": "Extra inputs are not permitted", "input": true, "url": "https://errors.pydantic.dev/" }]);
    let openai = |message: &str, param: Value, code: &str| {
        let kind = "invalid_request_error";
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
    };
    let unsupported = "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) \
         value is supported.";
    let use_other = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
         'max_completion_tokens' instead.";
    vec![
        (
            400,
            openai("Unknown parameter: 'stream_options'.", json!("stream_options"), "unknown_parameter"),
            "stream_options",
        ),
        (
            400,
            openai("Unrecognized request argument supplied: stream_options", json!(null), ""),
            "stream_options",
        ),
        (400, openai("no", json!("stream_options.include_usage"), "unknown_parameter"), "stream_options"),
        (
            422,
            json!({ "object": "error", "message": { "detail": loc }, "type": "invalid_request_error" }),
            "stream_options",
        ),
        (422, json!({ "detail": loc }), "stream_options"),
        (422, json!({ "message": json!({ "detail": loc }).to_string(), "code": "1000" }), "stream_options"),
        (
            400,
            json!({ "error": "property 'stream_options' is unsupported, did you mean 'stream'?" }),
            "stream_options",
        ),
        (400, json!("json: unknown field \"stream_options\""), "stream_options"),
        (400, openai(unsupported, json!("temperature"), "unsupported_value"), "temperature"),
        (400, openai(unsupported, json!("None"), ""), "temperature"),
        (400, openai("temperature must be positive", json!("temperature"), ""), "temperature"),
        (
            400,
            json!({ "error": { "message": "The `temperature` parameter is not supported." } }),
            "temperature",
        ),
        (400, openai(use_other, json!("max_tokens"), "unsupported_parameter"), "max_tokens"),
        (400, json!({ "error": { "message": use_other, "code": "invalid_request_body" } }), "max_tokens"),
        (
            400,
            json!({ "error": { "message": "Provider returned error", "code": 400, "metadata": { "raw":
                openai("Unsupported parameter: 'max_tokens'", json!("max_tokens"), "").to_string() } } }),
            "max_tokens",
        ),
    ]
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_and_stays_so() {
    for (status, error, name) in refusals() {
        let script = [Reply::refusal(status, &error), Reply::body(END), Reply::body(END)];
        let provider = Provider::start(script).await;
        let model = provider.model(LONG);
        let deltas = model.stream(&chat()).await.unwrap();
        assert_eq!(deltas.usage().attempts, 2, "{error}");
        assert_eq!(sent(&provider.body_of(0)), ["max_tokens", "stream_options", "temperature"]);
        let mut expected = vec!["max_tokens", "stream_options", "temperature"];
        expected.retain(|sent| *sent != name);
        if name == "max_tokens" {
            expected.insert(0, "max_completion_tokens");
        }
        assert_eq!(sent(&provider.body_of(1)), expected, "{error}");
        // Another model of the same name at the same address: the sandbox remembers.
        provider.model(LONG).stream(&chat()).await.unwrap();
        assert_eq!((sent(&provider.body_of(2)), provider.calls()), (expected, 3), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_is_no_attempt_for_passing_failures() {
    let refused = |name: &str| Reply::refusal(400, &json!({ "error": { "param": name } }));
    let script = [
        Reply::status(503),
        refused("temperature"),
        Reply::status(503),
        refused("max_tokens"),
        refused("max_completion_tokens"),
        Reply::ok(json!("fine")),
    ];
    let provider = Provider::start(script).await;
    let completion = provider.model(LONG).chat(&chat()).await.unwrap();
    assert_eq!((completion.text.as_str(), completion.usage.attempts), ("fine", 6));
    assert!(sent(&provider.body_of(5)).is_empty());
    assert_eq!(provider.body_of(4)["max_completion_tokens"], 200);
}

#[tokio::test]
async fn each_parameter_is_refused_once() {
    let refused = || Reply::refusal(400, &json!({ "error": { "param": "temperature" } }));
    let provider = Provider::start([refused(), refused()]).await;
    let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(400), 2));
    assert!(!error.is_providers_fault());
    // It did not help, so nothing was learned.
    provider.then([Reply::ok(json!("fine"))]);
    provider.model(LONG).chat(&chat()).await.unwrap();
    assert_eq!(sent(&provider.body_of(2)), ["max_tokens", "temperature"]);
}

#[tokio::test]
async fn several_at_once_are_left_out_together() {
    let extra = |name: &str| json!({ "type": "extra_forbidden", "loc": ["body", name] });
    let error = json!({ "detail": [extra("stream_options"), extra("temperature"), extra("store")] });
    let provider = Provider::start([Reply::refusal(422, &error), Reply::body(END)]).await;
    provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(sent(&provider.body_of(1)), ["max_tokens"]);
}

/// A provider may quote the prompt in its error, and a person may know how the parameters are called.
#[tokio::test]
async fn what_was_said_is_never_taken_for_a_parameter() {
    let said = "why is temperature not supported here";
    for error in [
        json!({ "error": { "message": format!("Invalid prompt: {said}") } }),
        json!({ "error": { "message": "Unsupported content: 'the temperature'" } }),
        json!({ "error": { "message": "'temperature' is not supported", "param": "messages.[1].content" } }),
        json!({ "detail": [{ "loc": ["body", "messages", 1, "temperature"], "msg": "unknown", "input": said }] }),
        json!({ "detail": [{ "loc": ["header", "x-key"], "msg": "no", "input": "temperature is not supported" }] }),
        json!({ "error": { "message": "failed", "prompt": "temperature is not supported" } }),
    ] {
        let provider = Provider::start([Reply::refusal(400, &error)]).await;
        let chat = Chat { messages: vec![Message::user(said)], ..chat() };
        let error = provider.model(LONG).chat(&chat).await.unwrap_err();
        assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(400), 1));
    }
}

#[tokio::test]
async fn a_refusal_of_something_else_stays_an_error() {
    for error in [
        json!({ "error": { "message": "The model `small` does not exist", "code": "model_not_found" } }),
        json!({ "error": { "message": "Unknown parameter: 'max_tokens_to_sample'" } }),
        json!({ "error": { "message": "temperature_top is not supported" } }),
        json!({ "error": { "message": format!("temperature {} not supported", "x".repeat(100)) } }),
        json!({ "error": { "message": "Your organization is unsupported" } }),
        // A length that is too long is the caller's mistake, and no reason to have none.
        json!({ "error": { "message": "max_tokens is too large: 200. This model supports at most 100 tokens",
            "param": "max_tokens", "code": "invalid_value" } }),
        json!({ "error": { "message": "'max_tokens' is too large: 200. The maximum context length is 100" } }),
        json!({ "detail": [{ "type": "less_than_equal", "loc": ["body", "max_tokens"],
            "msg": "Input should be less than or equal to 100" }] }),
        json!(null),
        json!([[[[[[[[[[[["temperature is not supported"]]]]]]]]]]]]),
    ] {
        let provider = Provider::start([Reply::refusal(400, &error)]).await;
        let found = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!((found.kind(), provider.calls()), (ModelErrorKind::Status(400), 1), "{error}");
    }
    let long = Reply::Whole(400, &[], "temperature is not supported ".repeat(10_000));
    let provider = Provider::start([long]).await;
    provider.model(LONG).chat(&chat()).await.unwrap_err();
    assert_eq!(provider.calls(), 1, "nobody reads an error without end");
}

#[tokio::test]
async fn a_setting_leaves_out_from_the_beginning() {
    for (omit, expected) in [
        ("stream_options, temperature", vec!["max_tokens"]),
        ("max_tokens", vec!["max_completion_tokens", "stream_options", "temperature"]),
        ("max_completion_tokens,max_tokens", vec!["stream_options", "temperature"]),
        (" , ", vec!["max_tokens", "stream_options", "temperature"]),
    ] {
        let provider = Provider::start([Reply::body(END)]).await;
        provider.model_with(&[("LLM_OMIT", omit)]).stream(&chat()).await.unwrap();
        assert_eq!(sent(&provider.body_of(0)), expected, "{omit}");
    }
}

#[tokio::test]
async fn a_refusal_within_a_stream_counts_too() {
    let error = json!({ "error": { "code": 400, "message": "Unsupported parameter: 'temperature'" } });
    let provider = Provider::start([Reply::body(format!("data: {error}\n\n")), Reply::body(END)]).await;
    provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(sent(&provider.body_of(1)), ["max_tokens", "stream_options"]);
}

/// What a model is to fill in.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Score {
    points: u32,
}

fn good() -> Reply {
    Reply::ok(json!("{\"points\": 3}"))
}

#[tokio::test]
async fn a_schema_falls_back_to_an_object_and_then_to_the_prompt() {
    for error in [
        json!({ "error": { "message": "This response_format type is unavailable now" } }),
        json!({ "error": { "message": "no", "param": "response_format.json_schema.schema" } }),
        json!({ "error": { "message": "invalid schema for response format: /next: minItems is not supported" } }),
        json!({ "error": "The response_format parameter is unsupported at the moment. Leave it unset." }),
        json!({ "error": { "message": "Failed to generate JSON.", "code": "json_validate_failed",
            "failed_generation": "temperature is not supported" } }),
        json!({ "error": { "message": "'response_format.type' : value is not one of the allowed values" } }),
        json!({ "detail": [{ "loc": ["body", "response_format", "type"], "msg": "Input should be 'text'" }] }),
    ] {
        let script = [Reply::refusal(400, &error), Reply::refusal(400, &error), good(), good()];
        let provider = Provider::start(script).await;
        let model = provider.model(LONG);
        let value = model.structured::<Score>(&chat()).await.unwrap().value;
        assert_eq!(value, Score { points: 3 });
        assert_eq!(provider.body_of(0)["response_format"]["type"], "json_schema");
        assert_eq!(provider.body_of(1)["response_format"], json!({ "type": "json_object" }));
        assert_eq!(provider.body_of(2)["response_format"], Value::Null);
        for request in [1, 2] {
            let body = provider.body_of(request);
            let system = body["messages"][0]["content"].as_str().unwrap().to_owned();
            assert!(system.starts_with("be brief\n\n") && system.contains("\"points\""), "{system}");
            assert_eq!(system.matches("JSON schema").count(), 1, "{system}");
            assert_eq!(body["temperature"], 0.2);
        }
        model.structured::<Score>(&chat()).await.unwrap();
        assert_eq!((provider.body_of(3), provider.calls()), (provider.body_of(2), 4), "it is remembered");
    }
}

#[tokio::test]
async fn an_object_is_enough_and_is_still_validated() {
    let refused = Reply::refusal(400, &json!({ "error": { "param": "response_format" } }));
    let provider = Provider::start([refused, Reply::ok(json!("{\"points\": \"three\"}")), good()]).await;
    let messages = vec![Message::user("hello")];
    let chat = Chat { messages, ..chat() };
    let answer = provider.model(LONG).structured::<Score>(&chat).await.unwrap();
    assert_eq!((answer.value.points, answer.usage.attempts), (3, 3));
    let again = provider.body_of(2);
    assert_eq!(again["response_format"], json!({ "type": "json_object" }));
    let roles: Vec<&str> =
        again["messages"].as_array().unwrap().iter().filter_map(|message| message["role"].as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
}

#[tokio::test]
async fn settings_say_which_format_there_is() {
    for (omit, format) in
        [("json_schema", json!({ "type": "json_object" })), ("response_format", json!(null))]
    {
        let provider = Provider::start([good()]).await;
        provider.model_with(&[("LLM_OMIT", omit)]).structured::<Score>(&chat()).await.unwrap();
        assert_eq!(provider.body_of(0)["response_format"], format, "{omit}");
        assert!(provider.body_of(0)["messages"][0]["content"].as_str().unwrap().contains("points"));
    }
}

fn with_tools() -> Chat {
    Chat { tools: vec![Tool::of::<Score>("score", "Scores a talk.")], ..chat() }
}

fn spoilt() -> Reply {
    let error = json!({ "error": { "message": "Failed to call a function. Please adjust your prompt.",
        "type": "invalid_request_error", "code": "tool_use_failed", "failed_generation": "<function=score>" } });
    Reply::refusal(400, &error)
}

#[tokio::test]
async fn a_spoilt_call_is_answered_without_one() {
    let provider = Provider::start([spoilt(), Reply::ok(json!("fine")), Reply::ok(json!("fine"))]).await;
    let model = provider.model(LONG);
    assert_eq!(model.chat(&with_tools()).await.unwrap().text, "fine");
    assert_eq!(provider.body_of(0)["tool_choice"], Value::Null);
    assert_eq!(provider.body_of(1)["tool_choice"], "none");
    assert_eq!(provider.body_of(1)["tools"], provider.body_of(0)["tools"]);
    model.chat(&with_tools()).await.unwrap();
    assert_eq!(provider.body_of(2)["tool_choice"], Value::Null, "the next may be better");

    let error = json!({ "error": { "code": "tool_use_failed", "failed_generation": "<function=score>" } });
    let provider =
        Provider::start([Reply::body(format!("event: error\ndata: {error}\n\n")), Reply::body(END)]).await;
    provider.model(LONG).stream(&with_tools()).await.unwrap();
    assert_eq!(provider.body_of(1)["tool_choice"], "none", "told within a stream");

    let provider = Provider::start([spoilt(), spoilt()]).await;
    let error = provider.model(LONG).chat(&with_tools()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(400), 2));

    let refused = Reply::refusal(400, &json!({ "error": { "param": "tool_choice" } }));
    let provider = Provider::start([refused, Reply::ok(json!("fine"))]).await;
    let chat = Chat { tool_choice: ToolChoice::Never, ..with_tools() };
    provider.model(LONG).chat(&chat).await.unwrap();
    assert_eq!(provider.body_of(1)["tools"], Value::Null, "what cannot be forbidden is not offered");
}

#[tokio::test]
async fn tools_are_never_left_out_because_a_provider_has_none() {
    let error = json!({ "detail": [{ "loc": ["body", "tools"], "msg": "Extra inputs are not permitted" }] });
    let provider = Provider::start([Reply::refusal(422, &error)]).await;
    let error = provider.model(LONG).chat(&with_tools()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(422), 1));
}
