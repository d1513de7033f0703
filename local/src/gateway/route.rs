//! Which method of which resource a request is for.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use http::Method as HttpMethod;

use crate::template::{Event, Template};

/// The routes of a REST API.
#[derive(Debug, Clone)]
pub struct Router {
    resources: Vec<Resource>,
}

#[derive(Debug, Clone)]
struct Resource {
    segments: Vec<Segment>,
    methods: BTreeMap<String, Method>,
}

/// Ordered by priority: literal before parameter before the rest of the path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    Greedy(String),
}

/// One method of a resource.
#[derive(Debug, Clone)]
pub struct Method {
    /// The resource's path as in the template.
    pub path: String,
    /// What answers.
    pub integration: Integration,
}

/// What answers a route.
#[derive(Debug, Clone)]
pub enum Integration {
    /// Lambda proxy integration.
    Function {
        /// Name of the function.
        name: String,
        /// Whether the answer is streamed.
        streams: bool,
        /// The route's own time limit.
        timeout: Option<Duration>,
        /// `operationName` of the event.
        operation: Option<String>,
        /// Whether API Gateway may call the function.
        permitted: bool,
    },
    /// The mock integration that SAM adds for CORS.
    Preflight {
        /// The methods of the path, sorted, with OPTIONS.
        methods: String,
    },
}

/// A route with the path parameters of a request.
#[derive(Debug, Clone)]
pub struct Matched<'a> {
    /// The route.
    pub route: &'a Method,
    /// Decoded path parameters.
    pub parameters: BTreeMap<String, String>,
}

impl Router {
    /// The template's routes and the preflights of its CORS settings. Two functions for one route,
    /// or a path that API Gateway refuses, are errors.
    pub fn new(template: &Template) -> Result<Self> {
        let mut resources: Vec<Resource> = Vec::new();
        for function in &template.functions {
            for (_, event) in &function.events {
                let Event::Api { method, path, streams, timeout, operation, permitted } = event else {
                    continue;
                };
                let segments = parse(path)?;
                let at = match resources.iter().position(|resource| resource.segments == segments) {
                    Some(at) => at,
                    None => {
                        resources.push(Resource { segments, methods: BTreeMap::new() });
                        resources.len() - 1
                    }
                };
                let integration = Integration::Function {
                    name: function.name.clone(),
                    streams: *streams,
                    timeout: *timeout,
                    operation: operation.clone(),
                    permitted: *permitted,
                };
                let route = Method { path: path.clone(), integration };
                if resources[at].methods.insert(method.clone(), route).is_some() {
                    bail!("two functions answer {method} {path}");
                }
            }
        }
        if template.api.cors.is_some() {
            for resource in &mut resources {
                resource.add_preflight();
            }
        }
        // Compared segment by segment, the first difference decides.
        resources.sort_by(|left, right| left.segments.cmp(&right.segments));
        Ok(Self { resources })
    }

    /// The route for a request, by the path as it was sent (still encoded). `None` is an unknown route.
    pub fn find(&self, method: &HttpMethod, path: &str) -> Option<Matched<'_>> {
        let segments: Vec<String> = path.strip_prefix('/')?.split('/').map(decode).collect();
        // Path and method are one step: where the nearest resource lacks the method, a less specific one that has it
        // answers (measured on AWS: github.com/floci-io/floci/issues/3399, github.com/ministackorg/ministack/issues/1423).
        self.resources.iter().find_map(|resource| {
            let route = resource.methods.get(method.as_str()).or_else(|| resource.methods.get("ANY"))?;
            Some(Matched { route, parameters: resource.matches(&segments)? })
        })
    }
}

impl Resource {
    fn matches(&self, path: &[String]) -> Option<BTreeMap<String, String>> {
        let mut parameters = BTreeMap::new();
        for (at, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Literal(literal) => (path.get(at)? == literal).then_some(())?,
                Segment::Parameter(name) => {
                    let value = path.get(at).filter(|value| !value.is_empty())?;
                    parameters.insert(name.clone(), value.clone());
                }
                Segment::Greedy(name) => {
                    let rest = path.get(at..)?.join("/");
                    (!rest.is_empty()).then(|| parameters.insert(name.clone(), rest))?;
                    return Some(parameters);
                }
            }
        }
        (path.len() == self.segments.len()).then_some(parameters)
    }

    /// An OPTIONS of the template's own stays; ANY loses OPTIONS to the preflight.
    fn add_preflight(&mut self) {
        const ALL: &str = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT";
        if self.methods.contains_key("OPTIONS") {
            return;
        }
        let methods = if self.methods.contains_key("ANY") {
            ALL.to_owned()
        } else {
            let mut names: Vec<&str> = self.methods.keys().map(String::as_str).chain(["OPTIONS"]).collect();
            names.sort_unstable();
            names.join(",")
        };
        let path = self.methods.values().next().map(|route| route.path.clone()).unwrap_or_default();
        self.methods
            .insert("OPTIONS".to_owned(), Method { path, integration: Integration::Preflight { methods } });
    }
}

fn parse(path: &str) -> Result<Vec<Segment>> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let last = segments.len() - 1;
    segments
        .into_iter()
        .enumerate()
        .map(|(at, segment)| {
            let Some(name) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) else {
                if segment.contains(['{', '}']) {
                    bail!("path {path}: a parameter must be a whole segment");
                }
                return Ok(Segment::Literal(segment.to_owned()));
            };
            match name.strip_suffix('+') {
                Some(_) if at != last => bail!("path {path}: a greedy parameter must come last"),
                Some(name) => Ok(Segment::Greedy(name.to_owned())),
                None => Ok(Segment::Parameter(name.to_owned())),
            }
        })
        .collect()
}

/// Percent-decoding; what is no valid escape stays, what is no UTF-8 is replaced.
pub(super) fn decode(encoded: &str) -> String {
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| encoded.get(at + 1..at + 3)).flatten();
        match escape
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
