//! Invocations wait while the programs are being replaced.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout_at};

/// Keeps invocations waiting. Clones are the same hold.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Since when; `None` lets everybody through.
    since: Arc<watch::Sender<Option<Instant>>>,
    patience: Duration,
}

impl Default for Hold {
    fn default() -> Self {
        Self::with_patience(Duration::from_secs(120))
    }
}

impl Hold {
    /// A hold that ends by itself after so long: then the old programs answer.
    pub fn with_patience(patience: Duration) -> Self {
        Self { since: Arc::new(watch::Sender::new(None)), patience }
    }

    /// From now on invocations wait. Held already, it stays as it is. May be called from any thread.
    pub fn hold(&self) {
        self.since.send_modify(|since| *since = since.or_else(|| Some(Instant::now())));
    }

    /// Lets those that wait, and those to come, go on.
    pub fn release(&self) {
        self.since.send_replace(None);
    }

    pub(super) async fn released(&self) {
        let mut since = self.since.subscribe();
        let Some(began) = *since.borrow_and_update() else { return };
        let _ = timeout_at((began + self.patience).into(), since.wait_for(Option::is_none)).await;
    }
}
