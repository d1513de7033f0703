//! Where things are: the project's folder, the build directory, and the folder of what a run leaves behind.

use std::path::{Path, PathBuf};

/// The folder of the workspace: `template.yaml`, `functions/` and `migrations/` stand in it.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the tool's package stands inside the workspace").to_owned()
}

/// Cargo's build directory: the one that this program was built into, else the default.
pub fn target() -> PathBuf {
    // Cargo marks its build directory with this file, whatever its name and however deep the profile lies.
    let built = std::env::current_exe().ok();
    let marked = built.as_deref().and_then(|exe| {
        exe.ancestors().filter(|folder| folder.join("CACHEDIR.TAG").is_file()).last().map(Path::to_owned)
    });
    marked.unwrap_or_else(|| root().join("target"))
}

/// The folder for data and logs that outlive a run and `cargo clean`; never committed.
pub fn state() -> PathBuf {
    root().join(".local")
}

/// The packages under `functions/`, in order of name.
///
/// # Errors
/// When the folder cannot be read.
pub fn function_packages() -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("functions"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Where the program `function` has its source, as (package, file), if there is one.
pub fn function_source(function: &str) -> Option<(String, PathBuf)> {
    function_packages().ok()?.into_iter().find_map(|package| {
        let file = root().join("functions").join(&package).join("src/bin").join(format!("{function}.rs"));
        file.is_file().then_some((package, file))
    })
}
