//! The shape of OpenAPI 3.1, as far as it is needed here.
//!
//! Source: <https://spec.openapis.org/oas/v3.1.1.html>

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Described, DescribedResponse, Doc, Sample, layout, schema};
use crate::problem::problem;

const DESCRIPTION: &str = "The backend of a coaching practice.

Every error has one shape, `Error`: `error_code` is stable and has one status, `message` is a sentence for a \
developer, and with `VALIDATION_ERROR` `errors` lists every bad field. Another person's object answers like a missing \
one, 404, and so do an unknown path and a method that a path does not have. Every answer has an `X-Request-ID`, which \
is the caller's if it sent one. Unknown fields and parameters are ignored. Text is UTF-8, and one of which nothing is \
seen is blank. Whoever is new is written to in the language that their `Accept-Language` prefers.";

/// What API Gateway itself answers, whatever the route: status, name and description.
const GATEWAY_ERRORS: [(u16, &str, &str); 4] = [
    (413, "TooLarge", "The request is larger than the gateway (10 MB) or the function (6 MB) takes"),
    (429, "TooMany", "Too many requests at once"),
    (502, "Failed", "The function failed to answer"),
    (504, "TooLate", "The function did not answer in time"),
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
        for (name, given) in described.schemas {
            self.add_schema(function, name, schema::for_clients(given))?;
        }
        let mut parameters: Vec<Value> =
            described.parameters.into_iter().map(|given| parameter(given, sample)).collect();
        parameters.push(json!({ "$ref": "#/components/parameters/RequestId" }));
        let mut responses = described.responses;
        // What only the gateway says stands once, for all routes.
        let shared: Vec<_> =
            GATEWAY_ERRORS.iter().filter(|(status, ..)| !responses.contains_key(status)).collect();
        for (status, _, when) in GATEWAY_ERRORS {
            if let Some(response) = responses.get_mut(&status) {
                response.descriptions.push(when.to_owned());
            }
        }
        let tells_limits = described.tells_limits;
        let own = responses.into_iter().map(|(status, given)| {
            let mut response = response(status, given, sample);
            // An answer that comes before an attempt is taken tells nothing, so none must.
            if tells_limits && matches!(status, 200..300 | 429) {
                for name in ["RateLimit", "RateLimit-Policy"] {
                    response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
                }
            }
            (status, response)
        });
        let shared = shared
            .into_iter()
            .map(|(status, name, _)| (*status, json!({ "$ref": format!("#/components/responses/{name}") })));
        let responses = own.chain(shared).collect();
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
            responses,
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
        let info = json!({
            "title": "Praxis",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT", "identifier": "MIT" },
        });
        let members = [
            ("openapi", json!("3.1.1")),
            ("info", info),
            ("servers", servers()),
            ("tags", serde_json::to_value(&self.tags)?),
            ("paths", serde_json::to_value(&self.paths)?),
            ("components", components(&self.schemas)),
        ];
        let member = |(name, value): &(&str, Value)| {
            let name = format!("  \"{name}\": ");
            let value = layout::text(value, 2, name.len());
            name + &value
        };
        Ok(format!("{{\n{}\n}}\n", members.iter().map(member).collect::<Vec<_>>().join(",\n")))
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
    let gateway_errors: Map<String, Value> = GATEWAY_ERRORS
        .iter()
        .map(|(status, name, when)| {
            let given = DescribedResponse {
                descriptions: vec![(*when).to_owned()],
                content_type: Some("application/json".to_owned()),
                schema: Some(json!({ "$ref": "#/components/schemas/Error" })),
            };
            ((*name).to_owned(), response(*status, given, &Sample::default()))
        })
        .collect();
    json!({
        "schemas": schemas,
        "responses": gateway_errors,
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
            "RateLimit": {
                "description": "What is left under each limit of the caller's own, and for how many seconds no more than \
                    that: a structured field of draft-ietf-httpapi-ratelimit-headers-11.",
                "schema": { "type": "string", "examples": ["\"messages\";r=12;t=30"] },
            },
            "RateLimit-Policy": {
                "description": "How many requests these limits let through in how many seconds, likewise.",
                "schema": { "type": "string", "examples": ["\"messages\";q=30;w=60"] },
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
                    sign-in answered. An `Origin` must be the application's, the API's own or one of `CORS_ORIGINS`.",
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
    let schema = schema::for_clients(schema::without_null(given["schema"].take()));
    let text = |member: &str| given[member].as_str().unwrap_or_default().to_owned();
    let example = sample.parameter(&text("in"), &text("name"), &schema);
    if let Some(members) = given.as_object_mut() {
        members.retain(|_, value| !value.is_null());
        members.insert("schema".to_owned(), schema);
        members.extend(example.map(|example| ("example".to_owned(), example)));
    }
    given
}

fn request_body(schema: &Value, required: bool, sample: &Sample) -> Value {
    let mut content = json!({ "schema": schema::for_clients(schema.clone()) });
    if let Some(example) = sample.body() {
        content["examples"] = json!({ "sample": { "value": example } });
    }
    json!({ "required": required, "content": { "application/json": content } })
}

fn response(status: u16, given: DescribedResponse, sample: &Sample) -> Value {
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
        let mut content = json!({ "schema": given.schema.map_or(any, schema::for_clients) });
        if let (200..300, "application/json", Some(answer)) = (status, content_type.as_str(), sample.answer())
        {
            content["example"] = answer.clone();
        }
        response["content"] = json!({ content_type: content });
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(method: &str, schemas: Value) -> Described {
        serde_json::from_value(json!({
            "method": method, "path": "/a", "streams": false, "security": "user", "security_is_optional": false,
            "request_body": { "type": "object" }, "request_body_is_optional": false, "tells_limits": false,
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
    fn an_operation_that_tells_of_limits_says_so_of_success_and_refusal() {
        let mut document = Document::default();
        let mut described = described("GET", json!({}));
        described.tells_limits = true;
        let refusal = DescribedResponse { descriptions: vec!["Too many".to_owned()], ..Default::default() };
        described.responses.insert(429, refusal);
        document.add("do-it", "d", &doc(), &Sample::default(), described).unwrap();
        let document: Value = serde_json::from_str(&document.text().unwrap()).unwrap();
        let responses = &document["paths"]["/a"]["get"]["responses"];
        let tells = |status: &str| !responses[status]["headers"]["RateLimit"].is_null();
        assert_eq!(["200", "429", "503"].map(tells), [true, true, false]);
        assert!(document["components"]["headers"]["RateLimit-Policy"].is_object());
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
        let headers = |response: &Value| response["headers"].as_object().unwrap().len();
        assert_eq!(
            (headers(&operation["responses"]["200"]), headers(&operation["responses"]["503"])),
            (1, 2)
        );
        assert_eq!(operation["responses"]["429"]["$ref"], "#/components/responses/TooMany");
        assert_eq!(headers(&document["components"]["responses"]["TooMany"]), 2);
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
}
