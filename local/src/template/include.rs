//! `AWS::Include`: files that stand in the template's place of their own, put in before anything else is read, as
//! CloudFormation does, the most deeply nested first
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/create-reusable-transform-function-snippets-and-add-to-your-template-with-aws-include-transform.html>).

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::yaml;

/// Puts every included file in. `folder` is the template's: without one, there is nowhere to look.
pub(super) fn put_in(value: &mut Value, folder: Option<&Path>) -> Result<()> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| put_in(item, folder))?,
        Value::Object(entries) => {
            for (key, entry) in entries.iter_mut() {
                put_in(entry, folder).with_context(|| format!("at {key}"))?;
            }
        }
        _ => {}
    }
    let Some(call) = value.get("Fn::Transform").filter(|call| call["Name"] == "AWS::Include") else {
        return Ok(());
    };
    let location = call.pointer("/Parameters/Location").and_then(Value::as_str);
    let location = location.context("AWS::Include has no Location")?;
    // `sam local` does not put it in then, and shows the API without the file's routes.
    ensure!(value.as_object().is_some_and(|object| object.len() == 1), "keys beside AWS::Include {location}");
    let folder = folder.with_context(|| format!("{location}: the template has no folder"))?;
    let file = folder.join(location);
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let included = yaml::parse_included(&text).with_context(|| format!("in {}", file.display()))?;
    if contains_transform(&included) {
        bail!("{location} includes another file, which CloudFormation refuses");
    }
    *value = included;
    Ok(())
}

fn contains_transform(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(contains_transform),
        Value::Object(entries) => {
            entries.contains_key("Fn::Transform") || entries.values().any(contains_transform)
        }
        _ => false,
    }
}
