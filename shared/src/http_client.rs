//! The one HTTP client: built when something first needs it, so that a function that calls nobody pays nothing.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};

/// How long a TCP connection and its TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

static CLIENT: LazyLock<Client> = LazyLock::new(build);

/// The client of this process. It has a connect timeout and no other: callers set a request's own.
///
/// It follows no redirect, since a redirect would carry keys and tokens to an address that nobody configured, and
/// keeps no idle connection: a sandbox freezes between two requests, what it kept is mostly dead afterwards, and a
/// model call that dies on it could not be told from one that the provider has counted.
pub fn client() -> &'static Client {
    &CLIENT
}

fn build() -> Client {
    let mut builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(0)
        .redirect(Policy::none())
        .user_agent(concat!("praxis/", env!("CARGO_PKG_VERSION")));
    // Mozilla's roots are compiled in: no bundle is read and parsed in a cold start, and an image without one works.
    // Who has a private authority says so in OpenSSL's variables, and then the system's verifier reads them.
    if std::env::var_os("SSL_CERT_FILE").is_none() && std::env::var_os("SSL_CERT_DIR").is_none() {
        builder = builder.tls_backend_preconfigured(mozilla_tls());
    }
    builder
        .build()
        .expect("TLS starts: its provider and its roots are compiled in, or named by SSL_CERT_FILE")
}

fn mozilla_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
        .with_no_client_auth()
}

/// Reads an answer's whole body, of at most `limit` bytes: a provider gone mad must not fill the memory.
pub async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Transport)? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why a body could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// It is larger than the caller's limit.
    TooLarge,
    /// The connection failed in the middle.
    Transport(reqwest::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadError::TooLarge => "the answer is too large",
            ReadError::Transport(_) => "the answer broke off",
        })
    }
}

impl StdError for ReadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            ReadError::TooLarge => None,
            ReadError::Transport(cause) => Some(cause),
        }
    }
}
