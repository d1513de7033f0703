//! A worker for the tests of jobs, with kinds that end in every way. What they write are messages of the outbox.

use std::time::Duration;

use serde_json::{Value, json};
use shared::jobs::{Done, FailedJob, Failure, Job, Kind, worker};
use shared::outbox::{self, Message};
use shared::prelude::*;

fn main() {
    serve(worker(vec![
        Kind::new("test.good", good),
        Kind::new("test.steps", steps),
        Kind::new("test.fails", |_| async { Err(Failure::Passing("flaky", "not now".to_owned())) })
            .on_failed(|tx, job| Box::pin(tell(tx, job))),
        Kind::new("test.permanent", |_| async { Err(Failure::Permanent("broken", "never".to_owned())) }),
        Kind::new("test.refused", |_| async { Err(Failure::Refused("too_long", "too long".to_owned())) }),
        Kind::new("test.panics", |_| async { panic!("no") }),
        Kind::new("test.kills", |_| async { std::process::abort() })
            .on_failed(|tx, job| Box::pin(tell(tx, job))),
        Kind::new("test.waits", |_| async { Err(Failure::Later(60.0, "breaker_open")) }),
        Kind::new("test.held", held),
        Kind::new("test.long", long),
        Kind::new("test.unending", |_| async { std::process::abort() })
            .on_failed(|_, _| Box::pin(async { Err(internal("its end fails")) })),
    ]))
}

async fn write(tx: &Tx, job: &Job, name: &str) -> Result<(), Failure> {
    let dedup_key = &format!("{name}:{}:{}", job.id(), job.attempt());
    let message = Message { topic: "test", dedup_key, user_id: Some(job.user_id()), payload: json!({}) };
    Ok(outbox::enqueue(tx, &message).await?)
}

async fn tell(tx: &Tx, job: &FailedJob) -> Result<()> {
    let dedup_key = &format!("failed:{}", job.id);
    let message = Message { topic: "test", dedup_key, user_id: Some(job.user_id), payload: json!({}) };
    outbox::enqueue(tx, &message).await
}

async fn good(job: Job) -> Result<Done, Failure> {
    let told: Value = job.parameters()?;
    job.finish(async |tx| {
        write(tx, &job, "good").await?;
        Ok(json!({ "told": told["word"], "message": "It is good!" }))
    })
    .await
}

/// Three steps; the first attempt fails after the second.
async fn steps(job: Job) -> Result<Done, Failure> {
    let mut all = Vec::new();
    for number in 1..=3_i32 {
        let name = format!("step-{number}");
        job.progress(number - 1, 3, Some(&name)).await?;
        let by: i16 = job
            .step(&name, async |tx| {
                write(tx, &job, &name).await?;
                Ok(job.attempt())
            })
            .await?;
        all.push(by);
        if number == 2 && job.attempt() == 1 {
            return Err(Failure::Permanent("broken", "after two steps".to_owned()));
        }
    }
    job.finish(async |_| Ok(json!(all))).await
}

/// The first attempt waits in its step until a test lets it go on.
async fn held(job: Job) -> Result<Done, Failure> {
    job.step("only", async |tx| {
        if job.attempt() == 1 {
            tx.execute("select pg_advisory_xact_lock(4711)", &[]).await?;
        }
        write(tx, &job, "held").await?;
        Ok(job.attempt())
    })
    .await?;
    job.finish(async |_| Ok(json!({ "by": job.attempt() }))).await
}

/// Takes longer than its function has time.
async fn long(job: Job) -> Result<Done, Failure> {
    if job.attempt() == 1 {
        job.step("begin", async |_| Ok(())).await?;
    }
    job.during(tokio::time::sleep(Duration::from_secs(3600))).await?;
    job.finish(async |_| Ok(json!({}))).await
}
