//! How a provider is reached: through the process's one client, which follows no redirect.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url};
use shared::http_client;

use super::failure::Failure;

/// For one request, connecting included. A sign-in makes at most five, and the gateway waits 29 s.
const TIME: Duration = Duration::from_secs(5);
/// Discovery documents, keys and tokens are a few kilobytes.
const LIMIT: usize = 256 * 1024;

/// A provider's answer that says more than that it does not work.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// What is at an address.
pub(super) async fn get(address: Url) -> Result<Answer, Failure> {
    send(http_client::client().get(address)).await
}

/// Sends one request. An outage without an answer, and for 429 and every status from 500 on.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, Failure> {
    let failed = |cause: &reqwest::Error| {
        Failure::outage(match cause.is_timeout() {
            true => "the provider did not answer in time",
            false => "the provider cannot be reached",
        })
    };
    let request = request.header("accept", "application/json").timeout(TIME);
    let answer = request.send().await.map_err(|cause| failed(&cause))?;
    let status = answer.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Failure::outage("the provider answered that it does not work now"));
    }
    let body = http_client::read(answer, LIMIT).await.map_err(|cause| match cause {
        http_client::ReadError::TooLarge => Failure::outage("the provider's answer is too large"),
        http_client::ReadError::Transport(cause) => failed(&cause),
    })?;
    Ok(Answer { status, body })
}
