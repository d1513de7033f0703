//! Send the mails that are due. Each message of its queue only says "look into the outbox".

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use platform::mail;
use shared::outbox::{self, Claimed, Failure};
use shared::prelude::*;
use shared::serve::{Message, queue};

/// Mails on their way at once.
const AT_ONCE: i64 = 5;
/// Well above what one mail may take.
const LEASE: Duration = Duration::from_secs(60);
/// After this no more are begun; those that are under way end before the function's time limit.
const WORK_TIME: Duration = Duration::from_secs(25);

fn main() {
    serve(queue(send).needs(mail::start))
}

async fn send(db: JobsDb, _nudge: Message) -> Result<()> {
    let mailer = mail::mailer().await?;
    let started = Instant::now();
    while started.elapsed() < WORK_TIME {
        let tx = db.begin_service().await?;
        let claimed = tx.commit_with(async |tx| outbox::claim(tx, mail::TOPIC, AT_ONCE, LEASE).await).await?;
        if claimed.is_empty() {
            break;
        }
        let send = async |message| (message, mailer.deliver(message).await);
        let mut sending: FuturesUnordered<_> = claimed.iter().map(send).collect();
        // Marked one by one, as soon as each is out: a worker that dies now has as little as possible to be repeated.
        // One that cannot be marked comes again when its lease has ended; those beside it are marked all the same.
        let mut all_marked = Ok(());
        while let Some((message, outcome)) = sending.next().await {
            all_marked = all_marked.and(mark(&db, message, outcome).await);
        }
        all_marked?;
    }
    Ok(())
}

async fn mark(db: &JobsDb, message: &Claimed, outcome: Result<(), Failure>) -> Result<()> {
    let tx = db.begin_service().await?;
    tx.commit_with(async |tx| match outcome {
        Ok(()) => outbox::done(tx, message).await,
        Err(failure) => outbox::failed(tx, message, &failure).await,
    })
    .await
}
