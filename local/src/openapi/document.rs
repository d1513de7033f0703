//! The shape of OpenAPI 3.1, as far as it is needed here.
//!
//! Source: <https://spec.openapis.org/oas/v3.1.1.html>

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Described, DescribedResponse, Doc, Sample};
use crate::problem::problem;

const DESCRIPTION: &str = "The backend of a coaching practice.

Every error has one shape, `Error`: `error_code` is stable and has one status, `message` is a sentence for a \
developer, and with `VALIDATION_ERROR` `errors` lists every bad field. Another person's object answers like a missing \
one, 404, and so do an unknown path and a method that a path does not have. Every answer has an `X-Request-ID`, which \
is the caller's if it sent one. Unknown fields and parameters are ignored.";

/// What API Gateway itself answers, whatever the route.
const GATEWAY_ERRORS: [(u16, &str); 4] = [
    (413, "The request is larger than the gateway (10 MB) or the function (6 MB) takes"),
    (429, "Too many requests at once, over all routes"),
    (502, "The function failed to answer"),
    (504, "The function did not answer in time"),
];

/// A document in the making.
#[derive(Default)]
pub(super) struct Document {
    tags: Vec<Tag>,
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
    schemas: Map<String, Value>,
    /// Which function brought a schema.
    owners: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Tag {
    name: String,
    description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    tags: [String; 1],
    operation_id: String,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    security: Value,
    parameters: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<Value>,
    responses: BTreeMap<u16, Value>,
}

impl Document {
    /// Adds the operation of `function`.
    pub(super) fn add(
        &mut self,
        function: &str,
        domain: &str,
        doc: &Doc,
        sample: &Sample,
        described: Described,
    ) -> Result<()> {
        for (name, schema) in described.schemas {
            self.add_schema(function, name, schema)?;
        }
        let mut parameters: Vec<Value> =
            described.parameters.into_iter().map(|given| parameter(given, sample)).collect();
        parameters.push(json!({ "$ref": "#/components/parameters/RequestId" }));
        let mut responses = described.responses;
        for (status, when) in GATEWAY_ERRORS {
            let response = responses.entry(status).or_default();
            response.descriptions.push(when.to_owned());
            response.content_type = Some("application/json".to_owned());
            response.schema = Some(json!({ "$ref": "#/components/schemas/Error" }));
        }
        let operation = Operation {
            tags: [domain.to_owned()],
            operation_id: function.to_owned(),
            summary: doc.summary.clone(),
            description: doc.rest.clone(),
            security: security(
                described.security.as_deref(),
                described.security_is_optional,
                &described.method,
            ),
            parameters,
            request_body: described
                .request_body
                .map(|schema| request_body(&schema, !described.request_body_is_optional, sample)),
            responses: responses
                .into_iter()
                .map(|(status, given)| (status, response(status, given)))
                .collect(),
        };
        let path = self.paths.entry(described.path).or_default();
        path.insert(described.method.to_ascii_lowercase(), operation);
        Ok(())
    }

    /// Adds a domain.
    pub(super) fn tag(&mut self, domain: &str, doc: &Doc) {
        self.tags.push(Tag { name: domain.to_owned(), description: doc.whole() });
    }

    /// One name is one schema, whichever function brings it.
    fn add_schema(&mut self, function: &str, name: String, schema: Value) -> Result<()> {
        match self.schemas.get(&name) {
            Some(known) if *known != schema => {
                let owner = self.owners.get(&name).map(String::as_str).unwrap_or_default();
                let message = format!("{owner} and {function} mean different things by the schema {name}");
                let help =
                    format!("rename one of the types, for example with `#[schemars(rename = \"My{name}\")]`");
                Err(problem(message, help))
            }
            Some(_) => Ok(()),
            None => {
                self.owners.insert(name.clone(), function.to_owned());
                self.schemas.insert(name, schema);
                Ok(())
            }
        }
    }

    /// The document's text. Members of objects without a fixed order are in alphabetical order.
    pub(super) fn text(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Whole<'a> {
            openapi: &'static str,
            info: Value,
            servers: Value,
            tags: &'a [Tag],
            paths: &'a BTreeMap<String, BTreeMap<String, Operation>>,
            components: Value,
        }
        let whole = Whole {
            openapi: "3.1.1",
            info: json!({
                "title": "Praxis",
                "version": env!("CARGO_PKG_VERSION"),
                "description": DESCRIPTION,
                "license": { "name": "MIT", "identifier": "MIT" },
            }),
            servers: servers(),
            tags: &self.tags,
            paths: &self.paths,
            components: components(&self.schemas),
        };
        Ok(serde_json::to_string_pretty(&whole)? + "\n")
    }
}

fn servers() -> Value {
    json!([
        { "url": "http://127.0.0.1:3000", "description": "`cargo local`" },
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
            "description": "A deployment; its address is the output of `sam deploy`",
            "variables": {
                "api": { "default": "api-id" },
                "region": { "default": "eu-central-1" },
                "stage": { "default": "dev" },
            },
        },
    ])
}

fn components(schemas: &Map<String, Value>) -> Value {
    json!({
        "schemas": schemas,
        "parameters": {
            "RequestId": {
                "name": "X-Request-ID",
                "in": "header",
                "required": false,
                "description": "Names the request in answer and logs; up to 128 visible ASCII characters of it count.",
                "schema": { "type": "string" },
            },
        },
        "headers": {
            "X-Request-ID": {
                "description": "The request's id: the caller's, else a new one.",
                "required": true,
                "schema": { "type": "string", "minLength": 1, "maxLength": 128 },
            },
            "Retry-After": {
                "description": "When to try again, in seconds.",
                "schema": { "type": "integer", "minimum": 0 },
            },
        },
        "securitySchemes": {
            "user": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The person's access token; `mock_<uuid>` in development.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "praxis_session",
                "description": "A browser's session, which a sign-in sets; with the prefix `__Host-` over \
                    https. Counts where there is no `Authorization`.",
            },
            "csrf": {
                "type": "apiKey",
                "in": "header",
                "name": "X-CSRF-Token",
                "description": "Beside the cookie of a session, for every method but GET: the `csrf_token` that the \
                    sign-in answered. An `Origin` must be the application's or one of `CORS_ORIGINS`.",
            },
            "operator": {
                "type": "http",
                "scheme": "bearer",
                "description": "The operations token, `OPS_TOKEN`; without that setting open in development.",
            },
        },
    })
}

/// Who may call, as alternatives: a person comes by token or by a browser's session, which for a write takes both the
/// cookie and the token of its page. One that requires nothing makes the others optional.
fn security(scheme: Option<&str>, is_optional: bool, method: &str) -> Value {
    let mut alternatives = match (scheme, method) {
        (None, _) => return json!([]),
        (Some("user"), "GET") => vec![json!({ "user": [] }), json!({ "session": [] })],
        (Some("user"), _) => vec![json!({ "user": [] }), json!({ "session": [], "csrf": [] })],
        (Some(scheme), _) => vec![json!({ scheme: [] })],
    };
    if is_optional {
        alternatives.insert(0, json!({}));
    }
    Value::Array(alternatives)
}

/// A parameter with its example. Text cannot be null, so that alternative of an optional one goes.
fn parameter(mut given: Value, sample: &Sample) -> Value {
    let schema = without_null(given["schema"].take());
    let text = |member: &str| given[member].as_str().unwrap_or_default().to_owned();
    let example = sample.parameter(&text("in"), &text("name"), &schema);
    if let Some(members) = given.as_object_mut() {
        members.retain(|_, value| !value.is_null());
        members.insert("schema".to_owned(), schema);
        members.extend(example.map(|example| ("example".to_owned(), example)));
    }
    given
}

fn without_null(mut schema: Value) -> Value {
    let is_null = |schema: &Value| schema["type"] == "null" || *schema == "null" || schema.is_null();
    for member in ["type", "anyOf", "enum"] {
        if let Some(alternatives) = schema.get_mut(member).and_then(Value::as_array_mut) {
            alternatives.retain(|alternative| !is_null(alternative));
            if let ("type" | "anyOf", [_]) = (member, alternatives.as_slice()) {
                let only = alternatives.remove(0);
                if member == "type" {
                    schema[member] = only;
                } else if let (Some(members), Value::Object(only)) = (schema.as_object_mut(), only) {
                    members.remove(member);
                    members.extend(only);
                }
            }
        }
    }
    if let Some(members) = schema.as_object_mut()
        && members.get("default").is_some_and(Value::is_null)
    {
        members.remove("default");
    }
    schema
}

fn request_body(schema: &Value, required: bool, sample: &Sample) -> Value {
    let mut content = json!({ "schema": schema });
    if let Some(example) = sample.body() {
        content["examples"] = json!({ "sample": { "value": example } });
    }
    json!({ "required": required, "content": { "application/json": content } })
}

fn response(status: u16, given: DescribedResponse) -> Value {
    let mut headers = json!({ "X-Request-ID": { "$ref": "#/components/headers/X-Request-ID" } });
    if matches!(status, 429 | 503) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    let sentences: Vec<String> = given.descriptions.iter().map(|text| format!("{text}.")).collect();
    let mut response = json!({ "description": sentences.join(" "), "headers": headers });
    if let Some(content_type) = given.content_type {
        let any = if content_type == "application/json" {
            json!({ "type": "object" })
        } else {
            json!({ "type": "string" })
        };
        response["content"] = json!({ content_type: { "schema": given.schema.unwrap_or(any) } });
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(method: &str, schemas: Value) -> Described {
        serde_json::from_value(json!({
            "method": method, "path": "/a", "streams": false, "security": "user", "security_is_optional": false,
            "request_body": { "type": "object" }, "request_body_is_optional": false,
            "parameters": [{ "name": "q", "in": "query", "description": null, "schema": { "type": ["string", "null"] } }],
            "responses": { "200": { "descriptions": ["Successful"], "content_type": "application/json", "schema": {} },
                           "503": { "descriptions": ["No database"], "content_type": null, "schema": null } },
            "schemas": schemas,
        }))
        .unwrap()
    }

    fn doc() -> Doc {
        Doc { summary: "Do it".to_owned(), rest: None }
    }

    #[test]
    fn an_operation_has_the_gateway_s_errors_and_everyone_s_headers() {
        let mut document = Document::default();
        document.add("do-it", "d", &doc(), &Sample::default(), described("GET", json!({}))).unwrap();
        let text = document.text().unwrap();
        assert!(text.ends_with("}\n"));
        let document: Value = serde_json::from_str(&text).unwrap();
        let operation = &document["paths"]["/a"]["get"];
        assert_eq!(operation["operationId"], "do-it");
        assert_eq!(operation["security"], json!([{ "user": [] }, { "session": [] }]));
        let write = json!([{ "user": [] }, { "session": [], "csrf": [] }]);
        assert_eq!(security(Some("user"), false, "PATCH"), write);
        let optional = json!([{}, { "user": [] }, { "session": [], "csrf": [] }]);
        assert_eq!(security(Some("user"), true, "POST"), optional);
        assert_eq!(security(Some("operator"), false, "GET"), json!([{ "operator": [] }]));
        assert_eq!(security(None, false, "GET"), json!([]));
        let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "413", "429", "502", "503", "504"]);
        let headers = |status: &str| operation["responses"][status]["headers"].as_object().unwrap().len();
        assert_eq!((headers("200"), headers("429"), headers("503")), (1, 2, 2));
        assert_eq!(
            operation["parameters"][0],
            json!({ "name": "q", "in": "query", "schema": { "type": "string" } })
        );
    }

    #[test]
    fn one_name_is_one_schema() {
        let mut document = Document::default();
        let mut add = |name, method, schema: Value| {
            document.add(name, "d", &doc(), &Sample::default(), described(method, json!({ "A": schema })))
        };
        add("one", "GET", json!({ "type": "string" })).unwrap();
        add("two", "PUT", json!({ "type": "string" })).unwrap();
        let error = add("three", "POST", json!({ "type": "integer" })).unwrap_err();
        assert_eq!(error.to_string(), "one and three mean different things by the schema A");
    }

    #[test]
    fn a_parameter_is_never_null() {
        assert_eq!(
            without_null(json!({ "type": ["string", "null"], "default": null })),
            json!({ "type": "string" })
        );
        let optional = json!({ "anyOf": [{ "$ref": "#/x" }, { "type": "null" }], "default": null });
        assert_eq!(without_null(optional), json!({ "$ref": "#/x" }));
        let both = json!({ "anyOf": [{ "type": "boolean" }, { "enum": [0, 1] }] });
        assert_eq!(without_null(both.clone()), both);
    }
}
