//! Compressed answers, as API Gateway makes them by `MinimumCompressionSize`
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-receive-response-with-compressed-payload.html>).

use std::io::Read;

use axum::body::Body;
use flate2::{
    Compression,
    read::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt as _;

use super::event;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// The answer of a function, compressed if it has at least `minimum` bytes, `request` accepts it, and the function did
/// not encode it itself.
pub(super) async fn compressed(
    answer: Response<Body>,
    minimum: Option<usize>,
    request: &HeaderMap,
) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let accepted = coding(event::header(request, "accept-encoding").unwrap_or_default());
    let (Some(minimum), Some(coding)) = (minimum, accepted) else { return Response::from_parts(parts, body) };
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Response::from_parts(parts, body);
    }
    // A buffered answer is in memory: reading it takes no time and cannot fail.
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if bytes.len() < minimum {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let mut packed = Vec::new();
    let (name, read) = match coding {
        Coding::Gzip => ("gzip", GzEncoder::new(&bytes[..], Compression::default()).read_to_end(&mut packed)),
        Coding::Deflate => {
            ("deflate", ZlibEncoder::new(&bytes[..], Compression::default()).read_to_end(&mut packed))
        }
    };
    if read.is_err() {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    Response::from_parts(parts, Body::from(packed))
}

/// The coding that a caller likes best, if the gateway has it: one that it has not, such as `br`, means no compression,
/// and so does saying nothing.
fn coding(accepted: &str) -> Option<Coding> {
    let mut best: Option<(f32, &str)> = None;
    for entry in accepted.split(',') {
        let mut parts = entry.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if weight > best.map_or(0.0, |(weight, _)| weight) {
            best = Some((weight, name));
        }
    }
    match best?.1 {
        name if name.eq_ignore_ascii_case("gzip") => Some(Coding::Gzip),
        name if name.eq_ignore_ascii_case("deflate") => Some(Coding::Deflate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_that_the_caller_likes_best_decides() {
        for (accepted, wanted) in [
            ("gzip, deflate, br, zstd", Some(Coding::Gzip)),
            ("deflate;q=0.9, gzip;q=0.5", Some(Coding::Deflate)),
            ("GZIP", Some(Coding::Gzip)),
            ("br, gzip;q=0.5", None),
            ("gzip;q=0", None),
            ("identity", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(coding(accepted), wanted, "{accepted}");
        }
    }
}
