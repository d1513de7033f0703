//! How `openidconnect` reaches a provider: through the process's one client, which follows no redirect.

use std::fmt;
use std::time::Duration;

use openidconnect::http::StatusCode;
use openidconnect::{HttpRequest, HttpResponse};
use shared::http_client;

/// For one request, connecting included. A sign-in makes at most four, and the gateway waits 29 s.
const TIME: Duration = Duration::from_secs(5);
/// Discovery documents, keys and tokens are a few kilobytes.
const LIMIT: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum HttpFailure {
    /// No connection, or one that broke.
    Unreachable,
    /// An answer that says no more than this: 429 or a status from 500 on.
    Broken,
    /// No answer within the time.
    Slow,
    /// More than a provider has to say.
    TooLarge,
}

impl fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for HttpFailure {}

/// Sends one request.
pub(super) async fn send(request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
    let (parts, body) = request.into_parts();
    let request = http_client::client().request(parts.method, parts.uri.to_string());
    let answer = request.headers(parts.headers).body(body).timeout(TIME).send().await;
    let answer = answer
        .map_err(|cause| if cause.is_timeout() { HttpFailure::Slow } else { HttpFailure::Unreachable })?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(HttpFailure::Broken);
    }
    let body = http_client::read(answer, LIMIT).await.map_err(|cause| match cause {
        http_client::ReadError::TooLarge => HttpFailure::TooLarge,
        http_client::ReadError::Transport(cause) if cause.is_timeout() => HttpFailure::Slow,
        http_client::ReadError::Transport(_) => HttpFailure::Unreachable,
    })?;
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
