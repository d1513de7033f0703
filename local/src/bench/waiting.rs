//! A program at the end of its start: it has asked the Runtime API for work.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use super::processes;

/// A program that has asked for work, of which there is none. It ends when this is dropped.
pub(super) struct Waiting {
    /// Its process.
    pub(super) child: Child,
    /// How long that took.
    pub(super) milliseconds: f64,
    /// Closed, it would make the program do more.
    _runtime_api: TcpStream,
}

impl Waiting {
    /// Starts a program with a Runtime API of its own.
    ///
    /// # Errors
    /// When it ends or does something else than asking for work.
    pub(super) async fn start(mut command: Command, patience: Duration) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());

        let began = Instant::now();
        let program = command.as_std().get_program().to_owned();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let asked = tokio::time::timeout(patience, async {
            tokio::select! {
                biased;
                request = first_request(&listener) => request,
                ended = child.wait() => bail!("it ended: {}", ended?),
            }
        })
        .await;
        let milliseconds = began.elapsed().as_secs_f64() * 1e3;
        let (request, stream) =
            asked.with_context(|| format!("{} asks for no work", program.display()))??;
        let first_line = request.lines().next().unwrap_or_default();
        if !first_line.starts_with("GET ") || !first_line.contains("/runtime/invocation/next") {
            bail!("{} did not ask for work but: {first_line}", program.display());
        }
        Ok(Self { child, milliseconds, _runtime_api: stream })
    }

    /// Waits until the program waits: what it does between asking and sleeping would else be counted sometimes.
    pub(super) async fn settle(&mut self) {
        let mut asleep = 0;
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let is_asleep = self.child.id().and_then(processes::is_asleep).unwrap_or(true);
            asleep = if is_asleep { asleep + 1 } else { 0 };
            if asleep == 3 {
                return;
            }
        }
    }
}

/// The head of the first request, and where its answer would go.
async fn first_request(listener: &TcpListener) -> Result<(String, TcpStream)> {
    let (mut stream, _) = listener.accept().await?;
    let mut head = Vec::new();
    // An empty line ends the head; `next` has no body.
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            bail!("the connection ended inside a request");
        }
    }
    Ok((String::from_utf8_lossy(&head).into_owned(), stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_ends_without_asking_for_work_is_an_error() {
        let Err(error) = Waiting::start(Command::new("/bin/true"), Duration::from_secs(10)).await else {
            panic!("it asked for work");
        };
        assert!(error.to_string().contains("it ended"), "{error:#}");
    }
}
