//! The API's description for people: Swagger UI, whose files a crate carries and this package's build script joins.
//!
//! Two answers and the description are all that a browser loads, and all come from the API's own address. What the
//! page may do is said by its policy: its own script and style, requests to its own address, nothing from elsewhere.

use http::{HeaderValue, header};
use shared::describe::Operation;
use shared::prelude::*;
use shared::reply::{Answer, Html, Reply};

const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/docs.html"));
const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/docs.js"));
const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/docs.policy"));

/// 200 with the page, which holds its style.
pub struct Page;

impl Reply for Page {
    fn answer(self) -> Result<Answer> {
        let mut answer = Html(PAGE.into()).answer()?;
        answer.headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        Ok(answer)
    }

    fn describe(operation: &mut Operation) {
        Html::describe(operation);
    }
}

/// 200 with the script. The page names it by its content's hash, so it may be kept for ever.
pub struct Script;

impl Reply for Script {
    fn answer(self) -> Result<Answer> {
        let mut headers = http::HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
        let cache = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, cache);
        Ok(Answer {
            status: http::StatusCode::OK,
            headers,
            body: bytes::Bytes::from_static(SCRIPT.as_bytes()),
        })
    }

    fn describe(operation: &mut Operation) {
        operation.reply_as(200, "Successful", "text/javascript", None);
    }
}
