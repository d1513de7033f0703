//! The stack as it will be: the project's template with more routes, jobs, streams and a WebSocket API, for CI to lint and
//! measure before the domains that need the room are written.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::{
    check::pascal_case,
    front_door::{self, Route},
    template::Template,
};

/// How large the stack is to be, the functions of today included.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Size {
    /// HTTP routes in all
    #[arg(long, default_value_t = 300)]
    routes: usize,
    /// How many of the new routes stream their answer
    #[arg(long, default_value_t = 10)]
    streams: usize,
    /// Functions without a route in all
    #[arg(long, default_value_t = 40)]
    jobs: usize,
}

/// What each kind of thing of a domain to come has: its name, the path after the noun's, the method.
const ROUTES_OF_A_NOUN: [(&str, &str, &str); 7] = [
    ("list", "", "GET"),
    ("create", "", "POST"),
    ("get", "/{id}", "GET"),
    ("update", "/{id}", "PATCH"),
    ("delete", "/{id}", "DELETE"),
    ("publish", "/{id}/publish", "POST"),
    ("follow", "/{id}/events", "GET"),
];

/// Routes of the WebSocket API, each a function.
const MESSAGES: [(&str, &str); 4] = [
    ("connect", "$connect"),
    ("disconnect", "$disconnect"),
    ("receive-message", "$default"),
    ("save-text", "save"),
];

/// Writes the grown template and its gateway files into `folder`.
///
/// # Errors
/// When the project in `root` cannot be read, or is larger already.
pub fn write(root: &Path, folder: &Path, size: Size) -> Result<()> {
    let path = root.join("template.yaml");
    let template = Template::load(&path, &BTreeMap::new())?;
    let mut routes = Vec::new();
    for function in &template.functions {
        for (method, path, streams) in function.routes() {
            let (method, path) = (method.to_owned(), path.to_owned());
            routes.push(Route { path, method, function: function.name.clone(), streams });
        }
    }
    let jobs = template.functions.len() - routes.len();
    ensure!(
        routes.len() <= size.routes && jobs <= size.jobs,
        "there are {} routes and {jobs} jobs already",
        routes.len()
    );

    let mut entries = String::new();
    let mut streams = 0;
    for number in 0..size.routes - routes.len() {
        let (noun, kind) = (number / ROUTES_OF_A_NOUN.len(), number % ROUTES_OF_A_NOUN.len());
        let (verb, rest, method) = ROUTES_OF_A_NOUN[kind];
        let function = format!("{verb}-thing-of-domain-{noun:02}");
        let follows = verb == "follow" && streams < size.streams;
        streams += usize::from(follows);
        entries += &entry(&function, "RouteRole", "");
        let path = format!("/api/v1/things-of-domain-{noun:02}{rest}");
        routes.push(Route { path, method: method.to_owned(), function, streams: follows });
    }
    ensure!(streams == size.streams, "{} routes are too few for {} streams", size.routes, size.streams);
    for number in 0..size.jobs - jobs {
        let function = format!("work-off-things-of-domain-{number:02}");
        entries += &match number % 4 {
            // Two of four by a schedule, one by a queue, one by hand: about what the domains' designs name.
            0 | 1 => scheduled(&function),
            2 => queue_fed(&function),
            _ => entry(&function, "JobRole", "      Timeout: 300\n"),
        };
    }
    entries += &web_socket();

    let text = fs::read_to_string(&path)?;
    let (resources, outputs) = text.split_once("\nOutputs:\n").context("the template has no Outputs")?;
    fs::create_dir_all(folder.join("gateway"))?;
    fs::write(folder.join("template.yaml"), format!("{resources}\n{entries}\nOutputs:\n{outputs}"))?;
    fs::copy(root.join("monitoring.yaml"), folder.join("monitoring.yaml"))?;
    fs::write(folder.join(front_door::ROUTES), front_door::routes(&routes))?;
    fs::write(folder.join(front_door::PERMISSIONS), front_door::permissions(&routes))?;
    Ok(())
}

fn entry(function: &str, role: &str, rest: &str) -> String {
    let id = pascal_case(function);
    format!(
        "  {id}:\n    Type: AWS::Serverless::Function\n    Properties:\n      \
         FunctionName: !Sub ${{AWS::StackName}}-{function}\n      CodeUri: dist/{function}.zip\n      \
         Role: !GetAtt {role}.Arn\n{rest}"
    )
}

fn scheduled(function: &str) -> String {
    let event = format!(
        "      Timeout: 300\n      Events:\n        Times:\n          Type: ScheduleV2\n          \
         Properties: {{Name: !Sub \"${{AWS::StackName}}-{function}\", RoleArn: !GetAtt SchedulerRole.Arn, \
         ScheduleExpression: rate(1 hour)}}\n"
    );
    entry(function, "JobRole", &event)
}

fn queue_fed(function: &str) -> String {
    let id = pascal_case(function);
    let event = format!(
        "      Timeout: 60\n      Events:\n        Nudges:\n          Type: SQS\n          Properties:\n            \
         Queue: !GetAtt {id}Queue.Arn\n            BatchSize: 1\n            FunctionResponseTypes: [ReportBatchItemFailures]\n"
    );
    let queues = format!(
        "  {id}Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      SqsManagedSseEnabled: true\n      VisibilityTimeout: 360\n      \
         RedrivePolicy: {{deadLetterTargetArn: !GetAtt {id}DeadLetters.Arn, maxReceiveCount: 3}}\n  \
         {id}DeadLetters: {{Type: AWS::SQS::Queue, Properties: {{SqsManagedSseEnabled: true}}}}\n"
    );
    entry(function, "MailRole", &event) + &queues
}

fn web_socket() -> String {
    let mut text = "  Live:\n    Type: AWS::ApiGatewayV2::Api\n    Properties: {Name: !Sub \"${AWS::StackName}-live\", \
                    ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}\n  \
                    LiveStage:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: {ApiId: !Ref Live, StageName: !Ref Stage, AutoDeploy: true}\n"
        .to_owned();
    for (function, route) in MESSAGES {
        let id = pascal_case(function);
        text += &entry(function, "RouteRole", "");
        text += &format!(
            "  {id}Integration:\n    Type: AWS::ApiGatewayV2::Integration\n    Properties: {{ApiId: !Ref Live, IntegrationType: AWS_PROXY, \
             IntegrationUri: !Sub \"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{id}.Arn}}/invocations\"}}\n  \
             {id}Route:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {{ApiId: !Ref Live, RouteKey: {route}, \
             Target: !Sub \"integrations/${{{id}Integration}}\"}}\n  \
             {id}Permission:\n    Type: AWS::Lambda::Permission\n    Properties: {{Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com, \
             FunctionName: !Ref {id}, SourceArn: !Sub \"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Live}}/*\"}}\n"
        );
    }
    text
}
