//! CloudFormation's intrinsic functions, evaluated with what is known on a laptop.
//!
//! References to resources become stable placeholders; names that the template does not define are
//! errors, as they would be at deployment. Rules:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use std::{cell::RefCell, collections::BTreeMap};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

/// The names that an expression can refer to.
pub(super) struct Scope {
    /// Parameters and pseudo parameters. `AWS::NoValue` is handled apart.
    pub(super) values: BTreeMap<String, Value>,
    pub(super) mappings: Value,
    pub(super) conditions: Map<String, Value>,
    pub(super) evaluated: RefCell<BTreeMap<String, Option<bool>>>,
    /// What `Ref` and `Fn::GetAtt` give for a resource, by logical id.
    pub(super) resources: BTreeMap<String, Placeholder>,
    /// Conditional resources that are not created with the present parameters.
    pub(super) absent: Vec<String>,
}

/// Stands in for a resource that exists in the cloud only.
pub(super) struct Placeholder {
    /// The answer to `Ref`.
    pub(super) reference: String,
    /// The answer to `Fn::GetAtt … Arn`.
    pub(super) arn: String,
    /// The SAM translator derives further resources from this one (`<Id>Role`, `<Id>Stage` …).
    pub(super) derives: bool,
    /// The answer to `Fn::GetAtt … Value`, before evaluation: an SSM parameter gives back its text.
    pub(super) value: Option<Value>,
}

/// The only member of an object that is an intrinsic function.
fn intrinsic(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

/// Whether the value is a function call, which merging must not look into.
pub(super) fn is_intrinsic(value: &Value) -> bool {
    intrinsic(value).is_some()
}

impl Scope {
    pub(super) fn new(
        values: BTreeMap<String, Value>,
        mappings: Value,
        conditions: Map<String, Value>,
    ) -> Self {
        Self {
            values,
            mappings,
            conditions,
            evaluated: RefCell::default(),
            resources: BTreeMap::new(),
            absent: Vec::new(),
        }
    }

    /// Evaluates every function inside `value`. `None` is `AWS::NoValue`: the property is left out.
    pub(super) fn resolve(&self, value: &Value) -> Result<Option<Value>> {
        if let Some((name, argument)) = intrinsic(value) {
            return self.call(name, argument).with_context(|| format!("in {name}"));
        }
        Ok(Some(match value {
            Value::Array(items) => Value::Array(
                items.iter().filter_map(|item| self.resolve(item).transpose()).collect::<Result<_>>()?,
            ),
            Value::Object(entries) => {
                let mut object = Map::new();
                for (key, entry) in entries {
                    if let Some(resolved) = self.resolve(entry).with_context(|| format!("at {key}"))? {
                        object.insert(key.clone(), resolved);
                    }
                }
                Value::Object(object)
            }
            plain => plain.clone(),
        }))
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>> {
        Ok(Some(match name {
            "Ref" => {
                let target = argument.as_str().context("expected a name")?;
                if target == "AWS::NoValue" {
                    return Ok(None);
                }
                self.reference(target)?
            }
            "Fn::GetAtt" => Value::String(self.attribute(argument)?),
            "Fn::Sub" => Value::String(self.substitute(argument)?),
            "Fn::If" => {
                let [condition, yes, no] = items(argument)?;
                let name = condition.as_str().context("the first item must name a condition")?;
                return self.resolve(if self.condition(name)? { yes } else { no });
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => {
                let object = Map::from_iter([(name.to_owned(), argument.clone())]);
                Value::Bool(self.truth(&Value::Object(object))?)
            }
            "Fn::Join" => {
                let [separator, list] = items(argument)?;
                let parts = self.list(list)?.iter().map(text).collect::<Result<Vec<_>>>()?;
                Value::String(parts.join(&self.text(separator)?))
            }
            "Fn::Split" => {
                let [separator, source] = items(argument)?;
                let (separator, source) = (self.text(separator)?, self.text(source)?);
                ensure!(!separator.is_empty(), "the delimiter is empty");
                Value::Array(source.split(&separator).map(Value::from).collect())
            }
            "Fn::Select" => {
                let [index, list] = items(argument)?;
                let index: usize = self.text(index)?.parse().context("the index must be a number")?;
                let list = self.list(list)?;
                list.get(index)
                    .cloned()
                    .ok_or_else(|| anyhow!("no item {index} in a list of {}", list.len()))?
            }
            "Fn::FindInMap" => self.find_in_map(argument)?,
            "Fn::Length" => Value::from(self.list(argument)?.len()),
            "Fn::ToJsonString" => Value::String(self.required(argument)?.to_string()),
            "Fn::Base64" => Value::String(BASE64_STANDARD.encode(self.text(argument)?)),
            // Exports of other stacks and the zones of a region are known to the cloud only.
            "Fn::ImportValue" => Value::String(format!("local-import-{}", self.text(argument)?)),
            "Fn::GetAZs" => Value::Array(
                ["a", "b", "c"]
                    .iter()
                    .map(|zone| Ok(format!("{}{zone}", self.pseudo("AWS::Region")?).into()))
                    .collect::<Result<_>>()?,
            ),
            other => bail!("{other} cannot be evaluated locally"),
        }))
    }

    fn reference(&self, name: &str) -> Result<Value> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        // `!Ref Api.Stage` is SAM's spelling for a resource that it generates.
        let resource = name.split('.').next().unwrap_or(name);
        match self.resource(resource)? {
            Some(placeholder) if resource == name => Ok(Value::String(placeholder.reference.clone())),
            _ => Ok(Value::String(format!("local-{name}"))),
        }
    }

    fn attribute(&self, argument: &Value) -> Result<String> {
        let (resource, attribute) = match argument {
            Value::String(target) => {
                let (resource, attribute) = target.split_once('.').context("expected Resource.Attribute")?;
                (resource.to_owned(), attribute.to_owned())
            }
            list => {
                let [resource, attribute] = items(list)?;
                (text(resource)?, self.text(attribute)?)
            }
        };
        let placeholder = self.resource(&resource)?;
        if let ("Value", Some(Placeholder { value: Some(value), .. })) = (attribute.as_str(), placeholder) {
            return self.text(value).with_context(|| format!("in {resource}"));
        }
        Ok(match (attribute.as_str(), placeholder) {
            ("Arn", Some(placeholder)) => placeholder.arn.clone(),
            ("Arn", None) => format!(
                "arn:{}:local:{}:{}:{resource}",
                self.pseudo("AWS::Partition")?,
                self.pseudo("AWS::Region")?,
                self.pseudo("AWS::AccountId")?
            ),
            _ => format!("local-{resource}.{attribute}"),
        })
    }

    /// `None` for a resource that SAM derives from one of the template's.
    fn resource(&self, name: &str) -> Result<Option<&Placeholder>> {
        if let Some(placeholder) = self.resources.get(name) {
            return Ok(Some(placeholder));
        }
        if self.absent.iter().any(|absent| absent == name) {
            bail!("{name} is not created, because its condition is false");
        }
        let derived = |(id, placeholder): (&String, &Placeholder)| {
            let suffix = name.strip_prefix(id.as_str());
            placeholder.derives
                && suffix.is_some_and(|suffix| suffix.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        if self.resources.iter().any(derived) || name.starts_with("ServerlessRestApi") {
            return Ok(None);
        }
        bail!("{name} is neither a parameter nor a resource of this template")
    }

    fn substitute(&self, argument: &Value) -> Result<String> {
        let (template, variables) = match argument {
            Value::String(template) => (template.as_str(), None),
            list => {
                let [template, variables] = items(list)?;
                let variables = variables.as_object().context("the second item must map names to values")?;
                (template.as_str().context("the first item must be text")?, Some(variables))
            }
        };
        let mut output = String::new();
        let mut rest = template;
        while let Some(start) = rest.find("${") {
            output.push_str(&rest[..start]);
            let (name, after) = rest[start + 2..].split_once('}').context("`${` without `}`")?;
            match name.strip_prefix('!') {
                Some(literal) => output.push_str(&format!("${{{literal}}}")),
                None => output.push_str(&self.variable(name.trim(), variables)?),
            }
            rest = after;
        }
        output.push_str(rest);
        Ok(output)
    }

    fn variable(&self, name: &str, variables: Option<&Map<String, Value>>) -> Result<String> {
        if let Some(value) = variables.and_then(|variables| variables.get(name)) {
            return self.text(value).with_context(|| format!("in ${{{name}}}"));
        }
        match name.split_once('.') {
            Some(_) if !self.values.contains_key(name) => self.attribute(&Value::from(name)),
            _ => text(&self.reference(name)?),
        }
        .with_context(|| format!("in ${{{name}}}"))
    }

    fn find_in_map(&self, argument: &Value) -> Result<Value> {
        let list = argument.as_array().context("expected [map, key, key]")?;
        let [map, first, second, options @ ..] = list.as_slice() else { bail!("expected [map, key, key]") };
        let (map, first, second) = (self.text(map)?, self.text(first)?, self.text(second)?);
        if let Some(found) = self.mappings.get(&map).and_then(|map| map.get(&first)?.get(&second)) {
            return Ok(found.clone());
        }
        match options.first().and_then(|options| options.get("DefaultValue")) {
            Some(default) => self.required(default),
            None => bail!("no entry {map}.{first}.{second} in Mappings"),
        }
    }

    fn pseudo(&self, name: &str) -> Result<String> {
        text(self.values.get(name).with_context(|| format!("{name} is unknown"))?)
    }

    pub(super) fn required(&self, value: &Value) -> Result<Value> {
        self.resolve(value)?.context("AWS::NoValue where a value is needed")
    }

    fn text(&self, value: &Value) -> Result<String> {
        text(&self.required(value)?)
    }

    fn list(&self, value: &Value) -> Result<Vec<Value>> {
        match self.required(value)? {
            Value::Array(items) => Ok(items),
            other => bail!("expected a list, found {other}"),
        }
    }
}

pub(super) fn items<const N: usize>(argument: &Value) -> Result<&[Value; N]> {
    // `Fn::Not: {…}` without the list is common and accepted.
    let list = match argument {
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    list.try_into().map_err(|_| anyhow!("expected {N} items, found {}", list.len()))
}

/// Scalars as text, the way CloudFormation passes them on.
pub(super) fn text(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        // A list parameter inside text is joined by commas again.
        Value::Array(items) => Ok(items.iter().map(text).collect::<Result<Vec<_>>>()?.join(",")),
        other => bail!("expected text, found {other}"),
    }
}
