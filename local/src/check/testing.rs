//! A small project on disk for the rules' tests: one route, one job, everything in agreement.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::pascal_case;

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Architecture: {Type: String, Default: arm64}
Globals:
  Function:
    Runtime: provided.al2023
    Handler: bootstrap
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: dev}
  TidyUp:
    Type: AWS::Serverless::Function
    Metadata: {SkipBuild: true}
    Properties: {FunctionName: !Sub "${AWS::StackName}-tidy-up", CodeUri: dist/arm64/tidy-up/}
"#;

/// A project in a folder of its own, deleted when dropped.
pub(super) struct Project(PathBuf);

impl Project {
    /// `create-scene` (a route) and `tidy-up` (a job), without a mismatch.
    pub(super) fn in_order() -> Self {
        let project = Self(std::env::temp_dir().join(format!("praxis-check-{}", uuid::Uuid::now_v7())));
        project.write("template.yaml", TEMPLATE);
        project.write("functions/practice/Cargo.toml", "");
        project.write("functions/practice/tests/it/main.rs", "mod tidy_up;\n");
        project.write("functions/practice/tests/it/tidy_up.rs", "");
        project.write("functions/practice/src/bin/tidy-up.rs", "fn main() { serve(job(tidy_up)) }");
        project.write("events/practice/tidy-up.json", "{}");
        project.function("create-scene", "POST", "/api/v1/scenes");
        project
    }

    /// Adds a route with all its places.
    pub(super) fn function(&self, name: &str, method: &str, path: &str) {
        let id = pascal_case(name);
        let quoted = if path.contains('{') { format!("{path:?}") } else { path.to_owned() };
        let entry = format!(
            "  {id}:\n    Type: AWS::Serverless::Function\n    Metadata: {{SkipBuild: true}}\n    Properties:\n      \
             FunctionName: !Sub \"${{AWS::StackName}}-{name}\"\n      CodeUri: dist/arm64/{name}/\n      \
             Role: arn:aws:iam::1:role/x\n      Events:\n        \
             Route: {{Type: Api, Properties: {{RestApiId: !Ref Api, Method: {method}, Path: {quoted}}}}}\n"
        );
        let template = self.read("template.yaml");
        self.write("template.yaml", &(template + &entry));
        let call = format!("fn main() {{ serve({}(\"{path}\", handle)) }}", method.to_ascii_lowercase());
        self.write(&format!("functions/practice/src/bin/{name}.rs"), &call);
        let module = name.replace('-', "_");
        self.write(&format!("functions/practice/tests/it/{module}.rs"), "");
        let main = self.read("functions/practice/tests/it/main.rs");
        self.write("functions/practice/tests/it/main.rs", &format!("{main}mod {module};\n"));
        let parameters = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = parameters.map(|name| format!("\"{name}\":\"1\"")).collect::<Vec<_>>().join(",");
        let called = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let event = format!(
            "{{\"resource\":\"{path}\",\"httpMethod\":\"{method}\",\"path\":\"{called}\",\"pathParameters\":{{{parameters}}},\
             \"requestContext\":{{\"httpMethod\":\"{method}\",\"resourcePath\":\"{path}\"}},\"body\":null}}"
        );
        self.write(&format!("events/practice/{name}.json"), &event);
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn mismatches(&self) -> Vec<String> {
        let found = super::mismatches(&self.0).expect("the project can be read");
        found.iter().map(ToString::to_string).collect()
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).expect("a file of the project")
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Replaces text that must be there, wherever it is.
    pub(super) fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{file} has no {old}");
        self.write(file, &text.replace(old, new));
    }

    pub(super) fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).expect("a file of the project");
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
