//! API Gateway on a laptop: the template's REST API over HTTP, with Lambda proxy integration.
//!
//! What a client sees is what AWS answers: route priority, gateway responses, preflights, throttling,
//! payload limits, time limits, streamed bodies. Limits:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>

mod body;
mod compression;
pub mod event;
mod host;
mod integration;
mod mail_page;
mod page;
mod pay_page;
mod response;
mod route;
mod throttle;

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{
    lambda::{Invocation, InvokeContext, InvokeError, Lambda, lock},
    stripe::Stripe,
    template::Template,
};
use body::RequestBody;
pub use event::sample_event;
use event::{Caller, EventRequest};
use response::{Failure, Kind};
pub use route::{Integration, Matched, Method as RouteMethod, Router};
use throttle::Throttle;

/// API Gateway reads no more of a request.
pub const REQUEST_LIMIT: usize = 10 * 1024 * 1024;

/// How the gateway behaves where it may differ from AWS.
#[derive(Debug, Clone)]
pub struct Options {
    /// Apply the template's rate limits.
    pub throttle: bool,
    /// The integration's time limit for routes that set none. AWS: 29 seconds.
    pub integration_timeout: Duration,
    /// The folder whose mails the page `/_local/mail` shows, if there is to be one.
    pub mails: Option<PathBuf>,
    /// The stand-in for Stripe whose pages `/_local/pay` shows, if there is to be one.
    pub stripe: Option<Arc<Stripe>>,
    /// Names that it answers to beside those of this machine.
    pub hosts: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let hosts = host::named_by_the_shell();
        let integration_timeout = Duration::from_secs(29);
        Self { throttle: true, integration_timeout, mails: None, stripe: None, hosts }
    }
}

/// A running gateway. Dropping it ends every connection.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    front: Arc<Mutex<Arc<FrontDoor>>>,
    options: Options,
    task: JoinHandle<()>,
}

impl Gateway {
    /// `http://127.0.0.1:3000`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From the next request on serves another template, whose functions run in another fleet. Requests under way are
    /// finished by what they met.
    ///
    /// # Errors
    /// When the template cannot be served; then all stays as it was.
    pub fn replace(&self, template: Arc<Template>, lambda: Arc<Lambda>) -> anyhow::Result<()> {
        *lock(&self.front) = FrontDoor::new(template, lambda, self.options.clone())?;
        Ok(())
    }

    /// Stops listening and ends every connection, streams included.
    pub async fn shutdown(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the template's REST API on `listener`; functions run in `lambda`.
pub fn serve(
    listener: TcpListener,
    template: Arc<Template>,
    lambda: Arc<Lambda>,
    options: Options,
) -> anyhow::Result<Gateway> {
    let address = listener.local_addr().context("the listener has no address")?;
    let front = Arc::new(Mutex::new(FrontDoor::new(template, lambda, options.clone())?));
    let task = tokio::spawn(accept(listener, Arc::clone(&front)));
    Ok(Gateway { address, front, options, task })
}

async fn accept(listener: TcpListener, front: Arc<Mutex<Arc<FrontDoor>>>) {
    // The set belongs to this task: aborting it ends the connections.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, front.clone()));
            }
            // Out of file descriptors, most likely: try again when some are free.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, current: Arc<Mutex<Arc<FrontDoor>>>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let current = Arc::clone(&current);
        async move {
            {
                // A build is awaited before the route is looked up: there may be new ones after it.
                let met = Arc::clone(&lock(&current));
                met.lambda.released().await;
            }
            let front = Arc::clone(&lock(&current));
            Ok::<_, Infallible>(front.answer(request, peer).await)
        }
    });
    // An error is the client's going away, or a stream that was broken off on purpose.
    let _ =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

#[derive(Debug)]
struct FrontDoor {
    template: Arc<Template>,
    lambda: Arc<Lambda>,
    router: Router,
    throttle: Throttle,
    options: Options,
}

impl FrontDoor {
    fn new(template: Arc<Template>, lambda: Arc<Lambda>, options: Options) -> anyhow::Result<Arc<Self>> {
        let router = Router::new(&template)?;
        let throttle = Throttle::new(if options.throttle { &template.api.throttles } else { &[] });
        Ok(Arc::new(Self { template, lambda, router, throttle, options }))
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if !host::is_ours(&parts.headers, &self.options.hosts) {
            RequestBody::new(body, &parts.headers).discard().await;
            return host::refusal();
        }
        if parts.method == http::Method::GET
            && let Some(folder) = &self.options.mails
            && let Some(page) = mail_page::answer(folder, parts.uri.path())
        {
            return page;
        }
        let body = RequestBody::new(body, &parts.headers);
        if let Some(stripe) = &self.options.stripe
            && let Some(page) = pay_page::answer(stripe, &parts.method, parts.uri.path()).await
        {
            // Its forms have no fields.
            body.discard().await;
            return page;
        }
        let caller = Caller::new(&self.template.api, peer, &parts);
        let (mut answer, headers) = match self.route(&parts, &caller, body).await {
            Ok(answer) => (answer, HeaderMap::new()),
            Err(failure) => {
                let error_type = HeaderValue::from_static(failure.kind.error_type());
                let headers =
                    HeaderMap::from_iter([(HeaderName::from_static("x-amzn-errortype"), error_type)]);
                (response::render(&self.template.api, &failure, &caller, &parts), headers)
            }
        };
        answer.headers_mut().extend(headers);
        for (name, value) in [
            ("x-amzn-requestid", &caller.request_id),
            ("x-amz-apigw-id", &caller.extended_id),
            ("x-amzn-trace-id", &caller.trace_id),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.headers_mut().insert(name, value);
            }
        }
        answer
    }

    async fn route(
        &self,
        parts: &http::request::Parts,
        caller: &Caller,
        body: RequestBody,
    ) -> Result<Response<Body>, Failure> {
        let Some(matched) = self.router.find(&parts.method, parts.uri.path()) else {
            // The body is read first: closing on unread bytes would reset the connection before the
            // client has seen the answer.
            body.discard().await;
            let signed = parts.headers.contains_key(http::header::AUTHORIZATION);
            return Err(Failure::new(if signed {
                Kind::InvalidSignature
            } else {
                Kind::MissingAuthenticationToken
            }));
        };
        if !self.throttle.admit(&parts.method, &matched.route.path, Instant::now()) {
            body.discard().await;
            return Err(Failure::on(Kind::Throttled, &matched));
        }
        let body = body.read().await.map_err(|kind| Failure::on(kind, &matched))?;
        match &matched.route.integration {
            Integration::Preflight { methods } => Ok(self.preflight(methods)),
            Integration::Function { .. } => self.invoke(parts, caller, &matched, &body).await,
        }
    }

    /// SAM's mock integration for OPTIONS: 200, the CORS headers, an empty JSON object.
    fn preflight(&self, methods: &str) -> Response<Body> {
        let mut answer = Response::new(Body::from("{}\n"));
        let headers = answer.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(cors) = &self.template.api.cors {
            let methods = cors.allow_methods.as_deref().unwrap_or(methods);
            let values = [
                ("access-control-allow-origin", Some(cors.allow_origin.as_str())),
                ("access-control-allow-headers", cors.allow_headers.as_deref()),
                ("access-control-allow-methods", Some(methods)),
                ("access-control-max-age", cors.max_age.as_deref()),
                ("access-control-allow-credentials", cors.allow_credentials.then_some("true")),
            ];
            for (name, value) in values {
                if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                    headers.insert(name, value);
                }
            }
        }
        answer
    }

    async fn invoke(
        &self,
        parts: &http::request::Parts,
        caller: &Caller,
        matched: &Matched<'_>,
        body: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let Integration::Function { name, streams, timeout, permitted, .. } = &matched.route.integration
        else {
            return Err(Failure::on(Kind::ApiConfigurationError, matched));
        };
        if !permitted {
            let why = "Execution failed due to configuration error: Invalid permissions on Lambda function";
            self.lambda.note(name, why.to_owned());
            return Err(Failure::on(Kind::ApiConfigurationError, matched));
        }
        let api = &self.template.api;
        let request = EventRequest {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
        };
        let event = event::build(api, matched, &request, caller);
        let context = InvokeContext { request_id: None, trace_id: Some(caller.trace_id.clone()) };
        // A program that has to be built first is not the integration's time.
        self.lambda.ready(name).await;
        let deadline = Instant::now() + timeout.unwrap_or(self.options.integration_timeout);
        let answer = self.lambda.invoke(name, event.to_string().into(), context);
        let answer = match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(answer) => answer.map_err(|error| Failure::on(kind_of(&error), matched))?,
            Err(_) => return Err(Failure::on(Kind::IntegrationTimeout, matched)),
        };
        let malformed = |why: String| {
            // The reason stands in API Gateway's execution log, and here in the function's.
            self.lambda.note(name, format!("Execution failed due to configuration error: {why}"));
            Failure::on(Kind::IntegrationFailure, matched)
        };
        match (answer, streams) {
            (Invocation::Buffered(payload), false) => {
                let answer = integration::buffered(&payload, &api.binary_media_types, &parts.headers)
                    .map_err(malformed)?;
                Ok(compression::compressed(answer, api.minimum_compression_size, &parts.headers).await)
            }
            (Invocation::Stream(stream), true) => integration::streamed(stream, deadline).map_err(malformed),
            (Invocation::Buffered(_), true) => Err(malformed(
                "the route has ResponseTransferMode: RESPONSE_STREAM, but the function's answer was \
                    not streamed (no metadata prelude)"
                    .to_owned(),
            )),
            (Invocation::Stream(_), false) => Err(malformed(
                "Malformed Lambda proxy response: the function streamed its answer, but the route \
                    lacks ResponseTransferMode: RESPONSE_STREAM"
                    .to_owned(),
            )),
        }
    }
}

fn kind_of(error: &InvokeError) -> Kind {
    match error {
        InvokeError::RequestTooLarge(_) => Kind::RequestTooLarge,
        // AWS says 504 only when its own limit passes first, and 502 when the function's does. What a
        // client has to know is the same in both cases.
        InvokeError::TimedOut(_) => Kind::IntegrationTimeout,
        InvokeError::Throttled => Kind::LambdaThrottled,
        InvokeError::UnknownFunction(_)
        | InvokeError::Init { .. }
        | InvokeError::Function { .. }
        | InvokeError::Crashed(_)
        | InvokeError::ResponseTooLarge(_)
        | InvokeError::Stopped => Kind::IntegrationFailure,
    }
}
