//! An API whose routes are an included file and whose permissions are a nested stack, as the project's own is.

use std::{collections::BTreeMap, fs, path::PathBuf};

use local::{
    front_door::{self, Route},
    gateway,
    lambda::Options,
    template::Template,
};

use crate::cloud::{Cloud, answer};

const TEMPLATE: &str = r#"
Globals:
  Function: {Environment: {Variables: {PRAXIS_SETTINGS: !GetAtt Settings.Value}}}
Parameters:
  Origins: {Type: CommaDelimitedList, Default: "http://a,http://b"}
Resources:
  Settings:
    Type: AWS::SSM::Parameter
    Properties:
      Value: !Sub
        - |
          STACK=${AWS::StackName}
          ORIGINS=${All}
        - All: !Join [",", !Ref Origins]
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      Cors: {AllowOrigin: "'*'"}
      DefinitionBody:
        paths:
          Fn::Transform: {Name: AWS::Include, Parameters: {Location: gateway/routes.yaml}}
  Permissions:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: gateway/permissions.yaml
      Parameters: {Api: !Ref Api, Stack: !Ref AWS::StackName}
  GetItem: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub "${AWS::StackName}-get-item", CodeUri: dist/echo_function.zip}}
  SearchItems: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub "${AWS::StackName}-search-items", CodeUri: dist/echo_function.zip}}
  FollowItem: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub "${AWS::StackName}-follow-item", CodeUri: dist/echo_function.zip}}
"#;

/// A project's folder, deleted when dropped.
struct Project(PathBuf);

impl Project {
    fn new(routes: &[Route], permitted: &[Route]) -> Self {
        let project = Self(std::env::temp_dir().join(format!("praxis-included-{}", uuid::Uuid::new_v4())));
        fs::create_dir_all(project.0.join("gateway")).unwrap();
        fs::write(project.0.join("template.yaml"), TEMPLATE).unwrap();
        fs::write(project.0.join(front_door::ROUTES), front_door::routes(routes)).unwrap();
        fs::write(project.0.join(front_door::PERMISSIONS), front_door::permissions(permitted)).unwrap();
        project
    }

    fn load(&self) -> Result<Template, String> {
        let template = Template::load(&self.0.join("template.yaml"), &BTreeMap::new());
        template.map_err(|error| format!("{error:#}"))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn route(method: &str, path: &str, function: &str) -> Route {
    let streams = function == "follow-item";
    Route { path: path.to_owned(), method: method.to_owned(), function: function.to_owned(), streams }
}

fn routes() -> [Route; 3] {
    [
        route("GET", "/items/{item_id}", "get-item"),
        route("POST", "/items/search", "search-items"),
        route("GET", "/items/{item_id}/events", "follow-item"),
    ]
}

async fn serve(template: Template) -> Cloud {
    Cloud::of(template, Options::default(), gateway::Options::default()).await
}

#[tokio::test]
async fn included_routes_are_served_buffered_and_streamed() {
    let project = Project::new(&routes(), &routes());
    let cloud = serve(project.load().unwrap()).await;
    let (status, _, body) = answer(cloud.http.get(cloud.url("/items/7"))).await;
    assert_eq!((status, &body["event"]["resource"]), (200, &"/items/{item_id}".into()), "{body}");
    let (status, _, body) = answer(cloud.http.post(cloud.url("/items/search"))).await;
    assert_eq!((status, &body["event"]["resource"]), (200, &"/items/search".into()), "{body}");
    let streamed = cloud.get("/items/7/events", "stream").send().await.unwrap();
    assert_eq!(streamed.status(), 202);
    assert!(streamed.headers().contains_key("transfer-encoding"), "{streamed:?}");
}

/// Measured on AWS: github.com/floci-io/floci/issues/3399.
#[tokio::test]
async fn a_method_that_the_nearest_path_lacks_goes_on_to_the_next() {
    let project = Project::new(&routes(), &routes());
    let cloud = serve(project.load().unwrap()).await;
    let (status, _, body) = answer(cloud.http.get(cloud.url("/items/search"))).await;
    assert_eq!((status, &body["event"]["resource"]), (200, &"/items/{item_id}".into()), "{body}");
    assert_eq!(body["event"]["pathParameters"]["item_id"], "search");
    let (status, _, _) = answer(cloud.http.delete(cloud.url("/items/search"))).await;
    assert_eq!(status, 403, "nobody has the method");
    // Every path has its own preflight, so this one goes no further.
    let preflight = cloud.http.request(reqwest::Method::OPTIONS, cloud.url("/items/search"));
    let (status, headers, _) = answer(preflight).await;
    assert_eq!((status, &headers["access-control-allow-methods"]), (200, &"OPTIONS,POST".parse().unwrap()));
}

#[tokio::test]
async fn a_route_without_permission_is_a_configuration_error() {
    let mut permitted = routes();
    permitted[0].method = "PUT".to_owned();
    let project = Project::new(&routes(), &permitted);
    let mut cloud = serve(project.load().unwrap()).await;
    let (status, headers, _) = answer(cloud.http.get(cloud.url("/items/7"))).await;
    assert_eq!(
        (status, &headers["x-amzn-errortype"]),
        (500, &"InternalServerErrorException".parse().unwrap())
    );
    cloud.log("Invalid permissions on Lambda function").await;
    let (status, _, _) = answer(cloud.http.post(cloud.url("/items/search"))).await;
    assert_eq!(status, 200, "another route's permission is its own");
}

#[test]
fn settings_are_one_value_and_a_run_s_own_are_lines_of_it() {
    let template = Project::new(&routes(), &routes()).load().unwrap();
    let function = template.function("get-item").unwrap();
    assert_eq!(function.environment["PRAXIS_SETTINGS"], "STACK=local\nORIGINS=http://a,http://b\n");
    let over = [("DATABASE_URL", "postgresql://x"), ("STACK", ""), ("RUST_BACKTRACE", "1"), ("PEM", "a\nb")];
    let over = over.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let variables = function.variables(&over);
    let lines = "STACK=local\nORIGINS=http://a,http://b\n\nDATABASE_URL=postgresql://x\nSTACK=";
    let expected = [("PEM", "a\nb"), ("PRAXIS_SETTINGS", lines), ("RUST_BACKTRACE", "1")];
    assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn what_cloudformation_would_refuse_is_refused() {
    let project = Project::new(&routes(), &routes());
    let file = project.0.join(front_door::ROUTES);
    let written = fs::read_to_string(&file).unwrap();
    for (text, culprit) in [
        ("/a: {get: {x: !Sub b}}".to_owned(), "!Sub in an included file"),
        ("/a: {Fn::Transform: {Name: AWS::Include}}".to_owned(), "includes another file"),
        (written.replace("GetItem.Arn", "GetNobody.Arn"), "GetNobody is neither a parameter nor a resource"),
        (written.replace("aws_proxy", "http_proxy"), "aws_proxy is supported"),
    ] {
        fs::write(&file, text).unwrap();
        let error = project.load().unwrap_err();
        assert!(error.contains(culprit), "{error}");
    }
    fs::remove_file(&file).unwrap();
    assert!(project.load().unwrap_err().contains("cannot read"));
}
