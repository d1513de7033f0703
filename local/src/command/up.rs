//! `cargo local`: everything, until Ctrl-C.

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, Result};
use local::{
    functions,
    lambda::Hold,
    mails,
    postgres::{Postgres, connect},
    problem::problem,
    project, stripe,
};
use tokio::{net::TcpListener, signal::unix};

use super::{Up, migrate, refresh::Refresh, stack::Stack};

pub(super) async fn run(options: Up) -> Result<()> {
    let start = Instant::now();
    let mut stop = Signals::listen()?;
    let listener = listen(options.port).await?;

    if options.fresh {
        // Mails and payments speak of people who are gone with the database.
        mails::clear().context("cannot remove the old mails")?;
        stripe::clear().context("cannot remove the old payments")?;
    }
    let postgres = tokio::select! {
        opened = Postgres::open(options.fresh) => opened?,
        () = stop.wait() => return Ok(()),
    };
    let result = serve(&options, &postgres, listener, &mut stop, start).await;
    postgres.stop().await;
    result
}

/// Serves until it is stopped.
async fn serve(
    options: &Up,
    postgres: &Postgres,
    listener: TcpListener,
    stop: &mut Signals,
    start: Instant,
) -> Result<()> {
    let hold = Hold::default();
    // Watching begins before the build, so that nothing saved meanwhile is missed.
    let mut refresh = options.watch.then(|| Refresh::start(&hold, options.release)).transpose()?;
    let started = async {
        let programs = prepare(postgres, options.release).await?;
        Stack::start(postgres, listener, programs, &hold).await
    };
    let mut stack = tokio::select! {
        started = started => started?,
        () = stop.wait() => return Ok(()),
    };
    stack.announce(postgres, start);
    if refresh.is_some() {
        eprintln!("Watching: what you save is built before the next request is answered.");
    }
    let following = async {
        match &mut refresh {
            Some(refresh) => refresh.follow(&mut stack).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = following => {}
        () = stop.wait() => {}
    }
    eprintln!("stopping");
    // Nobody is to wait for a build any more.
    hold.release();
    stack.stop().await;
    Ok(())
}

/// Makes programs and database ready, and gives the folder of the programs.
async fn prepare(postgres: &Postgres, release: bool) -> Result<PathBuf> {
    eprintln!("building the functions");
    let programs = tokio::task::spawn_blocking(move || functions::build(release)).await??;
    for done in migrate::up(postgres).await? {
        eprintln!("applied migration {} in {} ms", done.label, done.duration_ms);
    }
    seed(postgres).await?;
    Ok(programs)
}

async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => problem(
            format!("port {port} is taken"),
            format!(
                "stop what listens there, or choose another: cargo local --port {}",
                port.wrapping_add(1).max(1024)
            ),
        ),
        _ => problem(format!("cannot listen on port {port}: {error}"), "choose another with --port"),
    })
}

/// Ctrl-C, `kill`, and the closing of the terminal.
struct Signals([unix::Signal; 3]);

impl Signals {
    fn listen() -> Result<Self> {
        let signal = |kind| unix::signal(kind).context("cannot listen for signals");
        Ok(Self([
            signal(unix::SignalKind::interrupt())?,
            signal(unix::SignalKind::terminate())?,
            signal(unix::SignalKind::hangup())?,
        ]))
    }

    async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Puts in the rows that the sample events speak of, or puts them back. Only into the private database: one that
/// `DATABASE_URL` names may hold real people.
pub(super) async fn seed(postgres: &Postgres) -> Result<()> {
    let path = project::root().join("local/seed.sql");
    if postgres.cluster().is_none() || !path.is_file() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path)?;
    connect(postgres.url()).await?.batch_execute(&text).await.map_err(|error| {
        let words = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
        problem(
            format!("local/seed.sql failed: {words}"),
            "mend it, or start empty with `cargo local --fresh`",
        )
    })
}
