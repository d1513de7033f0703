//! Where a finished sign-in leads: a page of the web application and nowhere else.

use std::borrow::Cow;

use deserr::{IntoValue, Value, ValuePointerRef};
use reqwest::Url;
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::input::problem;
use shared::prelude::*;

/// A path of the web application, with query and fragment if need be. It comes out of the address bar, so anybody may
/// have written it: what a browser might read as another host is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

/// As much as any browser and proxy takes.
const LENGTH: usize = 2048;

impl ReturnTo {
    /// The path; `None` for anything else.
    pub fn parse(text: &str) -> Option<ReturnTo> {
        // Browsers skip tabs and line breaks, and take a backslash for a slash (WHATWG URL, section 4.4), so "/\t/host"
        // and "/\host" are hosts. A web application may undo the encoding of a slash before it goes on.
        let is_plain =
            text.len() <= LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let lower = text.to_ascii_lowercase();
        let is_path = text.starts_with('/')
            && !["//", "/%2f", "/%5c", "/%09", "/%0a", "/%0d"].iter().any(|start| lower.starts_with(start));
        // The rest as a browser reads it: "/.//host" is the path "//host".
        let resolved = Url::parse("http://app.invalid").ok()?.join(text).ok()?;
        let stays = resolved.host_str() == Some("app.invalid") && !resolved.path().starts_with("//");
        (is_plain && is_path && stays).then(|| ReturnTo(text.to_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The start page.
impl Default for ReturnTo {
    fn default() -> ReturnTo {
        ReturnTo("/".to_owned())
    }
}

impl Deserr<Problems> for ReturnTo {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<ReturnTo, Problems> {
        let path = match &value {
            Value::String(text) => ReturnTo::parse(text),
            _ => None,
        };
        path.ok_or_else(|| {
            problem(location, "path", "Input should be a path of the application, like /settings")
        })
    }
}

impl JsonSchema for ReturnTo {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ReturnTo".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": LENGTH, "pattern": "^/([!-.0-\\[\\]-~][!-\\[\\]-~]*)?$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_application_is_kept_as_it_is() {
        for path in ["/", "/a", "/a/b?c=/d//e&f=https://g#h", "/a%20b", "/%E4%BD%A0", "/@host", "/a//b", "/~"]
        {
            assert_eq!(ReturnTo::parse(path).as_ref().map(ReturnTo::as_str), Some(path));
        }
    }

    #[test]
    fn nothing_leads_to_another_host() {
        let long = format!("/{}", "a".repeat(LENGTH));
        for text in [
            "",
            "a",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/a\\..\\..",
            "https://evil.example",
            "https:evil.example",
            "HTTPS:/evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "@evil.example",
            ".evil.example",
            ":8080",
            "?a",
            "#a",
            " //evil.example",
            " /a",
            "/a b",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r/evil.example",
            "/a\r\nSet-Cookie: a=b",
            "/a\0",
            "/%2Fevil.example",
            "/%2fevil.example",
            "/%5Cevil.example",
            "/%09/evil.example",
            "/%0a/evil.example",
            "%2F%2Fevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/你好",
            &long,
        ] {
            assert_eq!(ReturnTo::parse(text), None, "{text:?}");
        }
    }
}
