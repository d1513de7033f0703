//! Nested stacks: other templates on disk, with parameters from this one.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Template, intrinsics::text};

/// The templates of the nested stacks among `resources`, evaluated, with their logical ids. One that lies elsewhere
/// (`https://…`) is left out: only the cloud can read it.
pub(super) fn read(
    resources: &BTreeMap<String, Value>,
    folder: Option<&Path>,
    parameters: &BTreeMap<String, String>,
) -> Result<Vec<(String, Template)>> {
    let mut nested = Vec::new();
    for (id, resource) in resources {
        let location = match resource["Type"].as_str() {
            Some("AWS::CloudFormation::Stack") => resource.pointer("/Properties/TemplateURL"),
            Some("AWS::Serverless::Application") => resource.pointer("/Properties/Location"),
            _ => continue,
        };
        let Some(location) = location.and_then(Value::as_str).filter(|location| !location.contains("://"))
        else {
            continue;
        };
        let folder = folder.with_context(|| format!("{location}: the template has no folder"))?;
        // What a stack is told about itself is passed on; its name is its own.
        let mut given: BTreeMap<String, String> =
            parameters.iter().filter(|(name, _)| name.starts_with("AWS::")).map(cloned).collect();
        given.remove("AWS::NotificationARNs");
        let stack = parameters.get("AWS::StackName").map_or("local", String::as_str);
        given.insert("AWS::StackName".to_owned(), format!("{stack}-{id}"));
        for (name, value) in
            resource.pointer("/Properties/Parameters").and_then(Value::as_object).into_iter().flatten()
        {
            given.insert(name.clone(), text(value).with_context(|| format!("parameter {name} of {id}"))?);
        }
        let template = Template::load(&folder.join(location), &given)?;
        nested.push((id.clone(), template));
    }
    Ok(nested)
}

fn cloned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}
