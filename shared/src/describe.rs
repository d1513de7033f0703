//! How a route describes itself for OpenAPI. Only debug builds call this, so a release binary carries no schema code.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

/// One operation, as `<function> --describe` prints it and `cargo local openapi` reads it.
#[derive(Debug, Serialize)]
pub struct Operation {
    /// Upper-case HTTP method.
    pub method: String,
    /// The path template, for example `/api/v1/sessions/{session_id}`.
    pub path: String,
    /// Whether the answer is streamed: the gateway then hands on what is written at once.
    pub streams: bool,
    /// Who may call: `user`, `operator` or nobody in particular.
    pub security: Option<&'static str>,
    /// Whether anybody may call too, for whom the route does less.
    pub security_is_optional: bool,
    /// Path and query parameters and headers, in OpenAPI's own shape.
    pub parameters: Vec<Value>,
    /// Schema of the JSON body.
    pub request_body: Option<Schema>,
    /// Whether the body may be absent.
    pub request_body_is_optional: bool,
    /// Whether answers tell the caller of limits.
    pub tells_limits: bool,
    /// By status.
    pub responses: BTreeMap<u16, Response>,
    /// Named schemas that the others refer to.
    pub schemas: serde_json::Map<String, Value>,
    #[serde(skip)]
    generator: SchemaGenerator,
}

/// One documented answer.
#[derive(Debug, Default, Serialize)]
pub struct Response {
    /// One sentence for each way to get this status.
    pub descriptions: Vec<String>,
    /// Media type of the body; `None` when there is none.
    pub content_type: Option<&'static str>,
    /// Schema of the body.
    pub schema: Option<Schema>,
}

impl Operation {
    /// An operation without parameters or answers yet.
    pub fn new(method: &str, path: &str) -> Operation {
        let settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into());
        Operation {
            method: method.to_owned(),
            path: path.to_owned(),
            streams: false,
            security: None,
            security_is_optional: false,
            parameters: Vec::new(),
            request_body: None,
            request_body_is_optional: false,
            tells_limits: false,
            responses: BTreeMap::new(),
            schemas: serde_json::Map::new(),
            generator: settings.into_generator(),
        }
    }

    /// Adds one parameter for each property of `T`; `place` is OpenAPI's `in`.
    pub fn parameters<T: JsonSchema>(&mut self, place: &str) {
        let schema = T::json_schema(&mut self.generator).to_value();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let mut property = property.clone();
            let description = property.as_object_mut().and_then(|object| object.remove("description"));
            self.parameters.push(serde_json::json!({
                "name": name,
                "in": place,
                "required": place == "path" || required.contains(&name.as_str()),
                "description": description,
                "schema": property,
            }));
        }
    }

    /// Adds one header parameter.
    pub fn header(&mut self, name: &str, description: &str, schema: Value) {
        self.parameters.push(serde_json::json!({
            "name": name, "in": "header", "required": false, "description": description, "schema": schema,
        }));
    }

    /// Says that the body is JSON of type `T`.
    pub fn body<T: JsonSchema>(&mut self) {
        self.request_body = Some(self.generator.subschema_for::<T>());
    }

    /// Says that `status` answers JSON of type `T`.
    pub fn reply<T: JsonSchema>(&mut self, status: u16, description: &str) {
        let schema = self.generator.subschema_for::<T>();
        self.reply_as(status, description, "application/json", Some(schema));
    }

    /// Says that `status` answers with another media type.
    pub fn reply_as(
        &mut self,
        status: u16,
        description: &str,
        content_type: &'static str,
        schema: Option<Schema>,
    ) {
        let response = self.responses.entry(status).or_default();
        response.descriptions.push(description.to_owned());
        response.content_type = Some(content_type);
        response.schema = schema;
    }

    /// Says that `status` answers without a body.
    pub fn reply_without_body(&mut self, status: u16, description: &str) {
        self.responses.entry(status).or_default().descriptions.push(description.to_owned());
    }

    /// Says that the route can answer the error contract with `status`, and when.
    pub fn error(&mut self, status: u16, description: &str) {
        let schema = self.generator.subschema_for::<crate::error::ErrorBody>();
        let response = self.responses.entry(status).or_default();
        if !response.descriptions.iter().any(|known| known == description) {
            response.descriptions.push(description.to_owned());
        }
        response.content_type = Some("application/json");
        response.schema = Some(schema);
    }

    /// The JSON text of the operation.
    pub fn print(mut self) -> String {
        self.schemas = self.generator.take_definitions(true);
        serde_json::to_string_pretty(&self).unwrap_or_default()
    }
}
