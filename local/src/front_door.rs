//! The gateway's side of the routes, for `template.yaml`: which path and method call which function, and API Gateway's
//! permission to call it.
//!
//! Path and method stand in the code alone. A stack holds 500 resources, so the permissions, one a route, are a nested
//! stack; the routes are a file that the API includes, because an event of SAM's costs 1.5 kB of the transformed
//! template's megabyte and a file's entry 0.4.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::check::pascal_case;

/// Where the API's template includes its paths from, relative to the project's folder.
pub const ROUTES: &str = "gateway/routes.yaml";
/// The nested stack, relative to the project's folder.
pub const PERMISSIONS: &str = "gateway/permissions.yaml";

const HEAD: &str =
    "# Written by `cargo local openapi` from what the programs say of themselves: change those.\n";

/// API Gateway's longest time for a streamed answer; the function's own limit comes before it.
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html>
const STREAM_MILLISECONDS: u32 = 900_000;

/// A route of the REST API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `/api/v1/scenes/{scene_id}`
    pub path: String,
    /// Upper case.
    pub method: String,
    /// The function's name, `get-scene`.
    pub function: String,
    /// Whether its answer is streamed.
    pub streams: bool,
}

/// The OpenAPI `paths` that `template.yaml` includes. CloudFormation takes no short tags in an included file.
pub fn routes(routes: &[Route]) -> String {
    let mut paths: BTreeMap<&str, BTreeMap<&str, &Route>> = BTreeMap::new();
    for route in routes {
        paths.entry(&route.path).or_default().insert(&route.method, route);
    }
    let mut text = HEAD.to_owned();
    for (path, methods) in paths {
        let _ = writeln!(text, "{path}:");
        for (method, route) in methods {
            let id = pascal_case(&route.function);
            let (version, call, mode) = if route.streams {
                let mode = format!("responseTransferMode: STREAM, timeoutInMillis: {STREAM_MILLISECONDS}, ");
                ("2021-11-15", "response-streaming-invocations", mode)
            } else {
                ("2015-03-31", "invocations", String::new())
            };
            let _ = write!(
                text,
                "  {}:\n    responses: {{}}\n    x-amazon-apigateway-integration: {{type: aws_proxy, httpMethod: POST, {mode}uri: {{\"Fn::Sub\": \
                 \"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/{version}/functions/${{{id}.Arn}}/{call}\"}}}}\n",
                method.to_ascii_lowercase()
            );
        }
    }
    text
}

/// The nested stack with one permission a route.
pub fn permissions(routes: &[Route]) -> String {
    let mut routes: Vec<&Route> = routes.iter().collect();
    routes.sort_by_key(|route| &route.function);
    let mut text = format!(
        "{HEAD}AWSTemplateFormatVersion: \"2010-09-09\"\n\
         Description: API Gateway's permission to call the function of each route.\n\
         Parameters:\n  \
           Api: {{Type: String, Description: The id of the REST API.}}\n  \
           Stack: {{Type: String, Description: \"The parent's name, with which the functions' names begin.\"}}\n\
         Resources:\n"
    );
    for Route { path, method, function, .. } in routes {
        let _ = write!(
            text,
            "  {}:\n    Type: AWS::Lambda::Permission\n    Properties:\n      \
             Action: lambda:InvokeFunction\n      Principal: apigateway.amazonaws.com\n      \
             FunctionName: !Sub ${{Stack}}-{function}\n      \
             SourceArn: !Sub arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/*/{method}{}\n",
            pascal_case(function),
            any_value(path),
        );
    }
    text
}

/// The path with a star for each parameter, as API Gateway names a method in an ARN.
pub(crate) fn any_value(path: &str) -> String {
    let star = |part: &str| if part.starts_with('{') { "*".to_owned() } else { part.to_owned() };
    path.split('/').map(star).collect::<Vec<_>>().join("/")
}
