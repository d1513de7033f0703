//! The template against the binaries: routes, places of code, and what a route may cost.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Findings, Served, Tree};
use crate::template::{Event, Function};

/// CloudFormation resources that one route may make, of the 500 that a stack holds.
const RESOURCES_PER_ROUTE: usize = 3;

const TEMPLATE: &str = "template.yaml";

pub(super) fn check(tree: &Tree, found: &mut Findings) {
    for (function, binary) in tree.pairs() {
        let Function { logical_id, name, .. } = function;
        let routes = function.routes().map(|(method, path, _)| (method, path)).collect::<Vec<_>>();
        match &binary.serves {
            None => found.add(
                &binary.file,
                "no route can be read here: write `serve(post(\"/path\", handler))` or `serve(job(handler))` in main",
            ),
            Some(Served::Other) if routes.is_empty() => {}
            Some(Served::Other) => {
                found.add(TEMPLATE, format!("{logical_id} has a route, but {name} serves a job: delete its Api event"));
            }
            Some(Served::Route { method, path }) if routes == [(method.as_str(), path.as_str())] => {}
            Some(Served::Route { method, path }) => {
                let written = routes.iter().map(|(method, path)| format!("{method} {path}")).collect::<Vec<_>>();
                let written = if written.is_empty() { "no route".to_owned() } else { written.join(", ") };
                let message = format!("{logical_id} has {written}, but {} serves {method} {path}", binary.file.display());
                found.add(TEMPLATE, message);
            }
        }
    }
    for function in &tree.template.functions {
        packaging(tree, function, found);
    }
    collisions(&tree.template.functions, found);
}

/// Where the code is, how it is called, and what it costs.
fn packaging(tree: &Tree, function: &Function, found: &mut Findings) {
    let Function { logical_id, name, code_uri, .. } = function;
    let resource = tree.template.resources.get(logical_id).unwrap_or(&Value::Null);
    let properties = &resource["Properties"];
    // CodeUri cannot hold a parameter, so the folder and the parameter's default are two places that must agree.
    let architecture = tree.template.parameters.get("Architecture").map_or("arm64", String::as_str);
    let folder = format!("dist/{architecture}/{name}/");
    if *code_uri != folder {
        found.add(TEMPLATE, format!("{logical_id} has CodeUri {code_uri:?}: write {folder}"));
    }
    if resource["Metadata"]["SkipBuild"] != Value::Bool(true) {
        found.add(
            TEMPLATE,
            format!("{logical_id} would be built again by sam build: add Metadata: {{SkipBuild: true}}"),
        );
    }
    if function.handler != "bootstrap" {
        found.add(
            TEMPLATE,
            format!("{logical_id} has Handler {:?}: cargo lambda calls it bootstrap", function.handler),
        );
    }
    let stack = tree.template.parameters.get("AWS::StackName").map_or("", String::as_str);
    if properties["FunctionName"].as_str() != Some(&format!("{stack}-{name}")) {
        found.add(TEMPLATE, format!("{logical_id} needs FunctionName: !Sub ${{AWS::StackName}}-{name}"));
    }
    let cost = resources(function, properties);
    if function.routes().next().is_some() && cost > RESOURCES_PER_ROUTE {
        let message = format!(
            "{logical_id} makes {cost} CloudFormation resources, and a route may make {RESOURCES_PER_ROUTE}"
        );
        found.add(TEMPLATE, message);
    }
}

/// How many CloudFormation resources SAM makes of the function. CI counts them exactly, in the transformed template.
/// Source: <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources-function.html>
fn resources(function: &Function, properties: &Value) -> usize {
    let has = |name: &str| usize::from(properties.get(name).is_some_and(|value| !value.is_null()));
    let events = function.events.iter().map(|(_, event)| match event {
        Event::Api { .. } | Event::Sqs { .. } => 1,
        Event::Schedule { .. } | Event::CloudWatchLogs { .. } | Event::Other(_) => 2,
    });
    // The function itself; a role of its own unless it is given one; a version and an alias; and its events'.
    1 + (1 - has("Role"))
        + 2 * has("AutoPublishAlias")
        + has("EventInvokeConfig")
        + 2 * has("FunctionUrlConfig")
        + events.sum::<usize>()
}

/// No two functions answer one route, and API Gateway can tell all paths apart.
fn collisions(functions: &[Function], found: &mut Findings) {
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut parameters: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for function in functions {
        for (method, path, _) in function.routes() {
            if let Some(other) = owners.insert((method, path), &function.logical_id) {
                found.add(
                    TEMPLATE,
                    format!("{other} and {} both answer {method} {path}", function.logical_id),
                );
            }
            for (at, _) in path.match_indices("/{") {
                let (parent, rest) = path.split_at(at);
                let name = rest[1..].split('/').next().unwrap_or_default();
                match parameters.get(parent) {
                    Some((other, owner)) if *other != name => found.add(
                        TEMPLATE,
                        format!(
                            "{} names {parent}/{name} what {owner} names {parent}/{other}: API Gateway allows one name",
                            function.logical_id
                        ),
                    ),
                    Some(_) => {}
                    None => _ = parameters.insert(parent, (name, &function.logical_id)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;

    fn after(old: &str, new: &str) -> Vec<String> {
        let project = Project::in_order();
        project.edit("template.yaml", old, new);
        project.mismatches()
    }

    #[test]
    fn a_route_that_differs_from_its_binary_is_found() {
        let file = "functions/practice/src/bin/create-scene.rs";
        assert_eq!(
            after("Method: POST, Path: /api/v1/scenes}", "Method: PUT, Path: /api/v1/scenes}")[2..],
            [format!(
                "template.yaml: CreateScene has PUT /api/v1/scenes, but {file} serves POST /api/v1/scenes"
            )]
        );
        let project = Project::in_order();
        project.write(file, "fn main() { serve(job(create)) }");
        let message =
            "template.yaml: CreateScene has a route, but create-scene serves a job: delete its Api event";
        assert_eq!(project.mismatches(), [message]);
        project.write(file, "fn main() { run() }");
        assert!(project.mismatches()[0].starts_with(&format!("{file}: no route can be read here")));
    }

    #[test]
    fn code_in_another_folder_is_found() {
        assert_eq!(
            after("dist/arm64/create-scene/", "dist/x86_64/create-scene/"),
            [
                "template.yaml: CreateScene has CodeUri \"dist/x86_64/create-scene/\": write dist/arm64/create-scene/"
            ]
        );
        // One edit of all folders is not enough: the parameter's default must follow.
        assert_eq!(after("Default: arm64", "Default: x86_64").len(), 2);
    }

    #[test]
    fn a_build_per_function_another_handler_and_another_name_are_found() {
        assert!(
            after("Metadata: {SkipBuild: true}", "Metadata: {}")[0]
                .contains("add Metadata: {SkipBuild: true}")
        );
        assert!(after("Handler: bootstrap", "Handler: main")[0].contains("cargo lambda calls it bootstrap"));
        let renamed =
            after("!Sub \"${AWS::StackName}-create-scene\"", "!Sub \"${AWS::StackName}-make-scene\"");
        assert_eq!(
            renamed,
            ["template.yaml: CreateScene needs FunctionName: !Sub ${AWS::StackName}-create-scene"]
        );
    }

    #[test]
    fn a_route_that_costs_too_much_is_found() {
        let found = after("Handler: bootstrap", "Handler: bootstrap\n    AutoPublishAlias: live");
        assert_eq!(
            found,
            ["template.yaml: CreateScene makes 4 CloudFormation resources, and a route may make 3"]
        );
    }

    #[test]
    fn two_functions_on_one_route_and_two_names_of_one_parameter_are_found() {
        let project = Project::in_order();
        project.function("get-scene", "GET", "/api/v1/scenes/{scene_id}");
        assert_eq!(project.mismatches(), Vec::<String>::new());
        project.function("read-scene", "GET", "/api/v1/scenes/{scene_id}");
        project.function("drop-scene", "DELETE", "/api/v1/scenes/{id}");
        assert_eq!(
            project.mismatches(),
            [
                "template.yaml: GetScene and ReadScene both answer GET /api/v1/scenes/{scene_id}",
                "template.yaml: GetScene names /api/v1/scenes/{scene_id} what DropScene names /api/v1/scenes/{id}: \
                 API Gateway allows one name",
                "template.yaml: ReadScene names /api/v1/scenes/{scene_id} what DropScene names /api/v1/scenes/{id}: \
                 API Gateway allows one name",
            ]
        );
    }
}
