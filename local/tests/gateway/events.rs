//! The event that a function gets, and which route gets it.

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use local::gateway::sample_event;
use serde_json::{Value, json};

use crate::cloud::{Cloud, answer, fixture};

#[tokio::test]
async fn the_event_is_that_of_proxy_integration() {
    let cloud = Cloud::start().await;
    let request = cloud
        .http
        .get(cloud.url("/items/a%2Fb%20c?tag=x&tag=y%26z&q=two+words&flag"))
        .header("user-agent", "test/1")
        .header("x-multi", "1")
        .header("x-multi", "2")
        .header("x-forwarded-for", "192.0.2.1");
    let (status, headers, body) = answer(request).await;
    assert_eq!(status, 200);
    let event = &body["event"];
    assert_eq!(event["resource"], "/items/{item_id}");
    assert_eq!(event["path"], "/items/a%2Fb%20c");
    assert_eq!(event["httpMethod"], "GET");
    assert_eq!(event["pathParameters"], json!({"item_id": "a/b c"}));
    assert_eq!(event["queryStringParameters"], json!({"tag": "y&z", "q": "two words", "flag": ""}));
    let multi = json!({"tag": ["x", "y&z"], "q": ["two words"], "flag": [""]});
    assert_eq!(event["multiValueQueryStringParameters"], multi);
    assert_eq!(event["headers"]["X-Multi"], "2");
    assert_eq!(event["multiValueHeaders"]["X-Multi"], json!(["1", "2"]));
    assert_eq!(event["headers"]["X-Forwarded-For"], "192.0.2.1, 127.0.0.1");
    assert_eq!(event["headers"]["X-Forwarded-Proto"], "http");
    assert_eq!(event["headers"]["X-Forwarded-Port"], cloud.gateway.address.port().to_string());
    assert!(event["headers"]["X-Amzn-Trace-Id"].as_str().unwrap().starts_with("Root=1-"));
    for absent in ["stageVariables", "body"] {
        assert_eq!(event[absent], Value::Null, "{absent}");
    }
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["resourcePath"], "/items/{item_id}");
    assert_eq!(context["path"], "/dev/items/a%2Fb%20c");
    assert_eq!(context["stage"], "dev");
    assert_eq!(context["protocol"], "HTTP/1.1");
    assert_eq!(context["accountId"], "123456789012");
    assert_eq!(context["domainName"], cloud.gateway.address.to_string());
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["identity"]["userAgent"], "test/1");
    assert_eq!(context["identity"]["user"], Value::Null);
    assert_eq!(context["requestId"], headers["x-amzn-requestid"].to_str().unwrap());
    let time = context["requestTime"].as_str().unwrap();
    let parsed = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).unwrap().to_timestamp().unwrap();
    assert_eq!(parsed.as_second(), context["requestTimeEpoch"].as_i64().unwrap() / 1000);
    for id in ["resourceId", "apiId", "extendedRequestId", "domainPrefix"] {
        assert!(context[id].as_str().is_some_and(|id| !id.is_empty()), "{id}");
    }
    assert!(context.get("operationName").is_none());

    let typed: ApiGatewayProxyRequest = serde_json::from_value(event.clone()).unwrap();
    assert_eq!(typed.path_parameters["item_id"], "a/b c");
    assert_eq!(typed.headers["user-agent"], "test/1");
}

#[tokio::test]
async fn bodies_are_text_or_base64() {
    let cloud = Cloud::start().await;
    let post = |kind: &str, body: &'static [u8]| {
        cloud.http.post(cloud.url("/items")).header("content-type", kind).body(body)
    };
    let (_, _, body) = answer(post("application/json", "{\"a\":\"é\"}".as_bytes())).await;
    assert_eq!(body["event"]["body"], "{\"a\":\"é\"}");
    assert_eq!(body["event"]["isBase64Encoded"], false);
    assert_eq!(body["event"]["queryStringParameters"], Value::Null);
    assert_eq!(body["event"]["multiValueQueryStringParameters"], Value::Null);
    assert_eq!(body["event"]["pathParameters"], Value::Null);
    assert_eq!(body["event"]["requestContext"]["operationName"], "makeItem");
    let (_, _, body) = answer(post("image/png; charset=x", b"\x89PNG\xff")).await;
    assert_eq!(body["event"]["body"], "iVBOR/8=");
    assert_eq!(body["event"]["isBase64Encoded"], true);
}

#[tokio::test]
async fn literal_beats_parameter_beats_rest() {
    let cloud = Cloud::start().await;
    for (path, resource) in [
        ("/items", "/items"),
        ("/items/special", "/items/special"),
        ("/items/%73pecial", "/items/special"),
        ("/items/other", "/items/{item_id}"),
        ("/items/other/more", "/items/{proxy+}"),
        ("/any", "/any"),
    ] {
        let (status, _, body) = answer(cloud.get(path, "")).await;
        assert_eq!((status, body["event"]["resource"].as_str()), (200, Some(resource)), "{path}");
    }
    let (_, _, body) = answer(cloud.http.delete(cloud.url("/any"))).await;
    assert_eq!(body["event"]["httpMethod"], "DELETE", "ANY takes every method");
    let (_, _, body) = answer(cloud.get("/items/a/b%20c", "")).await;
    assert_eq!(body["event"]["pathParameters"]["proxy"], "a/b c");
}

#[test]
fn an_event_can_be_made_without_a_server() {
    let event = sample_event(
        &fixture(),
        &http::Method::POST,
        "/items",
        "a=1",
        &[("content-type", "application/json")],
        b"{}",
    )
    .unwrap();
    assert_eq!(event["body"], "{}");
    assert_eq!(event["queryStringParameters"]["a"], "1");
    serde_json::from_value::<ApiGatewayProxyRequest>(event).unwrap();
    assert!(sample_event(&fixture(), &http::Method::PUT, "/items", "", &[], b"").is_err());
}
