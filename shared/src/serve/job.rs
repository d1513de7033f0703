//! Functions that nobody calls over HTTP: by a schedule, a queue, a log subscription, or by hand.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use deserr::Deserr;
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::Instrument;

use super::{Route, time_left};
use crate::database::{Db, JobsDb, Login, OwnerDb};
use crate::error::{Error, Result, internal};
use crate::input::Problems;
use crate::log::{self, Kind, Outcome, Stats};
use crate::settings::SettingError;

/// What starts a job: the event's JSON, read like a body.
pub struct Event<T>(pub T);

/// A job with its types forgotten.
pub(crate) struct Job {
    run: Arc<dyn Fn(Db, Value) -> JobFuture + Send + Sync>,
    /// As whom it connects to the database, if it does.
    login: Option<Login>,
    /// Reads the settings that the job needs beyond the database's.
    pub(super) needs: Option<fn() -> Result<(), SettingError>>,
    /// How to ask whether the first migration was, for a job that has nothing to do before. Every program contains the runner below, which must not name the database:
    /// routes that do not use it would contain its client and TLS, twice what they are.
    pub(super) is_migrated: Option<IsMigrated>,
}

pub(super) type IsMigrated = for<'a> fn(&'a Db) -> Pin<Box<dyn Future<Output = Result<bool>> + Send + 'a>>;

/// What a job's line says that had nothing to work on yet.
const NOT_MIGRATED: &str = "the database is not migrated yet";

pub(crate) type JobFuture = Pin<Box<dyn Future<Output = Result<Value>> + Send>>;

impl Job {
    pub(super) fn start(&self) -> Result<(), SettingError> {
        if let Some(login) = self.login {
            login.start()?;
        }
        self.needs.map_or(Ok(()), |start| start())
    }
}

/// A function that is a job: `async fn(JobsDb, Event<T>) -> Result<R>`, or without the database `async fn(Event<T>) ->
/// Result<R>`, or as the tables' owner `async fn(OwnerDb, Event<T>) -> Result<R>`; what it returns stands in its log line.
pub trait IntoJob<Parameters> {
    /// Forgets the types.
    fn into_job(self) -> Route;
}

impl<F, Fut, T, R> IntoJob<(T, R)> for F
where
    F: Fn(JobsDb, Event<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
    T: Deserr<Problems> + Send + 'static,
    R: Serialize + 'static,
{
    fn into_job(self) -> Route {
        let function = Arc::new(self);
        let run = move |db: Db, event: Value| -> JobFuture {
            let function = function.clone();
            Box::pin(async move {
                let event = crate::input::read(event)?;
                Ok(serde_json::to_value(function(JobsDb(db), Event(event)).await?)?)
            })
        };
        Route::job(Job {
            run: Arc::new(run),
            login: Some(Login::Jobs),
            needs: None,
            is_migrated: Some(|db| Box::pin(db.is_migrated())),
        })
    }
}

/// Marks the parameters of a job without the database.
pub struct EventAlone<P>(std::marker::PhantomData<P>);

impl<F, Fut, T, R> IntoJob<EventAlone<(T, R)>> for F
where
    F: Fn(Event<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
    T: Deserr<Problems> + Send + 'static,
    R: Serialize + 'static,
{
    fn into_job(self) -> Route {
        let function = Arc::new(self);
        let run = move |_: Db, event: Value| -> JobFuture {
            let function = function.clone();
            Box::pin(async move {
                let event = crate::input::read(event)?;
                Ok(serde_json::to_value(function(Event(event)).await?)?)
            })
        };
        Route::job(Job { run: Arc::new(run), login: None, needs: None, is_migrated: None })
    }
}

/// Marks the parameters of the job that owns the tables.
pub struct OwnerEvent<P>(std::marker::PhantomData<P>);

impl<F, Fut, T, R> IntoJob<OwnerEvent<(T, R)>> for F
where
    F: Fn(OwnerDb, Event<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
    T: Deserr<Problems> + Send + 'static,
    R: Serialize + 'static,
{
    fn into_job(self) -> Route {
        let function = Arc::new(self);
        let run = move |db: Db, event: Value| -> JobFuture {
            let function = function.clone();
            Box::pin(async move {
                let event = crate::input::read(event)?;
                Ok(serde_json::to_value(function(OwnerDb(db), Event(event)).await?)?)
            })
        };
        Route::job(Job { run: Arc::new(run), login: Some(Login::Owner), needs: None, is_migrated: None })
    }
}

/// A job: started by a schedule with its `Input`, by a subscription, or by hand.
pub fn job<Parameters>(function: impl IntoJob<Parameters>) -> Route {
    function.into_job()
}

/// A worker that looks for its work itself, whatever starts it.
pub(crate) fn worker_of(work: impl Fn(JobsDb) -> JobFuture + Send + Sync + 'static) -> Route {
    Route::job(Job {
        run: Arc::new(move |db: Db, _: Value| work(JobsDb(db))),
        login: Some(Login::Jobs),
        needs: None,
        is_migrated: Some(|db| Box::pin(db.is_migrated())),
    })
}

/// One message of an SQS queue.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// SQS' id; the queue may deliver a message more than once under the same one.
    #[serde(rename = "messageId")]
    pub id: String,
    /// The text that was sent.
    pub body: String,
}

/// A batch of messages, as SQS hands it to Lambda.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// A worker of an SQS queue: called for each message in order. A message that fails goes back to the queue alone, as
/// `ReportBatchItemFailures` asks.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
pub fn queue<F, Fut>(work: F) -> Route
where
    F: Fn(JobsDb, Message) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let work = Arc::new(work);
    let run = move |db: Db, event: Value| -> JobFuture {
        let work = work.clone();
        Box::pin(async move {
            let batch: Batch = serde_json::from_value(event)?;
            let mut failures = Vec::new();
            for message in batch.records {
                let id = message.id.clone();
                let outcome = AssertUnwindSafe(work(JobsDb(db.clone()), message)).catch_unwind().await;
                if let Err(error) = outcome.unwrap_or_else(|_| Err(internal("the worker panicked"))) {
                    tracing::error!(
                        message_id = id,
                        cause = error.cause(),
                        place = error.place(),
                        "message failed"
                    );
                    failures.push(json!({ "itemIdentifier": id }));
                }
            }
            if !failures.is_empty() && matches!(db.is_migrated().await, Ok(false)) {
                return Ok(json!({ "batchItemFailures": [], "skipped": NOT_MIGRATED }));
            }
            Ok(json!({ "batchItemFailures": failures }))
        })
    };
    Route::job(Job {
        run: Arc::new(run),
        login: Some(Login::Jobs),
        needs: None,
        is_migrated: Some(|db| Box::pin(db.is_migrated())),
    })
}

pub(super) async fn run(job: Job) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(lambda_runtime::service_fn(move |event: LambdaEvent<Value>| {
        let (run, is_migrated) = (job.run.clone(), job.is_migrated);
        async move { once(&*run, is_migrated, event).await }
    }))
    .await
}

async fn once(
    run: &(dyn Fn(Db, Value) -> JobFuture + Send + Sync),
    is_migrated: Option<IsMigrated>,
    event: LambdaEvent<Value>,
) -> Result<Value, Diagnostic> {
    let started = Instant::now();
    let stats = Arc::new(Stats::default());
    let time_left = time_left(event.context.deadline);
    let db = Db::new(stats.clone(), started + time_left, time_left);
    let request_id = event.context.request_id;
    let span = tracing::info_span!("job", request_id);
    let call = AssertUnwindSafe(run(db.clone(), event.payload)).catch_unwind().instrument(span);
    let mut outcome = call.await.unwrap_or_else(|_| Err(internal("the job panicked")));
    db.release().await;
    // Schedules run from the moment of a deployment on. Before the first migration there is nothing to do and nothing
    // wrong; an error then would ring alarms and be tried again.
    if outcome.is_err()
        && let Some(is_migrated) = is_migrated
        && matches!(is_migrated(&db).await, Ok(false))
    {
        outcome = Ok(json!({ "skipped": NOT_MIGRATED }));
    }
    let failure = outcome.as_ref().err();
    let function = crate::settings::function_name();
    log::write(
        Kind::Job,
        &Outcome {
            request_id: &request_id,
            route: &function,
            status_code: failure.map_or(200, |error| error.code().status().as_u16()),
            error_code: failure.map(|error| error.code().as_str()),
            cause: failure.and_then(Error::cause),
            place: failure.map(Error::place),
            latency: started.elapsed(),
            result: outcome.as_ref().ok().cloned(),
            ..Outcome::default()
        },
        &stats,
    );
    // A failed invocation is what makes the scheduler, the queue or the subscription try again.
    outcome.map_err(|error| Diagnostic {
        error_type: error.code().as_str().to_owned(),
        error_message: error.message().to_owned(),
    })
}
