//! Values of the template's parameters and of the pseudo parameters.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::intrinsics::text;

/// The region that a local stack pretends to run in, unless `AWS_REGION` says otherwise.
const REGION: &str = "us-east-1";
/// AWS's account number for documentation.
pub(crate) const ACCOUNT: &str = "123456789012";

/// Defaults of `Parameters`, with `given` over them, and the pseudo parameters.
/// A parameter without default gets the placeholder `local-<name>`: what must be told at a
/// deployment (subnets, secrets) need not exist on a laptop.
pub(super) fn values(template: &Value, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, Value>> {
    let region = std::env::var("AWS_REGION").unwrap_or_else(|_| REGION.to_owned());
    let stack = given.get("AWS::StackName").map_or("local", String::as_str);
    let mut values = BTreeMap::from([
        ("AWS::AccountId".to_owned(), json!(ACCOUNT)),
        ("AWS::NotificationARNs".to_owned(), json!([])),
        ("AWS::Partition".to_owned(), json!("aws")),
        ("AWS::Region".to_owned(), json!(region)),
        (
            "AWS::StackId".to_owned(),
            json!(format!("arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{stack}/local")),
        ),
        ("AWS::StackName".to_owned(), json!(stack)),
        ("AWS::URLSuffix".to_owned(), json!("amazonaws.com")),
    ]);
    let empty = serde_json::Map::new();
    let declared = match template.get("Parameters") {
        None | Some(Value::Null) => &empty,
        Some(parameters) => parameters.as_object().context("Parameters must be a map")?,
    };
    for (name, value) in given {
        if name.starts_with("AWS::") {
            values.insert(name.clone(), json!(value));
        } else if !declared.contains_key(name) {
            let known: Vec<_> = declared.keys().map(String::as_str).collect();
            bail!("the template has no parameter {name}; it has {}", known.join(", "));
        }
    }
    for (name, declaration) in declared {
        let kind = declaration["Type"].as_str().with_context(|| format!("parameter {name} has no Type"))?;
        let value = match (given.get(name), declaration.get("Default")) {
            (Some(given), _) => given.clone(),
            (None, Some(default)) => text(default).with_context(|| format!("default of parameter {name}"))?,
            (None, None) => format!("local-{name}"),
        };
        if given.contains_key(name)
            && let Some(allowed) = declaration.get("AllowedValues").and_then(Value::as_array)
        {
            let allowed = allowed.iter().map(text).collect::<Result<Vec<_>>>()?;
            ensure!(
                allowed.contains(&value),
                "parameter {name}: {value:?} is not one of {}",
                allowed.join(", ")
            );
        }
        let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
        let value = match is_list {
            true if value.is_empty() => json!([]),
            true => value.split(',').map(str::trim).map(Value::from).collect(),
            false => Value::String(value),
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}
