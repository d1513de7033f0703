//! Values that nobody means well, in every place of every route that OpenAPI names. What comes back is documented and no
//! 5xx, and what was sent in a body is in no line of the log.
//!
//! A run sends a part of all pairs of places and values, each value often; `FUZZ=all` sends them all.

use http::Method;
use local::testkit::{Answer, Client, Stack};
use serde_json::{Value, json};

use crate::{Sample, WITH_PROVIDER, assert_documented, openapi, operation, samples, seeded};

/// Stands in every text that is sent in a body.
const MARK: &str = "zq9mark";

/// Without `FUZZ=all`, one of so many pairs.
const SHARE: usize = 4;

fn hostile_texts() -> Vec<String> {
    let texts = [
        "",
        " ",
        "\u{200b}",
        "'",
        "'; drop table identity.users; --",
        "\" or 1=1 --",
        "\u{0}",
        "a\u{0}b",
        "%00",
        "../../../etc/passwd",
        "%s%n%x",
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1/a}",
        "<script>alert(1)</script>",
        "\u{202e}evil",
        "\r\nX-Evil: 1",
        "\u{feff}",
        "\u{d7ff}\u{e000}\u{10ffff}",
        "NaN",
        "-1",
        "1e400",
        "99999999999999999999",
        "null",
        "[]",
        "2026-13-45",
        "0001-01-01",
        "00000000-0000-0000-0000-000000000000",
    ];
    let long = ["A".repeat(10_000), "\u{1f600}".repeat(3000), "e\u{301}".repeat(5000)];
    texts.map(str::to_owned).into_iter().chain(long).collect()
}

/// JSON of every kind.
fn hostile_values() -> Vec<Value> {
    let mut values: Vec<Value> = hostile_texts().iter().map(|text| json!(format!("{text}{MARK}"))).collect();
    values.extend([
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(0.5),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!([MARK, null, 1]),
        json!({ "": MARK }),
        json!(vec![MARK; 3000]),
    ]);
    values
}

/// Bodies that are not what any route expects.
fn hostile_bodies() -> Vec<Vec<u8>> {
    let texts = [
        "",
        " ",
        "null",
        "[]",
        "0",
        "\"\"",
        "{",
        "}",
        "{\"a\":",
        "{'a': 1}",
        "{\"a\":1}{\"a\":2}",
        "{\"\\ud800\":1}",
        "{\"email\":\"\\ud800\"}",
        "NaN",
        "{\"a\":1e999999}",
        "--x\r\n\r\n",
    ];
    let mut bodies: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).into();
    bodies.push(b"{\"email\":\"\xff\xfe\"}".to_vec());
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push([&b"{\"a\":"[..]].concat().repeat(50_000));
    bodies.push(format!("{{{}\"z\":1}}", "\"k\":1,".repeat(20_000)).into_bytes());
    bodies
}

/// One request of a sample with one thing changed.
struct Attack<'a> {
    sample: &'a Sample,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    what: String,
}

impl Attack<'_> {
    async fn send(self, nobody: &Client) -> Answer {
        let method = Method::from_bytes(self.sample.method.as_bytes()).expect("a method");
        let mut call = nobody.request(method, &self.target);
        for (name, value) in self.sample.event["headers"].as_object().into_iter().flatten() {
            let is_replaced = self.headers.iter().any(|(other, _)| name.eq_ignore_ascii_case(other));
            let wanted = ["authorization", "cookie", "x-csrf-token", "accept", "content-type"];
            if !is_replaced && wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)) {
                call = call.header(name, value.as_str().unwrap_or_default());
            }
        }
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        if let Some(body) = self.body {
            call = call.body(body);
        }
        call.await
    }
}

/// The text as a part of a path or a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded + &char::from(byte).to_string()
        } else {
            format!("{encoded}%{byte:02X}")
        }
    })
}

fn attacks<'a>(openapi: &Value, sample: &'a Sample) -> Vec<Attack<'a>> {
    let path = sample.event["path"].as_str().expect("a path").to_owned();
    let body = sample.event["body"].as_str().map(str::to_owned);
    let attack = |target: String, headers, body: Option<Vec<u8>>, what: String| Attack {
        sample,
        target,
        headers,
        body,
        what,
    };
    let as_it_is = || body.clone().map(String::into_bytes);
    let mut attacks = Vec::new();
    for parameter in operation(openapi, sample)["parameters"].as_array().into_iter().flatten() {
        let parameter = match parameter["$ref"].as_str() {
            Some(reference) => openapi.pointer(reference.trim_start_matches('#')).expect("a parameter"),
            None => parameter,
        };
        let name = parameter["name"].as_str().expect("a name");
        for text in hostile_texts() {
            let what = format!("{name}={text:.40}");
            match parameter["in"].as_str() {
                Some("query") => {
                    let target = format!("{path}?{name}={}", encoded(&text));
                    attacks.push(attack(target, vec![], as_it_is(), what));
                }
                Some("path") if !text.is_empty() && text.len() < 6000 => {
                    let place = sample
                        .path
                        .split('/')
                        .position(|part| part == format!("{{{name}}}"))
                        .expect("its place");
                    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
                    parts[place] = encoded(&text);
                    attacks.push(attack(parts.join("/"), vec![], as_it_is(), what));
                }
                _ => {}
            }
        }
    }
    let headers = [
        "X-Request-ID",
        "Idempotency-Key",
        "Accept",
        "Accept-Language",
        "Content-Type",
        "Cookie",
        "Authorization",
        "Origin",
        "X-Forwarded-For",
        "User-Agent",
    ];
    let values =
        ["", ",", ";;;==", "\u{e9}", "a\tb", "*/*;q=2", "Bearer ", "praxis_session=\"", "-1", "'\"--"];
    for name in headers {
        for value in values.map(str::to_owned).into_iter().chain(["x".repeat(4000)]) {
            let what = format!("{name}: {value:.40}");
            attacks.push(attack(path.clone(), vec![(name, value)], as_it_is(), what));
        }
    }
    let Some(Ok(Value::Object(members))) = body.as_deref().map(serde_json::from_str::<Value>) else {
        return attacks;
    };
    for name in members.keys() {
        for value in hostile_values() {
            let mut changed = members.clone();
            let what = format!("/{name}: {:.60}", value.to_string());
            changed.insert(name.clone(), value);
            attacks.push(attack(
                path.clone(),
                vec![],
                Some(Value::Object(changed).to_string().into_bytes()),
                what,
            ));
        }
    }
    for body in hostile_bodies() {
        let what = format!("{:.60}", String::from_utf8_lossy(&body));
        attacks.push(attack(path.clone(), vec![], Some(body), what));
    }
    attacks
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_are_refused_and_break_nothing() {
    let stack = seeded().await;
    let (openapi, nobody) = (openapi(), stack.anonymous());
    let share = if std::env::var("FUZZ").is_ok_and(|value| value == "all") { 1 } else { SHARE };
    let (mut number, mut calls) = (0, 0);
    for sample in samples(&stack) {
        for attack in attacks(&openapi, &sample) {
            number += 1;
            if number % share != 0 {
                continue;
            }
            let what = format!("{}: {}", sample.function, attack.what);
            let answer = attack.send(&nobody).await;
            calls += 1;
            let is_without_provider =
                WITH_PROVIDER.contains(&sample.function.as_str()) && answer.status() == 503;
            assert!(answer.status() < 500 || is_without_provider, "{what}: {answer}");
            assert_eq!(answer.header("x-evil"), None, "{what}: {answer}");
            // A path that is another route's, or none's, is not this route's to document.
            if !matches!(answer.status(), 403 | 404 | 413) {
                assert_documented(&openapi, &sample, &answer);
            }
        }
        reseed(&stack).await;
    }
    assert!(calls > 1000, "{calls} calls are too few to mean something");
    let told: Vec<String> =
        stack.lines().into_iter().map(|line| line.line).filter(|line| line.contains(MARK)).collect();
    assert!(told.is_empty(), "a body in the log: {told:?}");
}

/// What an attack that went through has changed, so that the next route's sample works.
async fn reseed(stack: &Stack) {
    let seed =
        std::fs::read_to_string(local::project::root().join("local/seed.sql")).expect("local/seed.sql");
    stack.owner().await.batch_execute(&seed).await.expect("the seed");
}
