//! What the gateway answers itself.

use std::time::Duration;

use local::{gateway, lambda::Options};
use serde_json::json;

use crate::cloud::{Cloud, answer};

#[tokio::test]
async fn unknown_routes_have_the_templates_body() {
    let cloud = Cloud::start().await;
    for (method, path) in [
        ("GET", "/nothing"),
        ("DELETE", "/items"),
        ("HEAD", "/items"),
        ("GET", "/items/"),
        ("GET", "//items"),
        ("GET", "/Items"),
        ("GET", "/"),
    ] {
        let method = method.parse::<reqwest::Method>().unwrap();
        let request = cloud.http.request(method.clone(), cloud.url(path)).header("x-given", "back");
        let (status, headers, body) = answer(request).await;
        assert_eq!(status, 404, "{method} {path}");
        assert_eq!(headers["x-request-id"], headers["x-amzn-requestid"]);
        assert_eq!(headers["access-control-allow-origin"], "https://app.example");
        assert_eq!(headers["x-echo"], "back");
        assert_eq!(headers["x-amzn-errortype"], "MissingAuthenticationTokenException");
        assert_eq!(headers["content-type"], "application/json");
        if method != "HEAD" {
            assert_eq!(body["error_code"], "NOT_FOUND");
            assert_eq!(body["message"], format!("not found: /dev{path}"));
            assert_eq!(body["request_id"], headers["x-request-id"].to_str().unwrap());
        }
    }
    let (_, headers, _) = answer(cloud.http.get(cloud.url("/nothing"))).await;
    assert!(!headers.contains_key("x-echo"), "a header whose source is absent is left out");
    // The fixture has no words for this one, so it has AWS's.
    let (status, headers, body) = answer(cloud.http.get(cloud.url("/nothing")).bearer_auth("token")).await;
    assert_eq!(
        (status, &headers["x-amzn-errortype"]),
        (403, &"IncompleteSignatureException".parse().unwrap())
    );
    assert!(body["message"].as_str().unwrap().starts_with("Authorization header requires"));
}

#[tokio::test]
async fn text_of_the_request_cannot_break_the_json() {
    let cloud = Cloud::start().await;
    let mut stream = tokio::net::TcpStream::connect(cloud.gateway.address).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(b"GET /a\"b HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let Some((_, body)) = text.split_once("\r\n\r\n") else { panic!("{text}") };
    // Either the server refuses such a path, or the body is still JSON.
    if !text.starts_with("HTTP/1.1 400") {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["message"], "not found: /dev/a\"b");
    }
}

#[tokio::test]
async fn too_large_requests() {
    let cloud = Cloud::start().await;
    // Beyond the gateway's 10 MB, and below it but beyond Lambda's 6 MB.
    for size in [11 << 20, 8 << 20] {
        let (status, _, body) = answer(cloud.http.post(cloud.url("/items")).body(vec![b'x'; size])).await;
        assert_eq!((status, body["error_code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")), "{size}");
        assert_eq!(body["message"], "Request Too Long");
    }
    // Without a length, so that only counting can tell.
    let chunks = futures_util::stream::iter((0..12).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1 << 20])));
    let body = axum::body::Body::from_stream(chunks);
    let request = http::Request::post(cloud.url("/items")).body(body).unwrap();
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    assert_eq!(client.request(request).await.unwrap().status(), 413);
    let (status, ..) = answer(cloud.http.post(cloud.url("/items")).body(vec![b'x'; 4 << 20])).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn rates_are_limited() {
    let cloud = Cloud::start().await;
    for expected in [200, 200, 429, 429] {
        let (status, headers, body) = answer(cloud.get("/throttled", "")).await;
        assert_eq!(status, expected);
        if status == 429 {
            assert_eq!(headers["retry-after"], "1");
            assert_eq!(body, json!({"error_code": "RATE_LIMITED", "message": "Too Many Requests"}));
        }
    }
    assert_eq!(answer(cloud.get("/items", "")).await.0, 200, "other routes are not limited");
    let free = gateway::Options { throttle: false, ..Default::default() };
    let cloud = Cloud::with(Options::default(), free).await;
    for _ in 0..4 {
        assert_eq!(answer(cloud.get("/throttled", "")).await.0, 200);
    }
}

#[tokio::test]
async fn the_gateway_gives_up_before_the_function() {
    let hasty = gateway::Options { integration_timeout: Duration::from_millis(300), ..Default::default() };
    let cloud = Cloud::with(Options::default(), hasty).await;
    let (status, _, body) = answer(cloud.get("/any", "sleep").header("x-millis", "1500")).await;
    assert_eq!((status, body["error_code"].as_str()), (504, Some("TIMEOUT")));
    assert_eq!(body["message"], "Endpoint request timed out");
}

#[tokio::test]
async fn preflights_are_answered_from_the_cors_settings() {
    let cloud = Cloud::start().await;
    for (path, methods) in
        [("/items", "GET,OPTIONS,POST"), ("/any", "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT")]
    {
        let preflight =
            cloud.http.request(reqwest::Method::OPTIONS, cloud.url(path)).header("origin", "https://x");
        let (status, headers, _) = answer(preflight).await;
        assert_eq!(status, 200);
        assert_eq!(headers["access-control-allow-origin"], "https://app.example");
        assert_eq!(headers["access-control-allow-headers"], "authorization,content-type");
        assert_eq!(headers["access-control-allow-methods"], methods);
        assert_eq!(headers["access-control-max-age"], "600");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
    assert_eq!(cloud.lambda.sandboxes("echo"), 0, "no function was needed");
    let unknown = cloud.http.request(reqwest::Method::OPTIONS, cloud.url("/nothing"));
    assert_eq!(answer(unknown).await.0, 404);
}
