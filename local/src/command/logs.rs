//! `cargo local logs`.

use std::{
    io::{self, IsTerminal, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};
use local::{
    logs::{path, render},
    problem::problem,
};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, BufReader},
};

pub(super) async fn run(follow: bool, raw: bool) -> Result<()> {
    let path = path();
    let coloured = !raw && io::stdout().is_terminal();
    let mut reader = open(&path).await?;
    let mut line = String::new();
    loop {
        // A line that is being written comes in two parts: `line` keeps the first.
        if reader.read_line(&mut line).await? > 0 {
            if line.ends_with('\n') {
                let text = line.trim_end();
                let shown = if raw { text.to_owned() } else { render(text, coloured) };
                // A reader such as `head` that has enough closes the pipe: no error.
                if writeln!(io::stdout(), "{shown}").is_err() {
                    return Ok(());
                }
                line.clear();
            }
            continue;
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        // A large file was moved aside: go on with the new one.
        let current = tokio::fs::metadata(&path).await;
        if current.is_ok_and(|current| current.ino() != 0)
            && inode(reader.get_ref()).await? != tokio::fs::metadata(&path).await?.ino()
        {
            reader = open(&path).await?;
            line.clear();
        }
    }
}

async fn inode(file: &File) -> Result<u64> {
    Ok(file.metadata().await?.ino())
}

async fn open(path: &Path) -> Result<BufReader<File>> {
    match File::open(path).await {
        Ok(file) => Ok(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(problem("no function has written anything yet", "start the stack with `cargo local`"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
