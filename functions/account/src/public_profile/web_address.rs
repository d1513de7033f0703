//! Addresses that a page links to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use deserr::{IntoValue, Map as _, Value, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::http::Uri;
use shared::http::uri::Authority;
use shared::input::problem;
use shared::prelude::*;

/// An absolute `http` or `https` address of at most `MAX` characters, in ASCII as RFC 3986 has it, without a name or
/// password: nothing that runs as a script where it is linked to. Empty is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress<const MAX: usize>(String);

const SENTENCE: &str = "Input should be an address like https://example.org/page, in ASCII: other letters as punycode \
    in the host (xn--…) and percent-encoded after it (%C3%BC)";

fn is_web_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    text.is_ascii()
        && matches!(uri.scheme_str(), Some("http" | "https"))
        && uri
            .authority()
            .is_some_and(|authority| !authority.host().is_empty() && is_host_and_port(authority))
}

/// No name or password, and after the host nothing but a port from 0 to 65535.
fn is_host_and_port(authority: &Authority) -> bool {
    let text = authority.as_str();
    !text.contains('@') && (text == authority.host() || authority.port_u16().is_some())
}

/// An empty one is null.
impl<const MAX: usize> Serialize for WebAddress<MAX> {
    fn serialize<S: shared::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Some(&self.0).filter(|text| !text.is_empty()).serialize(serializer)
    }
}

impl<const MAX: usize> Deserr<Problems> for WebAddress<MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<WebAddress<MAX>, Problems> {
        let text = Text::<0, MAX>::deserialize_from_value(value, location)?;
        if !text.as_str().is_empty() && !is_web_address(text.as_str()) {
            return Err(problem(location, "url", SENTENCE));
        }
        Ok(WebAddress(text.as_str().to_owned()))
    }
}

impl<const MAX: usize> JsonSchema for WebAddress<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WebAddress_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MAX, "pattern": "^([Hh][Tt][Tt][Pp][Ss]?://[!-~]+)?$" })
    }
}

/// At most 20 places, each of 1 to 50 characters, with their addresses; an
/// empty address is none.
#[derive(Debug, Serialize)]
pub struct SocialLinks(BTreeMap<String, WebAddress<2048>>);

const PLACES: usize = 20;

impl Deserr<Problems> for SocialLinks {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<SocialLinks, Problems> {
        let Value::Map(map) = value else {
            return Err(problem(location, "type", "Input should be a valid object"));
        };
        if map.len() > PLACES {
            return Err(problem(location, "too_long", "Object should have at most 20 members"));
        }
        let (mut links, mut problems) = (BTreeMap::new(), Vec::new());
        for (place, address) in map.into_iter() {
            let location = location.push_key(&place);
            if !(1..=50).contains(&place.chars().count()) || place.contains('\0') {
                let sentence = "The name of a place should have 1 to 50 characters";
                problems.extend(problem(location, "key", sentence).0);
            }
            match WebAddress::deserialize_from_value(address.into_value(), location) {
                Ok(address) if address.0.is_empty() => {}
                Ok(address) => drop(links.insert(place, address)),
                Err(more) => problems.extend(more.0),
            }
        }
        if problems.is_empty() { Ok(SocialLinks(links)) } else { Err(Problems(problems)) }
    }
}

impl JsonSchema for SocialLinks {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SocialLinks".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let address = generator.subschema_for::<WebAddress<2048>>();
        json_schema!({
            "type": "object",
            "maxProperties": PLACES,
            "propertyNames": { "minLength": 1, "maxLength": 50 },
            "additionalProperties": address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_web_address;

    #[test]
    fn only_what_a_browser_opens_as_a_page_is_an_address() {
        for text in [
            "https://a.example",
            "http://a.example:8080/b?c=d#e",
            "HTTPS://A.EXAMPLE/%C3%BC",
            "https://[::1]/",
            "https://[::1]:65535/",
        ] {
            assert!(is_web_address(text), "{text}");
        }
        for text in [
            "a.example",
            "/b",
            "//a.example/b",
            "https:",
            "https://",
            "https:///b",
            "javascript:alert(1)",
            "javascript://a.example/%0Aalert(1)",
            "data:text/html,x",
            "ftp://a.example",
            "https://a.example/b c",
            "https://a.example/ü",
            " https://a.example",
            "https://a.example\n",
            "https://bank.example@a.example/",
            "https://a.example:65536/",
            "https://a.example:99999999999",
            "https://a.example:x/",
            "https://[::1]:65536/",
            "https://ä.example/",
            "",
        ] {
            assert!(!is_web_address(text), "{text}");
        }
    }
}
