//! `template.yaml`, read the way AWS reads it: what the local cloud serves comes from here and from
//! nowhere else. Parameters, conditions, intrinsic functions and SAM's `Globals` are evaluated, so
//! that a function's environment, routes and limits are those of a deployment.

mod api;
mod conditions;
mod function;
mod globals;
mod include;
mod intrinsics;
mod nested;
mod parameters;
mod routes;
mod yaml;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

pub(crate) use api::id as resource_id;
pub use api::{Api, Cors, GatewayResponse, MethodSetting, ParameterSource};
pub use function::{Event, Function, kebab_case};
use intrinsics::{Placeholder, Scope};
pub(crate) use parameters::ACCOUNT;

/// A template with every expression evaluated, and the nested stacks that lie beside it.
#[derive(Debug, Clone)]
pub struct Template {
    /// The functions, ordered by logical id, those of nested stacks last. Those whose condition is false are left out.
    pub functions: Vec<Function>,
    /// Settings of the REST API.
    pub api: Api,
    /// Values of the parameters and pseudo parameters, lists joined by commas.
    pub parameters: BTreeMap<String, String>,
    /// Every created resource with its evaluated properties, by logical id.
    pub resources: BTreeMap<String, Value>,
    /// The outputs, evaluated.
    pub outputs: BTreeMap<String, Value>,
    /// What API Gateway may call, by `AWS::Lambda::Permission`.
    permissions: routes::Permissions,
}

impl Template {
    /// Reads and evaluates the template at `path`; `parameters` override its defaults (also pseudo
    /// parameters such as `AWS::StackName`). An error names the place and the unknown name.
    pub fn load(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent();
        Self::read(&text, folder, parameters).with_context(|| format!("in {}", path.display()))
    }

    /// As [`Template::load`], without what is written from the programs: the API's document and nested stacks, which may
    /// be missing or stale.
    pub fn functions_of(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let own = || {
            let mut template = yaml::parse(&text)?;
            let resources = template.get_mut("Resources").and_then(Value::as_object_mut);
            for (_, resource) in resources.into_iter().flatten() {
                if let Some(properties) = resource.get_mut("Properties").and_then(Value::as_object_mut) {
                    properties.remove("DefinitionBody");
                    properties.remove("TemplateURL");
                }
            }
            Self::evaluate(template, None, parameters)
        };
        own().with_context(|| format!("in {}", path.display()))
    }

    /// Evaluates the text of a template that includes no other file. See [`Template::load`].
    pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> Result<Self> {
        Self::read(text, None, parameters)
    }

    fn read(text: &str, folder: Option<&Path>, parameters: &BTreeMap<String, String>) -> Result<Self> {
        let mut template = yaml::parse(text)?;
        include::put_in(&mut template, folder)?;
        Self::evaluate(template, folder, parameters)
    }

    fn evaluate(
        template: Value,
        folder: Option<&Path>,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let values = parameters::values(&template, parameters)?;
        let parameters: BTreeMap<_, _> = values
            .iter()
            .map(|(name, value)| Ok((name.clone(), intrinsics::text(value)?)))
            .collect::<Result<_>>()?;
        let conditions = section(&template, "Conditions")?;
        let mappings = template.get("Mappings").cloned().unwrap_or_default();
        let mut scope = Scope::new(values, mappings, conditions.clone());
        for name in conditions.keys() {
            scope.condition(name)?;
        }

        let raw = merged_resources(&template)?;
        let present = present_resources(&mut scope, &raw)?;
        let mut resources = BTreeMap::new();
        for (id, resource) in present {
            let resolved = scope.resolve(resource).with_context(|| format!("in resource {id}"))?;
            resources.insert(id.clone(), resolved.unwrap_or_default());
        }
        let mut outputs = BTreeMap::new();
        for (id, output) in section(&template, "Outputs")? {
            let wanted =
                output.get("Condition").and_then(Value::as_str).map_or(Ok(true), |c| scope.condition(c))?;
            if wanted {
                let value = scope.resolve(&output["Value"]).with_context(|| format!("in output {id}"))?;
                outputs.insert(id, value.unwrap_or_default());
            }
        }

        let mut functions = Vec::new();
        let mut api = None;
        for (id, resource) in &resources {
            let properties = &resource["Properties"];
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    let arn =
                        scope.resources.get(id).map(|resource| resource.arn.clone()).unwrap_or_default();
                    let function = Function::read(id, arn, properties);
                    functions.push(function.with_context(|| format!("in function {id}"))?);
                }
                Some("AWS::Serverless::Api") => {
                    ensure!(api.is_none(), "{id} is a second REST API; one is supported");
                    api = Some(Api::read(id, properties).with_context(|| format!("in API {id}"))?);
                }
                _ => {}
            }
        }
        let api = match api {
            Some(api) => api,
            // SAM makes an API for events that name none; its settings come from the globals.
            None => {
                let globals = template.get("Globals").and_then(|globals| globals.get("Api"));
                let settings = scope.resolve(globals.unwrap_or(&Value::Null))?.unwrap_or_default();
                Api::read("ServerlessRestApi", &settings).context("in Globals.Api")?
            }
        };
        let mut permissions = routes::permissions(resources.values());
        for (_, nested) in nested::read(&resources, folder, &parameters)? {
            functions.extend(nested.functions);
            permissions.extend(nested.permissions);
        }
        if let Some(body) =
            resources.get(&api.logical_id).and_then(|api| api.pointer("/Properties/DefinitionBody"))
        {
            let place = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
            let (region, stage) = (place("AWS::Region"), &api.stage);
            let arn = format!("arn:aws:execute-api:{region}:{ACCOUNT}:{}/{stage}", api.id);
            routes::assign(body, &mut functions, &arn, &permissions)
                .with_context(|| format!("in API {}", api.logical_id))?;
        }
        Ok(Self { functions, api, parameters, resources, outputs, permissions })
    }

    /// The function with this kebab-case name or logical id.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name || function.logical_id == name)
    }
}

/// A document that the project writes for CloudFormation, with long forms for short tags and nothing evaluated.
pub(crate) fn document(text: &str) -> Result<Value> {
    yaml::parse(text)
}

fn section(template: &Value, name: &str) -> Result<Map<String, Value>> {
    match template.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section.clone()),
        Some(_) => bail!("{name} must be a map"),
    }
}

fn merged_resources(template: &Value) -> Result<Map<String, Value>> {
    let mut resources = section(template, "Resources")?;
    let globals = template.get("Globals");
    for (id, resource) in &mut resources {
        let kind = resource["Type"].as_str().with_context(|| format!("resource {id} has no Type"))?;
        if let Some(kind) = kind.strip_prefix("AWS::Serverless::") {
            let shared = globals.and_then(|globals| globals.get(kind));
            let own = resource.get("Properties").cloned().unwrap_or_else(|| Value::Object(Map::new()));
            resource["Properties"] = globals::merge(shared, &own, resource.get("IgnoreGlobals"));
        }
    }
    Ok(resources)
}

/// Drops the resources whose condition is false and gives the others their placeholders.
fn present_resources<'a>(
    scope: &mut Scope,
    resources: &'a Map<String, Value>,
) -> Result<Vec<(&'a String, &'a Value)>> {
    let mut present = Vec::new();
    for (id, resource) in resources {
        let condition = resource.get("Condition").and_then(Value::as_str);
        let wanted = condition.map_or(Ok(true), |name| scope.condition(name));
        if !wanted.with_context(|| format!("in resource {id}"))? {
            scope.absent.push(id.clone());
            continue;
        }
        present.push((id, resource));
        let kind = resource["Type"].as_str().unwrap_or_default();
        let arn = |service: &str, name: &str| {
            let place = |name: &str| scope.values.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("arn:aws:{service}:{}:{ACCOUNT}:{name}", place("AWS::Region"))
        };
        let kebab = kebab_case(id);
        let (reference, arn) = match kind {
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => {
                (kebab.clone(), arn("lambda", &format!("function:{kebab}")))
            }
            "AWS::Serverless::Api" | "AWS::ApiGateway::RestApi" => (api::id(id), arn("apigateway", id)),
            "AWS::SQS::Queue" => (format!("http://127.0.0.1/{ACCOUNT}/{kebab}"), arn("sqs", &kebab)),
            "AWS::SNS::Topic" => (arn("sns", &kebab), arn("sns", &kebab)),
            "AWS::Logs::LogGroup" => {
                let name = resource["Properties"].get("LogGroupName").and_then(Value::as_str);
                let name = name.map_or_else(|| format!("local-{id}"), str::to_owned);
                (name.clone(), arn("logs", &format!("log-group:{name}:*")))
            }
            _ => {
                let service = kind.split("::").nth(1).unwrap_or("local").to_ascii_lowercase();
                (format!("local-{id}"), arn(&service, id))
            }
        };
        let derives = kind.starts_with("AWS::Serverless::");
        let value = (kind == "AWS::SSM::Parameter").then(|| resource["Properties"]["Value"].clone());
        scope.resources.insert(id.clone(), Placeholder { reference, arn, derives, value });
    }
    Ok(present)
}
