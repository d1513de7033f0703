//! The archives of an export: zips with one JSON file per table and a README, in parts that one answer can carry. They are
//! made record by record, so that however much there is, one part and one file of it are in memory.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::prelude::*;
use zip::write::{PreparedZipFile, SimpleFileOptions};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What a README tells of the archives.
#[derive(Debug)]
pub struct Contents {
    /// The person.
    pub user_id: Uuid,
    /// As of when.
    pub made_at: Timestamp,
    /// What the tables are.
    pub tables: Vec<Table>,
    /// What is left out.
    pub exclusions: Vec<Exclusion>,
}

/// One record that is held on the person.
#[derive(FromRow)]
pub struct Record {
    /// The table, with its schema.
    pub source: String,
    /// The record as a JSON object.
    pub record: String,
}

/// Never the content.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A table that may hold records.
#[derive(Debug, FromRow)]
pub struct Table {
    /// Its name with its schema.
    pub name: String,
    /// One sentence for the person.
    pub description: Option<String>,
}

/// What is left out, and why.
#[derive(Debug, FromRow)]
pub struct Exclusion {
    /// The table, with its schema.
    pub table_name: String,
    /// The column; empty for the whole table.
    pub column_name: String,
    /// Why.
    pub reason: String,
}

/// Lambda answers at most 6 MB (6,291,456 bytes), and base64 makes four bytes of three.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PART_BYTES: usize = 4_400_000;
/// Room for the README in each part.
const README_BYTES: usize = 100_000;
/// A file before it is compressed: smaller than a part in any case, because deflate adds a few bytes at worst.
const FILE_BYTES: usize = 4_000_000;
/// What the archive needs for a file besides its bytes: two headers with its name.
const HEADER_BYTES: usize = 400;

/// Takes records, those of a table one after the other, and gives archives without their README.
pub struct Archiver {
    options: SimpleFileOptions,
    /// The files of the part that is being filled, and its size with them and a README.
    files: Vec<PreparedZipFile>,
    size: usize,
    /// The file that is being filled.
    open: Option<OpenFile>,
}

struct OpenFile {
    source: String,
    /// Which file of its table, from 1.
    number: usize,
    text: String,
}

impl Archiver {
    /// Empty; its files will say that they were made at `made_at`.
    pub fn new(made_at: Timestamp) -> Result<Archiver> {
        Ok(Archiver { options: options(made_at)?, files: Vec::new(), size: README_BYTES, open: None })
    }

    /// Takes a record; gives a part that is full. A record that alone is larger than a part is a 500.
    pub fn add(&mut self, Record { source, record }: &Record) -> Result<Option<Vec<u8>>> {
        let mut number = 1;
        if let Some(file) = &mut self.open
            && file.source == *source
        {
            if file.text.len() + record.len() + 2 <= FILE_BYTES {
                file.text.push_str(",\n");
                file.text.push_str(record);
                return Ok(None);
            }
            number = file.number + 1;
        }
        let full = self.close_file()?;
        self.open = Some(OpenFile { source: source.clone(), number, text: format!("[\n{record}") });
        Ok(full)
    }

    /// The last part, and before it one that is full only now.
    pub fn finish(mut self) -> Result<(Option<Vec<u8>>, Vec<u8>)> {
        let full = self.close_file()?;
        Ok((full, archive(self.files)?))
    }

    /// Compresses the open file; gives the part before it, if it does not fit there any more.
    fn close_file(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(OpenFile { source, number, mut text }) = self.open.take() else { return Ok(None) };
        text.push_str("\n]\n");
        let name = if number == 1 { format!("{source}.json") } else { format!("{source}.{number}.json") };
        let file = PreparedZipFile::from_data(name, self.options, text.as_bytes())?;
        let file_size = usize::try_from(file.compressed_size())? + HEADER_BYTES;
        let mut full = None;
        if self.size + file_size > PART_BYTES {
            full = Some(archive(std::mem::take(&mut self.files))?);
            self.size = README_BYTES;
        }
        self.size += file_size;
        self.files.push(file);
        Ok(full)
    }
}

fn options(made_at: Timestamp) -> Result<SimpleFileOptions> {
    Ok(SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::try_from(made_at.to_zoned(TimeZone::UTC).datetime())?))
}

fn archive(files: Vec<PreparedZipFile>) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        zip.add_prepared_file(file)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The archive with its README: how many parts there are is known only when the last one is made. `link` leads to the first
/// one, and with `?part=2` to the second.
pub fn with_readme(
    archive: Vec<u8>,
    contents: &Contents,
    link: &str,
    number: usize,
    count: usize,
) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new_append(Cursor::new(archive))?;
    zip.start_file("README.txt", options(contents.made_at)?)?;
    zip.write_all(readme(contents, link, number, count)?.as_bytes())?;
    let archive = zip.finish()?.into_inner();
    if archive.len() > PART_BYTES {
        return Err(internal("a record is larger than an answer"));
    }
    Ok(archive)
}

fn readme(contents: &Contents, link: &str, number: usize, count: usize) -> Result<String> {
    let mut text = format!(
        "What Praxis holds on you, as of {:.0}.\n\n\
         Account {}. Every file is a list in JSON, one record in a line; all times are in UTC.\n\
         A file that is not there would be empty.\n\n",
        contents.made_at, contents.user_id
    );
    if count > 1 {
        writeln!(text, "This is part {number} of {count}. All parts, for as long as the link works:")?;
        for part in 1..=count {
            writeln!(text, "  {link}?part={part}")?;
        }
        text.push('\n');
    }
    let is_whole = |exclusion: &&Exclusion| exclusion.column_name.is_empty();
    let left_out: Vec<_> = contents.exclusions.iter().filter(is_whole).map(|out| &out.table_name).collect();
    for table in contents.tables.iter().filter(|table| !left_out.contains(&&table.name)) {
        writeln!(text, "{}.json\n  {}", table.name, table.description.as_deref().unwrap_or_default())?;
    }
    text.push_str("\nLeft out:\n");
    for Exclusion { table_name, column_name, reason } in &contents.exclusions {
        let dot = if column_name.is_empty() { "" } else { "." };
        writeln!(text, "  {table_name}{dot}{column_name}: {reason}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn parts(contents: &Contents, records: &[Record], link: &str) -> Vec<Vec<u8>> {
        let (mut archiver, mut parts) = (Archiver::new(contents.made_at).unwrap(), Vec::new());
        for record in records {
            parts.extend(archiver.add(record).unwrap());
        }
        let (full, last) = archiver.finish().unwrap();
        parts.extend(full);
        parts.push(last);
        let count = parts.len();
        let numbered = (1..).zip(parts);
        numbered.map(|(number, part)| with_readme(part, contents, link, number, count).unwrap()).collect()
    }

    fn contents() -> Contents {
        let table = |name: &str| Table { name: name.to_owned(), description: Some(format!("It is {name}.")) };
        let exclusion =
            Exclusion { table_name: "b".into(), column_name: "hash".into(), reason: "a secret".into() };
        Contents {
            user_id: Uuid::nil(),
            made_at: "2026-11-21T13:00:00.5Z".parse().unwrap(),
            tables: vec![table("a"), table("b")],
            exclusions: vec![exclusion],
        }
    }

    fn record(source: &str, record: String) -> Record {
        Record { source: source.to_owned(), record }
    }

    fn unzip(archive: &[u8]) -> Vec<(String, String)> {
        let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
        let mut files = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            files.push((file.name().unwrap().into_owned(), text));
        }
        files
    }

    /// Letters that deflate cannot make much smaller.
    fn noise(length: usize) -> String {
        let mut state = 1_u64;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + u8::try_from(state >> 58).unwrap_or(0)).to_ascii_lowercase()
        };
        (0..length).map(letter).map(|letter| if letter == '\\' { 'x' } else { letter }).collect()
    }

    #[test]
    fn a_table_is_a_file_and_a_record_a_line() {
        let records = [
            record("a", r#"{"n": 1}"#.into()),
            record("a", r#"{"n": 2}"#.into()),
            record("b", r#"{"n": "ü"}"#.into()),
        ];
        let archives = parts(&contents(), &records, "https://api.example/x");
        let [archive] = archives.as_slice() else { panic!("{} parts", archives.len()) };
        let files = unzip(archive);
        assert_eq!(files[0], ("a.json".to_owned(), "[\n{\"n\": 1},\n{\"n\": 2}\n]\n".to_owned()));
        assert_eq!(files[1], ("b.json".to_owned(), "[\n{\"n\": \"ü\"}\n]\n".to_owned()));
        let (name, readme) = &files[2];
        assert_eq!((files.len(), name.as_str()), (3, "README.txt"));
        for words in ["as of 2026-11-21T13:00:00Z", "a.json\n  It is a.\n", "Left out:\n  b.hash: a secret\n"]
        {
            assert!(readme.contains(words), "{readme}");
        }
        assert!(!readme.contains("part"), "{readme}");
    }

    #[test]
    fn what_is_large_comes_in_parts_that_fit_and_nothing_is_lost() {
        let line = |number: usize| format!(r#"{{"n": {number}, "text": "{}"}}"#, noise(100_000));
        let records: Vec<_> = (0..70).map(|n| record(if n < 60 { "a" } else { "b" }, line(n))).collect();
        let archives = parts(&contents(), &records, "https://api.example/x");
        assert!(archives.len() > 1, "{} part", archives.len());
        let mut numbers = Vec::new();
        for (part, archive) in (1..).zip(&archives) {
            assert!(archive.len() <= PART_BYTES, "{} bytes", archive.len());
            let mut files = unzip(archive);
            let (_, readme) = files.pop().unwrap();
            assert!(readme.contains(&format!("part {part} of {}", archives.len())), "{readme}");
            assert!(readme.contains("https://api.example/x?part=2"), "{readme}");
            for (_, text) in files {
                let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
                numbers.extend(list.iter().filter_map(|record| record["n"].as_u64()));
            }
        }
        assert_eq!(numbers, (0..70).collect::<Vec<_>>());
    }

    #[test]
    fn a_person_without_records_gets_a_readme() {
        let archives = parts(&contents(), &[], "x");
        assert_eq!((archives.len(), unzip(&archives[0]).len()), (1, 1));
    }
}
