//! The API's description as one page of HTML: no script, nothing from elsewhere, readable without style.

mod html;
mod schema;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use shared::error::Result;

use html::{code, escaped, paragraphs, sentence, table_head};

const STYLE: &str = include_str!("docs/page.css");

/// The methods of a path, in the order in which people look for them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page of an OpenAPI document; fails only if the text is no JSON.
pub fn render(openapi: &str) -> Result<String> {
    let document: Value = serde_json::from_str(openapi)?;
    let info = &document["info"];
    let title = escaped(text(&info["title"]));
    // The style's own hash, so that the policy allows this style and nothing else.
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    let tags: Vec<&Value> = list(&document["tags"]).collect();
    page.push_str(&navigation(&document, &tags));
    let _ = write!(
        page,
        "<main>\n<header>\n<h1>{title} <small>{}</small></h1>\n{}\
         <p>For programs: <a href=\"openapi.json\">openapi.json</a> (OpenAPI {}).</p>\n{}</header>\n",
        escaped(text(&info["version"])),
        paragraphs(text(&info["description"])),
        escaped(text(&document["openapi"])),
        servers_and_callers(&document),
    );
    for tag in &tags {
        let name = text(&tag["name"]);
        let _ = write!(
            page,
            "<section id=\"tag-{0}\">\n<h2>{0}</h2>\n{1}",
            escaped(name),
            paragraphs(text(&tag["description"]))
        );
        for (method, path, operation) in operations(&document, name) {
            page.push_str(&article(&document, method, path, operation));
        }
        page.push_str("</section>\n");
    }
    page.push_str("<section id=\"schemas\">\n<h2>Schemas</h2>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let _ = write!(
            page,
            "<article id=\"schema-{0}\">\n<h3>{0}</h3>\n{1}</article>\n",
            escaped(name),
            schema::body(schema)
        );
    }
    page.push_str("</section>\n</main>\n</body>\n</html>\n");
    Ok(page)
}

fn navigation(document: &Value, tags: &[&Value]) -> String {
    let mut nav = "<nav aria-label=\"Operations\">\n".to_owned();
    for tag in tags {
        let name = text(&tag["name"]);
        let _ = write!(nav, "<h2><a href=\"#tag-{0}\">{0}</a></h2>\n<ul>\n", escaped(name));
        for (method, path, operation) in operations(document, name) {
            let (method, path, id) = (badge(method), escaped(path), escaped(text(&operation["operationId"])));
            let _ = writeln!(nav, "<li><a href=\"#{id}\">{method} <span>{path}</span></a></li>");
        }
        nav.push_str("</ul>\n");
    }
    nav + "<h2><a href=\"#schemas\">Schemas</a></h2>\n</nav>\n"
}

fn servers_and_callers(document: &Value) -> String {
    let mut html = "<h2>Addresses</h2>\n<dl>\n".to_owned();
    for server in list(&document["servers"]) {
        let (url, about) = (code(text(&server["url"])), sentence(text(&server["description"])));
        let _ = writeln!(html, "<dt>{url}</dt><dd>{about}</dd>");
    }
    html.push_str("</dl>\n<h2>Callers</h2>\n<dl>\n");
    for (name, scheme) in members(&document["components"]["securitySchemes"]) {
        let about = sentence(text(&scheme["description"]));
        let sent = match text(&scheme["in"]) {
            "cookie" => format!("Cookie: {}=…", escaped(text(&scheme["name"]))),
            "header" => format!("{}: …", escaped(text(&scheme["name"]))),
            _ => "Authorization: Bearer …".to_owned(),
        };
        let _ = writeln!(html, "<dt>{}</dt><dd><code>{sent}</code> {about}</dd>", escaped(name));
    }
    html + "</dl>\n"
}

/// Who may call: one of the alternatives, each of which may need several things at once or nothing.
fn callers(security: &Value) -> String {
    let strong = |name: &str| format!("<strong>{}</strong>", escaped(name));
    let alternatives: Vec<String> = list(security)
        .map(|schemes| members(schemes).map(|(name, _)| strong(name)).collect::<Vec<_>>().join(" and "))
        .map(|schemes| if schemes.is_empty() { "anyone".to_owned() } else { schemes })
        .collect();
    if alternatives.is_empty() { "anyone".to_owned() } else { alternatives.join(" or ") }
}

fn article(document: &Value, method: &str, path: &str, operation: &Value) -> String {
    let id = escaped(text(&operation["operationId"]));
    let callers = callers(&operation["security"]);
    let mut html = format!(
        "<article id=\"{id}\">\n<h3><a href=\"#{id}\">{} <code>{}</code></a></h3>\n<p>{}.</p>\n{}\
         <p class=\"caller\">Caller: {callers}. Operation: <code>{id}</code></p>\n",
        badge(method),
        escaped(path),
        sentence(text(&operation["summary"])),
        paragraphs(text(&operation["description"])),
    );
    let parameters: Vec<&Value> =
        list(&operation["parameters"]).map(|given| resolved(document, given)).collect();
    if !parameters.is_empty() {
        html.push_str(&("<h4>Parameters</h4>\n".to_owned() + &table_head(["Name", "Type", "Meaning"])));
        for parameter in parameters {
            html.push_str(&parameter_row(parameter));
        }
        html.push_str("</tbody>\n</table>\n");
    }
    for (media_type, content) in members(&operation["requestBody"]["content"]) {
        let (media_type, kind) = (code(media_type), schema::kind(&content["schema"]));
        let _ = write!(html, "<h4>Body</h4>\n<p>{kind}, {media_type}</p>\n");
        html.push_str(&schema::fields(resolved(document, &content["schema"])));
        for (_, example) in members(&content["examples"]) {
            let example = serde_json::to_string_pretty(&example["value"]).unwrap_or_default();
            let _ = writeln!(html, "<pre><code>{}</code></pre>", escaped(&example));
        }
    }
    html.push_str(&("<h4>Answers</h4>\n".to_owned() + &table_head(["Status", "Body", "When"])));
    for (status, response) in members(&operation["responses"]) {
        let response = resolved(document, response);
        let body = members(&response["content"]).map(|(media_type, content)| match media_type.as_str() {
            "application/json" => schema::kind(&content["schema"]),
            other => code(other),
        });
        let class = if status.starts_with('2') { "good" } else { "bad" };
        let _ = writeln!(
            html,
            "<tr><td class=\"{class}\">{}</td><td>{}</td><td>{}</td></tr>",
            escaped(status),
            body.collect::<Vec<_>>().join(", "),
            sentence(text(&response["description"])),
        );
    }
    html + "</tbody>\n</table>\n</article>\n"
}

fn parameter_row(parameter: &Value) -> String {
    let required = if parameter["required"] == true { " <em>required</em>" } else { "" };
    let example = match &parameter["example"] {
        Value::Null => String::new(),
        Value::String(example) => format!(" Example: {}", code(example)),
        example => format!(" Example: {}", code(&example.to_string())),
    };
    format!(
        "<tr><td>{} <small>{}{required}</small></td><td>{}</td><td>{}{example}</td></tr>\n",
        code(text(&parameter["name"])),
        escaped(text(&parameter["in"])),
        schema::with_limits(&parameter["schema"]),
        sentence(text(&parameter["description"])),
    )
}

fn badge(method: &str) -> String {
    format!("<b class=\"{0}\">{1}</b>", escaped(method), escaped(&method.to_uppercase()))
}

/// The operations of a tag, by path.
fn operations<'a>(document: &'a Value, tag: &str) -> Vec<(&'static str, &'a str, &'a Value)> {
    let mut found = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method)
                && list(&operation["tags"]).any(|own| own == tag)
            {
                found.push((method, path.as_str(), operation));
            }
        }
    }
    found
}

/// What a `$ref` of this document refers to; anything else is itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(summary: &str) -> String {
        let document = json!({
            "openapi": "3.1.1",
            "info": { "title": "T", "version": "1", "description": "One.\n\nTwo `x`." },
            "tags": [{ "name": "d", "description": "A domain." }],
            "paths": { "/a/{id}": { "post": {
                "tags": ["d"], "operationId": "do-it", "summary": summary, "security": [{}, { "user": [] }, { "session": [], "csrf": [] }],
                "parameters": [
                    { "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" }, "example": "7" },
                    { "$ref": "#/components/parameters/P" },
                ],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/New" }, "examples": { "sample": { "value": { "name": "n<" } } },
                } } },
                "responses": { "201": { "description": "Created.", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/New" } } } } },
            } } },
            "components": {
                "securitySchemes": { "session": { "type": "apiKey", "in": "cookie", "name": "s", "description": "By cookie." } },
                "parameters": { "P": { "name": "X-P", "in": "header", "schema": { "type": "string" } } },
                "schemas": { "New": {
                    "type": "object", "required": ["name"],
                    "properties": { "name": { "type": "string", "maxLength": 80, "description": "Its name." } },
                } },
            },
        });
        render(&document.to_string()).unwrap()
    }

    #[test]
    fn an_operation_shows_all_that_a_caller_needs() {
        let page = page("Do it");
        for part in [
            "<article id=\"do-it\">",
            "Caller: anyone or <strong>user</strong> or <strong>csrf</strong> and <strong>session</strong>.",
            "<dt>session</dt><dd><code>Cookie: s=…</code> By cookie.</dd>",
            "<code>id</code> <small>path <em>required</em></small>",
            "Example: <code>7</code>",
            "<code>X-P</code> <small>header</small>",
            "<a href=\"#schema-New\">New</a>",
            "<article id=\"schema-New\">",
            "at most 80 characters",
            "Its name.",
            "&quot;name&quot;: &quot;n&lt;&quot;",
            "<td class=\"good\">201</td>",
            "<p>Two <code>x</code>.</p>",
        ] {
            assert!(page.contains(part), "no {part} in\n{page}");
        }
    }

    #[test]
    fn texts_are_escaped_and_nothing_is_loaded_or_run() {
        let page = page("<script>alert('&\"')</script>");
        assert!(page.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"));
        for part in ["<script", "<link", "<img", "src=", "http-equiv=\"refresh\"", "@import", "url("] {
            assert!(!page.contains(part), "{part} in\n{page}");
        }
        assert!(
            !page.contains(" style=") && !page.contains(" onclick="),
            "the policy allows one style and no other"
        );
    }

    #[test]
    fn the_policy_names_the_style_s_hash() {
        let page = page("Do it");
        let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
        assert!(page.contains(&format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style)))));
    }
}
