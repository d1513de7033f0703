//! Clients on a thread of their own, so that their processor time is not taken for the gateway's.

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};

use super::processes;

/// Runs `work` on a new thread, which ends with it, and gives its result and the thread's processor time in
/// milliseconds.
///
/// # Errors
/// What `work` says.
pub(super) async fn on_own_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<(T, Option<f64>)>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    let (sender, receiver) = tokio::sync::oneshot::channel::<Result<(T, Option<f64>)>>();
    std::thread::spawn(move || {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = processes::this_thread();
            let cpu = || processes::thread_cpu_ms(thread.as_deref()?);
            let before = cpu();
            let result = runtime.block_on(work())?;
            let used = cpu().zip(before).map(|(after, before)| after - before);
            Ok((result, used))
        };
        // Nobody waits any more when the run was ended; then the process ends too.
        let _ = sender.send(run());
    });
    receiver.await.context("the clients' thread ended early")?
}

/// A client that keeps its connections and follows no redirect.
///
/// # Errors
/// When TLS cannot be set up.
pub(super) fn client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
    Ok(client.redirect(reqwest::redirect::Policy::none()).build()?)
}
