//! A function that does nothing: what `lambda_http` and the profile cost before a route adds anything. It is never
//! deployed; `cargo local bench` starts it beside every other function and compares.
//!
//! A package of its own, not an example of another: an example is built with its package's test dependencies, whose
//! features would then also be in the functions' build.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(_request: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(Body::Empty))
}
