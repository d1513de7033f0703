//! `cargo local`: everything, until Ctrl-C.

use std::{io::IsTerminal, path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use local::{
    cloud, functions,
    gateway::{self, Gateway},
    lambda::{Lambda, LogLine, LogSource, Options},
    logs::{self, HandOver, LogFile, Record, Subscription},
    mails,
    postgres::{Postgres, connect},
    problem::problem,
    project,
    queue::Queues,
    scheduler::Scheduler,
    template::Template,
};
use tokio::{
    net::TcpListener,
    signal::unix,
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::JoinHandle,
};

use super::{Up, migrate, session};

pub(super) async fn run(options: Up) -> Result<()> {
    let start = Instant::now();
    let mut stop = Signals::listen()?;
    let listener = listen(options.port).await?;

    if options.fresh {
        // Mails speak of people who are gone with the database.
        mails::clear().context("cannot remove the old mails")?;
    }
    let postgres = tokio::select! {
        opened = Postgres::open(options.fresh) => opened?,
        () = stop.wait() => return Ok(()),
    };
    let served = tokio::select! {
        stack = Stack::start(&postgres, listener, options.release) => stack.map(Some),
        () = stop.wait() => Ok(None),
    };
    let result = match served {
        Ok(Some(stack)) => {
            stack.announce(&postgres, start);
            stop.wait().await;
            eprintln!("stopping");
            stack.stop().await;
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    postgres.stop().await;
    result
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

/// What runs between the database and the client.
struct Stack {
    gateway: Gateway,
    lambda: Arc<Lambda>,
    template: Arc<Template>,
    scheduler: Scheduler,
    queues: Queues,
    mails: Option<PathBuf>,
    writer: JoinHandle<Option<HandOver>>,
    last_call: oneshot::Sender<()>,
}

impl Stack {
    async fn start(postgres: &Postgres, listener: TcpListener, release: bool) -> Result<Self> {
        eprintln!("building the functions");
        let binaries = tokio::task::spawn_blocking(move || functions::build(release)).await??;
        for done in migrate::up(postgres.url()).await? {
            eprintln!("applied migration {} in {} ms", done.label, done.duration_ms);
        }
        seed(postgres).await?;

        let mut settings = cloud::shell();
        settings.entry("API_URL".to_owned()).or_insert(format!("http://{}", listener.local_addr()?));
        let environment = cloud::environment(postgres.url(), &settings)?;
        let template = cloud::template(&environment)?;
        // With a mail server of the developer's own, mails are no files.
        let sent_out = environment.contains_key("MAIL_URL");
        let folder = environment.get("MAIL_DIRECTORY").filter(|_| !sent_out).map(PathBuf::from);
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let lambda =
            Lambda::new(&template.functions, binaries, environment, sender, Options::default()).await?;
        let lambda = Arc::new(lambda);
        let hand_over =
            Subscription::find(&template).map(|found| HandOver::start(Arc::clone(&lambda), found));
        let file = LogFile::open(&logs::path()).context("cannot write the functions' log")?;
        let (last_call, called) = oneshot::channel();
        let writer = tokio::spawn(write(receiver, called, file, hand_over));
        let scheduler = Scheduler::start(&template, &lambda)?;
        let queues = Queues::start(&template, &lambda, postgres.url());
        let options = gateway::Options { mails: folder.clone(), ..gateway::Options::default() };
        let served = gateway::serve(listener, Arc::clone(&template), Arc::clone(&lambda), options);
        Ok(Self { gateway: served?, lambda, template, scheduler, queues, mails: folder, writer, last_call })
    }

    fn announce(&self, postgres: &Postgres, start: Instant) {
        let url = self.gateway.url();
        let routes: usize = self.template.functions.iter().map(|function| function.routes().count()).sum();
        eprintln!("ready after {:.1} s: {routes} routes\n", start.elapsed().as_secs_f64());
        eprintln!("  API        {url}          documentation at {url}/docs");
        match postgres.cluster() {
            Some(cluster) if cluster.is_borrowed() => {
                eprintln!("  PostgreSQL {}   (another cargo local started it and stops it)", postgres.url());
            }
            Some(cluster) => {
                eprintln!("  PostgreSQL {}   (data in {})", postgres.url(), cluster.home().display())
            }
            None => eprintln!("  PostgreSQL as DATABASE_URL says"),
        }
        eprintln!("  logs       cargo local logs --follow   ({})", logs::path().display());
        match &self.mails {
            Some(_) => eprintln!("  mail       {url}/_local/mail"),
            None => eprintln!("  mail       goes out as MAIL_URL says"),
        }
        for (function, next) in self.scheduler.upcoming() {
            eprintln!("  schedule   {function}, next at {next}; now: cargo local invoke {function}");
        }
        eprintln!("\nA session to paste:\n\n{}\nCtrl-C stops everything.", session::lines(&url));
    }

    /// Front to back, so that nothing asks for what is gone already.
    async fn stop(self) {
        self.gateway.shutdown().await;
        drop((self.scheduler, self.queues));
        let _ = self.last_call.send(());
        if let Ok(Some(hand_over)) = self.writer.await {
            let lost = hand_over.finish().await;
            if lost > 0 {
                eprintln!("{lost} log lines could not be handed over");
            }
        }
        self.lambda.shutdown().await;
    }
}

/// Writes every line down and passes on those that a function subscribes to, until the last call; gives back the
/// hand-over, which still needs the fleet for what it holds.
async fn write(
    mut lines: UnboundedReceiver<LogLine>,
    mut last_call: oneshot::Receiver<()>,
    mut file: LogFile,
    hand_over: Option<HandOver>,
) -> Option<HandOver> {
    let coloured = std::io::stderr().is_terminal();
    let mut told = false;
    loop {
        let line = tokio::select! {
            biased;
            line = lines.recv() => line,
            _ = &mut last_call => None,
        };
        let Some(line) = line else { return hand_over };
        if let (Some(hand_over), Some(record)) = (&hand_over, Record::of(&line)) {
            hand_over.push(record);
        }
        match file.write(&line) {
            Err(error) if !told => {
                told = true;
                eprintln!("cannot write {}: {error}", logs::path().display());
            }
            _ => {}
        }
        // What a function did not mean to say belongs before the developer's eyes.
        if line.source != LogSource::Stdout {
            let who = format!("{}: ", line.function);
            eprintln!("{}{}", if coloured { format!("\x1b[31m{who}\x1b[0m") } else { who }, line.line);
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
