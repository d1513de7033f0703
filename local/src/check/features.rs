//! One set of features for each dependency, whatever is built.
//!
//! Cargo unifies the features of the packages that it builds. `cargo local` builds this tool, `cargo test` everything,
//! `cargo test -p practice` one domain and this tool: if a member named a dependency or a feature that the tool does not,
//! these would be different sets, and every library above would be compiled once for each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use super::{Findings, Tree, packages};

/// What the tool is built from; the members that it depends on come with it.
const TOOL: &str = "local/Cargo.toml";

type Dependencies = BTreeMap<String, BTreeSet<String>>;

/// Finds what members name and the tool does not.
pub(super) fn check(tree: &Tree, found: &mut Findings) -> Result<()> {
    // A project without this tool, as the rules' tests have it, has no such rule.
    if !tree.root.join(TOOL).is_file() {
        return Ok(());
    }
    let workspace = read(&tree.root.join("Cargo.toml"))?;
    let workspace =
        workspace.get("workspace").and_then(Value::as_table).context("Cargo.toml has no workspace")?;
    let mut everywhere = Dependencies::new();
    named(workspace, &["dependencies"], &mut everywhere);
    let dependencies = workspace.get("dependencies").and_then(Value::as_table);
    let path_of = |name: &str| dependencies?.get(name)?.get("path")?.as_str();

    let mut covered = Dependencies::new();
    let (mut manifests, mut seen) = (vec![tree.root.join(TOOL)], BTreeSet::new());
    while let Some(manifest) = manifests.pop() {
        let mut its_own = Dependencies::new();
        named(&read(&manifest)?, &["dependencies"], &mut its_own);
        for (name, features) in its_own {
            match path_of(&name) {
                Some(path) if seen.insert(name.clone()) => {
                    manifests.push(tree.root.join(path).join("Cargo.toml"))
                }
                Some(_) => {}
                None => covered.entry(name).or_default().extend(features),
            }
        }
    }
    let mut members: Vec<_> = ["shared", "local"].map(PathBuf::from).into();
    members.extend(packages(&tree.root)?.iter().map(|package| Path::new("functions").join(package)));
    for member in members {
        let mut needed = Dependencies::new();
        let file = member.join("Cargo.toml");
        named(&read(&tree.root.join(&file))?, &["dependencies", "dev-dependencies"], &mut needed);
        needed.retain(|name, _| path_of(name).is_none());
        for (name, features) in needed {
            let missing: Vec<_> = match covered.get(&name) {
                None => vec![format!("{name}.workspace = true")],
                Some(known) => {
                    let new = |feature: &&String| {
                        !known.contains(*feature)
                            && !everywhere.get(&name).is_some_and(|all| all.contains(*feature))
                    };
                    features.iter().filter(new).map(|feature| format!("{name}: {feature}")).collect()
                }
            };
            for missing in missing {
                let why = "or the dependency is compiled anew for each of `cargo local` and `cargo test`";
                let message = format!("`{missing}` is in {} and not here: add it, {why}", file.display());
                found.add(TOOL, message);
            }
        }
    }
    Ok(())
}

/// The dependencies of these sections, with the features that stand beside them.
fn named(table: &Table, sections: &[&str], into: &mut Dependencies) {
    let tables = sections.iter().filter_map(|section| table.get(*section)?.as_table());
    for (name, value) in tables.flatten() {
        let features = value.get("features").and_then(Value::as_array).into_iter().flatten();
        let features = features.filter_map(|feature| feature.as_str().map(str::to_owned));
        into.entry(name.clone()).or_default().extend(features);
    }
}

fn read(manifest: &Path) -> Result<Table> {
    let text = fs::read_to_string(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    text.parse().with_context(|| format!("{} is no TOML", manifest.display()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;

    #[test]
    fn a_dependency_or_feature_that_the_tool_lacks_is_found() {
        let project = Project::in_order();
        let workspace = "[workspace.dependencies]\nshared = { path = \"shared\" }\nplatform = { path = \"functions/platform\" }\n\
                         tokio = { version = \"1\", features = [\"rt\"] }\n";
        project.write("Cargo.toml", workspace);
        project.write("shared/Cargo.toml", "[dependencies]\nserde.workspace = true\n");
        project.write(
            "functions/platform/Cargo.toml",
            "[dependencies]\nshared.workspace = true\nlettre.workspace = true\n",
        );
        let tool =
            "[dependencies]\nplatform.workspace = true\ntokio = { workspace = true, features = [\"fs\"] }\n";
        project.write("local/Cargo.toml", tool);
        let domain = "[dependencies]\nshared.workspace = true\nserde.workspace = true\nzip.workspace = true\n\
                      [dev-dependencies]\ntokio = { workspace = true, features = [\"fs\", \"rt\", \"time\"] }\n";
        project.write("functions/practice/Cargo.toml", domain);
        let found = project.mismatches();
        assert_eq!(found.len(), 2, "{found:?}");
        let begins =
            |text: &str| found.iter().any(|line| line.starts_with(&format!("local/Cargo.toml: {text}")));
        assert!(begins("`zip.workspace = true` is in functions/practice/Cargo.toml"), "{found:?}");
        assert!(begins("`tokio: time` is in functions/practice/Cargo.toml"), "{found:?}");
    }
}
