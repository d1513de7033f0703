//! Texts as vectors.

use std::time::Duration;

use serde_json::{Value, json};

use super::provider::{Provider, Reply};
use crate::ai::{Embeddings, ModelErrorKind};

/// Vectors that tell their text by its length, in their order.
fn vectors_of(texts: &[&str]) -> Reply {
    let items: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({ "index": index, "embedding": [text.len(), 1] }))
        .collect();
    Reply::body(json!({ "data": items, "usage": { "prompt_tokens": 5, "total_tokens": 5 } }).to_string())
}

fn inputs(provider: &Provider) -> Vec<Value> {
    provider.asked().into_iter().map(|(_, _, body)| body["input"].clone()).collect()
}

fn settings(list: &[(&str, &str)]) -> Result<Option<Embeddings>, String> {
    Embeddings::from_settings(&|name| super::start_value(list, name))
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let items = json!([{ "index": 1, "embedding": [0.5, 1] }, { "index": 0, "embedding": [-1, 0.25] }]);
    let body = json!({ "data": items, "usage": { "prompt_tokens": 5, "total_tokens": 5 } });
    let provider = Provider::start([Reply::body(body.to_string())]).await;
    let embeddings = provider.embeddings(&[]);
    let embedded = embeddings.passages(&["one", "two"]).await.unwrap();
    assert_eq!(embedded.vectors, [Some(vec![-1.0, 0.25]), Some(vec![0.5, 1.0])]);
    let usage = embedded.usage;
    assert_eq!((usage.model.as_str(), usage.tokens_in, usage.tokens_out), ("vectors", Some(5), None));
    let (path, authorization, body) = provider.asked().remove(0);
    assert_eq!((path.as_str(), authorization.as_str()), ("/v1/embeddings", "Bearer sk-secret"));
    let asked = json!({ "model": "vectors", "input": ["one", "two"], "encoding_format": "float" });
    assert_eq!(body, asked);

    assert!(embeddings.passages(&[]).await.unwrap().vectors.is_empty());
    assert_eq!(provider.calls(), 1, "nothing is asked about no texts");
}

#[tokio::test]
async fn without_an_index_the_order_counts() {
    let items = json!([{ "embedding": [1, 0] }, { "index": null, "embedding": [2, 0] }]);
    let body = json!({ "data": items, "usage": { "total_tokens": 9 } });
    let provider = Provider::start([Reply::body(body.to_string())]).await;
    let embedded = provider.embeddings(&[]).passages(&["one", "two"]).await.unwrap();
    assert_eq!(embedded.vectors, [Some(vec![1.0, 0.0]), Some(vec![2.0, 0.0])]);
    assert_eq!(embedded.usage.tokens_in, Some(9));
}

#[tokio::test]
async fn texts_are_asked_about_in_batches_and_blank_ones_never() {
    let texts = ["a", "", "bb", " \n", "ccc", "dddd", "eeeee"];
    let script = [vectors_of(&["a", "bb"]), vectors_of(&["ccc", "dddd"]), vectors_of(&["eeeee"])];
    let provider = Provider::start(script).await;
    let embedded = provider.embeddings(&[("EMBEDDING_BATCH", "2")]).passages(&texts).await.unwrap();
    let lengths: Vec<Option<f32>> =
        embedded.vectors.iter().map(|vector| vector.as_ref().map(|vector| vector[0])).collect();
    assert_eq!(lengths, [Some(1.0), None, Some(2.0), None, Some(3.0), Some(4.0), Some(5.0)]);
    assert_eq!(inputs(&provider), [json!(["a", "bb"]), json!(["ccc", "dddd"]), json!(["eeeee"])]);
    assert_eq!((embedded.usage.tokens_in, embedded.usage.attempts), (Some(15), 3));

    let provider = Provider::start([]).await;
    let blank = provider.embeddings(&[]).passages(&["", " "]).await.unwrap();
    assert_eq!((blank.vectors, provider.calls()), (vec![None, None], 0));
    let eleven: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    let provider = Provider::start([vectors_of(&eleven[..10]), vectors_of(&eleven[10..])]).await;
    provider.embeddings(&[]).passages(&eleven).await.unwrap();
    assert_eq!(provider.calls(), 2, "ten are the usual batch");
}

#[tokio::test]
async fn a_refused_batch_is_halved_and_a_text_that_is_refused_alone_is_marked() {
    for status in [400, 413, 422] {
        let no = || Reply::refusal(status, &json!({ "error": { "message": "batch size is invalid" } }));
        let script = [
            no(),               // a b c d
            no(),               // a b
            vectors_of(&["a"]), // a
            no(),               // b
            vectors_of(&["ccc", "dddd"]),
            vectors_of(&["eeeee"]),
        ];
        let provider = Provider::start(script).await;
        let embeddings = provider.embeddings(&[("EMBEDDING_BATCH", "4")]);
        let embedded = embeddings.passages(&["a", "bb", "ccc", "dddd", "eeeee"]).await.unwrap();
        let lengths: Vec<Option<f32>> =
            embedded.vectors.iter().map(|vector| vector.as_ref().map(|vector| vector[0])).collect();
        assert_eq!(lengths, [Some(1.0), None, Some(3.0), Some(4.0), Some(5.0)], "{status}");
        assert_eq!(
            inputs(&provider)[1..],
            [json!(["a", "bb"]), json!(["a"]), json!(["bb"]), json!(["ccc", "dddd"]), json!(["eeeee"])]
        );
    }
}

#[tokio::test]
async fn what_is_not_for_the_texts_is_an_error() {
    let provider = Provider::start([Reply::status(401)]).await;
    let error = provider.embeddings(&[]).passages(&["a", "b"]).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(401), 1));

    let provider = Provider::start((0..3).map(|_| Reply::status(400))).await;
    let error = provider.embeddings(&[]).passages(&["a", "b"]).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(400), 3), "each alone too");

    let provider = Provider::start([Reply::status(400)]).await;
    let marked = provider.embeddings(&[]).passages(&["a"]).await.unwrap();
    assert_eq!((marked.vectors, provider.calls()), (vec![None], 1));

    let provider = Provider::start([Reply::status(429), vectors_of(&["a"])]).await;
    assert_eq!(provider.embeddings(&[]).passages(&["a"]).await.unwrap().usage.attempts, 2);

    let provider = Provider::start([Reply::Hang]).await;
    let embeddings = provider.embeddings(&[]).within(Duration::from_millis(200));
    assert_eq!(embeddings.passages(&["a"]).await.unwrap_err().kind(), ModelErrorKind::Timeout);
}

#[tokio::test]
async fn a_refused_encoding_is_left_out() {
    let error = json!({ "error": { "message": "Unknown parameter: encoding_format" } });
    let script = [Reply::refusal(400, &error), vectors_of(&["a", "b"]), vectors_of(&["a"])];
    let provider = Provider::start(script).await;
    let embeddings = provider.embeddings(&[]);
    embeddings.passages(&["a", "b"]).await.unwrap();
    embeddings.passages(&["a"]).await.unwrap();
    let encodings: Vec<Value> =
        provider.asked().into_iter().map(|(_, _, body)| body["encoding_format"].clone()).collect();
    assert_eq!(encodings, [json!("float"), json!(null), json!(null)]);
}

#[tokio::test]
async fn vectors_that_are_missing_or_uneven_are_malformed() {
    for data in [
        json!([{ "index": 0, "embedding": [1] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 1, "embedding": [1, 2] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 2, "embedding": [1] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 0, "embedding": [1] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 1, "embedding": ["1"] }]),
        json!([{ "index": 0, "embedding": [1] }, { "index": 1, "embedding": "AACAPw==" }]),
        json!([{ "index": 0, "embedding": [] }, { "index": 1, "embedding": [] }]),
        json!([{ "embedding": [1] }, { "embedding": [1] }, { "embedding": [1] }]),
        json!(null),
    ] {
        let provider = Provider::start([Reply::body(json!({ "data": data }).to_string())]).await;
        let error = provider.embeddings(&[]).passages(&["one", "two"]).await.expect_err("not two vectors");
        assert_eq!(error.kind(), ModelErrorKind::Malformed, "{data}");
    }
    let one = |embedding: Value| Reply::body(json!({ "data": [{ "embedding": embedding }] }).to_string());
    let provider = Provider::start([one(json!([1, 2])), one(json!([1, 2, 3]))]).await;
    let error = provider.embeddings(&[("EMBEDDING_BATCH", "1")]).passages(&["one", "two"]).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Malformed, "of one length over all batches");
}

#[tokio::test]
async fn vectors_without_a_direction_never_come_through() {
    let infinite = json!({ "embedding": [1e300, 1] });
    let data = json!([{ "embedding": [0, -0.0] }, infinite, { "embedding": [null, 1] }, { "embedding": [1e-30, 0] }]);
    let provider = Provider::start([Reply::body(json!({ "data": data }).to_string())]).await;
    let vectors = provider.embeddings(&[]).passages(&["a", "b", "c", "d"]).await.unwrap().vectors;
    assert_eq!(vectors, [None, None, None, Some(vec![1e-30, 0.0])]);
    for body in ["{\"data\":[{\"embedding\":[NaN]}]}", "{\"data\":[{\"embedding\":[1e999]}]}"] {
        let provider = Provider::start([Reply::body(body)]).await;
        let error = provider.embeddings(&[]).passages(&["a"]).await.unwrap_err();
        assert_eq!(error.kind(), ModelErrorKind::Malformed, "{body}");
    }
}

#[tokio::test]
async fn a_query_has_a_model_and_a_prefix_of_its_own() {
    let provider = Provider::start([vectors_of(&["a"]), Reply::status(413), vectors_of(&["a"])]).await;
    let settings = [
        ("EMBEDDING_MODEL", "e5-passage"),
        ("EMBEDDING_QUERY_MODEL", "e5-query"),
        ("EMBEDDING_QUERY_PREFIX", "Instruct: find\\nQuery:"),
    ];
    let embeddings = provider.embeddings(&settings);
    assert_eq!(embeddings.model(), "e5-passage");
    let (vector, usage) = embeddings.query(" norms ").await.unwrap();
    assert_eq!((vector, usage.model.as_str(), usage.tokens_in), (Some(vec![1.0, 1.0]), "e5-query", Some(5)));
    let body = provider.body_of(0);
    assert_eq!(
        (&body["model"], &body["input"]),
        (&json!("e5-query"), &json!(["Instruct: find\nQuery: norms"]))
    );
    assert_eq!(embeddings.query("norms").await.unwrap().0, None, "refused");
    assert_eq!(embeddings.query(" ").await.unwrap().0, None, "blank");
    assert_eq!(provider.calls(), 2);
    embeddings.passages(&["a"]).await.unwrap();
    assert_eq!(provider.body_of(2)["model"], "e5-passage");
}

#[tokio::test]
async fn a_key_goes_only_to_the_address_that_it_is_for() {
    let key = async |more: &[(&str, &str)]| {
        let provider = Provider::start([vectors_of(&["a"])]).await;
        let more: Vec<(&str, &str)> = more
            .iter()
            .map(|(name, value)| (*name, if *value == "here" { provider.url() } else { value }))
            .collect();
        let embeddings = settings(&more).unwrap().unwrap();
        embeddings.query("a").await.unwrap();
        provider.asked().remove(0).1
    };
    let chats = [super::KEY, super::PROVIDER];
    assert_eq!(key(&[("EMBEDDING_BASE_URL", "here")]).await, "", "a server that wants none");
    assert_eq!(key(&[chats[0], chats[1], ("EMBEDDING_BASE_URL", "here")]).await, "", "not the chat's key");
    assert_eq!(key(&[("EMBEDDING_BASE_URL", "here"), ("EMBEDDING_API_KEY", "own")]).await, "Bearer own");
    assert_eq!(key(&[chats[0], ("OPENAI_BASE_URL", "here")]).await, "Bearer sk-secret");
    assert_eq!(
        key(&[chats[0], ("OPENAI_BASE_URL", "here"), ("EMBEDDING_BASE_URL", "here")]).await,
        "Bearer sk-secret"
    );
    assert_eq!(
        key(&[chats[0], ("OPENAI_BASE_URL", "here"), ("EMBEDDING_API_KEY", "own")]).await,
        "Bearer own"
    );
}

#[test]
fn settings_fall_back_to_the_chats() {
    assert!(settings(&[]).unwrap().is_none());
    assert!(settings(&[super::PROVIDER]).unwrap().is_none(), "an address alone is nobody's consent");
    let embeddings = settings(&[super::KEY, super::PROVIDER]).unwrap().unwrap();
    assert_eq!(embeddings.model(), "Qwen/Qwen3-Embedding-8B");
    assert_eq!((embeddings.queries.model.as_str(), embeddings.batch), ("Qwen/Qwen3-Embedding-8B", 10));
    let old = [super::KEY, super::PROVIDER, ("LLM_EMBEDDING_MODEL", "old"), ("EMBEDDING_MODEL", "new")];
    assert_eq!(settings(&old[..3]).unwrap().unwrap().model(), "old");
    assert_eq!(settings(&old).unwrap().unwrap().model(), "new");
    for (name, value) in [
        ("EMBEDDING_BASE_URL", "example.com"),
        ("EMBEDDING_API_KEY", "a\nb"),
        ("EMBEDDING_BATCH", "0"),
        ("EMBEDDING_BATCH", "2049"),
        ("LLM_OMIT", "input"),
    ] {
        let message = settings(&[(name, value), super::KEY, super::PROVIDER]).expect_err(name);
        assert!(message.contains(name) && !message.contains("sk-secret"), "{message}");
    }
    let message = settings(&[("EMBEDDING_API_KEY", "sk-secret")]).expect_err("no address");
    assert!(message.contains("EMBEDDING_BASE_URL") && !message.contains("sk-secret"), "{message}");
}
