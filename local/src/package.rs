//! The archives that a deployment uploads: `dist/<function>.zip`, each with the function's program as `bootstrap`.
//!
//! The same program gives the same bytes. `sam deploy` names what it uploads by content, so functions that did not change
//! are not uploaded; and it takes an archive as it is, where it would zip a folder anew each time (half a second each).

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{problem::problem, project};

/// The folder of the archives, relative to the project's, as `CodeUri` says it.
const DIST: &str = "dist";

/// What the programs are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Graviton, the cheaper one.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

impl Architecture {
    /// As the template's parameter has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Arm64 => "--arm64",
            Self::X86_64 => "--x86-64",
        }
    }
}

/// How many archives there are, and how many were written anew.
#[derive(Debug, PartialEq, Eq)]
pub struct Packaged {
    /// Functions of the template.
    pub archives: usize,
    /// Those whose program is another one than before.
    pub written: usize,
}

/// Builds the functions with `cargo lambda` and gives the folder of the programs, `<function>/bootstrap` each. Blocks.
///
/// # Errors
/// When `cargo lambda` is missing or the build fails.
pub fn build(architecture: Architecture) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(&cargo).args(["lambda", "--version"]).output();
    if !asked.is_ok_and(|answer| answer.status.success()) {
        let help = "pip install cargo-lambda==1.9.2, which brings its own cross linker";
        return Err(problem("cargo lambda is missing", help));
    }
    let programs = project::target().join("lambda").join(architecture.name());
    let mut command = Command::new(&cargo);
    // The tool would give the functions the features that only it needs; the floor is the bench's empty function.
    command.args(["lambda", "build", "--release", "--workspace", "--exclude", "local", "--exclude", "floor"]);
    command.arg(architecture.flag()).arg("--lambda-dir").arg(&programs);
    let status =
        command.current_dir(project::root()).stdin(Stdio::null()).status().context("cannot run cargo")?;
    if !status.success() {
        return Err(problem("the functions do not build", "mend what the compiler names above"));
    }
    Ok(programs)
}

/// Writes the archives of `functions` into `root`'s `dist` from `<programs>/<function>/bootstrap`, and removes archives of
/// functions that are gone. Blocks.
///
/// # Errors
/// When a program is missing or an archive cannot be written.
pub fn write(root: &Path, programs: &Path, functions: &[&str]) -> Result<Packaged> {
    let folder = root.join(DIST);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let is_archive = path.extension().is_some_and(|extension| extension == "zip");
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if is_archive && !functions.contains(&&*name) {
            fs::remove_file(&path)?;
        }
    }
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = functions.len().div_ceil(workers).max(1);
    let written = thread::scope(|scope| {
        let works: Vec<_> = functions
            .chunks(share)
            .map(|names| {
                let folder = &folder;
                scope.spawn(move || -> Result<usize> {
                    let mut written = 0;
                    for name in names {
                        let program = programs.join(name).join("bootstrap");
                        let bytes = fs::read(&program)
                            .with_context(|| format!("cannot read {}", program.display()))?;
                        written += usize::from(archive(&folder.join(format!("{name}.zip")), &bytes)?);
                    }
                    Ok(written)
                })
            })
            .collect();
        works.into_iter().map(|work| work.join().expect("a worker does not panic")).sum::<Result<usize>>()
    })?;
    Ok(Packaged { archives: functions.len(), written })
}

/// Writes one archive unless it holds this program already; its comment is the program's hash.
fn archive(path: &Path, program: &[u8]) -> Result<bool> {
    let hash: String = Sha256::digest(program).iter().map(|byte| format!("{byte:02x}")).collect();
    let known = fs::File::open(path).ok().and_then(|file| ZipArchive::new(file).ok());
    if known.is_some_and(|known| known.comment() == hash.as_bytes()) {
        return Ok(false);
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    // Written aside and moved into place, so that an interrupted run leaves no half archive under the name.
    let aside = path.with_extension("zip.new");
    let mut zip = ZipWriter::new(io::BufWriter::new(fs::File::create(&aside)?));
    zip.start_file("bootstrap", options)?;
    zip.write_all(program)?;
    zip.set_raw_comment(hash.into_bytes().into())?;
    zip.finish()?.flush()?;
    fs::rename(&aside, path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_same_program_is_the_same_archive_and_only_another_one_is_written() {
        let root = std::env::temp_dir().join(format!("praxis-package-{}", uuid::Uuid::new_v4()));
        let program = |name: &str, bytes: &[u8]| {
            let folder = root.join("programs").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("bootstrap"), bytes).unwrap();
        };
        let read = |name: &str| fs::read(root.join(format!("dist/{name}.zip"))).unwrap();
        let run = |names: &[&str]| write(&root, &root.join("programs"), names).unwrap();
        program("get-me", b"one");
        program("get-you", b"two");
        assert_eq!(run(&["get-me", "get-you"]), Packaged { archives: 2, written: 2 });
        let first = read("get-me");
        fs::remove_file(root.join("dist/get-me.zip")).unwrap();
        program("get-you", b"three");
        assert_eq!(run(&["get-me", "get-you"]), Packaged { archives: 2, written: 2 });
        assert_eq!(read("get-me"), first, "byte for byte, whenever it was made");
        assert_eq!(run(&["get-me"]), Packaged { archives: 1, written: 0 });
        assert!(!root.join("dist/get-you.zip").exists(), "a function that is gone leaves no archive");

        let mut zip = ZipArchive::new(io::Cursor::new(first)).unwrap();
        let mut file = zip.by_name("bootstrap").unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!((bytes.as_slice(), file.unix_mode().map(|mode| mode & 0o777)), (&b"one"[..], Some(0o755)));
        let missing = write(&root, &root.join("programs"), &["get-nobody"]).unwrap_err();
        assert!(format!("{missing:#}").contains("get-nobody"), "{missing:#}");
        fs::remove_dir_all(root).unwrap();
    }
}
