//! `serve`: from the Lambda event to the answer, once for every route.
//!
//! A route's `main` is one line: `serve(post("/api/v1/scenes", create))`. Everything here is compiled once; a route adds
//! its handler.

mod http;
mod job;
mod written;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use job::worker_of;
pub use job::{Batch, Event, IntoJob, Message, job, queue};

use crate::handler::{Handler, IntoHandler};
use crate::log;
use crate::settings::{self, SettingError};

/// What a function does: an HTTP route, or a job.
pub struct Route {
    work: Work,
}

enum Work {
    Http(Arc<HttpRoute>),
    Job(job::Job),
}

/// An HTTP route.
pub struct HttpRoute {
    method: &'static str,
    path: &'static str,
    handler: Arc<dyn Handler>,
    /// What the handler answers besides its reply, for OpenAPI.
    errors: Vec<(u16, &'static str)>,
}

macro_rules! methods {
    ($($name:ident $method:literal),+) => {
        $(
            #[doc = concat!("A `", $method, "` route: its path template and its handler.")]
            pub fn $name<P>(path: &'static str, handler: impl IntoHandler<P>) -> Route {
                Route::http($method, path, handler.into_handler())
            }
        )+
    };
}

methods! { get "GET", post "POST", patch "PATCH", put "PUT", delete "DELETE" }

impl Route {
    fn http(method: &'static str, path: &'static str, handler: Arc<dyn Handler>) -> Route {
        Route { work: Work::Http(Arc::new(HttpRoute { method, path, handler, errors: Vec::new() })) }
    }

    pub(crate) fn job(job: job::Job) -> Route {
        Route { work: Work::Job(job) }
    }

    /// Runs `start` before the first event of a job: it reads settings, and what is wrong with one fails the start by its
    /// name. A handler's parameters say for themselves what they need.
    pub fn needs(mut self, start: fn() -> Result<(), SettingError>) -> Route {
        if let Work::Job(job) = &mut self.work {
            job.needs = Some(start);
        }
        self
    }

    /// For the job that makes the schema: any other that fails before the first migration was merely too early, which is no
    /// failure.
    pub fn makes_schema(mut self) -> Route {
        if let Work::Job(job) = &mut self.work {
            job.is_migrated = None;
        }
        self
    }

    /// Documents an error that the handler itself answers: its status, and when it does. What the parameters answer
    /// (400, 401, 503 …) documents itself.
    pub fn or(mut self, status: u16, when: &'static str) -> Route {
        if let Work::Http(route) = &mut self.work
            && let Some(route) = Arc::get_mut(route)
        {
            route.errors.push((status, when));
        }
        self
    }
}

/// Runs the function until Lambda ends it. A debug build called with `--describe` prints its OpenAPI operation instead.
pub fn serve(route: Route) {
    #[cfg(debug_assertions)]
    if std::env::args().any(|argument| argument == "--describe") {
        describe(&route);
        return;
    }
    log::start();
    let started = settings::check_production().and_then(|()| match &route.work {
        Work::Http(route) => route.handler.start(),
        Work::Job(job) => job.start(),
    });
    if let Err(reason) = started {
        log::cannot_start(&reason);
        std::process::exit(1);
    }
    let ended = match route.work {
        Work::Http(route) => block_on(route.handler.runner()(route)),
        Work::Job(job) => block_on(job::run(job)),
    };
    // The Runtime API is gone: locally the gateway was stopped, in Lambda the sandbox ends anyway.
    std::process::exit(i32::from(ended.is_err()));
}

/// Runs a route until Lambda ends it.
pub type Runner = fn(Arc<HttpRoute>) -> Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>>;

/// Runs a route whose answers are whole.
pub(crate) fn whole(
    route: Arc<HttpRoute>,
) -> Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>> {
    Box::pin(http::run(route))
}

/// Runs a route whose answers are written while they are read.
pub(crate) fn written(
    route: Arc<HttpRoute>,
) -> Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>> {
    Box::pin(written::run(route))
}

/// What is left of the function's time when it gives up. Routes have 30 s and the gateway waits for 29, so that the caller
/// still gets the contract's answer, from the function.
const LAST_WORDS: Duration = Duration::from_millis(1500);

/// The time until shortly before `deadline`, the invocation's in milliseconds of Unix time.
fn time_left(deadline: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // No deadline outside Lambda.
    if deadline == 0 {
        return Duration::from_secs(900);
    }
    Duration::from_millis(deadline).saturating_sub(now).saturating_sub(LAST_WORDS)
}

/// One thread is all that a sandbox with one request at a time can use, and it starts faster than a pool of them.
fn block_on<T>(future: impl Future<Output = Result<T, lambda_runtime::Error>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|cause| cause.to_string())?.block_on(future).map_err(|cause| cause.to_string())
}

/// Prints the operation of an HTTP route; a job prints nothing.
#[cfg(debug_assertions)]
#[expect(clippy::print_stdout, reason = "the operation is this run's result")]
fn describe(route: &Route) {
    let Work::Http(route) = &route.work else { return };
    let mut operation = crate::describe::Operation::new(route.method, route.path);
    route.handler.describe(&mut operation);
    for (status, when) in &route.errors {
        operation.error(*status, when);
    }
    operation.error(500, "Our fault; the cause is in the log under `request_id`");
    println!("{}", operation.print());
}
