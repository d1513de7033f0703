//! Saved files, for `cargo local --watch`: which of them matter, and when it is quiet again.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{sync::mpsc, time::timeout};

use crate::problem::problem;

/// An editor that saves all its files, or `git switch`, is one change: it ends when nothing was saved for so long.
const QUIET: Duration = Duration::from_millis(80);

/// What a saved file means to a running `cargo local`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// Something that programs are built from.
    Programs,
    /// A migration, which is built into a program too.
    Migrations,
    /// What the gateway serves: the template and what it includes.
    Template,
    /// This tool, which cannot replace itself.
    Tool,
}

impl Touched {
    /// What `path`, relative to the project's folder, is; `None` for what no running part is made of.
    pub fn by(path: &Path) -> Option<Self> {
        let name = path.file_name().and_then(OsStr::to_str)?;
        // What editors leave beside a file while they save it.
        if name.starts_with('.') || name.ends_with('~') || name.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let parts: Vec<_> = path.components().map(Component::as_os_str).filter_map(OsStr::to_str).collect();
        match parts.as_slice() {
            ["template.yaml"] | ["gateway", ..] => Some(Self::Template),
            ["Cargo.toml" | "Cargo.lock" | "openapi.json"] => Some(Self::Programs),
            ["local", "seed.sql"] => None,
            ["local", "src", ..] | ["local", "Cargo.toml"] => Some(Self::Tool),
            ["migrations", ..] => Some(Self::Migrations),
            ["functions", _, "tests", ..] | ["shared", "tests" | "examples", ..] => None,
            [top, _, ..] if !OUTSIDE.contains(top) => Some(Self::Programs),
            _ => None,
        }
    }
}

/// Folders that no program is built from.
const OUTSIDE: [&str; 5] = ["local", "events", "docs", "dist", "target"];

/// The project's files, watched until dropped.
#[derive(Debug)]
pub struct Watch {
    saved: mpsc::UnboundedReceiver<Touched>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the project in `root`. `noticed` is called from another thread as soon as a file that matters is saved,
    /// which is before [`Watch::next`] tells of it.
    ///
    /// # Errors
    /// When the system does not let files be watched.
    pub fn start(root: &Path, noticed: impl Fn() + Send + 'static) -> Result<Self> {
        // Events name files by their real path.
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        let (sender, saved) = mpsc::unbounded_channel();
        let base = root.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else {
                // Events were lost. Cargo knows what has changed.
                noticed();
                let _ = sender.send(Touched::Programs);
                return;
            };
            // Reading is an event too, and the compiler reads everything.
            if !matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)) {
                return;
            }
            for path in event.paths.iter().filter_map(|path| path.strip_prefix(&base).ok()) {
                if let Some(touched) = Touched::by(path) {
                    noticed();
                    // Nobody listens any more: the tool is about to end.
                    let _ = sender.send(touched);
                }
            }
        })
        .map_err(refused)?;
        watcher.watch(&root, RecursiveMode::NonRecursive).map_err(refused)?;
        for folder in folders(&root)? {
            watcher.watch(&folder, RecursiveMode::Recursive).map_err(refused)?;
        }
        Ok(Self { saved, _watcher: watcher })
    }

    /// Waits for the next change, then until it is quiet, and gives all that was touched.
    pub async fn next(&mut self) -> BTreeSet<Touched> {
        next(&mut self.saved).await
    }

    /// Whether something was saved that [`Watch::next`] has not told of.
    pub fn is_pending(&self) -> bool {
        !self.saved.is_empty()
    }
}

async fn next(saved: &mut mpsc::UnboundedReceiver<Touched>) -> BTreeSet<Touched> {
    let mut touched = BTreeSet::new();
    match saved.recv().await {
        Some(first) => touched.insert(first),
        None => std::future::pending().await,
    };
    while let Ok(Some(more)) = timeout(QUIET, saved.recv()).await {
        touched.insert(more);
    }
    touched
}

/// The folders with sources: those that are built into or kept for `git` have thousands of files that do not matter.
fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let has_no_source = name.starts_with('.') || (OUTSIDE.contains(&name) && name != "local");
        // Another name for the build directory is no folder of sources either.
        if path.is_dir() && !has_no_source && !path.join("CACHEDIR.TAG").is_file() {
            folders.push(path);
        }
    }
    Ok(folders)
}

fn refused(error: notify::Error) -> anyhow::Error {
    problem(
        format!("cannot watch the project's files: {error}"),
        "run `cargo local` without --watch; on Linux, `fs.inotify.max_user_watches` may be too low",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn a_file_means_what_is_made_of_it() {
        for (path, expected) in [
            ("functions/practice/src/bin/get-scene.rs", Some(Touched::Programs)),
            ("functions/practice/Cargo.toml", Some(Touched::Programs)),
            ("shared/src/serve.rs", Some(Touched::Programs)),
            ("another-crate/src/lib.rs", Some(Touched::Programs)),
            ("Cargo.lock", Some(Touched::Programs)),
            ("migrations/0001_a.up.sql", Some(Touched::Migrations)),
            ("template.yaml", Some(Touched::Template)),
            ("gateway/routes.yaml", Some(Touched::Template)),
            ("local/src/main.rs", Some(Touched::Tool)),
            ("functions/practice/tests/it/main.rs", None),
            ("functions/practice/src/.scene.rs.swp", None),
            ("functions/practice/src/scene.rs~", None),
            ("functions/practice/src/4913", None),
            ("events/practice/get-scene.json", None),
            ("docs/decisions.md", None),
            ("README.md", None),
            ("local/tests/it/main.rs", None),
        ] {
            assert_eq!(Touched::by(Path::new(path)), expected, "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_saves_is_one_change() {
        let (sender, mut saved) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for touched in [Touched::Programs, Touched::Template, Touched::Programs] {
                let _ = sender.send(touched);
                tokio::time::sleep(QUIET / 2).await;
            }
            tokio::time::sleep(QUIET).await;
            let _ = sender.send(Touched::Tool);
            std::future::pending::<()>().await;
        });
        assert_eq!(next(&mut saved).await, BTreeSet::from([Touched::Programs, Touched::Template]));
        assert_eq!(next(&mut saved).await, BTreeSet::from([Touched::Tool]));
    }

    #[tokio::test]
    async fn saved_files_are_noticed_and_others_are_not() {
        let root = std::env::temp_dir().join(format!("praxis-watch-{}", uuid::Uuid::new_v4()));
        for folder in ["functions/practice/src", "migrations", "target", "docs"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let noticed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&noticed);
        let count = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        let mut watch = Watch::start(&root, count).unwrap();
        let write = |path: &str| fs::write(root.join(path), "text").unwrap();
        // What is saved last shows that nothing came of what was saved before.
        for (paths, expected) in [
            (["target/x", "docs/x.md", "functions/practice/src/scene.rs"], Touched::Programs),
            (["README.md", "target/y", "migrations/0001_a.up.sql"], Touched::Migrations),
            (["docs/x.md", ".hidden", "template.yaml"], Touched::Template),
        ] {
            let before = noticed.load(Ordering::SeqCst);
            paths.iter().for_each(|path| write(path));
            // Writing a file is several events, between which it may be quiet.
            while !watch.next().await.contains(&expected) {}
            assert!(noticed.load(Ordering::SeqCst) > before);
        }
        fs::read(root.join("functions/practice/src/scene.rs")).unwrap();
        fs::remove_file(root.join("functions/practice/src/scene.rs")).unwrap();
        while !watch.next().await.contains(&Touched::Programs) {}
        fs::remove_dir_all(root).unwrap();
    }
}
