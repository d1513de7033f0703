//! Which functions the short bench looks at: one of each class in each domain, and those whose sources changed since a
//! commit. All of three hundred would take longer to build than everything else takes to check.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};

use super::{function::Function, jobs, streams};
use crate::project;

/// The names of the functions to look at, and a sentence on why these.
pub(super) struct Selection {
    /// Names, the floor's not among them.
    pub(super) names: BTreeSet<String>,
    /// What was compared with.
    pub(super) said: String,
}

impl Selection {
    /// All functions.
    pub(super) fn all(functions: &[Function]) -> Self {
        let names: BTreeSet<_> = functions.iter().map(|function| function.name.clone()).collect();
        Self { said: format!("all {} functions", names.len()), names }
    }

    /// These.
    pub(super) fn named(names: &[&str]) -> Self {
        Self { said: names.join(", "), names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// A sample, and what differs from the commit `base`. Without one: from where this branch left `origin/main`, or, on
    /// that commit itself, as in CI, from a day before it.
    ///
    /// # Errors
    /// When `base` is no commit.
    pub(super) fn sample_and_changed(functions: &[Function], base: Option<&str>) -> Result<Self> {
        let mut names = sample(functions);
        // Of these the short bench counts more than of others.
        names.extend(streams::FUNCTIONS.into_iter().chain(jobs::FUNCTIONS).map(str::to_owned));
        let sampled = names.len();
        let base = match base {
            Some(base) => Some(commit(base).with_context(|| format!("{base} is no commit"))?),
            None => default_base(),
        };
        let said = match base {
            Some(base) => {
                let short = base.get(..9).unwrap_or(&base).to_owned();
                names.extend(touched(functions, &differing(&base)?)?);
                format!(
                    "{sampled} of {} functions as a sample, {} more changed since {short}",
                    functions.len(),
                    names.len() - sampled
                )
            }
            None => format!(
                "{sampled} of {} functions as a sample; there is no commit to compare with",
                functions.len()
            ),
        };
        with_companions(functions, &mut names);
        Ok(Self { names, said })
    }
}

/// The first of each class in each domain.
fn sample(functions: &[Function]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut named: Vec<_> = functions.iter().collect();
    named.sort_by(|one, other| one.name.cmp(&other.name));
    let first = named.into_iter().filter(|function| {
        let domain = project::function_source(&function.name).map(|(domain, _)| domain);
        seen.insert((domain, function.class))
    });
    first.map(|function| function.name.clone()).collect()
}

/// A sign-in is finished only where it was started.
fn with_companions(functions: &[Function], names: &mut BTreeSet<String>) {
    let starts: Vec<_> =
        names.iter().filter_map(|name| Some(format!("start-{}", name.strip_prefix("finish-")?))).collect();
    names.extend(starts.into_iter().filter(|start| functions.iter().any(|function| function.name == *start)));
}

/// The functions that changed files are about: a function's own source or event, or a noun of its domain that its source
/// names. What all functions share is looked at in the sample.
fn touched(functions: &[Function], changed: &[String]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for function in functions {
        let Some((domain, file)) = project::function_source(&function.name) else { continue };
        let own = [
            format!("functions/{domain}/src/bin/{}.rs", function.name),
            format!("events/{domain}/{}.json", function.name),
        ];
        let source =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let words: BTreeSet<_> =
            source.split(|character: char| !character.is_alphanumeric() && character != '_').collect();
        let is_touched = changed
            .iter()
            .any(|path| own.contains(path) || noun(path, &domain).is_some_and(|noun| words.contains(noun)));
        if is_touched {
            names.insert(function.name.clone());
        }
    }
    Ok(names)
}

/// The module of a domain's library that a file is, or belongs to.
fn noun<'a>(path: &'a str, domain: &str) -> Option<&'a str> {
    let inside = path.strip_prefix("functions/")?.strip_prefix(domain)?.strip_prefix("/src/")?;
    let first = inside.split('/').next()?;
    let noun = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(noun, "bin" | "lib")).then_some(noun)
}

fn default_base() -> Option<String> {
    let head = commit("HEAD").ok()?;
    let left = git(&["merge-base", "HEAD", "origin/main"]).ok().filter(|base| *base != head);
    left.or_else(|| {
        let moment: i64 = git(&["show", "--no-patch", "--format=%ct", "HEAD"]).ok()?.parse().ok()?;
        let before = format!("--before={}", moment - 24 * 60 * 60);
        git(&["rev-list", "--max-count=1", &before, "HEAD"]).ok().filter(|base| !base.is_empty())
    })
}

fn commit(name: &str) -> Result<String> {
    git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])
}

/// The files that differ between a commit and the folder, new ones included.
fn differing(base: &str) -> Result<Vec<String>> {
    let changed = git(&["diff", "--name-only", "--no-renames", base])?;
    let new = git(&["ls-files", "--others", "--exclude-standard"])?;
    Ok(changed.lines().chain(new.lines()).map(str::to_owned).collect())
}

fn git(arguments: &[&str]) -> Result<String> {
    run(&project::root(), arguments)
}

fn run(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output: Output =
        Command::new("git").args(arguments).current_dir(folder).output().context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{bench::class::Class, cloud};

    fn functions() -> Vec<Function> {
        let template = cloud::template(&BTreeMap::new()).unwrap();
        let functions = template.functions.iter();
        functions
            .map(|function| Function {
                function: function.clone(),
                class: Class::of(&template, function).unwrap(),
            })
            .collect()
    }

    fn touched_by(path: &str) -> BTreeSet<String> {
        touched(&functions(), &[path.to_owned()]).unwrap()
    }

    #[test]
    fn the_sample_has_every_class() {
        let functions = functions();
        let sample = sample(&functions);
        let classes: BTreeSet<_> = functions.iter().map(|function| function.class).collect();
        let sampled: BTreeSet<_> = functions
            .iter()
            .filter(|function| sample.contains(&function.name))
            .map(|function| function.class)
            .collect();
        assert_eq!(sampled, classes);
        assert!(sample.len() < functions.len() / 2, "{sample:?}");
    }

    #[test]
    fn a_changed_file_is_about_the_functions_that_it_is_part_of() {
        let of = |name: &str| BTreeSet::from([name.to_owned()]);
        assert_eq!(touched_by("functions/practice/src/bin/get-scene.rs"), of("get-scene"));
        assert_eq!(touched_by("events/practice/get-scene.json"), of("get-scene"));
        let rewriting = touched_by("functions/practice/src/rewrite.rs");
        assert!(
            rewriting.contains("rewrite-message") && rewriting.contains("accept-rewrite"),
            "{rewriting:?}"
        );
        assert!(!rewriting.contains("get-me"));
        assert_eq!(
            touched_by("functions/practice/src/analysis/english.rs"),
            touched_by("functions/practice/src/analysis.rs")
        );
        for shared in ["shared/src/log.rs", "functions/practice/src/lib.rs", "README.md"] {
            assert!(touched_by(shared).is_empty(), "{shared}");
        }
    }

    #[test]
    fn who_finishes_a_sign_in_comes_with_who_starts_it() {
        let mut names = BTreeSet::from(["finish-google-sign-in".to_owned()]);
        with_companions(&functions(), &mut names);
        assert!(names.contains("start-google-sign-in"));
    }
}
