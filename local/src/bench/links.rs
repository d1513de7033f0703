//! Packages that only some functions may contain, read off the programs themselves: where code can panic, the program
//! has the name of its source file, `…/<package>-<version>/src/…`. The graph of dependencies cannot tell, because all
//! functions of a package share it.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result};

use super::{
    budgets::Budgets,
    function::Function,
    report::{Cell, Check, Section},
};

/// Compares where each package is with where it may be. A function that should contain one and does not is wrong too:
/// either it has no need of its place in the list any more, or programs no longer say what is in them.
///
/// # Errors
/// When a program cannot be read.
pub(super) fn measure(
    functions: &[Function],
    binaries: &Path,
    budgets: &Budgets,
) -> Result<(Section, Vec<Check>)> {
    let mut contents = Vec::new();
    for function in functions {
        contents.push((&function.name, packages_in(&binaries.join(&function.binary))?));
    }
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for (package, allowed) in &budgets.only_in {
        let (mut inside, mut wrong) = (Vec::new(), Vec::new());
        for (name, packages) in &contents {
            let (is, may_be) = (packages.contains(package), allowed.contains(name));
            inside.extend(is.then_some(name.as_str()));
            wrong.extend((is && !may_be).then(|| (*name).clone()));
            wrong.extend((!is && may_be).then(|| format!("not in {name}")));
        }
        let or_none = |names: String| Cell::Text(if names.is_empty() { "none".to_owned() } else { names });
        rows.push(vec![Cell::Text(package.clone()), or_none(inside.join(", ")), or_none(wrong.join(", "))]);
        checks.push(Check::new("packages in programs", package, wrong.len() as f64, 0.0, "wrong"));
    }
    let section = Section {
        key: "links",
        title: "Packages in programs",
        note: "By the source files that the release binaries name in their panics.".to_owned(),
        columns: vec!["package", "is in", "wrong"],
        rows,
    };
    Ok((section, checks))
}

/// The names of all packages that the program names source files of.
fn packages_in(program: &Path) -> Result<BTreeSet<String>> {
    let file = std::fs::File::open(program).with_context(|| format!("cannot read {}", program.display()))?;
    let mut packages = BTreeSet::new();
    for part in BufReader::new(file).split(b'/') {
        packages.extend(package(&part?));
    }
    Ok(packages)
}

/// The package of a folder `<package>-<version>`.
fn package(folder: &[u8]) -> Option<String> {
    // The longest names of packages have 64 characters.
    let folder = std::str::from_utf8(folder).ok().filter(|folder| folder.len() <= 128)?;
    let (dash, _) = folder.match_indices('-').find(|(at, _)| {
        folder[at + 1..].starts_with(|first: char| first.is_ascii_digit()) && folder[at + 1..].contains('.')
    })?;
    Some(folder[..dash].to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{bench::class::Class, cloud, project};

    #[test]
    fn a_folder_of_the_registry_names_its_package() {
        assert_eq!(package(b"tokio-postgres-0.7.13").as_deref(), Some("tokio-postgres"));
        assert_eq!(package(b"aws-lc-rs-1.14.1").as_deref(), Some("aws-lc-rs"));
        for other in [&b"src"[..], b"tokio-postgres-next", b"\xff-4.1.0", b""] {
            assert_eq!(package(other), None);
        }
    }

    #[test]
    fn a_package_in_another_function_and_one_that_is_gone_are_found() {
        let folder = std::env::temp_dir().join(format!("praxis-bench-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let template = cloud::template(&BTreeMap::new()).unwrap();
        let functions = ["get-me", "login"].map(|name| {
            let function = template.function(name).unwrap().clone();
            Function { function, class: Class::Database }
        });
        let text = std::fs::read_to_string(project::root().join("local/bench-budgets.toml")).unwrap();
        let mut budgets: Budgets = toml::from_str(&text).unwrap();
        budgets.only_in = BTreeMap::from([("argon2".to_owned(), vec!["login".to_owned()])]);
        let missed = |in_login: &[u8], in_me: &[u8]| {
            std::fs::write(folder.join("login"), in_login).unwrap();
            std::fs::write(folder.join("get-me"), in_me).unwrap();
            let (_, checks) = measure(&functions, &folder, &budgets).unwrap();
            checks.iter().filter(|check| !check.is_kept()).count()
        };
        let (with, without) =
            (b"\x7fELF\0\xff/home/argon2-0.6.0/src/lib.rs\0", b"\x7fELF\0/home/src/main.rs");
        assert_eq!(missed(with, without), 0);
        assert_eq!(missed(with, with), 1, "where it may not be");
        assert_eq!(missed(without, without), 1, "nowhere: the look is blind");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
