//! YAML of a CloudFormation template as JSON: the short tags (`!Ref`, `!GetAtt`, `!Sub` …) become
//! their long forms, so that everything after this sees one spelling.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

/// Parses template text.
pub(super) fn parse(text: &str) -> Result<Value> {
    let mut yaml: Yaml = serde_norway::from_str(text).context("the template is not valid YAML")?;
    yaml.apply_merge().context("the template has a bad `<<` merge key")?;
    to_json(yaml)
}

/// Parses the text of an included file, in which CloudFormation knows no short tags.
pub(super) fn parse_included(text: &str) -> Result<Value> {
    let yaml: Yaml = serde_norway::from_str(text).context("the file is not valid YAML")?;
    if let Some(tag) = first_tag(&yaml) {
        bail!("{tag} in an included file: CloudFormation knows only long forms there (\"Fn::Sub\": …)");
    }
    to_json(yaml)
}

fn first_tag(yaml: &Yaml) -> Option<String> {
    match yaml {
        Yaml::Tagged(tagged) => Some(tagged.tag.to_string()),
        Yaml::Sequence(items) => items.iter().find_map(first_tag),
        Yaml::Mapping(entries) => entries.iter().find_map(|(_, value)| first_tag(value)),
        _ => None,
    }
}

fn to_json(yaml: Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => json!(integer),
            (_, Some(integer), _) => json!(integer),
            (_, _, Some(float)) => json!(float),
            _ => bail!("unreadable number {number}"),
        },
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(to_json).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Number(key) => key.to_string(),
                    Yaml::Bool(key) => key.to_string(),
                    other => bail!("a key must be a plain scalar, not {other:?}"),
                };
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let value = to_json(tagged.value)?;
            long_form(tag.trim_start_matches('!'), value)?
        }
    })
}

/// `!GetAtt A.B` splits at the first dot, as CloudFormation does; `Ref` and `Condition` take no `Fn::`.
fn long_form(tag: &str, value: Value) -> Result<Value> {
    Ok(match (tag, value) {
        ("Ref" | "Condition", value) => json!({ tag: value }),
        ("GetAtt", Value::String(target)) => match target.split_once('.') {
            Some((resource, attribute)) => json!({"Fn::GetAtt": [resource, attribute]}),
            None => bail!("!GetAtt {target}: expected Resource.Attribute"),
        },
        (
            "GetAtt" | "Sub" | "If" | "Equals" | "Not" | "And" | "Or" | "Join" | "Select" | "Split"
            | "FindInMap" | "ImportValue" | "Base64" | "GetAZs" | "Cidr" | "Transform" | "Length"
            | "ToJsonString" | "Contains",
            value,
        ) => json!({ format!("Fn::{tag}"): value }),
        (other, _) => bail!("!{other} is not a CloudFormation function"),
    })
}
