//! A route whose answer is written while it is read, by Lambda's response streaming: status and headers go ahead, then each event
//! as soon as it is written.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_http::RequestExt;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{LambdaEvent, MetadataPrelude, StreamResponse};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::HttpRoute;
use super::http::{Call, with_every_line};
use crate::error::{Code, Error, internal};
use crate::log;
use crate::reply::{Answer, Replied};
use crate::stream::{self as events, Events, Writing};

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>>;

pub(super) async fn run(route: Arc<HttpRoute>) -> Result<(), lambda_runtime::Error> {
    let silence = events::silence().inspect_err(|reason| log::cannot_start(reason))?;
    lambda_runtime::run(lambda_runtime::service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let route = route.clone();
        async move {
            let payload = with_every_line(event.payload);
            let request = lambda_http::Request::from(payload).with_lambda_context(event.context);
            Ok::<_, Infallible>(respond(route, request, silence).await)
        }
    }))
    .await
}

async fn respond(
    route: Arc<HttpRoute>,
    event: lambda_http::Request,
    silence: Duration,
) -> StreamResponse<Body> {
    let mut call = Call::of(&route, event);
    let outcome = match call.reply(&route).await {
        Ok(Replied::Written(writing)) => return written(route, call, writing, silence),
        Ok(Replied::Whole(answer)) => Ok(answer),
        Err(error) => Err(error),
    };
    call.request.db.release().await;
    let Answer { status, headers, body } = call.end(&route, outcome);
    response(status, headers, Box::pin(stream::iter([Ok(body)])))
}

fn written(route: Arc<HttpRoute>, call: Call, writing: Writing, silence: Duration) -> StreamResponse<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    // Whoever changed it on its way would have to wait for its end.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    call.finish(&mut headers);
    let (events, receiver) = Events::channel();
    // A task of its own: it goes on when nobody reads, and its end ends the stream.
    let span = call.span();
    tokio::spawn(write(route, call, writing, events).instrument(span));
    response(StatusCode::OK, headers, read(receiver, silence))
}

async fn write(route: Arc<HttpRoute>, call: Call, writing: Writing, events: Events) {
    let work = AssertUnwindSafe(writing(events.clone())).catch_unwind();
    let failure = match tokio::time::timeout_at(call.request.deadline.into(), work).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(error),
        Ok(Err(_)) => Some(internal("the writer of a stream panicked")),
        Err(_) => Some(Error::new(Code::Timeout, "the request took too long")),
    };
    call.request.db.release().await;
    if let Some(error) = &failure {
        let _ = events.send("error", &error.body(&call.request.request_id)).await;
    }
    call.log(&route, StatusCode::OK, failure.as_ref());
}

/// What is written, and a comment wherever nothing is for a while.
fn read(receiver: mpsc::Receiver<Bytes>, silence: Duration) -> Body {
    let chunks = stream::unfold(receiver, move |mut receiver| async move {
        match tokio::time::timeout(silence, receiver.recv()).await {
            Ok(Some(chunk)) => Some((Ok(chunk), receiver)),
            Ok(None) => None,
            Err(_) => Some((Ok(Bytes::from_static(events::COMMENT)), receiver)),
        }
    });
    Box::pin(stream::iter([Ok(Bytes::from_static(events::RETRY))]).chain(chunks))
}

fn response(status: StatusCode, headers: HeaderMap, stream: Body) -> StreamResponse<Body> {
    StreamResponse {
        metadata_prelude: MetadataPrelude { status_code: status, headers, cookies: Vec::new() },
        stream,
    }
}
