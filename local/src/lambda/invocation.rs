//! One invocation from the caller to the process and back. It runs in a task of its own, because a
//! caller that goes away does not stop a function.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{sleep_until, timeout_at},
};

use super::{
    answer::{Invocation, InvokeError, StreamedInvocation},
    fleet::Fleet,
    prelude::{Prelude, PreludeReader},
    sandbox::{ErrorReport, Sandbox, Signal, Work, lock},
};

/// What is to be done, and for whom.
pub(super) struct Request {
    pub(super) request_id: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<Result<Invocation, InvokeError>>,
}

/// Runs the request to its end on some sandbox of `function`.
pub(super) async fn run(fleet: Arc<Fleet>, function: String, request: Request) {
    let Request { request_id, trace_id, payload, reply } = request;
    let mut caller = Caller { reply: Some(reply), body: None };
    loop {
        let (sandbox, cold) = match fleet.acquire(&function) {
            Ok(acquired) => acquired,
            Err(error) => return caller.fail(error).await,
        };
        let (signals, inbox) = mpsc::channel(16);
        let work = Work {
            request_id: request_id.clone(),
            trace_id: trace_id.clone(),
            payload: payload.clone(),
            signals,
        };
        let attempt = Attempt { fleet: &fleet, sandbox, request_id: &request_id, inbox };
        // A warm process that died before it took the work is nobody's fault: the next one gets it.
        if attempt.run(work, cold, &mut caller).await != Outcome::NotStarted {
            return;
        }
    }
}

#[derive(PartialEq)]
enum Outcome {
    Finished,
    NotStarted,
}

/// The side that waits: first for an answer, then perhaps for the rest of a stream.
struct Caller {
    reply: Option<oneshot::Sender<Result<Invocation, InvokeError>>>,
    body: Option<mpsc::Sender<Result<Bytes, InvokeError>>>,
}

impl Caller {
    fn answer(&mut self, answer: Result<Invocation, InvokeError>) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(answer);
        }
    }

    /// The failure as the answer, or as the end of the stream.
    async fn fail(&mut self, error: InvokeError) {
        match self.body.take() {
            // A reader that does not read cannot be told; closing without this would look complete, so
            // it is told by whoever reads last.
            Some(body) => drop(body.send(Err(error)).await),
            None => self.answer(Err(error)),
        }
    }
}

struct Attempt<'a> {
    fleet: &'a Arc<Fleet>,
    sandbox: Arc<Sandbox>,
    request_id: &'a str,
    inbox: mpsc::Receiver<Signal>,
}

/// The part of a streamed answer that has been seen.
enum Stream {
    None,
    Prelude(PreludeReader),
    Body,
    Ended,
}

impl Attempt<'_> {
    async fn run(mut self, work: Work, cold: bool, caller: &mut Caller) -> Outcome {
        let function = self.sandbox.function.clone();
        let mut exit = self.sandbox.exit.subscribe();
        // The queue holds one and this sandbox is ours alone, so there is room unless it is dead.
        let _ = self.sandbox.work.try_send(work);
        let patience = Instant::now() + self.fleet.options.init_timeout + function.timeout;
        let started = tokio::select! {
            biased;
            Some(Signal::Started(at)) = self.inbox.recv() => at,
            () = ended(&mut exit) => {
                if !cold && !self.fleet.is_stopped() {
                    return Outcome::NotStarted;
                }
                let error = self.start_failure();
                self.log(&format!("INIT_REPORT Phase: init Status: error {error}"));
                caller.fail(error).await;
                return Outcome::Finished;
            }
            () = sleep_until(patience.into()) => {
                let message = format!("no call of /next within {:.0?}", self.fleet.options.init_timeout + function.timeout);
                let error = InvokeError::Init { error_type: "Sandbox.Timedout".to_owned(), message };
                self.log(&format!("INIT_REPORT Phase: init Status: timeout {error}"));
                self.fleet.discard(&self.sandbox);
                caller.fail(error).await;
                return Outcome::Finished;
            }
        };
        let deadline = started + function.timeout;
        let mut answer = None;
        let mut stream = Stream::None;
        loop {
            let signal = tokio::select! {
                biased;
                signal = self.inbox.recv() => signal,
                () = ended(&mut exit) => None,
                () = sleep_until(deadline.into()) => return self.time_out(caller).await,
            };
            match signal {
                Some(Signal::Started(_)) => {}
                Some(Signal::Answer(payload)) => answer = Some(Ok(Invocation::Buffered(payload))),
                Some(Signal::TooLarge(size)) => {
                    answer = Some(Err(self.logged(InvokeError::ResponseTooLarge(size))))
                }
                Some(Signal::Failed(report)) => answer = Some(Err(self.logged(function_error(report)))),
                Some(Signal::StreamStart { integration }) => {
                    stream =
                        if integration { Stream::Prelude(PreludeReader::default()) } else { Stream::Body };
                    if !integration {
                        begin(caller, None);
                    }
                }
                Some(Signal::Chunk(chunk)) => match &mut stream {
                    Stream::Prelude(reader) => match reader.push(&chunk) {
                        Ok(None) => {}
                        Ok(Some((prelude, rest))) => {
                            begin(caller, Some(prelude));
                            stream = Stream::Body;
                            if !rest.is_empty() && !forward(caller, rest, deadline).await {
                                return self.time_out(caller).await;
                            }
                        }
                        Err(message) => {
                            stream = Stream::Ended;
                            answer = Some(Err(self.logged(invalid_stream(message))));
                        }
                    },
                    Stream::Body => {
                        if !forward(caller, chunk, deadline).await {
                            return self.time_out(caller).await;
                        }
                    }
                    Stream::None | Stream::Ended => {}
                },
                Some(Signal::StreamEnd) => {
                    if let Stream::Prelude(_) = stream {
                        let message = "the streamed answer ended inside its metadata prelude".to_owned();
                        answer = Some(Err(self.logged(invalid_stream(message))));
                    }
                    stream = Stream::Ended;
                }
                Some(Signal::StreamBroken(report)) => {
                    stream = Stream::Ended;
                    caller.fail(self.logged(function_error(report))).await;
                }
                Some(Signal::Done) => {
                    // Released first: whoever gets the answer finds this sandbox warm.
                    self.fleet.release(&self.sandbox);
                    let missing = || {
                        Err(invalid_stream("the runtime asked for more work without an answer".to_owned()))
                    };
                    caller.answer(answer.unwrap_or_else(missing));
                    return Outcome::Finished;
                }
                None => {
                    // The process is gone. An answer that was complete before still counts.
                    let complete = answer.is_some() || matches!(stream, Stream::Ended);
                    if complete {
                        caller.answer(answer.unwrap_or(Err(InvokeError::Stopped)));
                    } else {
                        caller.fail(self.crash()).await;
                    }
                    return Outcome::Finished;
                }
            }
        }
    }

    async fn time_out(&self, caller: &mut Caller) -> Outcome {
        let error = InvokeError::TimedOut(self.sandbox.function.timeout);
        self.log(&error.to_string());
        self.fleet.discard(&self.sandbox);
        caller.fail(error).await;
        Outcome::Finished
    }

    fn crash(&self) -> InvokeError {
        if self.fleet.is_stopped() {
            return InvokeError::Stopped;
        }
        let how = self.sandbox.exit.borrow().clone().unwrap_or_else(|| "the connection broke".to_owned());
        self.log(&format!("Error: Runtime exited with error: {how} (Runtime.ExitError)"));
        InvokeError::Crashed(how)
    }

    fn start_failure(&self) -> InvokeError {
        if self.fleet.is_stopped() {
            return InvokeError::Stopped;
        }
        if let Some(ErrorReport { error_type, message }) = lock(&self.sandbox.init_error).clone() {
            return InvokeError::Init { error_type, message };
        }
        let how = self.sandbox.exit.borrow().clone().unwrap_or_default();
        let message = format!("Runtime exited before it asked for work: {how}");
        InvokeError::Init { error_type: "Runtime.ExitError".to_owned(), message }
    }

    fn logged(&self, error: InvokeError) -> InvokeError {
        self.log(&error.to_string());
        error
    }

    fn log(&self, line: &str) {
        self.fleet
            .platform_line(&self.sandbox.function.name, format!("RequestId: {} {line}", self.request_id));
    }
}

/// Returns when the process has ended.
async fn ended(exit: &mut watch::Receiver<Option<String>>) {
    let _ = exit.wait_for(Option::is_some).await;
}

fn begin(caller: &mut Caller, prelude: Option<Prelude>) {
    let (sender, body) = mpsc::channel(16);
    caller.body = Some(sender);
    caller.answer(Ok(Invocation::Stream(StreamedInvocation { prelude, body })));
}

/// False when the deadline passed while the reader was slow. A reader that is gone lets the function
/// run on: its chunks are dropped.
async fn forward(caller: &mut Caller, chunk: Bytes, deadline: Instant) -> bool {
    let Some(body) = &caller.body else { return true };
    match timeout_at(deadline.into(), body.send(Ok(chunk))).await {
        Ok(Ok(())) => true,
        Ok(Err(_)) => {
            caller.body = None;
            true
        }
        Err(_) => false,
    }
}

fn function_error(report: ErrorReport) -> InvokeError {
    InvokeError::Function { error_type: report.error_type, message: report.message }
}

fn invalid_stream(message: String) -> InvokeError {
    InvokeError::Function { error_type: "Runtime.InvalidResponse".to_owned(), message }
}
