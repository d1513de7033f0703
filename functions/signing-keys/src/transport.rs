//! How the SDK speaks to AWS: over the TLS that every program has. The SDK's own client would bring a second set of
//! trusted authorities, a pool of connections, and features that Cargo would give to every other program too.

use std::time::Duration;

use aws_sdk_secretsmanager::config::HttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use shared::bytes::Bytes;
use shared::fetch;

/// One attempt, answer included. The SDK repeats what fails.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A secret has at most 64 KB.
const MAX_BYTES: usize = 256 * 1024;

pub(crate) fn client() -> impl HttpClient + 'static {
    http_client_fn(|_, _| SharedHttpConnector::new(Transport))
}

#[derive(Debug)]
struct Transport;

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
            let answer = fetch::send(request, TIMEOUT, MAX_BYTES).await.map_err(ConnectorError::io)?;
            HttpResponse::try_from(answer.map(Into::into))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
