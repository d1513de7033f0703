//! A client of the local API that is a person: it carries its token, and asserts on what comes back.

use std::{collections::BTreeMap, fmt, future::IntoFuture, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::journal::{Asked, Journal};

/// Somebody who calls the API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
    /// By name; they stay until they are replaced or taken away, whatever their age.
    cookies: BTreeMap<String, String>,
    csrf: Option<String>,
    id: Option<Uuid>,
    journal: Arc<Journal>,
}

impl Client {
    pub(super) fn new(http: reqwest::Client, base: String, journal: Arc<Journal>) -> Self {
        Self { http, base, authorization: None, cookies: BTreeMap::new(), csrf: None, id: None, journal }
    }

    /// The same client as the person `id`, by a mock token.
    pub fn mock(&self, id: Uuid) -> Self {
        Self { id: Some(id), ..self.bearer(&format!("mock_{id}")) }
    }

    /// The same client with another token.
    pub fn bearer(&self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), id: None, ..self.clone() }
    }

    /// The same client with a cookie more.
    pub fn cookie(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.cookies.insert(name.to_owned(), value.to_owned());
        client
    }

    /// The same client as a browser is after this answer: with the cookies that it sets, without those that it ends.
    pub fn with_cookies_of(&self, answer: &Answer) -> Self {
        let mut client = self.clone();
        for cookie in answer.set_cookies() {
            if cookie.attribute("max-age").as_deref() == Some("0") {
                client.cookies.remove(&cookie.name);
            } else {
                client.cookies.insert(cookie.name, cookie.value);
            }
        }
        client
    }

    /// The same client with an `X-CSRF-Token` in every call.
    pub fn csrf(&self, token: &str) -> Self {
        Self { csrf: Some(token.to_owned()), ..self.clone() }
    }

    /// The person's id.
    ///
    /// # Panics
    /// When the client was not made from one.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        self.id.expect("a client made by `Stack::user` or `Client::mock`")
    }

    /// `GET path`; the path may carry a query.
    pub fn get(&self, path: &str) -> Call {
        self.request(Method::GET, path)
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: Value) -> Call {
        self.request(Method::POST, path).json(&body)
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(&self, path: &str, body: Value) -> Call {
        self.request(Method::PATCH, path).json(&body)
    }

    /// `PUT path` with a JSON body.
    pub fn put(&self, path: &str, body: Value) -> Call {
        self.request(Method::PUT, path).json(&body)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Call {
        self.request(Method::DELETE, path)
    }

    /// Any call, without a body yet.
    ///
    /// # Panics
    /// When `method` is no method.
    pub fn request(&self, method: impl TryInto<Method, Error: fmt::Debug>, path: &str) -> Call {
        let method = method.try_into().expect("a method");
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        if let Some(token) = &self.csrf {
            request = request.header("x-csrf-token", token);
        }
        Call { request, line: format!("{method} {path}"), journal: Arc::clone(&self.journal) }
    }
}

/// A call that is sent when awaited.
#[must_use = "a call is sent when it is awaited"]
pub struct Call {
    request: reqwest::RequestBuilder,
    line: String,
    journal: Arc<Journal>,
}

impl Call {
    /// Adds a header; a second one of the same name goes beside the first.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sets a JSON body with its content type.
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.header("content-type", "application/json").body(body.to_string());
        self
    }

    /// Sets the body as it is, without a content type.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    /// Sends and gives the answer before its body is read, for streams.
    ///
    /// # Panics
    /// When nothing answers.
    pub async fn send(self) -> reqwest::Response {
        let journal = Arc::clone(&self.journal);
        let (asked, response) = self.ask().await;
        journal.answered(asked, response.status(), response.headers(), None);
        response
    }

    async fn ask(self) -> (Asked, reqwest::Response) {
        let Self { request, line, journal } = self;
        let (http, request) = request.build_split();
        let request = request.unwrap_or_else(|error| panic!("{line}: {error:?}"));
        let asked = journal.asked(&line, &request);
        (asked, http.execute(request).await.unwrap_or_else(|error| panic!("{line}: {error:?}")))
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (call, journal) = (self.line.clone(), Arc::clone(&self.journal));
            let (asked, response) = self.ask().await;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes().await.unwrap_or_else(|error| panic!("{call}: {error:?}"));
            journal.answered(asked, status, &headers, Some(&body));
            // The function's line lies in its pipe already: whoever reads it comes first, in case the test fails now.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Answer { call, status, headers, body }
        })
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    call: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The cookies that it sets or ends, in order.
    pub fn set_cookies(&self) -> Vec<SetCookie> {
        let headers = self.headers.get_all("set-cookie").iter();
        headers.filter_map(|header| header.to_str().ok()).filter_map(SetCookie::parse).collect()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// A member of the body, which must be a string: an id to go on with.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn str(&self, member: &str) -> String {
        let json = self.json();
        let text = json[member].as_str();
        text.unwrap_or_else(|| panic!("no string `{member}` in {self}")).to_owned()
    }

    /// Asserts the status.
    ///
    /// # Panics
    /// With the whole answer when it differs.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert!(self.status() == status, "expected {status}, got {self}");
        self
    }

    /// Asserts an error of the contract: status, code and message, and that its request id is the header's.
    ///
    /// # Panics
    /// With the whole answer when it differs.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str, message: &str) -> &Self {
        self.assert_status(status);
        let body = self.json();
        assert!(body["error_code"] == code, "expected error_code {code}, got {self}");
        assert!(body["message"] == message, "expected message {message:?}, got {self}");
        let id = self.header("x-request-id");
        assert!(id.is_some() && body["request_id"].as_str() == id, "request ids differ in {self}: {id:?}");
        self
    }

    /// Asserts a 400 whose `errors` name exactly these paths, in any order.
    ///
    /// # Panics
    /// With the whole answer when it differs.
    #[track_caller]
    pub fn assert_invalid(&self, paths: &[&str]) -> &Self {
        self.assert_status(400);
        let body = self.json();
        assert!(body["error_code"] == "VALIDATION_ERROR", "expected VALIDATION_ERROR, got {self}");
        let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<_> = errors.iter().filter_map(|error| error["path"].as_str()).collect();
        let mut wanted = paths.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert!(found == wanted, "expected errors at {wanted:?}, got {self}");
        self
    }
}

/// A `Set-Cookie` header (RFC 6265, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    attributes: Vec<(String, String)>,
}

impl SetCookie {
    fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(|part| part.split_once('=').unwrap_or((part, "")));
        let mut trimmed =
            || parts.next().map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let (name, value) = trimmed()?;
        let attributes = std::iter::from_fn(trimmed).map(|(name, value)| (name.to_ascii_lowercase(), value));
        Some(Self { name, value, attributes: attributes.collect() })
    }

    /// An attribute by its name in lower case; empty if it has no value, like `HttpOnly`.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}: {}", self.status, self.call, self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_keeps_and_drops_cookies_as_it_is_told() {
        let mut answer = Answer {
            call: String::new(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        for cookie in ["a=1==; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", "b=; Max-Age=0"] {
            answer.headers.append("set-cookie", cookie.parse().unwrap());
        }
        let cookies = answer.set_cookies();
        assert_eq!((cookies[0].name.as_str(), cookies[0].value.as_str()), ("a", "1=="));
        assert_eq!(cookies[0].attribute("httponly").as_deref(), Some(""));
        assert_eq!(cookies[0].attribute("samesite").as_deref(), Some("Lax"));
        assert_eq!(cookies[0].attribute("secure"), None);
        let journal = Arc::new(Journal::new(Arc::default()));
        let client = Client::new(reqwest::Client::new(), String::new(), journal)
            .cookie("b", "2")
            .with_cookies_of(&answer);
        assert_eq!(client.cookies, BTreeMap::from([("a".to_owned(), "1==".to_owned())]));
    }
}
