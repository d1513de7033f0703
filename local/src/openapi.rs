//! `cargo local openapi`: the API's description, joined from what each function says about itself.
//!
//! The template says which routes exist, a debug build of a function prints its own operation (`--describe`), its
//! source opens with a sentence, and its sample event holds examples. Nothing is written by hand, so nothing can be
//! forgotten.

mod document;
mod sample;
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
    problem::problem,
    project,
    template::{Function, Template},
};
use document::Document;
use sample::Sample;
use source::Doc;

const FILE: &str = "openapi.json";

/// Writes `openapi.json` into the folder `root`, or with `check` compares what stands there. The functions' debug
/// programs must be built.
///
/// # Errors
/// When the document cannot be made, and with `check` when the file is another one: with the first line that differs.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let wanted = assemble(root, &project::target().join("debug"))?;
    let path = root.join(FILE);
    let mut out = io::stdout().lock();
    if !check {
        fs::write(&path, &wanted).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(writeln!(out, "{FILE} is written")?);
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    match first_difference(&found, &wanted) {
        None => Ok(writeln!(out, "{FILE} is what the functions say")?),
        Some(difference) => {
            let help = format!("run `cargo local openapi` and commit the file\n{difference}");
            Err(problem(format!("{FILE} is stale"), help))
        }
    }
}

/// The document for the project in `root`, from the debug programs in the folder `programs`: the same text for the same
/// functions, with a line break at its end.
///
/// # Errors
/// When the template cannot be read, a program is missing or serves another route than the template says, or two
/// functions mean different things by one schema's name.
pub fn assemble(root: &Path, programs: &Path) -> Result<String> {
    let template = Template::load(&root.join("template.yaml"), &BTreeMap::new())?;
    let mut document = Document::default();
    let mut domains = BTreeSet::new();
    for function in &template.functions {
        let Some((method, path, _)) = function.routes().next() else { continue };
        let operation = describe(programs, function, method, path)?;
        let (domain, doc) = source_of(root, &function.name)?;
        let sample =
            Sample::read(&root.join("events").join(&domain).join(format!("{}.json", function.name)))?;
        document.add(&function.name, &domain, &doc, &sample, operation)?;
        domains.insert(domain);
    }
    for domain in domains {
        let doc = Doc::read(&root.join("functions").join(&domain).join("src/lib.rs"))?;
        document.tag(&domain, &doc);
    }
    document.text()
}

/// What `<function> --describe` prints: see `shared::describe::Operation`.
#[derive(Deserialize)]
struct Described {
    method: String,
    path: String,
    security: Option<String>,
    security_is_optional: bool,
    parameters: Vec<Value>,
    request_body: Option<Value>,
    request_body_is_optional: bool,
    responses: BTreeMap<u16, DescribedResponse>,
    schemas: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct DescribedResponse {
    descriptions: Vec<String>,
    content_type: Option<String>,
    schema: Option<Value>,
}

fn describe(programs: &Path, function: &Function, method: &str, path: &str) -> Result<Described> {
    let name = &function.name;
    let program = programs.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let help = "run `cargo build --workspace --bins`, which builds every function";
        return Err(problem(format!("{} is missing", program.display()), help));
    }
    let output = Command::new(&program).arg("--describe").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "{name} --describe failed: {}", String::from_utf8_lossy(&output.stderr));
    let described: Described = serde_json::from_slice(&output.stdout).with_context(|| {
        format!("{name} --describe printed no operation: is it a job, or a release build?")
    })?;
    let (served_method, served_path) = (&described.method, &described.path);
    if (served_method.as_str(), served_path.as_str()) != (method, path) {
        let message =
            format!("{name} serves {served_method} {served_path}, the template has {method} {path}");
        return Err(problem(message, "change the one that is wrong"));
    }
    Ok(described)
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
fn first_difference(found: &str, wanted: &str) -> Option<String> {
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
            return Some(format!("{FILE}:{number}\n  has   {}\n  wants {}", line(have), line(want)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_has_its_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        let text = first_difference("a\nb\n", "a\nc\n").unwrap();
        assert_eq!(text, "openapi.json:2\n  has   b\n  wants c");
        assert!(first_difference("", "a\n").unwrap().contains(":1\n"));
        assert!(first_difference("a\n", "a").unwrap().ends_with("wants (the end)"));
    }
}
