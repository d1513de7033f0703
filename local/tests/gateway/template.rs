//! Intrinsic functions, parameters, conditions, globals.

use std::{collections::BTreeMap, path::Path, time::Duration};

use local::template::{Event, Function, Template, kebab_case};
use serde_json::{Value, json};

use crate::cloud::fixture;

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Evaluates one expression as an output.
fn evaluate(expression: &str) -> Result<Value, String> {
    let template = format!(
        r#"
Parameters:
  Name: {{Type: String, Default: world}}
  Count: {{Type: Number, Default: 3}}
  List: {{Type: CommaDelimitedList, Default: "a, b,c"}}
  Empty: {{Type: CommaDelimitedList, Default: ""}}
  Required: {{Type: String}}
Mappings:
  Sizes: {{small: {{memory: 128}}, large: {{memory: 1024}}}}
Conditions:
  Yes: !Equals [!Ref Name, world]
  No: !Not [!Condition Yes]
  Both: !And [!Condition Yes, !Not [!Condition No]]
  Either: !Or [!Condition No, {{"Fn::Equals": [!Ref Count, "3"]}}]
Resources:
  Queue: {{Type: AWS::SQS::Queue}}
  Api: {{Type: AWS::Serverless::Api, Properties: {{StageName: x}}}}
  Work: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: dist/}}}}
  Gone: {{Type: AWS::SNS::Topic, Condition: No}}
Outputs:
  Out: {{Value: {expression}}}
"#
    );
    let template = Template::parse(&template, &BTreeMap::new()).map_err(|error| format!("{error:#}"))?;
    Ok(template.outputs["Out"].clone())
}

#[test]
fn intrinsic_functions() {
    for (expression, expected) in [
        ("!Ref Name", json!("world")),
        ("{Ref: Name}", json!("world")),
        ("!Ref List", json!(["a", "b", "c"])),
        ("!Ref Empty", json!([])),
        ("!Ref Required", json!("local-Required")),
        ("!Ref AWS::Region", json!("us-east-1")),
        ("!Ref Work", json!("work")),
        ("!Ref ApiStage", json!("local-ApiStage")),
        ("!Ref Api.Stage", json!("local-Api.Stage")),
        ("!GetAtt Queue.Arn", json!("arn:aws:sqs:us-east-1:123456789012:queue")),
        ("{Fn::GetAtt: [Queue, Arn]}", json!("arn:aws:sqs:us-east-1:123456789012:queue")),
        ("{Fn::GetAtt: Queue.Arn}", json!("arn:aws:sqs:us-east-1:123456789012:queue")),
        ("!GetAtt Queue.QueueName", json!("local-Queue.QueueName")),
        ("!GetAtt WorkRole.Arn", json!("arn:aws:local:us-east-1:123456789012:WorkRole")),
        (
            "!Sub 'hello ${Name}, ${!Name}, ${Count}, ${Queue.Arn}'",
            json!("hello world, ${Name}, 3, arn:aws:sqs:us-east-1:123456789012:queue"),
        ),
        ("!Sub ['${a}-${Name}', {a: !Select [1, !Ref List]}]", json!("b-world")),
        ("!Sub '${AWS::Partition}:${AWS::AccountId}:${AWS::StackName}'", json!("aws:123456789012:local")),
        ("!Join ['-', [x, !Ref Name, !Ref Count]]", json!("x-world-3")),
        ("!Join [',', !Ref List]", json!("a,b,c")),
        ("!Split ['-', 'a-b']", json!(["a", "b"])),
        ("!Select [0, !Split ['-', 'a-b']]", json!("a")),
        ("!FindInMap [Sizes, large, memory]", json!(1024)),
        ("!FindInMap [Sizes, huge, memory, {DefaultValue: 7}]", json!(7)),
        ("!If [Yes, 1, 2]", json!(1)),
        ("!If [No, 1, 2]", json!(2)),
        ("!If [Both, !If [Either, deep, x], y]", json!("deep")),
        ("{a: !If [No, 1, !Ref AWS::NoValue], b: 2}", json!({"b": 2})),
        ("[1, !Ref AWS::NoValue]", json!([1])),
        ("!Base64 abc", json!("YWJj")),
        ("!ImportValue shared-vpc", json!("local-import-shared-vpc")),
        ("!Length [1, 2]", json!(2)),
        ("!ToJsonString {a: !Ref Name}", json!("{\"a\":\"world\"}")),
    ] {
        assert_eq!(evaluate(expression).as_ref(), Ok(&expected), "{expression}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_named() {
    for (expression, culprit) in [
        ("!Ref Nobody", "Nobody is neither a parameter nor a resource"),
        ("!Sub '${Nobody.Arn}'", "Nobody is neither a parameter nor a resource"),
        ("!GetAtt Gone.TopicArn", "Gone is not created, because its condition is false"),
        ("!If [Perhaps, 1, 2]", "unknown condition Perhaps"),
        ("!FindInMap [Sizes, huge, memory]", "no entry Sizes.huge.memory"),
        ("!Select [9, !Ref List]", "no item 9"),
        ("!Nonsense x", "!Nonsense is not a CloudFormation function"),
        ("{Fn::Transform: {Name: X}}", "Fn::Transform cannot be evaluated locally"),
        ("!Sub '${Name'", "without `}`"),
    ] {
        let error = evaluate(expression).unwrap_err();
        assert!(error.contains(culprit), "{expression}: {error}");
    }
    let looping = "Conditions: {A: !Condition B, B: !Not [!Condition A]}";
    let error = Template::parse(looping, &BTreeMap::new()).unwrap_err();
    assert!(format!("{error:#}").contains("depends on itself"), "{error:#}");
}

#[test]
fn parameters_override_defaults_and_are_checked() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/template.yaml"));
    let text = text.unwrap();
    let template = Template::parse(&text, &given(&[("Stage", "prod"), ("Origin", "https://b")])).unwrap();
    assert_eq!(template.api.stage, "prod");
    assert_eq!(template.api.cors.unwrap().allow_origin, "https://b");
    let refused = |pairs| format!("{:#}", Template::parse(&text, &given(pairs)).unwrap_err());
    assert!(refused(&[("Stage", "x")]).contains("not one of dev, prod"));
    assert!(refused(&[("Nope", "x")]).contains("no parameter Nope; it has Origin, Stage"));
}

#[test]
fn globals_are_merged_as_sam_does() {
    let template = Template::parse(
        r#"
Globals:
  Function:
    Timeout: 7
    MemorySize: 512
    Architectures: [arm64]
    Layers: [one]
    Environment: {Variables: {A: "1", B: "1"}}
    VpcConfig: !If [Vpc, {SubnetIds: [a]}, !Ref AWS::NoValue]
Conditions: {Vpc: !Equals [a, b]}
Resources:
  DoWork:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: dist/arm64/do-work/
      Timeout: 9
      Architectures: [x86_64]
      Layers: [two]
      Environment: {Variables: {B: "2", C: !If [Vpc, "x", !Ref AWS::NoValue]}}
      Events:
        Weekly:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(0 6 ? * MON *)
            ScheduleExpressionTimezone: Europe/Vienna
            Input: '{"a":1}'
        Logs: {Type: CloudWatchLogs, Properties: {LogGroupName: !Ref Logs, FilterPattern: "{ $.type = * }"}}
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 5}}
  Plain: {Type: AWS::Serverless::Function, IgnoreGlobals: [Timeout], Properties: {CodeUri: .}}
  Dropped: {Type: AWS::Serverless::Function, Condition: Vpc, Properties: {CodeUri: .}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /praxis}}
  Queue: {Type: AWS::SQS::Queue}
"#,
        &BTreeMap::new(),
    )
    .unwrap();
    let names: Vec<_> = template.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["do-work", "plain"], "a function whose condition is false is left out");
    let work: &Function = template.function("do-work").unwrap();
    assert_eq!((work.timeout, work.memory, work.binary.as_str()), (Duration::from_secs(9), 512, "do-work"));
    assert_eq!(work.environment, given(&[("A", "1"), ("B", "2")]));
    let properties = &template.resources["DoWork"]["Properties"];
    assert_eq!(properties["Architectures"], json!(["x86_64"]));
    assert_eq!(properties["Layers"], json!(["one", "two"]));
    assert!(properties.get("VpcConfig").is_none());
    let expected = [
        Event::CloudWatchLogs {
            log_group: "/praxis".to_owned(),
            filter_pattern: "{ $.type = * }".to_owned(),
        },
        Event::Sqs {
            queue: "arn:aws:sqs:us-east-1:123456789012:queue".to_owned(),
            batch_size: 5,
            batching_window: Duration::ZERO,
            reports_failures: false,
            maximum_concurrency: None,
        },
        Event::Schedule {
            expression: "cron(0 6 ? * MON *)".to_owned(),
            timezone: "Europe/Vienna".to_owned(),
            input: Some("{\"a\":1}".to_owned()),
            enabled: true,
        },
    ];
    assert_eq!(work.events.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), expected);
    let plain = template.function("Plain").unwrap();
    assert_eq!((plain.timeout, plain.binary.as_str()), (Duration::from_secs(3), "plain"));
}

#[test]
fn names() {
    for (logical_id, name) in [
        ("CreateScene", "create-scene"),
        ("GetMe", "get-me"),
        ("GetOpenapi", "get-openapi"),
        ("SyncS3Files", "sync-s3-files"),
        ("GetURLInfo", "get-url-info"),
    ] {
        assert_eq!(kebab_case(logical_id), name);
    }
}

#[test]
fn the_fixture_and_the_projects_template_load_completely() {
    assert_eq!(fixture().functions.len(), 6);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = Template::load(&path, &BTreeMap::new()).unwrap();
    assert!(template.function("create-scene").is_some());
    local::gateway::Router::new(&template).unwrap();
}
