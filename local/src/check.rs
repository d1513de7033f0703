//! `cargo local check`: one name, everywhere.
//!
//! A function's name is its source file, its binary, its logical id in the template, its sample event, its operation in
//! `openapi.json` and its module of tests. Whoever knows one has found all of them, as long as nothing disagrees; every
//! disagreement is told in one run, each with its file and what to do.

mod cors;
mod events;
mod features;
mod logins;
mod openapi;
mod settings;
mod source;
#[cfg(test)]
mod testing;
mod wiring;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    problem::problem,
    template::{Event, Function, Template},
};
use source::Served;

/// A place where two things that must agree do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mismatch {
    /// The file to change or to make, relative to the project's folder.
    pub file: PathBuf,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.message)
    }
}

/// Checks the project in `root` and prints every mismatch.
///
/// # Errors
/// When there is a mismatch, or when the template cannot be read at all.
pub fn run(root: &Path) -> Result<()> {
    let found = mismatches(root)?;
    let mut out = io::stdout().lock();
    for mismatch in &found {
        writeln!(out, "{mismatch}")?;
    }
    match found.len() {
        0 => Ok(writeln!(out, "template, binaries, sample events, tests, settings and openapi.json agree")?),
        count => {
            let help = "change the files named above; the README's recipe for a new route lists all of a route's places";
            Err(problem(format!("{count} mismatch{} found", if count == 1 { "" } else { "es" }), help))
        }
    }
}

/// Everything in the project in `root` that disagrees, by file.
///
/// # Errors
/// When the template or a folder cannot be read.
pub fn mismatches(root: &Path) -> Result<Vec<Mismatch>> {
    let tree = Tree::read(root)?;
    let mut found = Findings::default();
    names(&tree, &mut found);
    tests(&tree, &mut found);
    wiring::check(&tree, &mut found);
    events::check(&tree, &mut found)?;
    cors::check(&tree, &mut found)?;
    features::check(&tree, &mut found)?;
    logins::check(&tree, &mut found)?;
    openapi::check(&tree, &mut found)?;
    settings::check(&tree, &mut found)?;
    let mut found = found.0;
    found.sort();
    Ok(found)
}

/// What the rules have found so far.
#[derive(Default)]
struct Findings(Vec<Mismatch>);

impl Findings {
    fn add(&mut self, file: impl Into<PathBuf>, message: impl Into<String>) {
        self.0.push(Mismatch { file: file.into(), message: message.into() });
    }
}

/// The project as the rules see it.
struct Tree {
    root: PathBuf,
    /// Its functions have the routes that their programs serve.
    template: Template,
    /// Binaries by name; one name in two packages is two entries.
    binaries: BTreeMap<String, Vec<Binary>>,
}

/// A file of `functions/<package>/src/bin`.
struct Binary {
    package: String,
    /// Relative to the project's folder.
    file: PathBuf,
    /// What its `main` serves; `None` when that cannot be read off the source.
    serves: Option<Served>,
}

impl Tree {
    fn read(root: &Path) -> Result<Self> {
        let mut template = Template::functions_of(&root.join("template.yaml"), &BTreeMap::new())?;
        let mut binaries: BTreeMap<String, Vec<Binary>> = BTreeMap::new();
        for package in packages(root)? {
            let folder = Path::new("functions").join(&package).join("src/bin");
            for name in stems(&root.join(&folder), "rs")? {
                let file = folder.join(format!("{name}.rs"));
                let text = fs::read_to_string(root.join(&file))
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let binary = Binary { package: package.clone(), serves: source::served(&text), file };
                binaries.entry(name).or_default().push(binary);
            }
        }
        for function in &mut template.functions {
            let binary = binaries.get(&function.name).and_then(|found| found.first());
            if let Some(Binary { serves: Some(Served::Route { method, path }), .. }) = binary {
                function.events.push(("Route".to_owned(), Event::route(method, path)));
            }
        }
        Ok(Self { root: root.to_owned(), template, binaries })
    }

    /// The functions that have a binary, with it: only of these can the other rules say something new.
    fn pairs(&self) -> impl Iterator<Item = (&Function, &Binary)> {
        self.template
            .functions
            .iter()
            .filter_map(|function| Some((function, self.binaries.get(&function.name)?.first()?)))
    }
}

/// Template and binaries name the same functions.
fn names(tree: &Tree, found: &mut Findings) {
    for function in &tree.template.functions {
        if !tree.binaries.contains_key(&function.name) {
            let Function { logical_id, name, .. } = function;
            let message = format!(
                "{logical_id} has no binary: write functions/<domain>/src/bin/{name}.rs or delete it"
            );
            found.add("template.yaml", message);
        }
    }
    for (name, binaries) in &tree.binaries {
        let known = tree.template.functions.iter().any(|function| function.name == *name);
        for binary in binaries {
            if !known {
                found.add(
                    &binary.file,
                    format!("the template has no function {}: add it or delete the file", pascal_case(name)),
                );
            }
            if binaries.len() > 1 {
                found.add(
                    &binary.file,
                    format!("another domain also has a binary {name}: their build folders would be one"),
                );
            }
        }
    }
}

/// Every function has its module of tests, and every module is compiled.
fn tests(tree: &Tree, found: &mut Findings) {
    let mut packages = BTreeSet::new();
    for (name, binary) in
        tree.binaries.iter().flat_map(|(name, all)| all.iter().map(move |binary| (name, binary)))
    {
        let folder = Path::new("functions").join(&binary.package).join("tests/it");
        let file = folder.join(format!("{}.rs", name.replace('-', "_")));
        if !tree.root.join(&file).is_file() {
            found.add(file, format!("{name} has no tests: write them here"));
        }
        packages.insert(folder);
    }
    // A file that nobody declares is not compiled, so its tests never fail.
    for folder in packages {
        let main = fs::read_to_string(tree.root.join(&folder).join("main.rs")).unwrap_or_default();
        let declared = source::modules(&main);
        for stem in stems(&tree.root.join(&folder), "rs").unwrap_or_default() {
            if stem != "main" && !declared.contains(&stem) {
                let file = folder.join(format!("{stem}.rs"));
                found.add(file, format!("is never compiled: add `mod {stem};` to main.rs"));
            }
        }
    }
}

/// `CreateScene` for `create-scene`.
pub(crate) fn pascal_case(name: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('-').filter(|word| word.is_ascii() && !word.is_empty()).map(capital).collect()
}

/// The packages under `functions/`, in order of name.
fn packages(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("functions");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The names, without it, of the folder's files that end in `.extension`; none if there is no such folder.
fn stems(folder: &Path, extension: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == extension)
                && let Some(stem) = path.file_stem()
            {
                names.insert(stem.to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::testing::Project;
    use super::*;

    #[test]
    fn a_project_in_order_has_no_mismatch() {
        assert_eq!(Project::in_order().mismatches(), Vec::<String>::new());
        run(Project::in_order().root()).expect("in order");
    }

    #[test]
    fn a_function_without_binary_and_a_binary_without_function_are_both_found_in_one_run() {
        let project = Project::in_order();
        project.remove("functions/practice/src/bin/create-scene.rs");
        project.write("functions/practice/src/bin/drop-scene.rs", "fn main() { serve(job(drop)) }");
        let found = project.mismatches();
        assert!(
            found.iter().any(|line| line.starts_with("template.yaml: CreateScene has no binary")),
            "{found:?}"
        );
        let stray = "functions/practice/src/bin/drop-scene.rs: the template has no function DropScene";
        assert!(found.iter().any(|line| line.starts_with(stray)), "{found:?}");
        assert!(run(project.root()).is_err());
    }

    #[test]
    fn one_name_in_two_domains_is_found() {
        let project = Project::in_order();
        project.write("functions/coach/Cargo.toml", "");
        project.write("functions/coach/src/bin/create-scene.rs", "");
        let found = project.mismatches();
        let twice =
            found.iter().filter(|line| line.contains("another domain also has a binary create-scene"));
        assert_eq!(twice.count(), 2, "{found:?}");
    }

    #[test]
    fn missing_and_uncompiled_tests_are_found() {
        let project = Project::in_order();
        project.remove("functions/practice/tests/it/create_scene.rs");
        project.write("functions/practice/tests/it/main.rs", "//! Tests.\n// mod tidy_up;\n");
        assert_eq!(
            project.mismatches(),
            [
                "functions/practice/tests/it/create_scene.rs: create-scene has no tests: write them here",
                "functions/practice/tests/it/tidy_up.rs: is never compiled: add `mod tidy_up;` to main.rs",
            ]
        );
    }
}
