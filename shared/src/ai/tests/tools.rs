//! Tools that a model calls.

use serde_json::{Value, json};

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::tools::Calls;
use crate::ai::{Chat, Message, ModelErrorKind, Tool, ToolCall, ToolChoice};

fn tool() -> Tool {
    let parameters = json!({ "type": "object", "properties": { "day": { "type": "string" } } });
    Tool { name: "find_times".to_owned(), description: "Free times.".to_owned(), parameters }
}

/// Name and arguments of each.
fn told(calls: &[ToolCall]) -> Vec<(&str, &str)> {
    calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect()
}

fn calling(calls: &Value, finish_reason: &str) -> Reply {
    let message = json!({ "role": "assistant", "content": null, "tool_calls": calls });
    Reply::body(json!({ "choices": [{ "message": message, "finish_reason": finish_reason }] }).to_string())
}

#[tokio::test]
async fn tools_are_offered_and_their_results_told_as_the_api_says() {
    let call = json!({ "id": "call_1", "type": "function",
        "function": { "name": "find_times", "arguments": "{\"day\": \"2026-12-01\"}" } });
    let provider =
        Provider::start([calling(&json!([call]), "tool_calls"), Reply::ok(json!("At nine."))]).await;
    let model = provider.model(LONG);
    let mut chat = Chat { tools: vec![tool()], ..chat() };
    let completion = model.chat(&chat).await.unwrap();
    assert_eq!((completion.text.as_str(), completion.truncated), ("", false));
    assert_eq!(told(&completion.tool_calls), [("find_times", "{\"day\": \"2026-12-01\"}")]);
    assert_eq!(completion.tool_calls[0].id, "call_1");

    chat.messages.push(Message::calling(completion.text, completion.tool_calls));
    chat.messages.push(Message::tool("call_1", "[\"09:00\"]"));
    chat.tool_choice = ToolChoice::Never;
    assert_eq!(model.chat(&chat).await.unwrap().text, "At nine.");
    let body = provider.body_of(1);
    assert_eq!(body["messages"][2], json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
    assert_eq!(
        body["messages"][3],
        json!({ "role": "tool", "content": "[\"09:00\"]", "tool_call_id": "call_1" })
    );
    let function = &body["tools"][0]["function"];
    assert_eq!((&function["name"], &function["description"]), (&json!("find_times"), &json!("Free times.")));
    assert_eq!(function["parameters"]["properties"]["day"]["type"], "string");
    assert_eq!((&provider.body_of(0)["tool_choice"], &body["tool_choice"]), (&Value::Null, &json!("none")));
}

#[tokio::test]
async fn odd_calls_of_a_whole_answer_are_made_even() {
    let calls = json!([
        { "function": { "name": "a", "arguments": { "n": 1 } } },
        { "id": "", "function": { "name": "b", "arguments": "" } },
        { "id": "x", "function": { "name": "c\u{0}", "arguments": "{\"t\": \"\u{0}\"}" } },
        { "id": "x", "index": 0, "function": { "name": "c", "arguments": null } },
        { "id": "y", "function": { "arguments": "{}" } },
        7,
    ]);
    let provider = Provider::start([calling(&calls, "stop")]).await;
    let found = provider.model(LONG).chat(&chat()).await.unwrap().tool_calls;
    assert_eq!(told(&found), [("a", "{\"n\":1}"), ("b", "{}"), ("c", "{\"t\": \"\"}"), ("c", "{}")]);
    let mut ids: Vec<&str> = found.iter().map(|call| call.id.as_str()).collect();
    assert!(
        ids.iter().all(|id| *id == "x" || (id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric())))
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each has its own");

    for nothing in [json!(null), json!([]), json!("x"), json!([{ "function": { "arguments": "{}" } }])] {
        let provider = Provider::start([calling(&nothing, "tool_calls")]).await;
        let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!(error.kind(), ModelErrorKind::Empty, "{nothing}");
    }
}

#[tokio::test]
async fn calls_have_bounds() {
    let one = |length: usize| json!({ "function": { "name": "a", "arguments": "x".repeat(length) } });
    let many = |count: usize| Value::from(vec![one(1); count]);
    for (calls, is_good) in [
        (many(16), true),
        (many(17), false),
        (json!([one(32 * 1024)]), true),
        (json!([one(32 * 1024 + 1)]), false),
        (json!([{ "function": { "name": "a".repeat(129) } }]), false),
    ] {
        let provider = Provider::start([calling(&calls, "tool_calls")]).await;
        let outcome = provider.model(LONG).chat(&chat()).await.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(outcome, if is_good { Ok(()) } else { Err(ModelErrorKind::Malformed) });
        let mut calls_of_stream = Calls::default();
        let outcome = calls.as_array().unwrap().iter().try_for_each(|call| {
            calls_of_stream
                .push(&json!({ "id": uuid::Uuid::new_v4().to_string(), "function": call["function"] }))
        });
        assert_eq!(outcome.is_ok(), is_good);
    }
}

#[test]
fn arguments_are_a_value_or_say_what_is_wrong() {
    let call = |arguments: &str| ToolCall {
        id: "1".to_owned(),
        name: "a".to_owned(),
        arguments: arguments.to_owned(),
    };
    let value: Value = call("{\"t\": \"a\\u0000b\"}").parse().unwrap();
    assert_eq!(value["t"], "ab");
    assert!(call("{\"t\": ").parse::<Value>().is_err());
}

/// A fragment: id, index, name, arguments.
type Fragment<'a> = (Option<&'a str>, Option<u64>, Option<&'a str>, Option<&'a str>);

fn fragment((id, index, name, arguments): Fragment<'_>) -> Value {
    let mut fragment = json!({ "type": "function", "function": {} });
    let fields = [("name", name), ("arguments", arguments)];
    for (field, value) in fields.into_iter().filter(|(_, value)| value.is_some()) {
        fragment["function"][field] = json!(value);
    }
    if id.is_some() {
        fragment["id"] = json!(id);
    }
    if index.is_some() {
        fragment["index"] = json!(index);
    }
    fragment
}

const A: Option<&str> = Some("id_a");
const B: Option<&str> = Some("id_b");
const BLANK: Option<&str> = Some("");

#[test]
fn fragments_find_their_call_in_every_providers_shape() {
    let (find, book) = (Some("find"), Some("book"));
    // Cut within an escape.
    let (one, two) = (Some("{\"t\":\"\\u4f"), Some("60\"}"));
    let (three, four) = (Some("{\"n\""), Some(":1}"));
    let shapes: Vec<(&str, Vec<Fragment<'_>>)> = vec![
        (
            "OpenAI, interleaved",
            vec![
                (A, Some(0), find, BLANK),
                (B, Some(1), book, BLANK),
                (None, Some(0), None, one),
                (None, Some(1), None, three),
                (None, Some(0), None, two),
                (None, Some(1), None, four),
            ],
        ),
        (
            "indices that begin at 1",
            vec![
                (A, Some(1), find, one),
                (None, Some(1), None, two),
                (B, Some(2), book, three),
                (None, Some(2), None, four),
            ],
        ),
        (
            "one index for all",
            vec![
                (A, Some(0), find, one),
                (None, Some(0), None, two),
                (B, Some(0), book, three),
                (None, Some(0), None, four),
            ],
        ),
        (
            "one index for the heads, another for the tail",
            vec![
                (A, Some(0), find, one),
                (None, Some(0), None, two),
                (B, Some(0), book, three),
                (None, Some(1), None, four),
            ],
        ),
        (
            "no index, ids everywhere",
            vec![(A, None, find, one), (B, None, book, three), (A, None, None, two), (B, None, None, four)],
        ),
        (
            "no index, ids at the heads",
            vec![
                (A, None, find, one),
                (None, None, None, two),
                (B, None, book, three),
                (None, None, None, four),
            ],
        ),
        (
            "blank ids later",
            vec![
                (A, Some(0), find, BLANK),
                (BLANK, Some(0), BLANK, one),
                (BLANK, Some(0), BLANK, two),
                (B, Some(1), book, three),
                (BLANK, Some(1), None, four),
            ],
        ),
        (
            "ids and names everywhere",
            vec![
                (A, Some(0), find, one),
                (A, Some(0), find, two),
                (B, Some(1), book, three),
                (B, Some(1), book, four),
            ],
        ),
        (
            "a new id with each fragment",
            vec![
                (A, Some(0), find, one),
                (Some("id_c"), Some(0), None, two),
                (B, Some(1), book, three),
                (Some("id_d"), Some(1), None, four),
            ],
        ),
        (
            "whole calls, ids only",
            vec![(A, None, find, Some("{\"t\":\"\\u4f60\"}")), (B, None, book, Some("{\"n\":1}"))],
        ),
        (
            "the id first, the name later",
            vec![
                (A, Some(0), None, None),
                (None, Some(0), find, one),
                (None, Some(0), None, two),
                (B, Some(1), None, BLANK),
                (None, Some(1), book, three),
                (None, Some(1), None, four),
            ],
        ),
        (
            "the id later",
            vec![
                (None, Some(0), find, one),
                (A, Some(0), None, two),
                (None, Some(1), book, three),
                (B, Some(1), None, four),
            ],
        ),
    ];
    for (shape, fragments) in shapes {
        let mut calls = Calls::default();
        for part in fragments {
            calls.push(&fragment(part)).unwrap();
        }
        let calls = calls.finish();
        assert_eq!(told(&calls), [("find", "{\"t\":\"\\u4f60\"}"), ("book", "{\"n\":1}")], "{shape}");
        assert_eq!((calls[0].id.as_str(), calls[1].id.as_str()), ("id_a", "id_b"), "{shape}");
    }
}

#[test]
fn calls_without_any_id_are_told_apart_by_their_names_and_ends() {
    let (find, book) = (Some("find"), Some("book"));
    let (whole, half, rest) = (Some("{\"n\":1}"), Some("{\"n\""), Some(":1}"));
    let shapes: Vec<(&str, Vec<Fragment<'_>>)> = vec![
        (
            "whole calls",
            vec![(None, None, find, whole), (None, None, book, whole), (None, None, book, whole)],
        ),
        (
            "whole calls of one index",
            vec![(BLANK, Some(0), find, whole), (BLANK, Some(0), book, whole), (BLANK, Some(0), book, whole)],
        ),
        (
            "names in every fragment",
            vec![
                (None, None, find, half),
                (None, None, find, rest),
                (None, None, book, half),
                (None, None, book, rest),
                (None, None, book, half),
                (None, None, book, rest),
            ],
        ),
        (
            "names in the heads",
            vec![
                (None, None, find, half),
                (None, None, None, rest),
                (None, None, book, half),
                (None, None, None, rest),
                (None, None, book, whole),
            ],
        ),
        (
            "indices",
            vec![
                (None, Some(0), find, half),
                (None, Some(1), book, half),
                (None, Some(2), book, half),
                (None, Some(2), None, rest),
                (None, Some(1), None, rest),
                (None, Some(0), None, rest),
            ],
        ),
    ];
    for (shape, fragments) in shapes {
        let mut calls = Calls::default();
        for part in fragments {
            calls.push(&fragment(part)).unwrap();
        }
        let calls = calls.finish();
        let whole = "{\"n\":1}";
        assert_eq!(told(&calls), [("find", whole), ("book", whole), ("book", whole)], "{shape}");
        assert!(calls[0].id != calls[1].id && calls[1].id != calls[2].id, "{shape}");
    }
    let mut calls = Calls::default();
    for odd in [json!(null), json!(7), json!({ "function": "x" }), json!({ "index": -1, "id": 7 })] {
        calls.push(&odd).unwrap();
    }
    assert!(calls.finish().is_empty());
}

#[tokio::test]
async fn a_stream_gives_its_calls_at_the_end() {
    let event = |value: Value| format!("data: {value}\n\n");
    let delta = |delta: Value| event(json!({ "choices": [{ "delta": delta, "finish_reason": null }] }));
    let part = |arguments: &str| {
        delta(
            json!({ "tool_calls": [{ "id": "a", "function": { "name": "find", "arguments": arguments } }] }),
        )
    };
    let finish = |reason: &str| event(json!({ "choices": [{ "delta": {}, "finish_reason": reason }] }));
    for reason in ["tool_calls", "stop"] {
        for text in ["", "Let me see."] {
            let said = delta(json!({ "content": text }));
            let body = said + &part("{\"n\"") + &part(":1}") + &finish(reason) + "data: [DONE]\n\n";
            let provider = Provider::start([Reply::body(body)]).await;
            let chat = Chat { tools: vec![tool()], ..chat() };
            let mut deltas = provider.model(LONG).stream(&chat).await.unwrap();
            let mut all = String::new();
            while let Some(piece) = deltas.next().await.unwrap() {
                all.push_str(&piece);
            }
            assert_eq!(all, text);
            assert_eq!(told(&deltas.take_tool_calls()), [("find", "{\"n\":1}")]);
            assert!(deltas.take_tool_calls().is_empty() && !deltas.is_truncated());
        }
    }
    let provider = Provider::start([Reply::body(part("{\"n") + &finish("length"))]).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(deltas.next().await.unwrap(), None);
    assert!(deltas.is_truncated());
    assert!(deltas.take_tool_calls()[0].parse::<Value>().is_err());

    let provider = Provider::start([Reply::body(part("{"))]).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(deltas.next().await.unwrap_err().kind(), ModelErrorKind::Transport);
    assert!(deltas.take_tool_calls().is_empty(), "half a call of a broken stream is none");
}
