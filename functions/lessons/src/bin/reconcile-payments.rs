//! Ask the payment provider about what has waited for more than an hour, and apply again what failed: every hour. What it
//! finds goes the way of the provider's events, so that whoever is first counts.

use lessons::purchase;
use lessons::refund;
use lessons::stripe::Stripe;
use shared::prelude::*;

fn main() {
    serve(job(reconcile))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How much was found.
#[answer]
struct Reconciled {
    /// Payments of which something new is known.
    payments: usize,
    /// Refunds that the provider has answered.
    refunds: usize,
    /// Events that are applied now.
    events: i64,
    /// What the provider did not answer: the next run asks again.
    unanswered: usize,
}

async fn reconcile(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Reconciled> {
    let stripe = Stripe::from_settings().await?;
    let mut done = Reconciled { payments: 0, refunds: 0, events: 0, unanswered: 0 };
    let tx = db.begin_service().await?;
    done.events = purchase::replay(&tx).await?;
    tx.commit().await?;
    if !stripe.is_configured() {
        return Ok(done);
    }
    let tx = db.begin_service().await?;
    let (waiting, refunds) = tokio::try_join!(purchase::list_waiting(&tx), refund::list_due(&tx))?;
    tx.commit().await?;
    for payment in waiting {
        // Outside a transaction, as everywhere.
        let Ok(told) = payment.ask(&stripe).await else {
            done.unanswered += 1;
            continue;
        };
        let tx = db.begin_service().await?;
        match told {
            Some(told) => {
                purchase::receive(&tx, &told).await?;
                done.payments += 1;
            }
            None => drop(purchase::note_look(&tx, payment.id).await?),
        }
        tx.commit().await?;
    }
    for due in refunds {
        let Ok(taken) = due.ask(&stripe).await else {
            done.unanswered += 1;
            continue;
        };
        let tx = db.begin_service().await?;
        tx.commit_with(async |tx| refund::finish(tx, &due, &taken).await).await?;
        done.refunds += 1;
    }
    Ok(done)
}
