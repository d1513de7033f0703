//! What the compiler says of a misused word, and where: every sentence at the field at fault, and no other complaint.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The crate's library, newest first: it lies beside this test's own program.
fn library() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let folder = program.parent().expect("a program lies in a folder");
    let name = |path: &Path| path.file_name().is_some_and(|name| is_library(&name.to_string_lossy()));
    let age =
        |path: &PathBuf| path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let files =
        folder.read_dir().expect("the folder can be read").filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|path| name(path)).max_by_key(age).expect("Cargo has built the crate that this tests")
}

fn is_library(name: &str) -> bool {
    name.contains("shared_macros-") && [".so", ".dylib", ".dll"].iter().any(|end| name.ends_with(end))
}

#[test]
fn every_fault_is_told_at_its_line() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/types.rs");
    let text = std::fs::read_to_string(&source).expect("the file is there");
    let mut expected = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        if let Some((_, sentence)) = line.split_once("//~ ") {
            // Lines count from 1, and the sentence stands below its line.
            expected.insert((index, sentence.to_owned()));
        }
    }

    let compiler = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=short", "-Awarnings"])
        .arg("--out-dir")
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .arg(format!("--extern=shared_macros={}", library().display()))
        .arg(&source)
        .output()
        .expect("the compiler runs");
    let said = String::from_utf8_lossy(&compiler.stderr);
    // `…/types.rs:8:5: error: the sentence`
    let told: BTreeSet<(usize, String)> = said
        .lines()
        .filter_map(|line| line.split_once("types.rs:")?.1.split_once(": error"))
        .filter_map(|(place, rest)| {
            let line = place.split(':').next()?.parse().ok()?;
            Some((line, rest.split_once(": ")?.1.to_owned()))
        })
        .collect();
    assert_eq!(told, expected, "{said}");
}
