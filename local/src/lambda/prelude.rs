//! The metadata in front of a streamed HTTP answer: JSON, eight NUL bytes, then the body
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>).

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

/// Content type of a streamed answer that begins with a prelude.
pub(super) const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";
const DELIMITER: [u8; 8] = [0; 8];
/// No honest prelude is longer; API Gateway allows 10 KB of headers.
const LIMIT: usize = 1024 * 1024;

/// Status, headers and cookies of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prelude {
    /// HTTP status.
    pub status: u16,
    /// Names and values in order, `headers`, `multiValueHeaders` and `cookies` (as `set-cookie`) joined.
    pub headers: Vec<(String, String)>,
}

/// Collects chunks until the delimiter was seen.
#[derive(Debug, Default)]
pub(super) struct PreludeReader {
    buffered: BytesMut,
}

impl PreludeReader {
    /// The prelude and the first bytes of the body, once complete.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Option<(Prelude, Bytes)>, String> {
        // The delimiter may lie across two chunks.
        let from = self.buffered.len().saturating_sub(DELIMITER.len() - 1);
        self.buffered.extend_from_slice(chunk);
        let found = self.buffered[from..].windows(DELIMITER.len()).position(|window| window == DELIMITER);
        let Some(at) = found.map(|at| from + at) else {
            let oversized = self.buffered.len() > LIMIT;
            return if oversized {
                Err("the streamed answer has no metadata prelude".to_owned())
            } else {
                Ok(None)
            };
        };
        let metadata = self.buffered.split_to(at);
        let body = self.buffered.split_off(DELIMITER.len()).freeze();
        Ok(Some((Prelude::parse(&metadata)?, body)))
    }
}

impl Prelude {
    fn parse(metadata: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(metadata)
            .map_err(|error| format!("the metadata prelude is no JSON: {error}"))?;
        let status = match json.get("statusCode") {
            // Without one, Lambda answers 200.
            None => Some(200),
            Some(status) => status.as_u64().and_then(|status| u16::try_from(status).ok()),
        };
        let status = status
            .filter(|status| (100..1000).contains(status))
            .ok_or("the prelude's statusCode is no status")?;
        let mut headers = Vec::new();
        let empty = Map::new();
        for section in ["headers", "multiValueHeaders"] {
            for (name, value) in json.get(section).and_then(Value::as_object).unwrap_or(&empty) {
                match value {
                    Value::Array(values) => {
                        for value in values {
                            headers.push((name.clone(), plain(name, value)?));
                        }
                    }
                    single => headers.push((name.clone(), plain(name, single)?)),
                }
            }
        }
        for cookie in json.get("cookies").and_then(Value::as_array).into_iter().flatten() {
            headers.push(("set-cookie".to_owned(), plain("cookies", cookie)?));
        }
        Ok(Self { status, headers })
    }
}

fn plain(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        other => Err(format!("header {name} of the prelude has the value {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prelude_is_found_however_it_is_cut() {
        let whole = b"{\"statusCode\":201,\"headers\":{\"a\":[\"1\",\"2\"]},\"cookies\":[\"c=1\"]}\0\0\0\0\0\0\0\0body\0\0";
        for cut in 1..whole.len() {
            let mut reader = PreludeReader::default();
            let first = reader.push(&whole[..cut]).unwrap();
            let (prelude, mut body) = match first {
                Some((prelude, body)) => (prelude, [body.as_ref(), &whole[cut..]].concat()),
                None => {
                    let (prelude, body) = reader.push(&whole[cut..]).unwrap().unwrap();
                    (prelude, body.to_vec())
                }
            };
            assert_eq!(prelude.status, 201);
            let expected = [("a", "1"), ("a", "2"), ("set-cookie", "c=1")];
            assert_eq!(prelude.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
            assert_eq!(body.split_off(0), b"body\0\0");
        }
    }

    #[test]
    fn a_bad_prelude_is_an_error() {
        assert!(PreludeReader::default().push(b"nonsense\0\0\0\0\0\0\0\0").is_err());
        assert!(PreludeReader::default().push(b"{\"statusCode\":\"x\"}\0\0\0\0\0\0\0\0").is_err());
        assert!(PreludeReader::default().push(b"{\"headers\":{\"a\":{}}}\0\0\0\0\0\0\0\0").is_err());
    }
}
