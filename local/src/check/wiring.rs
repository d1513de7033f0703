//! The template against the binaries: routes, places of code, and what a route may cost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Findings, Served, Tree};
use crate::{
    front_door::{PERMISSIONS, ROUTES, any_value},
    template::{Event, Function},
};

/// CloudFormation resources that one route may make in the template's own stack, which holds 500: the function. Its
/// permission is in a nested one.
const RESOURCES_PER_ROUTE: usize = 1;

const TEMPLATE: &str = "template.yaml";

pub(super) fn check(tree: &Tree, found: &mut Findings) {
    for (function, binary) in tree.pairs() {
        let Function { logical_id, .. } = function;
        if binary.serves.is_none() {
            found.add(
                &binary.file,
                "no route can be read here: write `serve(post(\"/path\", handler))` or `serve(job(handler))` in main",
            );
        }
        let own = usize::from(matches!(binary.serves, Some(Served::Route { .. })));
        if function.routes().count() > own {
            let file = binary.file.display();
            found.add(
                TEMPLATE,
                format!("{logical_id} has an Api event: path and method stand in {file} alone"),
            );
        }
    }
    for function in &tree.template.functions {
        packaging(tree, function, found);
    }
    collisions(&tree.template.functions, found);
    front_door(tree, found);
}

/// The two files that are written from the programs name the same routes as their sources.
fn front_door(tree: &Tree, found: &mut Findings) {
    let functions = &tree.template.functions;
    let routes = || {
        functions
            .iter()
            .flat_map(|function| function.routes().map(move |(method, path, _)| (function, method, path)))
    };
    let wanted: BTreeSet<_> = routes()
        .map(|(function, method, path)| format!("{method} {path} of {}", function.logical_id))
        .collect();
    compare(tree, ROUTES, &wanted, written_routes, found);
    let wanted: BTreeSet<_> = routes()
        .map(|(function, method, path)| format!("{method} {} of {}", any_value(path), function.logical_id))
        .collect();
    compare(tree, PERMISSIONS, &wanted, written_permissions, found);
}

fn compare(
    tree: &Tree,
    file: &str,
    wanted: &BTreeSet<String>,
    read: fn(&Value) -> BTreeSet<String>,
    found: &mut Findings,
) {
    let text = std::fs::read_to_string(tree.root.join(file)).unwrap_or_default();
    let written = match crate::template::document(&text) {
        Ok(document) => read(&document),
        Err(error) => {
            return found.add(file, format!("cannot be read: {error:#}: run `cargo local openapi`"));
        }
    };
    for route in wanted.difference(&written) {
        found.add(file, format!("lacks {route}: run `cargo local openapi`"));
    }
    for route in written.difference(wanted) {
        found.add(file, format!("has {route}, which no program serves: run `cargo local openapi`"));
    }
}

fn written_routes(document: &Value) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for (path, item) in document.as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let uri =
                operation.pointer("/x-amazon-apigateway-integration/uri/Fn::Sub").and_then(Value::as_str);
            let id = uri.and_then(|uri| uri.split_once("/functions/${")?.1.split_once(".Arn}"));
            let id = id.map_or("nobody", |(id, _)| id);
            routes.insert(format!("{} {path} of {id}", method.to_ascii_uppercase()));
        }
    }
    routes
}

fn written_permissions(document: &Value) -> BTreeSet<String> {
    let source = |resource: &Value| {
        let arn = resource.pointer("/Properties/SourceArn/Fn::Sub")?.as_str()?;
        let (method, path) = arn.split_once("${Api}/*/")?.1.split_once('/')?;
        Some(format!("{method} /{path}"))
    };
    let resources = document["Resources"].as_object().into_iter().flatten();
    resources.map(|(id, resource)| format!("{} of {id}", source(resource).unwrap_or_default())).collect()
}

/// Where the code is, how it is called, and what it costs.
fn packaging(tree: &Tree, function: &Function, found: &mut Findings) {
    let Function { logical_id, name, code_uri, .. } = function;
    let resource = tree.template.resources.get(logical_id).unwrap_or(&Value::Null);
    let properties = &resource["Properties"];
    let archive = format!("dist/{name}.zip");
    if *code_uri != archive {
        found.add(TEMPLATE, format!("{logical_id} has CodeUri {code_uri:?}: write {archive}"));
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
    // The extension starts before the function does, and whoever has no right to a secret has no use for it.
    let reads_nothing = properties["Role"].as_str().is_some_and(|role| role.ends_with(":PublicRole"));
    if reads_nothing && properties.get("Layers").is_some() {
        found.add(TEMPLATE, format!("{logical_id} reads no secret: add IgnoreGlobals: [Layers]"));
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
        Event::Api { .. } => 0,
        Event::Sqs { .. } => 1,
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
                found.add(ROUTES, format!("{other} and {} both answer {method} {path}", function.logical_id));
            }
            for (at, _) in path.match_indices("/{") {
                let (parent, rest) = path.split_at(at);
                let name = rest[1..].split('/').next().unwrap_or_default();
                match parameters.get(parent) {
                    Some((other, owner)) if *other != name => found.add(
                        ROUTES,
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
    fn a_route_that_the_gateway_s_files_lack_or_invent_is_found() {
        let project = Project::in_order();
        let file = "functions/practice/src/bin/create-scene.rs";
        project.write(file, "fn main() { serve(put(\"/api/v1/scenes\", create)) }");
        let found = project.mismatches();
        for message in [
            "gateway/routes.yaml: has POST /api/v1/scenes of CreateScene, which no program serves: run `cargo local openapi`",
            "gateway/routes.yaml: lacks PUT /api/v1/scenes of CreateScene: run `cargo local openapi`",
            "gateway/permissions.yaml: has POST /api/v1/scenes of CreateScene, which no program serves: run `cargo local openapi`",
            "gateway/permissions.yaml: lacks PUT /api/v1/scenes of CreateScene: run `cargo local openapi`",
        ] {
            assert!(found.iter().any(|line| line == message), "{message} is not in {found:#?}");
        }
        project.write(file, "fn main() { run() }");
        assert!(
            project
                .mismatches()
                .iter()
                .any(|line| line.starts_with(&format!("{file}: no route can be read here")))
        );
        project.write("gateway/routes.yaml", "/a: [");
        assert!(
            project.mismatches().iter().any(|line| line.starts_with("gateway/routes.yaml: cannot be read"))
        );
    }

    #[test]
    fn a_route_that_stands_in_the_template_too_is_found() {
        let event =
            "Properties: {Events: {Route: {Type: Api, Properties: {Method: POST, Path: /api/v1/scenes}}}, ";
        let project = Project::in_order();
        project.edit(
            "template.yaml",
            "Properties: {FunctionName: !Sub \"${AWS::StackName}-create",
            &format!("{event}FunctionName: !Sub \"${{AWS::StackName}}-create"),
        );
        let message = "template.yaml: CreateScene has an Api event: path and method stand in \
                       functions/practice/src/bin/create-scene.rs alone";
        assert!(project.mismatches().contains(&message.to_owned()), "{:?}", project.mismatches());
    }

    #[test]
    fn code_in_another_place_is_found() {
        assert_eq!(
            after("dist/create-scene.zip", "dist/scene.zip"),
            ["template.yaml: CreateScene has CodeUri \"dist/scene.zip\": write dist/create-scene.zip"]
        );
    }

    #[test]
    fn another_handler_and_another_name_are_found() {
        assert!(after("Handler: bootstrap", "Handler: main")[0].contains("cargo lambda calls it bootstrap"));
        let renamed =
            after("!Sub \"${AWS::StackName}-create-scene\"", "!Sub \"${AWS::StackName}-make-scene\"");
        assert_eq!(
            renamed,
            ["template.yaml: CreateScene needs FunctionName: !Sub ${AWS::StackName}-create-scene"]
        );
    }

    #[test]
    fn an_extension_for_secrets_without_secrets_is_found() {
        let project = Project::in_order();
        project.edit("template.yaml", "    Handler: bootstrap", "    Handler: bootstrap\n    Layers: [arn]");
        project.edit("template.yaml", "Role: arn:aws:iam::1:role/x", "Role: arn:aws:iam:local:1:PublicRole");
        assert_eq!(
            project.mismatches(),
            ["template.yaml: CreateScene reads no secret: add IgnoreGlobals: [Layers]"]
        );
        project.edit("template.yaml", "  CreateScene:\n", "  CreateScene:\n    IgnoreGlobals: [Layers]\n");
        assert_eq!(project.mismatches(), Vec::<String>::new());
    }

    #[test]
    fn a_route_that_costs_too_much_is_found() {
        let found = after("Handler: bootstrap", "Handler: bootstrap\n    AutoPublishAlias: live");
        assert_eq!(
            found,
            ["template.yaml: CreateScene makes 3 CloudFormation resources, and a route may make 1"]
        );
    }

    #[test]
    fn two_functions_on_one_route_and_two_names_of_one_parameter_are_found() {
        let project = Project::in_order();
        project.function("get-scene", "GET", "/api/v1/scenes/{scene_id}");
        assert_eq!(project.mismatches(), Vec::<String>::new());
        project.function("read-scene", "GET", "/api/v1/scenes/{scene_id}");
        project.function("drop-scene", "DELETE", "/api/v1/scenes/{id}");
        let found = project.mismatches();
        for message in [
            "gateway/routes.yaml: GetScene and ReadScene both answer GET /api/v1/scenes/{scene_id}",
            "gateway/routes.yaml: GetScene names /api/v1/scenes/{scene_id} what DropScene names /api/v1/scenes/{id}: \
             API Gateway allows one name",
            "gateway/routes.yaml: ReadScene names /api/v1/scenes/{scene_id} what DropScene names /api/v1/scenes/{id}: \
             API Gateway allows one name",
        ] {
            assert!(found.iter().any(|line| line == message), "{message} is not in {found:#?}");
        }
    }
}
