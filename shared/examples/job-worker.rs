//! A worker for the tests of jobs, with kinds that end in every way. What they write are messages of the outbox.

use std::time::Duration;

use serde_json::{Value, json};
use shared::ai::{self, Chat, Message};
use shared::jobs::{Done, FailedJob, Failure, Job, Kind, worker};
use shared::outbox;
use shared::prelude::*;

fn main() {
    let kinds = vec![
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
        Kind::new("test.model", model),
        Kind::new("test.structured", structured),
        Kind::new("test.vectors", vectors),
    ];
    serve(worker(kinds).needs(Ai::read_settings))
}

async fn write(tx: &Tx, job: &Job, name: &str) -> Result<(), Failure> {
    let dedup_key = &format!("{name}:{}:{}", job.id(), job.attempt());
    let message =
        outbox::Message { topic: "test", dedup_key, user_id: Some(job.user_id()), payload: json!({}) };
    Ok(outbox::enqueue(tx, &message).await?)
}

async fn tell(tx: &Tx, job: &FailedJob) -> Result<()> {
    let dedup_key = &format!("failed:{}", job.id);
    let message =
        outbox::Message { topic: "test", dedup_key, user_id: Some(job.user_id), payload: json!({}) };
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

fn chat() -> Chat {
    Chat { messages: vec![Message::user("Say something.")], ..Chat::default() }
}

/// Asks a model, and waits for it.
async fn model(job: Job) -> Result<Done, Failure> {
    let (ai, chat) = (Ai::of_job(&job).await?, chat());
    let permit =
        job.write(async |tx| ai.admit(tx, job.user_id(), "test.model", &chat).await?.or_later()).await?;
    let said = job.during(ai.chat_or(permit, &chat, || "by the rules".to_owned())).await?;
    job.finish(async |tx| {
        ai::settle(tx, said.called.as_ref()).await?;
        Ok(json!({ "said": said.content, "source": said.source }))
    })
    .await
}

/// What a model is asked for.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Judgement {
    is_good: bool,
}

async fn structured(job: Job) -> Result<Done, Failure> {
    let (ai, chat) = (Ai::of_job(&job).await?, chat());
    let permit = job
        .write(async |tx| {
            let permit =
                ai.admit_structured::<Judgement>(tx, job.user_id(), "test.structured", &chat).await?;
            permit.or_later()
        })
        .await?;
    let said = job.during(ai.structured_or(permit, &chat, || Judgement { is_good: false })).await?;
    job.finish(async |tx| {
        ai::settle(tx, said.called.as_ref()).await?;
        Ok(json!({ "said": said.content, "source": said.source }))
    })
    .await
}

async fn vectors(job: Job) -> Result<Done, Failure> {
    let ai = Ai::of_job(&job).await?;
    let texts = ["one", "", "two"];
    let bytes = texts.iter().map(|text| text.len()).sum();
    let permit = job
        .write(async |tx| ai.admit_embedding(tx, job.user_id(), "test.vectors", bytes).await?.or_later())
        .await?;
    let made = job.during(ai.embed_passages(permit, &texts)).await?;
    job.finish(async |tx| {
        ai::settle(tx, made.called.as_ref()).await?;
        Ok(json!({ "made": made.content, "source": made.source, "by": ai.embedding_model() }))
    })
    .await
}
