//! A stand-in for Stripe, as far as Praxis calls it: form encoding, idempotency keys, pages to pay on, refunds, signed events.
//!
//! In a test nothing happens by itself: the test decides what becomes of each payment, and when, how often and in which order
//! it is told. In `cargo local` a person decides on a page, and what happens is told at once, as Stripe does.

mod account;
mod api;
mod happenings;
mod teller;

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

use account::Account;
pub use happenings::{State, sign};
use teller::Teller;

use crate::project;

/// The folder of its pages, at the gateway's address.
pub const PAGES: &str = "/_local/pay";

/// How often pages are looked at whose time may be over.
const LOOK: Duration = Duration::from_secs(10);

/// Where `cargo local` keeps its account.
pub fn path() -> PathBuf {
    project::state().join("payments.json")
}

/// Removes what `cargo local` has kept so far.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn clear() -> io::Result<()> {
    match fs::remove_file(path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What Stripe does with one call, other than what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Answers 500 and does nothing.
    Outage,
    /// Does it, and answers 500: nobody learns of it.
    LostAnswer,
    /// Does it, and never answers.
    Silence,
    /// Does it after a while.
    Delay(Duration),
    /// Refuses.
    Refusal,
}

/// A call that came.
#[derive(Clone, Debug)]
pub struct StripeCall {
    /// Method and path.
    pub line: String,
    /// Its form.
    pub form: BTreeMap<String, String>,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    /// Its `Stripe-Version`.
    pub version: Option<String>,
}

/// The running server. It stops when dropped.
pub struct Stripe {
    address: String,
    secret: String,
    account: Shared,
    teller: Option<Teller>,
    _tasks: JoinSet<()>,
}

/// An account that calls, pages and tests change.
type Shared = Arc<Mutex<Account>>;

impl Stripe {
    /// An account for a test, whose events are signed with `secret` and told by the test.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(secret: &str) -> Self {
        let account = Account::new("https://checkout.stripe.example".to_owned());
        Self::serve(account, secret, None).await.expect("a free port on 127.0.0.1")
    }

    /// The account of `cargo local`, for the API at `gateway`, which serves its pages and hears of what happens. It is kept in
    /// `file`, if that is given: payments of yesterday can be paid and given back today.
    ///
    /// # Errors
    /// When the file holds something else, or no port is free.
    pub async fn local(gateway: SocketAddr, file: Option<PathBuf>) -> Result<Self> {
        let secret = format!("whsec_{}", uuid::Uuid::new_v4().simple());
        let account = Account::kept_in(file, format!("http://{gateway}{PAGES}"))?;
        let teller = Teller::new(format!("http://{gateway}/api/v1/billing/webhooks/stripe"), secret.clone());
        Self::serve(account, &secret, Some(teller)).await
    }

    async fn serve(account: Account, secret: &str, teller: Option<Teller>) -> Result<Self> {
        let account = Arc::new(Mutex::new(account));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free for payments")?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = api::router(Arc::clone(&account), teller.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // Ends with the set; an error would show as a refused connection.
            let _ = axum::serve(listener, router).await;
        });
        if let Some(teller) = teller.clone() {
            tasks.spawn(end_pages(Arc::clone(&account), teller));
        }
        Ok(Self { address, secret: secret.to_owned(), account, teller, _tasks: tasks })
    }

    /// The value for `STRIPE_API_URL`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// What the functions have to know of it.
    pub fn settings(&self) -> [(&'static str, &str); 4] {
        [
            ("STRIPE_API_URL", &self.address),
            ("STRIPE_LIVEMODE", "false"),
            ("STRIPE_SECRET_KEY", "sk_test_local"),
            ("STRIPE_WEBHOOK_SECRET", &self.secret),
        ]
    }

    /// Queues what the next calls meet.
    pub fn then(&self, troubles: impl IntoIterator<Item = Trouble>) -> &Self {
        self.account().troubles.extend(troubles);
        self
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<StripeCall> {
        self.account().calls.clone()
    }

    /// Waits until so many calls in all were done and get no answer ([`Trouble::Silence`]).
    ///
    /// # Panics
    /// When they do not come within 20 seconds.
    pub async fn wait_for_silence(&self, count: u32) {
        let done = async {
            while self.account().silent < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), done).await;
        in_time.unwrap_or_else(|_| panic!("{} of {count} calls were met by silence", self.account().silent));
    }

    /// The id of the page on which a payment of ours is paid.
    ///
    /// # Panics
    /// When there is none.
    pub fn session_of(&self, payment: &str) -> String {
        let account = self.account();
        let found = account.sessions.values().find(|session| session["client_reference_id"] == payment);
        found.and_then(|session| session["id"].as_str()).expect("a session of the payment").to_owned()
    }

    /// A page as it is now; null if there is none.
    pub fn session(&self, id: &str) -> Value {
        self.account().sessions.get(id).cloned().unwrap_or_default()
    }

    /// The pages, the newest first.
    pub fn sessions(&self) -> Vec<Value> {
        self.account().sessions.values().rev().cloned().collect()
    }

    /// The refunds so far.
    pub fn refunds(&self) -> Vec<Value> {
        self.account().refunds.values().cloned().collect()
    }

    /// Tells of an event, if this is the account of `cargo local`, and waits for a while until it was heard.
    pub async fn tell(&self, event: Value) {
        if let Some(teller) = &self.teller {
            teller.tell(event).await;
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stripe").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Ends the pages whose time is over, and tells of it.
async fn end_pages(account: Shared, teller: Teller) {
    loop {
        lock(&account).end_overdue().into_iter().for_each(|event| teller.send(event));
        tokio::time::sleep(LOOK).await;
    }
}

fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
