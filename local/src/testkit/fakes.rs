//! Outside services as local servers: a test sets their address where the real one would stand.

mod identity;
mod keys;
mod oidc;
mod provider;
mod secrets;
mod smtp;

pub use identity::IdentityProvider;
pub use keys::{Key, token, unsigned_token};
pub use oidc::{Misbehaviour, OidcProvider};
pub use provider::{Behaviour, Provider, Step};
pub use secrets::Secrets;
pub use smtp::{Delivery, MailServer};

pub use crate::queue::Trouble as QueueTrouble;
pub use crate::stripe::{Stripe, StripeCall, Trouble, sign};

use axum::Router;

/// Serves `router` on a free port of 127.0.0.1 for as long as the test's runtime lives; gives the address.
async fn serve(router: Router) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
    let address = listener.local_addr().expect("a bound listener has an address");
    let task = tokio::spawn(async move {
        // Ends with the runtime; an error would show as a refused connection in the test.
        let _ = axum::serve(listener, router).await;
    });
    (format!("http://{address}"), task)
}
