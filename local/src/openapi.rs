//! `cargo local openapi`: the API's description and the gateway's routes, joined from what each function says about
//! itself.
//!
//! The template says which functions exist, a debug build of one prints its own operation (`--describe`), its source
//! opens with a sentence, and its sample event and the answer recorded for it are examples. Nothing is written by hand, so
//! nothing can be forgotten.

mod document;
mod layout;
mod sample;
mod schema;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    front_door::{self, Route},
    problem::problem,
    project,
    template::Template,
};
use document::Document;
use sample::Sample;
use source::Doc;

const OPENAPI: &str = "openapi.json";

/// Writes `openapi.json` and the gateway's files into the folder `root`, or with `check` compares what stands there. The
/// functions' debug programs must be built.
///
/// # Errors
/// When a document cannot be made, and with `check` when a file is another one: with the first line that differs.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    for (file, wanted) in assemble(root, &project::target().join("debug"))?.files() {
        let path = root.join(file);
        if !check {
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            fs::write(&path, &wanted).with_context(|| format!("cannot write {}", path.display()))?;
            writeln!(out, "{file} is written")?;
            continue;
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        match first_difference(file, &found, &wanted) {
            None => writeln!(out, "{file} is what the functions say")?,
            Some(difference) => {
                let help = format!("run `cargo local openapi` and commit the file\n{difference}");
                return Err(problem(format!("{file} is stale"), help));
            }
        }
    }
    Ok(())
}

/// What the functions say of themselves.
pub struct Documents {
    openapi: String,
    routes: Vec<Route>,
}

impl Documents {
    /// The files that are written from it, relative to the project's folder, with their texts: the same for the same
    /// functions.
    pub fn files(self) -> [(&'static str, String); 3] {
        [
            (front_door::ROUTES, front_door::routes(&self.routes)),
            (front_door::PERMISSIONS, front_door::permissions(&self.routes)),
            (OPENAPI, self.openapi),
        ]
    }
}

/// The documents for the project in `root`, from the debug programs in the folder `programs`.
///
/// # Errors
/// When the template cannot be read, a program is missing, or two functions mean different things by one schema's name.
pub fn assemble(root: &Path, programs: &Path) -> Result<Documents> {
    let template = Template::functions_of(&root.join("template.yaml"), &BTreeMap::new())?;
    let mut document = Document::default();
    let (mut domains, mut routes) = (BTreeSet::new(), Vec::new());
    for function in &template.functions {
        let Some(operation) = describe(programs, &function.name)? else { continue };
        let (domain, doc) = source_of(root, &function.name)?;
        let sample = Sample::read(&root.join("events").join(&domain), &function.name)?;
        routes.push(Route {
            path: operation.path.clone(),
            method: operation.method.clone(),
            function: function.name.clone(),
            streams: operation.streams,
        });
        document.add(&function.name, &domain, &doc, &sample, operation)?;
        domains.insert(domain);
    }
    for domain in domains {
        let doc = Doc::read(&root.join("functions").join(&domain).join("src/lib.rs"))?;
        document.tag(&domain, &doc);
    }
    Ok(Documents { openapi: document.text()?, routes })
}

/// What `<function> --describe` prints: see `shared::describe::Operation`.
#[derive(Deserialize)]
struct Described {
    method: String,
    path: String,
    streams: bool,
    security: Option<String>,
    security_is_optional: bool,
    parameters: Vec<Value>,
    request_body: Option<Value>,
    request_body_is_optional: bool,
    tells_limits: bool,
    responses: BTreeMap<u16, DescribedResponse>,
    schemas: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct DescribedResponse {
    descriptions: Vec<String>,
    content_type: Option<String>,
    schema: Option<Value>,
}

/// The operation of a route's program; a job's prints none.
fn describe(programs: &Path, name: &str) -> Result<Option<Described>> {
    let program = programs.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let help = "run `cargo build --workspace --bins`, which builds every function";
        return Err(problem(format!("{} is missing", program.display()), help));
    }
    let output = Command::new(&program).arg("--describe").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "{name} --describe failed: {}", String::from_utf8_lossy(&output.stderr));
    if output.stdout.is_empty() {
        return Ok(None);
    }
    let described = serde_json::from_slice(&output.stdout);
    described.map(Some).with_context(|| format!("{name} --describe printed no operation"))
}

/// The domain of a function, which is the package that its file stands in, and how the file opens.
fn source_of(root: &Path, function: &str) -> Result<(String, Doc)> {
    let packages = root.join("functions");
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(&packages).with_context(|| format!("cannot read {}", packages.display()))? {
        let entry = entry?;
        let file = entry.path().join("src/bin").join(format!("{function}.rs"));
        if file.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), file));
        }
    }
    found.sort();
    let message = || format!("no functions/<domain>/src/bin/{function}.rs");
    let (domain, file) = found.into_iter().next().with_context(message)?;
    Ok((domain, Doc::read(&file)?))
}

/// The first line that differs, with its number and both texts.
fn first_difference(file: &str, found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let (mut found, mut wanted) = (found.split('\n'), wanted.split('\n'));
    let mut number = 0;
    loop {
        number += 1;
        let (have, want) = (found.next(), wanted.next());
        if have != want || have.is_none() {
            let line =
                |text: Option<&str>| text.map_or("(the end)".to_owned(), |text| text.trim_end().to_owned());
            return Some(format!("{file}:{number}\n  has   {}\n  wants {}", line(have), line(want)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_has_its_line() {
        assert_eq!(first_difference("openapi.json", "a\nb\n", "a\nb\n"), None);
        let text = first_difference("openapi.json", "a\nb\n", "a\nc\n").unwrap();
        assert_eq!(text, "openapi.json:2\n  has   b\n  wants c");
        assert!(first_difference("openapi.json", "", "a\n").unwrap().contains(":1\n"));
        assert!(first_difference("openapi.json", "a\n", "a").unwrap().ends_with("wants (the end)"));
    }
}
