//! The table of settings and the code name the same ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{Findings, Tree, packages};

const TABLE: &str = "docs/settings.md";

/// Not the project's: Lambda's own variables, Cargo's, and what every Rust program reads.
const FOREIGN: [&str; 4] = ["AWS_", "CARGO_", "OUT_DIR", "RUST_BACKTRACE"];

/// Where the tool lists the settings that it passes on from the shell.
const PASSED_ON: &str = "local/src/cloud.rs";

pub(super) fn check(tree: &Tree, found: &mut Findings) -> Result<()> {
    let mut folders = vec![PathBuf::from("shared/src")];
    folders.extend(packages(&tree.root)?.iter().map(|name| Path::new("functions").join(name).join("src")));
    let (mut read, mut mentioned) = (BTreeMap::new(), BTreeSet::new());
    for folder in folders {
        for file in sources(&tree.root, &folder)? {
            let text = fs::read_to_string(tree.root.join(&file))
                .with_context(|| format!("cannot read {}", file.display()))?;
            for Name { name, is_argument } in names(&text) {
                if is_argument {
                    read.entry(name.clone()).or_insert_with(|| file.clone());
                }
                mentioned.insert(name);
            }
        }
    }
    let passed_on = fs::read_to_string(tree.root.join(PASSED_ON)).unwrap_or_default();
    let list = passed_on.split("const SETTINGS").nth(1).and_then(|rest| rest.split("];").next());
    for Name { name, .. } in names(list.unwrap_or_default()) {
        read.entry(name.clone()).or_insert_with(|| PASSED_ON.into());
        mentioned.insert(name);
    }

    // What the template gives a function is read by somebody, if not by us: the secrets extension has settings of its own.
    for function in &tree.template.functions {
        mentioned.extend(function.environment.keys().cloned());
    }

    let table = fs::read_to_string(tree.root.join(TABLE)).unwrap_or_default();
    let documented = documented(&table);
    for (name, file) in &read {
        if !documented.contains(name) {
            found.add(file, format!("reads the setting {name}: say in {TABLE} what it does"));
        }
    }
    for name in documented.difference(&mentioned) {
        found.add(TABLE, format!("{name} is read nowhere: delete its row"));
    }
    Ok(())
}

/// The names in the first column of the table.
fn documented(table: &str) -> BTreeSet<String> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    rows.flat_map(|cell| cell.split(['`', ',', ' ']).filter(|word| is_setting(word)).map(str::to_owned))
        .collect()
}

/// A text in the code that may be a setting's name.
struct Name {
    name: String,
    /// Whether it is the first argument of a call: only settings are, as in `find("APP_URL")`.
    is_argument: bool,
}

fn names(text: &str) -> impl Iterator<Item = Name> {
    let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    let between = quotes.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
    between.into_iter().filter(|(from, to)| is_setting(&text[from + 1..*to])).map(|(from, to)| {
        let before = text[..from].trim_end().strip_suffix('(').map(str::as_bytes);
        let is_argument =
            before.and_then(<[u8]>::last).is_some_and(|last| last.is_ascii_alphanumeric() || *last == b'_');
        Name { name: text[from + 1..to].to_owned(), is_argument }
    })
}

fn is_setting(word: &str) -> bool {
    word.contains('_')
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && !FOREIGN.iter().any(|foreign| word.starts_with(foreign))
}

/// Every Rust file below `folder`, relative to `root`.
fn sources(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !root.join(&folder).is_dir() {
            continue;
        }
        for entry in
            fs::read_dir(root.join(&folder)).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let path = folder.join(entry?.file_name());
            if root.join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;

    #[test]
    fn a_setting_that_the_table_lacks_and_a_row_that_nobody_reads_are_found() {
        let project = Project::in_order();
        let code = "let a = settings::find(\"NEW_ONE\"); let b = [\"OLD_ONE\"]; let c = find(\"AWS_REGION\"); Code::NOT_FOUND";
        project.write("shared/src/a/b.rs", code);
        project
            .write("docs/settings.md", "| name |\n|---|\n| `OLD_ONE`, `GONE_ONE` | none | see `NEW_ONE` |\n");
        assert_eq!(
            project.mismatches(),
            [
                "docs/settings.md: GONE_ONE is read nowhere: delete its row",
                "shared/src/a/b.rs: reads the setting NEW_ONE: say in docs/settings.md what it does",
            ]
        );
    }

    #[test]
    fn what_the_tool_passes_on_is_documented() {
        let project = Project::in_order();
        project.write(
            "local/src/cloud.rs",
            "const SETTINGS: &[&str] = &[\n  \"RUST_BACKTRACE\", \"OF_SHELL\",\n];",
        );
        let wanted = "local/src/cloud.rs: reads the setting OF_SHELL: say in docs/settings.md what it does";
        assert_eq!(project.mismatches(), [wanted]);
    }
}
