//! Add the request log's lines to the metrics, as the log's subscription delivers them.

use platform::metrics;
use platform::request_log::Batch;
use shared::prelude::*;

fn main() {
    serve(job(record))
}

/// What CloudWatch Logs sends.
#[input]
struct Delivery {
    awslogs: Packed,
}

#[input]
struct Packed {
    /// base64 of gzip of JSON.
    data: String,
}

/// What became of the delivery.
#[answer]
struct Recorded {
    /// Lines about requests.
    requests: usize,
    /// Lines about anything else, or unreadable.
    ignored: usize,
    /// Whether the delivery had come before, so that nothing was added.
    duplicate: bool,
}

async fn record(db: JobsDb, Event(delivery): Event<Delivery>) -> Result<Recorded> {
    let batch = Batch::unpack(&delivery.awslogs.data)?;
    let mut recorded = Recorded { requests: batch.requests, ignored: batch.ignored, duplicate: false };
    if batch.requests == 0 {
        return Ok(recorded); // for example the message with which CloudWatch tries the subscription
    }
    let tx = db.begin_service().await?;
    recorded.duplicate = !metrics::record(&tx, &batch).await?;
    tx.commit().await?;
    // In a transaction of its own: it must not hold the counters, nor undo them when it fails.
    let tx = db.begin_service().await?;
    metrics::prune(&tx).await?;
    tx.commit().await?;
    Ok(recorded)
}
