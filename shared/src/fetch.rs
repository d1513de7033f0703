//! One request on a connection of its own: for the keys that verify tokens, and for the few who speak to AWS.
//!
//! Every route verifies tokens, few call a model: so this is hyper on a socket, which the Lambda runtime links anyway,
//! and a route that only reads the database carries no HTTP client (`reqwest` was a tenth of its program).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
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
    let mut request = Request::get(url)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("praxis/", env!("CARGO_PKG_VERSION")))
        .body(Bytes::new())?;
    for (name, value) in headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    let (head, body) = send(request, time, limit).await?.into_parts();
    Ok((head.status, body))
}

/// The answer to a request with an absolute address, within `time` and with at most `limit` bytes of body.
pub async fn send(request: Request<Bytes>, time: Duration, limit: usize) -> Result<Response<Bytes>, Cause> {
    tokio::time::timeout(time, send_untimed(request, limit)).await.map_err(|_| "no answer in time")?
}

/// A socket, with or without TLS: one type, so that hyper is compiled once for both.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

async fn send_untimed(mut request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, Cause> {
    let uri = std::mem::take(request.uri_mut());
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
    // On the wire the address is the path alone, and its host a header.
    *request.uri_mut() = uri.path_and_query().map_or("/", |target| target.as_str()).parse()?;
    request.headers_mut().insert(header::HOST, authority.as_str().parse()?);
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, limit).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}
