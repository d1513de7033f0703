//! What must hold for every route of the template, whoever writes the next one.
//!
//! A route that is meant to differ stands in one of the lists below, where a reviewer sees it.

mod answers;
mod attack;

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::Method;
use local::template::Event;
use local::testkit::{self, Answer, Client, Stack};
use serde_json::{Value, json};

/// Routes that anybody may call: they say nothing of anybody, or what they are given proves who it is.
const PUBLIC: [&str; 26] = [
    "browser-login",
    "browser-logout",
    "confirm-email-change", // a mail's token
    "disown-email",         // a mail's token
    "download-export",      // a mail's token
    "get-docs",
    "get-docs-script",
    "get-health",
    "get-jwks",
    "get-landing",
    "get-openapi",
    "get-portal",
    "get-portal-file",
    "get-readiness",
    "get-teacher-profile", // approved cards are shown to everybody
    "list-open-slots",
    "list-teacher-profiles",
    "login",
    "logout",
    "preview-password-reset", // a mail's token
    "read-calendar-feed",     // a secret address
    "refresh",
    "register",
    "request-password-reset",
    "reset-password", // a mail's token
    "verify-email",   // a mail's token
];

/// Public routes that do more for somebody who is signed in.
const OPTIONAL: [&str; 6] =
    ["browser-logout", "logout", "preview-password-reset", "register", "reset-password", "verify-email"];

/// Public routes that need a provider which a sample event cannot bring; their own tests have one.
const WITH_PROVIDER: [&str; 7] = [
    "finish-clever-sign-in",
    "finish-google-sign-in",
    "receive-stripe-event",
    "start-clever-link",
    "start-clever-sign-in",
    "start-google-link",
    "start-google-sign-in",
];

/// Routes of administration: 403 without the role.
const ADMIN: [&str; 21] = [
    "adjust-package",
    "create-admin-action",
    "create-package",
    "create-plan",
    "create-slot",
    "create-slots",
    "expire-holds",
    "expire-packages",
    "get-delivery-metrics",
    "get-kpi-overview",
    "get-operations-overview",
    "list-admin-actions",
    "list-audit",
    "list-pending-events",
    "list-slots",
    "list-users",
    "refund-payment",
    "reset-circuit-breaker",
    "update-payment-status",
    "update-plan",
    "update-user",
];

/// Routes of operations, open in development; their own tests close them.
const OPERATIONS: [&str; 2] = ["get-metrics", "get-ops-metrics"];

/// Routes that name no object: another person gets their own, and nothing of anybody else's.
const OWN: [&str; 26] = [
    "create-calendar-feed",
    "create-scene",
    "delete-me",
    "get-browser-session",
    "get-me",
    "get-progress-history",
    "get-public-profile",
    "get-usage",
    "get-user",
    "get-weekly-progress",
    "list-calendar-feeds",
    "list-dead-jobs",
    "list-jobs",
    "list-my-bookings",
    "list-my-lessons",
    "list-my-notifications",
    "list-scenes",
    "list-sessions",
    "list-sign-ins",
    "list-ways-in",
    "request-email-change",
    "request-export",
    "retry-dead-jobs",
    "revoke-sign-ins",
    "update-me",
    "create-session", // names its scene in the body: see `a_stranger_gets_404`
];

/// Routes that do something with what only the sample person has, and what somebody without it is told.
const WITHOUT_IT: [(&str, u16); 14] = [
    ("book-series", 403), // a student's, and the stranger has no role yet
    ("change-password", 403),
    ("create-teacher-profile", 403),
    ("hold-slot", 403),        // a student's, and the stranger has no role yet
    ("list-my-students", 403), // a teacher's
    ("join-waitlist", 403),    // a student's
    ("leave-waitlist", 403),   // a student's
    ("list-circuit-breakers", 200),
    ("list-plans", 200),
    ("list-waitlist", 403),    // a student's
    ("purchase-package", 403), // a student's, and the stranger has no role yet
    ("reauthenticate", 409),
    ("restore-me", 409),
    ("update-public-profile", 200),
];

/// The job that calls AWS: its own tests run it against a server of that API.
const NEEDS_SECRETS_MANAGER: &str = "rotate-sign-in-keys";

/// The sample person of the events.
const SAMPLE_PERSON: &str = "00000000-0000-7000-8000-000000000001";

/// A route with its sample event.
struct Sample {
    function: String,
    method: String,
    path: String,
    event: Value,
}

impl Sample {
    /// Calls the route over HTTP as its event says; without its token as `caller`.
    async fn call(&self, caller: &Client, with_token: bool) -> Answer {
        let mut query: Vec<String> = Vec::new();
        for (name, values) in self.event["multiValueQueryStringParameters"].as_object().into_iter().flatten()
        {
            for value in values.as_array().into_iter().flatten() {
                query.push(format!("{name}={}", value.as_str().unwrap_or_default()));
            }
        }
        let path = self.event["path"].as_str().expect("a path");
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
        let mut call = caller.request(Method::from_bytes(self.method.as_bytes()).expect("a method"), &target);
        for (name, value) in self.event["headers"].as_object().into_iter().flatten() {
            let proves = ["authorization", "cookie", "x-csrf-token"];
            let is_token = with_token && proves.iter().any(|proof| name.eq_ignore_ascii_case(proof));
            let is_about_content = ["accept", "content-type", "idempotency-key"]
                .iter()
                .any(|plain| name.eq_ignore_ascii_case(plain));
            if is_token || is_about_content {
                call = call.header(name, value.as_str().unwrap_or_default());
            }
        }
        if let Some(body) = self.event["body"].as_str() {
            call = call.body(body.to_owned());
        }
        call.await
    }
}

/// A stack whose database holds the rows that the sample events are about.
async fn seeded() -> Stack {
    let stack = testkit::stack().await;
    let root = local::project::root();
    let seed = std::fs::read_to_string(root.join("local/seed.sql")).expect("local/seed.sql");
    stack.owner().await.batch_execute(&seed).await.expect("the seed");
    stack
}

/// A function's sample event, in its domain's folder.
fn sample_file(function: &str) -> PathBuf {
    let domains = std::fs::read_dir(local::project::root().join("events")).expect("the folder of events");
    domains
        .map(|domain| domain.expect("a domain").path().join(format!("{function}.json")))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("{function} has no sample event"))
}

/// All HTTP routes of the template, with their sample events.
fn samples(stack: &Stack) -> Vec<Sample> {
    let mut samples = Vec::new();
    for function in &stack.template().functions {
        for (_, event) in &function.events {
            let Event::Api { method, path, .. } = event else { continue };
            let file = sample_file(&function.name);
            let text = std::fs::read_to_string(&file).expect("a readable event");
            samples.push(Sample {
                function: function.name.clone(),
                method: method.clone(),
                path: path.clone(),
                event: serde_json::from_str(&text).expect("an event that is JSON"),
            });
        }
    }
    assert!(samples.len() > 20, "the template has {} routes", samples.len());
    samples
}

fn openapi() -> Value {
    let text = std::fs::read_to_string(local::project::root().join("openapi.json")).expect("openapi.json");
    serde_json::from_str(&text).expect("openapi.json is JSON")
}

/// What OpenAPI says of a route.
fn operation<'a>(openapi: &'a Value, sample: &Sample) -> &'a Value {
    let operation = &openapi["paths"][&sample.path][sample.method.to_lowercase()];
    assert_eq!(operation["operationId"], sample.function.as_str(), "{} in openapi.json", sample.function);
    operation
}

/// Asserts that an answer is one that OpenAPI documents: its status, its media type and its body's schema.
fn assert_documented(openapi: &Value, sample: &Sample, answer: &Answer) {
    let documented = &operation(openapi, sample)["responses"][answer.status().to_string()];
    assert!(documented.is_object(), "{} does not document {answer}", sample.function);
    let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    if answer.bytes().is_empty() {
        assert_eq!(documented["content"], Value::Null, "{} documents a body", sample.function);
        return;
    }
    let content = &documented["content"][media_type];
    assert!(content.is_object(), "{} does not document {media_type}: {documented}", sample.function);
    if media_type == "application/json" && content["schema"].is_object() {
        let schema = json!({ "allOf": [content["schema"]], "components": openapi["components"] });
        let validator = jsonschema::validator_for(&schema).expect("a schema of openapi.json");
        let problems: Vec<String> = validator
            .iter_errors(&answer.json())
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{}: {answer} is not as documented: {problems:?}", sample.function);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_event_answers_as_documented() {
    let stack = seeded().await;
    let (openapi, nobody) = (openapi(), stack.anonymous());
    let mut failures = BTreeMap::new();
    for sample in samples(&stack) {
        let answer = sample.call(&nobody, true).await;
        if WITH_PROVIDER.contains(&sample.function.as_str()) {
            assert!([403, 503].contains(&answer.status()), "{answer}");
            assert_documented(&openapi, &sample, &answer);
        } else if (200..300).contains(&answer.status()) {
            assert_documented(&openapi, &sample, &answer);
        } else {
            failures.insert(sample.function, answer.to_string());
        }
    }
    assert!(failures.is_empty(), "sample events that fail: {failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_event_of_a_job_succeeds() {
    let stack = seeded().await;
    let jobs = stack.template().functions.iter().filter(|function| function.routes().next().is_none());
    for job in jobs.filter(|job| job.name != NEEDS_SECRETS_MANAGER) {
        let (domain, _) = local::project::function_source(&job.name).expect("a program");
        let file = local::project::root().join(format!("events/{domain}/{}.json", job.name));
        let event = std::fs::read_to_string(file).expect("a sample event");
        stack.invoke(&job.name, serde_json::from_str(&event).expect("an event that is JSON")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_every_route_is_401_unless_it_is_public() {
    let stack = seeded().await;
    let (openapi, nobody) = (openapi(), stack.anonymous());
    for sample in samples(&stack) {
        let function = sample.function.as_str();
        if OPERATIONS.contains(&function) || WITH_PROVIDER.contains(&function) {
            continue;
        }
        let answer = sample.call(&nobody, false).await;
        if PUBLIC.contains(&function) {
            assert!((200..300).contains(&answer.status()), "{function}: {answer}");
            assert_documented(&openapi, &sample, &answer);
            let security = &operation(&openapi, &sample)["security"];
            if OPTIONAL.contains(&function) {
                let wanted = json!([{}, { "user": [] }, { "session": [], "csrf": [] }]);
                assert_eq!(*security, wanted, "{function}");
            } else {
                assert_eq!(*security, json!([]), "{function}");
            }
        } else {
            answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
            assert_documented(&openapi, &sample, &answer);
            assert_eq!(operation(&openapi, &sample)["security"][0], json!({ "user": [] }), "{function}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_404() {
    let stack = seeded().await;
    let openapi = openapi();
    for sample in samples(&stack) {
        let function = sample.function.as_str();
        if [&PUBLIC[..], &OPERATIONS, &WITH_PROVIDER].iter().any(|list| list.contains(&function)) {
            continue;
        }
        let stranger = stack.user();
        let answer = sample.call(&stranger, false).await;
        if ADMIN.contains(&function) {
            answer.assert_error(403, "FORBIDDEN", "this needs the role admin");
            assert_documented(&openapi, &sample, &answer);
        } else if let Some((_, status)) = WITHOUT_IT.iter().find(|(name, _)| *name == function) {
            answer.assert_status(*status);
            assert_documented(&openapi, &sample, &answer);
        } else if OWN.contains(&function) && function != "create-session" {
            assert!((200..300).contains(&answer.status()), "{function}: {answer}");
            let text = answer.text();
            assert!(!text.contains(SAMPLE_PERSON), "{function} shows another's: {text}");
            if text.is_empty() {
                continue;
            }
            let items = answer.json()["items"].as_array().map_or(0, Vec::len);
            assert!(items == 0 || function == "get-progress-history", "{function} shows another's: {text}");
        } else {
            answer.assert_status(404);
            assert_eq!(answer.json()["error_code"], "NOT_FOUND", "{function}");
            assert_documented(&openapi, &sample, &answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_request_and_its_origin_rule() {
    let stack = Stack::builder().env("CORS_ORIGINS", "https://app.example").start().await;
    for (path, status) in [("/health", 200), ("/api/v1/scenes", 401), ("/nowhere", 404)] {
        let call = stack.anonymous().get(path).header("origin", "https://app.example");
        let answer = call.header("x-request-id", " mine-1 ").await;
        answer.assert_status(status);
        assert!(answer.header("access-control-allow-origin").is_some(), "{answer} lacks its CORS header");
        let id = answer.header("x-request-id").expect("X-Request-ID");
        // The gateway's own answers carry the gateway's id.
        assert!(id == "mine-1" || status == 404, "{id}");
    }
    let answer = stack.anonymous().get("/health").header("origin", "https://evil.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_openapi_is_current() {
    let stack = testkit::stack().await; // builds the functions
    drop(stack);
    if let Err(error) = local::openapi::run(&local::project::root(), true) {
        panic!("{error:#}");
    }
}

/// Each request of theirs may cost a connection or a password's hash, and nobody has to say who they are.
#[tokio::test]
async fn what_anybody_may_call_has_a_limit_of_its_own_at_the_gateway() {
    let stack = testkit::stack().await;
    let api = &stack.template().api;
    let mut without = Vec::new();
    for function in &stack.template().functions {
        let is_public = PUBLIC.contains(&&*function.name) || WITH_PROVIDER.contains(&&*function.name);
        // The gateway itself asks for that once a minute.
        if !is_public || function.name == "get-health" {
            continue;
        }
        for (method, path, _) in function.routes() {
            if !api.throttles.iter().any(|limit| limit.path == path && limit.method == method) {
                without.push(format!("{method} {path}"));
            }
        }
    }
    assert!(without.is_empty(), "MethodSettings of the template lack {without:?}");
}

/// As every answer of a function does in production.
#[tokio::test]
async fn the_gateway_s_own_errors_demand_https_too() {
    let stack = testkit::stack().await;
    let responses = &stack.template().api.responses;
    let without = responses.iter().filter(|(_, response)| {
        !response.headers.iter().any(|(name, _)| name == "Strict-Transport-Security")
    });
    let without: Vec<_> = without.map(|(kind, _)| kind).collect();
    assert!(!responses.is_empty() && without.is_empty(), "{without:?}");
}
