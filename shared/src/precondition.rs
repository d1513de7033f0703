//! What the caller has read: `ETag` says which version a thing has, `If-Match` which one is meant to be changed, and
//! `If-None-Match` which one need not be sent again (RFC 9110, 13.1.1 and 13.1.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::describe::Operation;
use crate::error::{Code, Error, Result};
use crate::reply::{Answer, Reply};
use crate::request::{FromRequest, Request};

/// Which versions `If-Match` names; without the header any.
pub struct IfMatch(Option<Vec<i32>>);

impl IfMatch {
    /// The versions that may be changed; none if any may.
    pub fn versions(&self) -> Option<Vec<i32>> {
        self.0.clone()
    }

    /// 412: the thing has another version by now.
    #[track_caller]
    pub fn failed() -> Error {
        Error::new(Code::PreconditionFailed, "it was changed since: read it again")
    }

    /// A tag that no version has matches none, and so does a weak one.
    fn parse(text: &str) -> IfMatch {
        if text.trim() == "*" {
            return IfMatch(None);
        }
        let version = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        IfMatch(Some(text.split(',').filter_map(version).collect()))
    }
}

impl FromRequest for IfMatch {
    async fn from_request(request: &mut Request) -> Result<IfMatch> {
        let mut lines = request.headers.get_all(header::IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(IfMatch(None));
        }
        let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or_default()).collect();
        Ok(IfMatch::parse(&lines.join(",")))
    }

    fn describe(operation: &mut Operation) {
        operation.header(
            "If-Match",
            "The `ETag` of what is to be changed; without it, whatever is there",
            json!({ "type": "string", "examples": ["\"3\""] }),
        );
        operation.error(412, "It has another version than `If-Match` names");
    }
}

/// Another reply with the version of what it shows as its `ETag`.
pub struct Tagged<R>(pub R, pub i32);

impl<R: Reply> Reply for Tagged<R> {
    fn answer(self) -> Result<Answer> {
        let mut answer = self.0.answer()?;
        answer.headers.insert(header::ETAG, HeaderValue::from_str(&format!("\"{}\"", self.1))?);
        Ok(answer)
    }

    fn describe(operation: &mut Operation) {
        R::describe(operation);
    }
}

/// What the caller has already: the header `If-None-Match`.
pub struct IfNoneMatch(Option<String>);

impl FromRequest for IfNoneMatch {
    async fn from_request(request: &mut Request) -> Result<IfNoneMatch> {
        let lines = request.headers.get_all(header::IF_NONE_MATCH).iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        Ok(IfNoneMatch((!lines.is_empty()).then(|| lines.join(","))))
    }

    fn describe(operation: &mut Operation) {
        operation.header(
            "If-None-Match",
            "The `ETag` of an earlier answer: 304 if it is still that one",
            json!({ "type": "string" }),
        );
    }
}

impl IfNoneMatch {
    /// The answer with the `ETag` of its body, or 304 for a caller who has it. Kept by callers alone, who ask each time whether
    /// it is still the same, unless it says otherwise.
    pub fn fresh(&self, mut answer: Answer) -> Result<Answer> {
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&answer.body)[..12]));
        answer.headers.insert(header::ETAG, HeaderValue::from_str(&tag)?);
        let kept = HeaderValue::from_static("private, no-cache");
        answer.headers.entry(header::CACHE_CONTROL).or_insert(kept);
        if self.has(&tag) {
            answer.headers.remove(header::CONTENT_TYPE);
            (answer.status, answer.body) = (StatusCode::NOT_MODIFIED, Bytes::new());
        }
        Ok(answer)
    }

    /// Whether the caller has what has this tag: weak comparison.
    fn has(&self, tag: &str) -> bool {
        let list = self.0.iter().flat_map(|line| line.split(','));
        list.map(str::trim).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    }
}

/// Another reply, or 304 for a caller who has it.
pub struct Fresh<R>(pub R, pub IfNoneMatch);

impl<R: Reply> Reply for Fresh<R> {
    fn answer(self) -> Result<Answer> {
        self.1.fresh(self.0.answer()?)
    }

    fn describe(operation: &mut Operation) {
        R::describe(operation);
        operation.reply_without_body(304, "The caller has it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_in_quotes() {
        for (text, versions) in [
            ("\"3\"", Some(vec![3])),
            (" \"3\" , \"4\"", Some(vec![3, 4])),
            ("*", None),
            ("3", Some(vec![])),
            ("W/\"3\"", Some(vec![])),
            ("\"three\", \"5\"", Some(vec![5])),
            ("", Some(vec![])),
        ] {
            assert_eq!(IfMatch::parse(text).versions(), versions, "{text}");
        }
    }
}
