//! The routes of an API whose OpenAPI document the template has itself: path and method with the integration that
//! answers them.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{
    function::{Event, Function, number},
    intrinsics::text,
};

/// What API Gateway asks in a path for every method.
const ANY: &str = "X-AMAZON-APIGATEWAY-ANY-METHOD";
const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// Who may be called from where: (function's name or ARN, source ARN).
pub(super) type Permissions = BTreeSet<(String, String)>;

/// Gives each function the routes that `DefinitionBody` of the API sends to it. `api` is the ARN of the API's stage, as
/// permissions name it.
pub(super) fn assign(
    body: &Value,
    functions: &mut [Function],
    api: &str,
    permissions: &Permissions,
) -> Result<()> {
    for (path, item) in body.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let integration = operation
                .get(INTEGRATION)
                .with_context(|| format!("{method} {path} has no {INTEGRATION}"))?;
            let (arn, mut event) =
                route(method, path, operation, integration).with_context(|| format!("in {method} {path}"))?;
            let function = functions.iter_mut().find(|function| function.arn == arn);
            let function =
                function.with_context(|| format!("{method} {path} calls {arn}, which is no function"))?;
            if let Event::Api { method, permitted, .. } = &mut event {
                let source = format!("{api}/{method}{path}");
                let names = [Some(&function.arn), function.deployed_name.as_ref()];
                *permitted = permissions
                    .iter()
                    .any(|(granted, from)| names.contains(&Some(granted)) && matches(from, &source));
            }
            function.events.push((format!("{method} {path}"), event));
        }
    }
    Ok(())
}

/// The ARN of the function that answers, and the route.
fn route(method: &str, path: &str, operation: &Value, integration: &Value) -> Result<(String, Event)> {
    ensure!(path.starts_with('/'), "the path must start with /");
    let kind = integration["type"].as_str().unwrap_or_default();
    ensure!(kind.eq_ignore_ascii_case("aws_proxy"), "the integration is {kind:?}; aws_proxy is supported");
    let uri = text(&integration["uri"]).context("at uri")?;
    let streams = match integration["responseTransferMode"].as_str() {
        None | Some("BUFFERED") => false,
        Some("STREAM") => true,
        Some(other) => bail!("responseTransferMode {other} is neither BUFFERED nor STREAM"),
    };
    // arn:aws:apigateway:<region>:lambda:path/2015-03-31/functions/<arn>/invocations
    let (_, called) = uri.split_once("/functions/").context("the uri names no function")?;
    let suffix = if streams { "/response-streaming-invocations" } else { "/invocations" };
    let arn = called.strip_suffix(suffix).with_context(|| format!("the uri does not end in {suffix}"))?;
    let method = method.to_ascii_uppercase();
    let event = Event::Api {
        method: if method == ANY { "ANY".to_owned() } else { method },
        path: path.to_owned(),
        streams,
        timeout: number(integration, "timeoutInMillis")?.map(Duration::from_millis),
        operation: operation.get("operationId").and_then(Value::as_str).map(str::to_owned),
        permitted: false,
    };
    Ok((arn.to_owned(), event))
}

/// The permissions among the resources that are API Gateway's.
pub(super) fn permissions<'a>(resources: impl Iterator<Item = &'a Value>) -> Permissions {
    let allowed = |resource: &Value| {
        let property = |name: &str| resource["Properties"][name].as_str().map(str::to_owned);
        let granted = resource["Type"] == "AWS::Lambda::Permission"
            && property("Principal")? == "apigateway.amazonaws.com"
            && property("Action")? == "lambda:InvokeFunction";
        granted.then_some((property("FunctionName")?, property("SourceArn")?))
    };
    resources.filter_map(allowed).collect()
}

/// Whether a pattern with `*` for any characters, as in an ARN of a policy, fits a text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().any(|(at, _)| matches(after, &rest[at..])) || matches(after, "")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        let source = "arn:aws:execute-api:r:1:api/dev/GET/api/v1/scenes/{scene_id}";
        assert!(matches("arn:aws:execute-api:r:1:api/*/GET/api/v1/scenes/*", source));
        assert!(matches(source, source));
        assert!(matches("*", source));
        assert!(!matches("arn:aws:execute-api:r:1:api/*/POST/api/v1/scenes/*", source));
        assert!(!matches("arn:aws:execute-api:r:1:api/*/GET/api/v1/scenes", source));
        assert!(!matches("arn:aws:execute-api:r:1:other/*", source));
    }
}
