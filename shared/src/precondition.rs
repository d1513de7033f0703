//! Changes that were made of what the caller has read: `ETag` says which version a thing has, `If-Match` which one is meant
//! to be changed (RFC 9110, 13.1.1).

use http::{HeaderValue, header};
use serde_json::json;

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
