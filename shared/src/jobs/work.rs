//! The worker's side of jobs.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::claim::{Claimed, Lost, claim, sweep};
use crate::database::{FromRow, JobsDb, Tx};
use crate::error::{Code, Error, Result, internal};
use crate::log::Stats;
use crate::outbox;
use crate::serve::{Route, worker_of};

/// How long a job is its worker's without a sign of life.
const LEASE: Duration = Duration::from_secs(90);
/// What a job leaves of the function's time, to say that it goes on later.
const TIME_TO_YIELD: Duration = Duration::from_secs(10);

/// A kind of work, and who does it.
pub struct Kind {
    name: &'static str,
    lease: Duration,
    run: Run,
    on_failed: Option<OnFailed>,
}

type Run = Arc<dyn Fn(Job) -> Running + Send + Sync>;
type Running = Pin<Box<dyn Future<Output = Result<Done, Failure>> + Send>>;
type OnFailed = for<'a> fn(&'a Tx, &'a FailedJob) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

impl Kind {
    /// Work of this name, `<domain>.<what is done>`, which `run` does. It may be begun several times, also after a worker died, and
    /// ends with [`Job::finish`].
    pub fn new<F, Fut>(name: &'static str, run: F) -> Kind
    where
        F: Fn(Job) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Done, Failure>> + Send + 'static,
    {
        Kind { name, lease: LEASE, run: Arc::new(move |job| Box::pin(run(job))), on_failed: None }
    }

    /// How long a worker may be without a sign of life; [`Job::during`] and each step are one. Default 90 seconds.
    pub fn lease(mut self, lease: Duration) -> Kind {
        self.lease = lease;
        self
    }

    /// What else happens in the transaction in which such a job fails for good.
    pub fn on_failed(mut self, work: OnFailed) -> Kind {
        self.on_failed = Some(work);
        self
    }
}

/// A job that has failed for good.
#[derive(Debug)]
pub struct FailedJob {
    /// The job.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What it worked on.
    pub subject: Option<Uuid>,
    /// What it was told.
    pub parameters: Value,
}

/// Why a job ends without a result, or goes on later. Texts are for its person and for the log: without content.
#[derive(Debug)]
pub enum Failure {
    /// May pass: begun again a while later, until it had all its attempts. A word and a sentence.
    Passing(&'static str, String),
    /// Will not pass: a dead letter at once.
    Permanent(&'static str, String),
    /// The person's to mend, for example a text that is too long: failed, and no dead letter.
    Refused(&'static str, String),
    /// Nothing was tried: begun again after these seconds, without an attempt used.
    Later(f64, &'static str),
    /// The function's time is over: what is left is done next.
    Yield,
    /// Somebody called it off, or the worker has lost it.
    Interrupted,
}

/// An error that the worker did not foresee may pass. Its cause is for the log alone.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        tracing::warn!(cause = error.cause(), place = error.place(), "job failed");
        Failure::Passing("internal_error", "internal error".to_owned())
    }
}

/// That a job has come to its end.
#[derive(Debug)]
pub struct Done(());

/// A job while it is done.
pub struct Job {
    db: JobsDb,
    claimed: Claimed,
    lease: Duration,
    deadline: Instant,
    has_stepped: Arc<AtomicBool>,
}

impl Job {
    /// The job's id.
    pub fn id(&self) -> Uuid {
        self.claimed.id
    }

    /// Whose it is.
    pub fn user_id(&self) -> Uuid {
        self.claimed.user_id
    }

    /// What it works on.
    pub fn subject(&self) -> Option<Uuid> {
        self.claimed.subject
    }

    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> i16 {
        self.claimed.attempts
    }

    /// For reading; what a job writes, it writes by [`Job::step`] and [`Job::finish`].
    pub fn db(&self) -> &JobsDb {
        &self.db
    }

    /// When it must be over.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What its invocation has used so far.
    pub(crate) fn stats(&self) -> Arc<Stats> {
        self.db.stats()
    }

    /// What it was told.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_value(self.claimed.parameters.clone()).map_err(|_| {
            Failure::Permanent("bad_parameters", "the job's parameters make no sense".to_owned())
        })
    }

    /// What a step gave that is done.
    pub async fn find_step<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        #[derive(FromRow)]
        struct Found {
            result: Value,
        }
        let tx = self.db.begin_service().await?;
        let sql = "select result from platform.job_steps where job_id = $1 and name = $2";
        let found: Option<Found> = tx.find(sql, &[&self.claimed.id, &name]).await?;
        Ok(found.map(|found| serde_json::from_value(found.result)).transpose().map_err(Error::from)?)
    }

    /// Does a part of the job in one transaction, which commits only while the job is this worker's and not called off; one that
    /// is done already gives what it gave. `name` is the step's own in the job.
    pub async fn step<T>(
        &self,
        name: &str,
        work: impl AsyncFnOnce(&Tx) -> Result<T, Failure>,
    ) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned,
    {
        if let Some(done) = self.find_step(name).await? {
            return Ok(done);
        }
        let tx = self.db.begin_service().await?;
        let result = work(&tx).await?;
        let value = serde_json::to_value(&result).map_err(Error::from)?;
        // Last, so that nobody who calls it off has to wait for the work.
        let held = tx
            .execute(
                "with held as (
                     update platform.jobs set claimed_until = clock_timestamp() + $3 * interval '1 second'
                     where id = $1 and claim = $2 and state = 'running' and cancel_requested_at is null
                     returning id, user_id
                 )
                 insert into platform.job_steps (job_id, name, user_id, result) select id, $4, user_id, $5 from held",
                &[&self.claimed.id, &self.claimed.claim, &self.lease.as_secs_f64(), &name, &value],
            )
            .await?;
        self.must_be_held(held)?;
        tx.commit().await?;
        self.has_stepped.store(true, Ordering::Relaxed);
        Ok(result)
    }

    /// Writes in one transaction that holds like a step's and is no step: it is done again when the job is begun again. A call of a
    /// model is admitted and settled by it.
    pub async fn write<T>(&self, work: impl AsyncFnOnce(&Tx) -> Result<T, Failure>) -> Result<T, Failure> {
        let tx = self.db.begin_service().await?;
        let result = work(&tx).await?;
        self.hold(&tx).await?;
        tx.commit().await?;
        Ok(result)
    }

    /// Says how far it is: of how many, and at what.
    pub async fn progress(&self, current: i32, total: i32, at: Option<&str>) -> Result<(), Failure> {
        let sql = "update platform.jobs
                   set progress_current = $4, progress_total = $5, progress_at = left($6, 200),
                       claimed_until = clock_timestamp() + $3 * interval '1 second'
                   where id = $1 and claim = $2 and state = 'running' and cancel_requested_at is null";
        let tx = self.db.begin_service().await?;
        let lease = self.lease.as_secs_f64();
        let held = tx
            .commit_with(async |tx| {
                tx.execute(sql, &[&self.claimed.id, &self.claimed.claim, &lease, &current, &total, &at]).await
            })
            .await?;
        self.must_be_held(held)
    }

    /// Does `work` that takes its time, without a connection, and meanwhile renews the lease and looks whether the job was called
    /// off or the function's time is over: then the work is given up.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut work = pin!(work);
        let pause = (self.lease / 3).min(Duration::from_secs(5));
        let mut held_until = Instant::now() + self.lease;
        let last = self.deadline.checked_sub(TIME_TO_YIELD).unwrap_or(self.deadline);
        self.db.release().await;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep_until(last) => return Err(Failure::Yield),
                () = tokio::time::sleep(pause) => {
                    let renewed = self.renew().await;
                    self.db.release().await;
                    match renewed {
                        Ok(()) => held_until = Instant::now() + self.lease,
                        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                        // The database may be back before the lease is over.
                        Err(failure) if Instant::now() > held_until => return Err(failure),
                        Err(_) => {}
                    }
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), Failure> {
        let tx = self.db.begin_service().await?;
        self.hold(&tx).await?;
        Ok(tx.commit().await?)
    }

    /// Makes sure that the job is still this worker's and not called off, to the end of the transaction.
    async fn hold(&self, tx: &Tx) -> Result<(), Failure> {
        let sql = "update platform.jobs set claimed_until = clock_timestamp() + $3 * interval '1 second'
                   where id = $1 and claim = $2 and state = 'running' and cancel_requested_at is null";
        let lease = self.lease.as_secs_f64();
        let held = tx.execute(sql, &[&self.claimed.id, &self.claimed.claim, &lease]).await?;
        self.must_be_held(held)
    }

    /// Ends the job: the last writes and its result, which its person sees, last together or not at all.
    pub async fn finish(
        &self,
        work: impl AsyncFnOnce(&Tx) -> Result<Value, Failure>,
    ) -> Result<Done, Failure> {
        let tx = self.db.begin_service().await?;
        let result = work(&tx).await?;
        let held = tx
            .execute(
                "update platform.jobs
                 set state = 'succeeded', result = $3, finished_at = clock_timestamp(), claim = null, claimed_until = null,
                     error_type = null, error_message = null,
                     progress_current = coalesce(progress_total, progress_current)
                 where id = $1 and claim = $2 and state = 'running' and cancel_requested_at is null",
                &[&self.claimed.id, &self.claimed.claim, &result],
            )
            .await?;
        self.must_be_held(held)?;
        tx.commit().await?;
        Ok(Done(()))
    }

    fn must_be_held(&self, rows: u64) -> Result<(), Failure> {
        if rows == 0 { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// A worker of jobs of these kinds: whatever starts it, a message that nudges it or a schedule, it takes due jobs one after
/// the other until there are none, or half of its time is over. What becomes of a job is in its row, so the invocation fails only
/// where the rows cannot be reached.
pub fn worker(kinds: Vec<Kind>) -> Route {
    let kinds = Arc::new(kinds);
    worker_of(move |db| {
        let kinds = kinds.clone();
        Box::pin(async move { work(db, &kinds).await })
    })
}

async fn work(db: JobsDb, kinds: &[Kind]) -> Result<Value> {
    let names: Vec<String> = kinds.iter().map(|kind| kind.name.to_owned()).collect();
    let kind_of = |name: &str| kinds.iter().find(|kind| kind.name == name);
    let deadline = Instant::from_std(db.deadline());
    let time = deadline.saturating_duration_since(Instant::now());
    let last_start = Instant::now() + (time / 2).min(time.saturating_sub(TIME_TO_YIELD));
    let (mut done, mut failed, mut unstored) = (0_u64, 0_u64, 0_u64);

    // One in a transaction: one that cannot be ended does not stop the others.
    let mut passed = Vec::new();
    loop {
        let tx = db.begin_service().await?;
        let Some(lost) = sweep(&tx, &names, &passed).await? else { break };
        passed.push(lost.id);
        let on_failed = kind_of(&lost.kind).and_then(|kind| kind.on_failed);
        match end_lost(tx, lost, on_failed).await {
            Ok(is_failed) => failed += u64::from(is_failed),
            Err(error) => {
                unstored += 1;
                tracing::error!(cause = error.cause(), place = error.place(), "{UNSTORED}");
            }
        }
    }

    let (mut taken, mut conflicts) = (0, 0);
    while taken == 0 || Instant::now() < last_start {
        let tx = db.begin_service().await?;
        // The longest lease there is; the job's own counts from its first sign of life on.
        let lease = kinds.iter().map(|kind| kind.lease).max().unwrap_or(LEASE);
        let claimed = match tx.commit_with(async |tx| claim(tx, &names, lease).await).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => break,
            // Another worker was faster with the same person.
            Err(error) if error.code() == Code::Conflict && conflicts < 20 => {
                conflicts += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        taken += 1;
        let kind = kind_of(&claimed.kind).ok_or_else(|| internal("a job of an unknown kind"))?;
        match run(&db, kind, claimed, deadline).await {
            Ok(()) => done += 1,
            Err(error) => {
                unstored += 1;
                tracing::error!(cause = error.cause(), place = error.place(), "{UNSTORED}");
            }
        }
    }
    // A failed invocation is what an alarm hears of. Its message comes again, which is harmless.
    if unstored > 0 {
        return Err(internal(format!("the ends of {unstored} jobs could not be stored")));
    }
    Ok(json!({ "batchItemFailures": [], "jobs": done, "failed": failed }))
}

/// Stores the end of a job that its worker did not finish; gives whether it failed for good.
async fn end_lost(tx: Tx, lost: Lost, on_failed: Option<OnFailed>) -> Result<bool> {
    let Lost { id, user_id, kind, subject, parameters, is_failed } = lost;
    if is_failed && let Some(on_failed) = on_failed {
        on_failed(&tx, &FailedJob { id, user_id, subject, parameters }).await?;
    }
    tx.commit().await?;
    tracing::warn!(job_id = %id, kind, "no worker finished a job");
    if is_failed {
        tracing::error!(job_id = %id, kind, error_type = "worker_lost", "{GIVEN_UP}");
    }
    Ok(is_failed)
}

/// What an alarm counts; a person's mistake is none of its business.
const GIVEN_UP: &str = "job failed for good";
const UNSTORED: &str = "a job's end could not be stored";

/// Does one job and stores how it ended.
async fn run(db: &JobsDb, kind: &Kind, claimed: Claimed, deadline: Instant) -> Result<()> {
    let has_stepped = Arc::new(AtomicBool::new(false));
    let job = Job {
        db: db.clone(),
        claimed: claimed.clone(),
        lease: kind.lease,
        deadline,
        has_stepped: has_stepped.clone(),
    };
    let outcome = AssertUnwindSafe((kind.run)(job)).catch_unwind().await;
    let failure = match outcome {
        Ok(Ok(Done(()))) => return Ok(()),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Passing("panic", "internal error".to_owned()),
    };
    let is_last = claimed.attempts >= claimed.max_attempts;
    let backoff = outbox::backoff(claimed.attempts.into()).as_secs_f64();
    let ending = match failure {
        Failure::Interrupted => return cancel(db, &claimed).await,
        Failure::Passing(word, sentence) if is_last => Ending::dead(word, sentence),
        Failure::Passing(word, sentence) => Ending::again(backoff, word, sentence),
        Failure::Permanent(word, sentence) => Ending::dead(word, sentence),
        Failure::Refused(word, sentence) => Ending { is_dead: false, ..Ending::dead(word, sentence) },
        Failure::Later(_, word) if claimed.is_old => {
            Ending::dead(word, "it waited for a day in vain".to_owned())
        }
        Failure::Later(seconds, word) => {
            Ending { gives_back: true, is_exact: true, ..Ending::again(seconds, word, "it waits".to_owned()) }
        }
        Failure::Yield if claimed.is_old => Ending::dead("too_long", "it was not done in a day".to_owned()),
        Failure::Yield if is_last && !has_stepped.load(Ordering::Relaxed) => {
            Ending::dead("too_long", "it takes longer than a worker has time".to_owned())
        }
        Failure::Yield => Ending {
            gives_back: has_stepped.load(Ordering::Relaxed),
            is_exact: true,
            ..Ending::again(0.0, "yield", "it goes on in a moment".to_owned())
        },
    };
    let tx = db.begin_service().await?;
    let state = end(&tx, &claimed, &ending).await?;
    if state.as_deref() == Some("failed")
        && let Some(on_failed) = kind.on_failed
    {
        let Claimed { id, user_id, subject, parameters, .. } = claimed.clone();
        on_failed(&tx, &FailedJob { id, user_id, subject, parameters }).await?;
    }
    tx.commit().await?;
    let (job_id, error_type) = (claimed.id, ending.word);
    match state.as_deref() {
        Some("failed") if ending.is_dead => {
            tracing::error!(%job_id, kind = claimed.kind, error_type, "{GIVEN_UP}");
        }
        Some(state) => tracing::warn!(%job_id, kind = claimed.kind, error_type, state, "job did not succeed"),
        None => tracing::warn!(%job_id, kind = claimed.kind, "a job was lost to another worker"),
    }
    Ok(())
}

/// How an attempt ends that gave no result.
struct Ending {
    is_final: bool,
    /// Whether somebody may want to try again: a dead letter.
    is_dead: bool,
    /// Whether the attempt does not count.
    gives_back: bool,
    /// Whether the wait is this one, and not a random part of it.
    is_exact: bool,
    wait_seconds: f64,
    word: &'static str,
    sentence: String,
}

impl Ending {
    fn dead(word: &'static str, sentence: String) -> Ending {
        let (is_final, is_dead) = (true, true);
        Ending { is_final, is_dead, gives_back: false, is_exact: false, wait_seconds: 0.0, word, sentence }
    }

    fn again(wait_seconds: f64, word: &'static str, sentence: String) -> Ending {
        Ending { is_final: false, is_dead: false, wait_seconds, ..Ending::dead(word, sentence) }
    }
}

/// Stores how the attempt ended, if the job is still this worker's; one that was called off is cancelled. Gives the job's state.
async fn end(tx: &Tx, claimed: &Claimed, ending: &Ending) -> Result<Option<String>> {
    #[derive(FromRow)]
    struct Ended {
        state: String,
    }
    let ended: Option<Ended> = tx
        .find(
            "with ended as (
                 update platform.jobs
                 set state = case when cancel_requested_at is not null then 'cancelled'
                                  when $3 then 'failed' else 'queued' end,
                     attempts = attempts - case when $4 then 1 else 0 end,
                     run_after = clock_timestamp()
                         + case when $5 then $6 else greatest(5, random() * $6) end * interval '1 second',
                     error_type = $7, error_message = left($8, 300), claim = null, claimed_until = null,
                     finished_at = case when $3 or cancel_requested_at is not null then clock_timestamp() end
                 where id = $1 and claim = $2 and state = 'running'
                 returning id, user_id, state
             ), dead as (
                 insert into platform.dead_jobs (id, job_id, user_id)
                 select gen_random_uuid(), id, user_id from ended where state = 'failed' and $9
             )
             select state from ended",
            &[
                &claimed.id,
                &claimed.claim,
                &ending.is_final,
                &ending.gives_back,
                &ending.is_exact,
                &ending.wait_seconds,
                &ending.word,
                &ending.sentence,
                &ending.is_dead,
            ],
        )
        .await?;
    Ok(ended.map(|ended| ended.state))
}

/// A job that was called off ends; one that is somebody else's by now is left alone.
async fn cancel(db: &JobsDb, claimed: &Claimed) -> Result<()> {
    let sql = "update platform.jobs
               set state = 'cancelled', finished_at = clock_timestamp(), claim = null, claimed_until = null
               where id = $1 and claim = $2 and state = 'running' and cancel_requested_at is not null";
    let tx = db.begin_service().await?;
    let cancelled = tx.commit_with(async |tx| tx.execute(sql, &[&claimed.id, &claimed.claim]).await).await?;
    if cancelled == 0 {
        tracing::warn!(job_id = %claimed.id, kind = claimed.kind, "a job was lost to another worker");
    }
    Ok(())
}
