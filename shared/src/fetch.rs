//! One `GET` for the verification of tokens.
//!
//! Every route verifies tokens, few call a model: so this is hyper on a socket, which the Lambda runtime links anyway,
//! and a route that only reads the database carries no HTTP client (`reqwest` was a tenth of its program).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

/// Why there is no answer; its text holds no header and no body.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Status and body of `GET url`, within `time` and with at most `limit` bytes of body. Follows no redirect: it would
/// carry a token to an address that nobody configured.
pub async fn get(
    url: &str,
    headers: &[(header::HeaderName, HeaderValue)],
    time: Duration,
    limit: usize,
) -> Result<(StatusCode, Bytes), Cause> {
    tokio::time::timeout(time, get_untimed(url, headers, limit)).await.map_err(|_| "no answer in time")?
}

/// A socket, with or without TLS: one type, so that hyper is compiled once for both.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

async fn get_untimed(
    url: &str,
    headers: &[(header::HeaderName, HeaderValue)],
    limit: usize,
) -> Result<(StatusCode, Bytes), Cause> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().ok_or("the address has no host")?;
    let is_tls = uri.scheme_str() == Some("https");
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });

    let stream = TcpStream::connect((host, port)).await?;
    let socket: Box<dyn Socket> = if is_tls {
        let config = tls::client_config(None).map_err(|error| error.cause().unwrap_or_default())?;
        let name = ServerName::try_from(host.to_owned())?;
        Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
    } else {
        Box::new(stream)
    };

    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let connection = tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::get(target)
        .header(header::HOST, authority.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("praxis/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())?;
    for (name, value) in headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), limit).collect().await?.to_bytes();
    connection.abort();
    Ok((status, body))
}
