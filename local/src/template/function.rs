//! One `AWS::Serverless::Function`: what Lambda needs to run it and what invokes it.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::intrinsics::text;

/// The variable whose lines are settings: `shared::settings` reads it.
const SETTINGS: &str = "PRAXIS_SETTINGS";

/// A function of the template.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// `CreateScene`
    pub logical_id: String,
    /// `create-scene`: the logical id in kebab case.
    pub name: String,
    /// What `Fn::GetAtt … Arn` gives.
    pub arn: String,
    /// `FunctionName`, when the template gives one.
    pub deployed_name: Option<String>,
    /// File name of the executable: the last part of `CodeUri` without `.zip`, else the name.
    pub binary: String,
    /// `CodeUri` as written, after evaluation.
    pub code_uri: String,
    /// `Handler`, `bootstrap` for custom runtimes.
    pub handler: String,
    /// How long one invocation may take. Lambda's default is 3 seconds.
    pub timeout: Duration,
    /// Megabytes.
    pub memory: u32,
    /// `Environment.Variables`, evaluated.
    pub environment: BTreeMap<String, String>,
    /// At most so many invocations at once (`ReservedConcurrentExecutions`).
    pub reserved_concurrency: Option<usize>,
    /// Name of the log group of `LoggingConfig`, else Lambda's own `/aws/lambda/<name>`.
    pub log_group: String,
    /// `LoggingConfig.LogFormat`: `JSON` or `Text`.
    pub log_format: String,
    /// `LoggingConfig.ApplicationLogLevel`, which Lambda passes on with `JSON`.
    pub log_level: Option<String>,
    /// What invokes the function, with the events' names.
    pub events: Vec<(String, Event)>,
}

/// What invokes a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A route of the REST API.
    Api {
        /// Upper case; `ANY` for every method.
        method: String,
        /// `/scenes/{scene_id}`
        path: String,
        /// `ResponseTransferMode: RESPONSE_STREAM`.
        streams: bool,
        /// `TimeoutInMillis`, when set. API Gateway's default is 29 seconds.
        timeout: Option<Duration>,
        /// `OperationName`, when set.
        operation: Option<String>,
        /// Whether API Gateway may call the function for it. SAM sees to that for a route among a function's events; one of
        /// the API's own document needs an `AWS::Lambda::Permission`.
        permitted: bool,
    },
    /// EventBridge Scheduler (`ScheduleV2`) or an EventBridge rule (`Schedule`).
    Schedule {
        /// `cron(…)`, `rate(…)` or `at(…)`.
        expression: String,
        /// IANA name. UTC when the template has none.
        timezone: String,
        /// The payload, when the template gives one.
        input: Option<String>,
        /// False for `State: DISABLED`.
        enabled: bool,
    },
    /// A subscription of a CloudWatch log group.
    CloudWatchLogs {
        /// Name of the group.
        log_group: String,
        /// Empty for every line.
        filter_pattern: String,
    },
    /// An SQS queue.
    Sqs {
        /// ARN of the queue; its last part is the logical id in kebab case.
        queue: String,
        /// Messages per invocation at most.
        batch_size: usize,
        /// How long a batch may be collected.
        batching_window: Duration,
        /// Whether the answer names the messages that failed (`ReportBatchItemFailures`).
        reports_failures: bool,
        /// `ScalingConfig.MaximumConcurrency`, when set.
        maximum_concurrency: Option<usize>,
    },
    /// An event that has no local counterpart, by its type.
    Other(String),
}

impl Function {
    pub(super) fn read(logical_id: &str, arn: String, properties: &Value) -> Result<Self> {
        let name = kebab_case(logical_id);
        let code_uri = properties.get("CodeUri").and_then(Value::as_str).unwrap_or_default().to_owned();
        let last = code_uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let last = last.strip_suffix(".zip").unwrap_or(last);
        let binary = if last.is_empty() || last == "." { name.clone() } else { last.to_owned() };
        let variables = match properties.pointer("/Environment/Variables") {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(Value::Object(variables)) => variables
                .iter()
                .map(|(key, value)| {
                    Ok((key.clone(), text(value).with_context(|| format!("environment {key}"))?))
                })
                .collect::<Result<_>>()?,
            Some(_) => bail!("Environment.Variables must be a map"),
        };
        let logging = |name: &str| {
            properties.pointer(&format!("/LoggingConfig/{name}")).and_then(Value::as_str).map(str::to_owned)
        };
        let mut events = Vec::new();
        if let Some(declared) = properties.get("Events").and_then(Value::as_object) {
            for (id, event) in declared {
                events.push((id.clone(), Event::read(event).with_context(|| format!("in event {id}"))?));
            }
        }
        let timeout = number(properties, "Timeout")?.unwrap_or(3);
        ensure!((1..=900).contains(&timeout), "Timeout must be 1 to 900 seconds, not {timeout}");
        Ok(Self {
            logical_id: logical_id.to_owned(),
            arn,
            deployed_name: properties.get("FunctionName").map(text).transpose()?,
            binary,
            code_uri,
            handler: properties.get("Handler").and_then(Value::as_str).unwrap_or("bootstrap").to_owned(),
            timeout: Duration::from_secs(timeout),
            memory: u32::try_from(number(properties, "MemorySize")?.unwrap_or(128))?,
            environment: variables,
            reserved_concurrency: number(properties, "ReservedConcurrentExecutions")?
                .map(usize::try_from)
                .transpose()?,
            log_group: logging("LogGroup").unwrap_or_else(|| format!("/aws/lambda/{name}")),
            log_format: logging("LogFormat").unwrap_or_else(|| "Text".to_owned()),
            log_level: logging("ApplicationLogLevel"),
            events,
            name,
        })
    }

    /// Its variables with `over` above them. Where it has `PRAXIS_SETTINGS`, a setting without a variable of its own is a
    /// line of that, as `sam local invoke --env-vars` would say it; what programs and libraries read themselves, and
    /// what has several lines, is a variable always.
    pub fn variables(&self, over: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut variables = self.environment.clone();
        let mut lines = variables.remove(SETTINGS);
        for (name, value) in over {
            let is_own = variables.contains_key(name)
                || name.starts_with("AWS_")
                || ["RUST_BACKTRACE", "TZ", "LD_LIBRARY_PATH"].contains(&name.as_str())
                || value.contains('\n');
            match &mut lines {
                Some(lines) if !is_own => lines.push_str(&format!("\n{name}={value}")),
                _ => _ = variables.insert(name.clone(), value.clone()),
            }
        }
        variables.extend(lines.map(|lines| (SETTINGS.to_owned(), lines)));
        variables
    }

    /// Its routes: method, path, whether it streams.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Api { method, path, streams, .. } => Some((method.as_str(), path.as_str(), *streams)),
            _ => None,
        })
    }
}

impl Event {
    /// A route as its program serves it.
    pub fn route(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self::Api { method, path, streams: false, timeout: None, operation: None, permitted: true }
    }

    fn read(event: &Value) -> Result<Self> {
        let properties = &event["Properties"];
        let optional = |name: &str| properties.get(name).map(text).transpose();
        let required = |name: &str| optional(name)?.with_context(|| format!("{name} is missing"));
        let kind = event["Type"].as_str().context("Type is missing")?;
        Ok(match kind {
            "Api" => {
                let path = required("Path")?;
                ensure!(path.starts_with('/'), "Path {path} must start with /");
                let streams = match optional("ResponseTransferMode")?.as_deref() {
                    None | Some("BUFFERED") => false,
                    Some("RESPONSE_STREAM") => true,
                    Some(other) => {
                        bail!("ResponseTransferMode {other} is neither BUFFERED nor RESPONSE_STREAM")
                    }
                };
                Self::Api {
                    method: required("Method")?
                        .to_ascii_uppercase()
                        .replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY"),
                    path,
                    streams,
                    timeout: number(properties, "TimeoutInMillis")?.map(Duration::from_millis),
                    operation: optional("OperationName")?,
                    permitted: true,
                }
            }
            "ScheduleV2" | "Schedule" => Self::Schedule {
                expression: optional("ScheduleExpression")?
                    .map_or_else(|| required("Schedule"), Ok)
                    .context("ScheduleExpression is missing")?,
                timezone: optional("ScheduleExpressionTimezone")?.unwrap_or_else(|| "UTC".to_owned()),
                input: properties.get("Input").map(|input| match input {
                    Value::String(text) => text.clone(),
                    json => json.to_string(),
                }),
                enabled: optional("State")?.as_deref() != Some("DISABLED")
                    && optional("Enabled")?.as_deref() != Some("false"),
            },
            "CloudWatchLogs" => Self::CloudWatchLogs {
                log_group: required("LogGroupName")?,
                filter_pattern: optional("FilterPattern")?.unwrap_or_default(),
            },
            "SQS" => Self::Sqs {
                queue: required("Queue")?,
                batch_size: usize::try_from(number(properties, "BatchSize")?.unwrap_or(10))?,
                batching_window: Duration::from_secs(
                    number(properties, "MaximumBatchingWindowInSeconds")?.unwrap_or(0),
                ),
                reports_failures: properties
                    .get("FunctionResponseTypes")
                    .and_then(Value::as_array)
                    .is_some_and(|types| types.iter().any(|kind| kind == "ReportBatchItemFailures")),
                maximum_concurrency: number(&properties["ScalingConfig"], "MaximumConcurrency")?
                    .map(usize::try_from)
                    .transpose()?,
            },
            other => Self::Other(other.to_owned()),
        })
    }
}

/// A number that a parameter may have given as text.
pub(super) fn number(properties: &Value, name: &str) -> Result<Option<u64>> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let text = text(value)?;
            Ok(Some(text.parse().with_context(|| format!("{name} {text:?} is not a whole number"))?))
        }
    }
}

/// `GetOpsMetrics` as `get-ops-metrics`.
pub fn kebab_case(logical_id: &str) -> String {
    let characters: Vec<char> = logical_id.chars().collect();
    let mut name = String::new();
    for (at, character) in characters.iter().enumerate() {
        if character.is_ascii_uppercase() && at > 0 {
            let before = characters[at - 1];
            let ends_acronym = characters.get(at + 1).is_some_and(char::is_ascii_lowercase);
            if !before.is_ascii_uppercase() || ends_acronym {
                name.push('-');
            }
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}
