//! The one HTTP client: built when something first needs it, so that a function that calls nobody pays nothing.

use std::error::Error as StdError;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::tls;

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
    // Mozilla's roots are compiled in: no bundle is read and parsed in a cold start, and an image without one works.
    let tls =
        tls::client_config(None).expect("the compiled-in roots are good, and SSL_CERT_FILE is a file of PEM");
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(0)
        .redirect(Policy::none())
        .user_agent(concat!("praxis/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
        .build()
        .expect("a client with its TLS given has nothing left that can fail")
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
