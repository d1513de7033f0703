//! The Lambda Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>). Each
//! sandbox has a port of its own, since `AWS_LAMBDA_RUNTIME_API` is a host and a port without a path.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode},
    routing::{get, post},
    serve::ListenerExt as _,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use super::{
    answer::PAYLOAD_LIMIT,
    prelude,
    sandbox::{Current, ErrorReport, Sandbox, Signal, lock},
};
use crate::template::ACCOUNT;

/// Serves the API to one sandbox until the task is aborted.
pub(super) async fn serve(listener: TcpListener, sandbox: Arc<Sandbox>) {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(sandbox);
    let listener = listener.tap_io(|stream| {
        // Chunks of a streamed answer must not wait for more.
        let _ = stream.set_nodelay(true);
    });
    // It returns only with an error of the listener, and then the invocations time out visibly.
    let _ = axum::serve(listener, router).await;
}

/// The runtime asks for work: its previous invocation is over, and it waits for the next.
async fn next(State(sandbox): State<Arc<Sandbox>>) -> Response<Body> {
    let previous = lock(&sandbox.current).take();
    if let Some(previous) = previous {
        let _ = previous.signals.send(Signal::Done).await;
    }
    let mut queue = sandbox.queue.lock().await;
    let Some(work) = queue.recv().await else {
        return reply(StatusCode::INTERNAL_SERVER_ERROR, "InvalidStateTransition", "The sandbox is stopping");
    };
    // From here on nothing waits: work that was taken is work that was started.
    let started = Instant::now();
    let deadline = SystemTime::now() + sandbox.function.timeout;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    let region = std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    *lock(&sandbox.current) =
        Some(Current { request_id: work.request_id.clone(), signals: work.signals.clone(), answered: false });
    let _ = work.signals.try_send(Signal::Started(started));
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &work.request_id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{}", sandbox.function.name),
        )
        .header("lambda-runtime-trace-id", &work.trace_id)
        .body(Body::from(work.payload));
    response.unwrap_or_else(|error| {
        reply(StatusCode::INTERNAL_SERVER_ERROR, "InvalidRequest", &error.to_string())
    })
}

/// Why an answer is not taken: status, error type, message.
type Refusal = (StatusCode, &'static str, &'static str);

/// Finds where an answer to `request` goes, and lets only the first one through.
fn claim(sandbox: &Sandbox, request: &str) -> Result<mpsc::Sender<Signal>, Refusal> {
    match lock(&sandbox.current).as_mut() {
        Some(current) if current.request_id != request => {
            Err((StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"))
        }
        Some(current) if current.answered => {
            Err((StatusCode::FORBIDDEN, "InvalidStateTransition", "The invocation was answered already"))
        }
        Some(current) => {
            current.answered = true;
            Ok(current.signals.clone())
        }
        None => Err((StatusCode::BAD_REQUEST, "InvalidRequestID", "No invocation is under way")),
    }
}

async fn response(
    State(sandbox): State<Arc<Sandbox>>,
    Path(request): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let signals = match claim(&sandbox, &request) {
        Ok(signals) => signals,
        Err((status, error_type, message)) => return reply(status, error_type, message),
    };
    if text(&headers, "lambda-runtime-function-response-mode").eq_ignore_ascii_case("streaming") {
        let integration = text(&headers, "content-type").starts_with(prelude::CONTENT_TYPE);
        return stream(signals, integration, body).await;
    }
    let signal = match Limited::new(body, PAYLOAD_LIMIT).collect().await {
        Ok(collected) => Signal::Answer(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let length = text(&headers, "content-length").parse().unwrap_or(PAYLOAD_LIMIT + 1);
            let _ = signals.send(Signal::TooLarge(length)).await;
            return reply(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size",
            );
        }
        Err(error) => {
            let message = format!("the answer broke off: {error}");
            Signal::Failed(ErrorReport { error_type: "Runtime.TruncatedResponse".to_owned(), message })
        }
    };
    accepted(signals.send(signal).await.is_ok())
}

/// Hands chunks on as they arrive. The runtime gets its answer after the last one.
async fn stream(signals: mpsc::Sender<Signal>, integration: bool, mut body: Body) -> Response<Body> {
    let mut open = signals.send(Signal::StreamStart { integration }).await.is_ok();
    let broken = loop {
        let frame = match body.frame().await {
            None => break None,
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                break Some(report("Runtime.TruncatedResponse", format!("the answer broke off: {error}")));
            }
        };
        match frame.into_data() {
            Ok(chunk) if chunk.starts_with(IN_BAND_TRAILER) => break Some(in_band(&chunk)),
            // A chunk that nobody wants any more is read and forgotten, so that the function can finish.
            Ok(chunk) => open = open && signals.send(Signal::Chunk(chunk)).await.is_ok(),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let error_type = text(&trailers, "lambda-runtime-function-error-type");
                if !error_type.is_empty() {
                    let body = text(&trailers, "lambda-runtime-function-error-body");
                    break Some(report(error_type, decode(body)));
                }
            }
        }
    };
    let signal = broken.map_or(Signal::StreamEnd, Signal::StreamBroken);
    accepted(signals.send(signal).await.is_ok())
}

/// The Rust runtime writes its error trailers as a last chunk of the body.
const IN_BAND_TRAILER: &[u8] = b"Lambda-Runtime-Function-Error-Type: ";

fn in_band(chunk: &[u8]) -> ErrorReport {
    let trailer = String::from_utf8_lossy(chunk);
    let value = |name: &str| {
        trailer
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
            .to_owned()
    };
    report(&value("Lambda-Runtime-Function-Error-Type"), decode(&value("Lambda-Runtime-Function-Error-Body")))
}

fn decode(body: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let decoded = BASE64_STANDARD.decode(body.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| body.to_owned())
}

fn report(error_type: &str, message: String) -> ErrorReport {
    ErrorReport { error_type: error_type.to_owned(), message }
}

async fn error(
    State(sandbox): State<Arc<Sandbox>>,
    Path(request): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    match claim(&sandbox, &request) {
        Ok(signals) => {
            let report = read_report(&headers, body, "Runtime.Unknown").await;
            accepted(signals.send(Signal::Failed(report)).await.is_ok())
        }
        Err((status, error_type, message)) => reply(status, error_type, message),
    }
}

/// A start that failed. The runtime must end after this call; it is helped to.
async fn init_error(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap, body: Body) -> Response<Body> {
    *lock(&sandbox.init_error) = Some(read_report(&headers, body, "Runtime.InitError").await);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        sandbox.kill();
    });
    accepted(true)
}

async fn read_report(headers: &HeaderMap, body: Body, default_type: &str) -> ErrorReport {
    let body = match Limited::new(body, PAYLOAD_LIMIT).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => return report(default_type, error.to_string()),
    };
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let header = text(headers, "lambda-runtime-function-error-type");
    let fallback = if header.is_empty() { default_type } else { header };
    let error_type = json.get("errorType").and_then(Value::as_str).unwrap_or(fallback);
    let message = json.get("errorMessage").and_then(Value::as_str);
    report(error_type, message.map_or_else(|| String::from_utf8_lossy(&body).into_owned(), str::to_owned))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// 202, or 410 when the invocation ended without this answer (its time was over).
fn accepted(in_time: bool) -> Response<Body> {
    if !in_time {
        return reply(StatusCode::GONE, "InvalidRequestID", "The invocation has ended");
    }
    json_reply(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

fn reply(status: StatusCode, error_type: &str, message: &str) -> Response<Body> {
    json_reply(status, &json!({"errorType": error_type, "errorMessage": message}))
}

fn json_reply(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}
