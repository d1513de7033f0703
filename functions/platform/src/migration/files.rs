//! The files of `migrations/` as an ordered set.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::MigrationError;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations");

/// One step of the schema, with its way back.
#[derive(Clone, Debug)]
pub struct Migration {
    version: i32,
    name: String,
    up: String,
    down: String,
    checksum: String,
}

impl Migration {
    /// The number in the file's name.
    pub fn version(&self) -> i32 {
        self.version
    }

    /// The name without its number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `NNNN_name`, as in the file's name.
    pub fn label(&self) -> String {
        format!("{:04}_{}", self.version, self.name)
    }

    /// SHA-256 of the text of the way up, hexadecimal.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    pub(super) fn up(&self) -> &str {
        &self.up
    }

    pub(super) fn down(&self) -> &str {
        &self.down
    }
}

/// Migrations in order of version: 1, 2, 3, … without a gap.
#[derive(Clone, Debug)]
pub struct Migrations {
    list: Vec<Migration>,
}

impl Migrations {
    /// The files of `migrations/`, as they were when this program was built.
    ///
    /// # Errors
    /// As [`Migrations::from_files`].
    pub fn embedded() -> Result<Self, MigrationError> {
        let mut files = Vec::new();
        for file in FILES.files() {
            let name = file.path().to_string_lossy();
            let text = file.contents_utf8();
            files.push((name.clone(), text.ok_or_else(|| wrong(&name, "is not UTF-8"))?));
        }
        Self::from_files(files.iter().map(|(name, text)| (name.as_ref(), *text)))
    }

    /// Files as (name, text), in any order; names that do not end with `.sql` are passed over.
    ///
    /// # Errors
    /// A name that is not `NNNN_name.up.sql` or `.down.sql`, a number used twice or left out, or a file without
    /// its counterpart.
    pub fn from_files<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, MigrationError> {
        let mut pairs: BTreeMap<(i32, &str), [Option<&str>; 2]> = BTreeMap::new();
        for (file, text) in files.filter(|(file, _)| file.ends_with(".sql")) {
            let (version, name, direction) = parse(file).ok_or_else(|| {
                wrong(file, "is not named NNNN_lower_case.up.sql or NNNN_lower_case.down.sql")
            })?;
            pairs.entry((version, name)).or_default()[direction] = Some(text);
        }
        let mut list = Vec::new();
        for (expected, ((version, name), texts)) in (1..).zip(pairs) {
            let label = format!("{version:04}_{name}");
            if version != expected {
                return Err(wrong(&label, &format!("stands where number {expected:04} should be")));
            }
            let [Some(up), Some(down)] = texts else {
                return Err(wrong(&label, "needs both an .up.sql and a .down.sql"));
            };
            // A checkout with other line ends is the same migration.
            let checksum = Sha256::digest(up.replace("\r\n", "\n").as_bytes());
            let checksum = checksum.iter().map(|byte| format!("{byte:02x}")).collect();
            list.push(Migration {
                version,
                name: name.to_owned(),
                up: up.to_owned(),
                down: down.to_owned(),
                checksum,
            });
        }
        Ok(Self { list })
    }

    /// In order of version.
    pub fn list(&self) -> &[Migration] {
        &self.list
    }

    pub(super) fn find(&self, version: i32) -> Option<&Migration> {
        self.list.iter().find(|migration| migration.version == version)
    }
}

/// Version, name, and 0 for up or 1 for down.
fn parse(file: &str) -> Option<(i32, &str, usize)> {
    let (stem, direction) = match (file.strip_suffix(".up.sql"), file.strip_suffix(".down.sql")) {
        (Some(stem), _) => (stem, 0),
        (_, Some(stem)) => (stem, 1),
        _ => return None,
    };
    let (number, name) = stem.split_once('_')?;
    let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (digits && !name.is_empty() && name.bytes().all(plain)).then_some(())?;
    Some((number.parse().ok()?, name, direction))
}

fn wrong(file: &str, what: &str) -> MigrationError {
    MigrationError::new(format!("migrations/{file} {what}"))
}

/// The place of PostgreSQL's `position`, a count of characters from 1, as line and column from 1.
pub(super) fn line_and_column(text: &str, position: u32) -> (usize, usize) {
    let before: String = text.chars().take(position.saturating_sub(1) as usize).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(files: &[&'static str]) -> String {
        let files = files.iter().map(|file| (*file, "select 1"));
        Migrations::from_files(files).unwrap_err().to_string()
    }

    #[test]
    fn files_become_an_ordered_set() {
        let names = ["0002_b.up.sql", "0001_a.down.sql", "README.md", "0002_b.down.sql", "0001_a.up.sql"];
        let set = Migrations::from_files(names.into_iter().map(|name| (name, name))).unwrap();
        let labels: Vec<_> = set.list().iter().map(Migration::label).collect();
        assert_eq!(labels, ["0001_a", "0002_b"]);
        assert_eq!(set.list()[1].down(), "0002_b.down.sql");
    }

    #[test]
    fn mistakes_in_names_are_told() {
        assert!(refusal(&["0001_a.up.sql"]).contains("0001_a needs both"));
        assert!(refusal(&["0002_a.up.sql", "0002_a.down.sql"]).contains("0002_a stands where number 0001"));
        let twice = ["0001_a.up.sql", "0001_a.down.sql", "0001_b.up.sql", "0001_b.down.sql"];
        assert!(refusal(&twice).contains("0001_b stands where number 0002"));
        assert!(refusal(&["1_a.up.sql"]).contains("is not named"));
        assert!(refusal(&["0001_A.up.sql"]).contains("is not named"));
    }

    #[test]
    fn the_checksum_is_of_the_text_and_not_of_its_line_ends() {
        let with = |text| {
            let files = [("0001_a.up.sql", text), ("0001_a.down.sql", "")];
            Migrations::from_files(files.into_iter()).unwrap().list()[0].checksum().to_owned()
        };
        assert_eq!(with("a\nb"), with("a\r\nb"));
        assert_ne!(with("a\nb"), with("a\nc"));
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(line_and_column("选择\nselect 选 x", 11), (2, 8));
        assert_eq!(line_and_column("x", 1), (1, 1));
    }

    #[test]
    fn the_project_s_own_files_are_in_order() {
        assert!(!Migrations::embedded().unwrap().list().is_empty());
    }
}
