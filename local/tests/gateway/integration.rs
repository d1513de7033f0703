//! Answers of functions on their way to the client.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::cloud::{Cloud, answer};

async fn integrate(cloud: &Cloud, reply: Value, accept: &str) -> reqwest::Response {
    let request = cloud.http.post(cloud.url("/items")).header("x-do", "answer").header("accept", accept);
    request.body(reply.to_string()).send().await.unwrap()
}

#[tokio::test]
async fn headers_are_merged_and_the_gateways_own_are_remapped() {
    let cloud = Cloud::start().await;
    let reply = json!({
        "statusCode": "201",
        "headers": {"X-Both": "a", "X-One": 7, "WWW-Authenticate": "Bearer", "Content-Length": "99",
            "Transfer-Encoding": "chunked", "Connection": "close"},
        "multiValueHeaders": {"x-both": ["a", "b"], "Set-Cookie": ["a=1", "b=2"]},
        "body": "hello",
    });
    let response = integrate(&cloud, reply, "*/*").await;
    assert_eq!(response.status(), 201);
    let values = |name: &str| {
        response
            .headers()
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(values("x-both"), ["a", "b"]);
    assert_eq!(values("x-one"), ["7"]);
    assert_eq!(values("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(values("www-authenticate"), [""; 0]);
    assert_eq!(values("x-amzn-remapped-www-authenticate"), ["Bearer"]);
    assert_eq!(values("x-amzn-remapped-content-length"), ["99"]);
    assert_eq!(values("content-length"), ["5"]);
    assert_eq!(values("transfer-encoding"), [""; 0]);
    assert_eq!(values("content-type"), ["application/json"]);
    assert_eq!(values("x-amzn-requestid").len(), 1);
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn base64_is_decoded_for_binary_types_only() {
    let cloud = Cloud::start().await;
    let reply = |kind: &str| json!({"statusCode": 200, "headers": {"content-type": kind}, "body": "iVBO/w==", "isBase64Encoded": true});
    let image = integrate(&cloud, reply("image/png"), "image/png, */*").await;
    assert_eq!(image.bytes().await.unwrap().as_ref(), b"\x89PN\xff");
    let unasked = integrate(&cloud, reply("image/png"), "*/*, image/png").await;
    assert_eq!(unasked.text().await.unwrap(), "iVBO/w==", "the first type accepted decides");
    let text = integrate(&cloud, reply("text/plain"), "text/plain").await;
    assert_eq!(text.text().await.unwrap(), "iVBO/w==");
}

#[tokio::test]
async fn answers_are_compressed_from_the_smallest_size_on_for_those_who_accept_it() {
    let cloud = Cloud::start().await;
    let ask = async |body: String, accepted: &str, encoded: &str| {
        let mut reply = json!({"statusCode": 200, "body": body});
        if !encoded.is_empty() {
            reply["headers"] = json!({"content-encoding": encoded});
        }
        let request = cloud.http.post(cloud.url("/items")).header("x-do", "answer");
        request.header("accept-encoding", accepted).body(reply.to_string()).send().await.unwrap()
    };
    let (long, short) = ("a".repeat(1000), "a".repeat(999));
    let response = ask(long.clone(), "gzip, deflate, br", "").await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.bytes().await.unwrap();
    assert!(packed.len() < 100 && packed.starts_with(b"\x1f\x8b"), "{} bytes", packed.len());
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, long);
    for (body, accepted, encoded) in [(&short, "gzip", ""), (&long, "br", ""), (&long, "gzip", "identity")] {
        let response = ask(body.clone(), accepted, encoded).await;
        let coding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(coding.unwrap_or_default(), encoded, "{accepted}");
        assert_eq!(response.text().await.unwrap(), *body);
    }
    let plain = cloud.http.post(cloud.url("/items")).header("x-do", "answer");
    let plain = plain.body(json!({"statusCode": 200, "body": long}).to_string()).send().await.unwrap();
    assert_eq!(plain.headers().get("content-encoding"), None);
}

#[tokio::test]
async fn malformed_answers_are_502() {
    let mut cloud = Cloud::start().await;
    for (reply, why) in [
        (json!({"body": "x"}), "no statusCode"),
        (json!({"statusCode": "abc"}), "statusCode is"),
        (json!({"statusCode": 99}), "statusCode is"),
        (json!({"statusCode": 200, "body": {"a": 1}}), "body is not text"),
        (json!({"statusCode": 200, "headers": {"a": ["b"]}}), "header a is"),
        (json!({"statusCode": 200, "headers": {"a b": "c"}}), "no header name"),
        (json!({"statusCode": 200, "headers": {"a": "b\nc"}}), "has the value"),
        (json!({"statusCode": 200, "multiValueHeaders": {"a": "b"}}), "is not a list"),
        (json!({"statusCode": 200, "message": "x"}), "unknown key message"),
        (json!({"statusCode": 200, "isBase64Encoded": 1}), "isBase64Encoded is"),
        (
            json!({"statusCode": 200, "headers": {"content-type": "image/png"}, "body": "%", "isBase64Encoded": true}),
            "no base64",
        ),
        (json!(["statusCode"]), "not an object"),
        (Value::Null, "not an object"),
    ] {
        let response = integrate(&cloud, reply.clone(), "image/png").await;
        assert_eq!(response.status(), 502, "{reply}");
        assert_eq!(response.headers()["x-amzn-errortype"], "InternalServerErrorException");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({"error_code": "UPSTREAM_UNAVAILABLE", "message": "Internal server error"}));
        cloud.log(why).await;
    }
    let (status, ..) = answer(cloud.get("/items", "large")).await;
    assert_eq!(status, 502, "an answer above 6 MB");
    cloud.log("exceeded maximum allowed payload size").await;
    assert_eq!(answer(cloud.get("/items", "")).await.0, 200);
}

#[tokio::test]
async fn the_function_sees_lambdas_environment() {
    let cloud = Cloud::start().await;
    let (_, _, environment) = answer(cloud.get("/items", "environment")).await;
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "echo"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/echo"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("GLOBAL", "global"),
        ("STAGE", "dev"),
        ("OWN", "arn:aws:lambda:us-east-1:123456789012:function:echo"),
        ("OVERRIDE", "given"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert!(environment.get("CARGO_MANIFEST_DIR").is_none(), "the developer's environment stays outside");
    let (_, _, context) =
        answer(cloud.get("/items", "context").header("x-amzn-trace-id", "Root=1-a-b")).await;
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:123456789012:function:echo");
    assert_eq!(context["trace"], "Root=1-a-b");
    let left = context["deadline"].as_i64().unwrap() - jiff::Timestamp::now().as_millisecond();
    assert!((3_000..=5_000).contains(&left), "{left}");
}
