//! The functions' sample events, and the HTTP requests that they stand for.

use anyhow::{Context, Result};
use reqwest::{StatusCode, Url, header::HeaderMap};
use serde_json::{Value, json};

use crate::project;

/// The text of a function's sample event.
///
/// # Errors
/// When there is none.
pub(super) fn sample_event(function: &str) -> Result<String> {
    let (package, _) =
        project::function_source(function).with_context(|| format!("no package has {function}"))?;
    let file = project::root().join("events").join(package).join(format!("{function}.json"));
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// The event with this query in the place of its own.
pub(super) fn asking(event: &str, query: &[(&str, &str)]) -> Result<String> {
    let mut event: Value = serde_json::from_str(event)?;
    event["queryStringParameters"] =
        query.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    event["multiValueQueryStringParameters"] =
        query.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    Ok(event.to_string())
}

/// The HTTP request that a sample event stands for.
pub(super) struct Request {
    method: reqwest::Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    /// Reads an event of Lambda proxy integration.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn of(event: &str) -> Result<Self> {
        let event: Value = serde_json::from_str(event)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not the event of a route");
        let pairs = |value: &Value| -> Result<Vec<(String, String)>> {
            let members = value.as_object().into_iter().flatten();
            members.map(|(name, value)| Ok((name.clone(), text(value)?))).collect()
        };
        let query = pairs(&event["queryStringParameters"])?;
        let path = text(&event["path"])?;
        let mut headers = pairs(&event["headers"])?;
        // What the client and the gateway write themselves.
        headers.retain(|(name, _)| !name.starts_with("X-Forwarded") && name != "Host");
        let body = event["body"].as_str().map(str::to_owned);
        Ok(Self { method: text(&event["httpMethod"])?.parse()?, path, query, headers, body })
    }

    /// Sends it to the gateway at `base` and gives the answer's head when the whole answer is there.
    ///
    /// # Errors
    /// When nothing answers.
    pub(super) async fn send(&self, client: &reqwest::Client, base: &str) -> Result<Head> {
        let address = format!("{base}{}", self.path);
        let address = match self.query.is_empty() {
            true => Url::parse(&address)?,
            false => Url::parse_with_params(&address, &self.query)?,
        };
        let mut request = client.request(self.method.clone(), address);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let answer = request.send().await?;
        let head = Head { status: answer.status(), headers: answer.headers().clone() };
        answer.bytes().await?;
        Ok(head)
    }
}

/// An answer without its body.
pub(super) struct Head {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers.
    pub(super) headers: HeaderMap,
}

impl Head {
    /// Whether the route did what it was asked; one of a sign-in sends the browser on.
    pub(super) fn is_good(&self) -> bool {
        self.status.is_success() || self.status.is_redirection()
    }
}
