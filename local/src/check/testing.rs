//! A small project on disk for the rules' tests: one route, one job, everything in agreement.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
};

use super::pascal_case;
use crate::front_door::{self, Route};

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
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
    Properties: {FunctionName: !Sub "${AWS::StackName}-tidy-up", CodeUri: dist/tidy-up.zip}
"#;

/// A project in a folder of its own, deleted when dropped.
pub(super) struct Project {
    root: PathBuf,
    routes: RefCell<Vec<Route>>,
}

impl Project {
    /// `create-scene` (a route) and `tidy-up` (a job), without a mismatch.
    pub(super) fn in_order() -> Self {
        let root = std::env::temp_dir().join(format!("praxis-check-{}", uuid::Uuid::now_v7()));
        let project = Self { root, routes: RefCell::default() };
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
        let entry = format!(
            "  {id}:\n    Type: AWS::Serverless::Function\n    Properties: {{FunctionName: !Sub \"${{AWS::StackName}}-{name}\", \
             CodeUri: dist/{name}.zip, Role: arn:aws:iam::1:role/x}}\n"
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
        let (function, method, path) = (name.to_owned(), method.to_owned(), path.to_owned());
        self.routes.borrow_mut().push(Route { path, method, function, streams: false });
        self.write(front_door::ROUTES, &front_door::routes(&self.routes.borrow()));
        self.write(front_door::PERMISSIONS, &front_door::permissions(&self.routes.borrow()));
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn mismatches(&self) -> Vec<String> {
        let found = super::mismatches(&self.root).expect("the project can be read");
        found.iter().map(ToString::to_string).collect()
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).expect("a file of the project")
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
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
        fs::remove_file(self.root.join(file)).expect("a file of the project");
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
