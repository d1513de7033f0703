//! What a request's `Accept` says of who sent it (RFC 9110, section 12.5.1).

use shared::describe::Operation;
use shared::error::{Code, Error};
use shared::http::{HeaderMap, HeaderValue, header};
use shared::prelude::*;
use shared::request::{FromRequest, Request};

/// Types for which API Gateway hands out bytes: `BinaryMediaTypes` of the template.
const BINARY: [&str; 2] = ["application/zip", "text/html"];

/// The guard of a route that answers a zip archive: 406 for a request that would get it damaged. API Gateway goes by the
/// first type of `Accept` alone, and when that is none of [`BINARY`], passes an archive on as text in base64, with the 200
/// of the function (<https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html>).
/// Parameters and capitals are refused, because no documentation says what it makes of them.
pub struct TakesZip;

impl FromRequest for TakesZip {
    async fn from_request(request: &mut Request) -> Result<TakesZip> {
        // Nor does it say which of several headers counts.
        let mut lists = request.headers.get_all(header::ACCEPT).iter().peekable();
        if lists.peek().is_some() && lists.all(begins_with_binary) {
            return Ok(TakesZip);
        }
        Err(Error::new(Code::NotAcceptable, "this is a zip archive: send Accept: application/zip"))
    }

    fn describe(operation: &mut Operation) {
        let when = "`Accept` does not begin with `application/zip`, or as a browser's does, with `text/html`: for \
            `*/*` or none the archive would arrive damaged";
        operation.error(406, when);
    }
}

fn begins_with_binary(list: &HeaderValue) -> bool {
    let first = list.to_str().ok().and_then(|list| list.split(',').next());
    first.is_some_and(|first| BINARY.contains(&first.trim()))
}

/// Whether the request is a browser's on its way to a page, and not a program's: it names `text/html`.
pub fn takes_page(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|range| {
        range.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/html"))
    })
}
