//! The examples of a package: functions that exist only for its tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Builds the examples of `package` once per test process and gives the folder of their programs.
///
/// Cargo builds examples for `cargo test`, but not for `cargo test --test it`, which would then run old ones.
///
/// # Panics
/// When they do not build.
pub fn examples(package: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = built.get(package) {
        return folder.clone();
    }
    let test = std::env::current_exe().expect("this test has a path");
    // target/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).expect("a test lies in the build directory").to_owned();
    let target = profile.parent().expect("a profile's folder lies in the build directory");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", package, "--examples", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().is_ok_and(|status| status.success()), "the examples of {package} do not build");
    let folder = profile.join("examples");
    built.insert(package.to_owned(), folder.clone());
    folder
}
