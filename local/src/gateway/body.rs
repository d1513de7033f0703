//! Request bodies, read within API Gateway's limit.

use std::time::Duration;

use axum::body::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::{REQUEST_LIMIT, response::Kind};

/// So much of an oversized body is read and thrown away, so that the client, which sends before it
/// listens, gets to see the answer.
const DISCARD_LIMIT: usize = 8 * REQUEST_LIMIT;
const DISCARD_TIME: Duration = Duration::from_secs(10);

pub(super) struct RequestBody {
    incoming: Incoming,
    announced: usize,
    awaits_continue: bool,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        let length = headers.get(http::header::CONTENT_LENGTH);
        let announced = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let awaits_continue = headers.get(http::header::EXPECT).is_some();
        Self { incoming, announced, awaits_continue }
    }

    pub(super) async fn read(self) -> Result<Bytes, Kind> {
        if self.announced > REQUEST_LIMIT {
            self.discard().await;
            return Err(Kind::RequestTooLarge);
        }
        let mut incoming = self.incoming;
        match Limited::new(&mut incoming, REQUEST_LIMIT).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                discard(incoming).await;
                Err(Kind::RequestTooLarge)
            }
            // The client went away, or its chunks are garbage.
            Err(_) => Err(Kind::BadRequestBody),
        }
    }

    pub(super) async fn discard(self) {
        // A client that waits for `100 Continue` has sent nothing: reading would only invite it to.
        if !self.awaits_continue {
            discard(self.incoming).await;
        }
    }
}

async fn discard(mut incoming: Incoming) {
    let reading = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARD_LIMIT {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}
