//! `.local/logs/functions.jsonl`: every line of the functions, one JSON object each, moved aside when it is large.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    lambda::{LogLine, LogSource},
    project,
};

/// Size at which the file becomes `functions.1.jsonl`, in place of the one before.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Where the lines are kept.
pub fn path() -> PathBuf {
    project::state().join("logs/functions.jsonl")
}

/// The open file.
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    /// Opens the file to append to it, with its folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The developer's alone, as the keys beside it are: lines of a debugged function may say anything.
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    /// Appends a line: as it is when the function wrote a JSON object, else wrapped into one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, line: &LogLine) -> io::Result<()> {
        let is_object = serde_json::from_str::<serde_json::Map<_, _>>(&line.line).is_ok();
        let mut text = if is_object {
            line.line.clone()
        } else {
            let source = match line.source {
                LogSource::Stdout => "stdout",
                LogSource::Stderr => "stderr",
                LogSource::Platform => "lambda",
            };
            let time = jiff::Timestamp::now().to_string();
            json!({"type": source, "timestamp": time, "function": &*line.function, "message": line.line})
                .to_string()
        };
        text.push('\n');
        if self.size > 0 && self.size + text.len() as u64 > LIMIT {
            fs::rename(&self.path, self.path.with_file_name("functions.1.jsonl"))?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(text.as_bytes())?;
        self.size += text.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_objects_and_a_large_file_is_moved_aside() {
        let folder = std::env::temp_dir().join(format!("praxis-test-{}", uuid::Uuid::new_v4()));
        let path = folder.join("functions.jsonl");
        let mut file = LogFile::open(&path).unwrap();
        let line = |text: &str| LogLine {
            function: "get-me".into(),
            source: LogSource::Stderr,
            line: text.to_owned(),
        };
        file.write(&line(r#"{"type":"request"}"#)).unwrap();
        file.write(&line("a panic\t\"here\"")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let objects: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects[0], json!({"type": "request"}));
        assert_eq!(
            (&objects[1]["type"], &objects[1]["message"]),
            (&json!("stderr"), &json!("a panic\t\"here\""))
        );

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700), "nobody else reads them");

        file.size = LIMIT;
        file.write(&line("next")).unwrap();
        assert_eq!(fs::read_to_string(folder.join("functions.1.jsonl")).unwrap(), text);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
