//! What `cargo local` runs between the database and the client.

use std::{collections::BTreeMap, io::IsTerminal, path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use local::{
    cloud,
    gateway::{self, Gateway},
    lambda::{Hold, Lambda, LogLine, LogSource, Options},
    logs::{self, HandOver, LogFile, Record, Subscription},
    postgres::Postgres,
    queue::{Queues, Sqs},
    scheduler::Scheduler,
    stripe::{self, Stripe},
    template::Template,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::JoinHandle,
};

use super::session;

/// The gateway and what stands behind it.
pub(super) struct Stack {
    gateway: Gateway,
    behind: Behind,
    origin: Origin,
    mails: Option<PathBuf>,
    /// What stands in for Stripe, where there is no account.
    stripe: Option<Arc<Stripe>>,
}

/// What every fleet is made of, whatever the template.
struct Origin {
    programs: PathBuf,
    environment: BTreeMap<String, String>,
    /// The database, as jobs come to it.
    jobs: String,
    /// What takes messages for queues, whatever feeds them.
    sqs: Sqs,
    hold: Hold,
}

/// What a template becomes.
struct Behind {
    lambda: Arc<Lambda>,
    template: Arc<Template>,
    scheduler: Scheduler,
    queues: Queues,
    writer: JoinHandle<Option<HandOver>>,
    last_call: oneshot::Sender<()>,
}

impl Stack {
    /// Starts it with the functions that lie in `programs`; they wait while `hold` is held.
    pub(super) async fn start(
        postgres: &Postgres,
        listener: TcpListener,
        programs: PathBuf,
        hold: &Hold,
    ) -> Result<Self> {
        let mut settings = cloud::shell();
        let address = format!("{}://{}", cloud::scheme(&settings), listener.local_addr()?);
        settings.entry("API_URL".to_owned()).or_insert(address);
        let stripe = stand_in(&mut settings, &listener).await?;
        let sqs = Sqs::start(None).await?;
        settings.extend(sqs.settings().map(|(name, value)| (name.to_owned(), value)));
        let environment = cloud::environment(postgres.addresses(), &settings)?;
        // With a mail server of the developer's own, mails are no files.
        let sent_out = environment.contains_key("MAIL_URL");
        let mails = environment.get("MAIL_DIRECTORY").filter(|_| !sent_out).map(PathBuf::from);
        let template = cloud::template(&environment)?;
        let (jobs, hold) = (postgres.addresses().jobs.clone(), hold.clone());
        let origin = Origin { programs, environment, jobs, sqs, hold };
        let behind = Behind::start(template, &origin).await?;
        let (shown, paid) = (mails.clone(), stripe.clone());
        let options = gateway::Options { mails: shown, stripe: paid, ..gateway::Options::default() };
        let (template, lambda) = (Arc::clone(&behind.template), Arc::clone(&behind.lambda));
        Ok(Self {
            gateway: gateway::serve(listener, template, lambda, options)?,
            behind,
            origin,
            mails,
            stripe,
        })
    }

    pub(super) fn lambda(&self) -> &Lambda {
        &self.behind.lambda
    }

    pub(super) fn routes(&self) -> usize {
        self.behind.template.functions.iter().map(|function| function.routes().count()).sum()
    }

    /// Reads the template again and serves it from the next request on.
    ///
    /// # Errors
    /// When it cannot be served; then what is served stays.
    pub(super) async fn read_template_again(&mut self) -> Result<()> {
        let behind = Behind::start(cloud::template(&self.origin.environment)?, &self.origin).await?;
        self.gateway.replace(Arc::clone(&behind.template), Arc::clone(&behind.lambda))?;
        let before = std::mem::replace(&mut self.behind, behind);
        // Requests under way keep their fleet until they are answered.
        tokio::spawn(async move { drop(before.retire().await) });
        Ok(())
    }

    pub(super) fn announce(&self, postgres: &Postgres, start: Instant) {
        let url = self.gateway.url();
        eprintln!("ready after {:.1} s: {} routes\n", start.elapsed().as_secs_f64(), self.routes());
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
        match &self.stripe {
            Some(_) => eprintln!("  payments   {url}/_local/pay"),
            None => eprintln!("  payments   at Stripe, as STRIPE_SECRET_KEY says"),
        }
        for (function, next) in self.behind.scheduler.upcoming() {
            eprintln!("  schedule   {function}, next at {next}; now: cargo local invoke {function}");
        }
        eprintln!("\nA session to paste:\n\n{}\nCtrl-C stops everything.", session::lines(&url));
    }

    /// Front to back, so that nothing asks for what is gone already.
    pub(super) async fn stop(self) {
        self.gateway.shutdown().await;
        self.behind.retire().await.shutdown().await;
    }
}

/// Starts what stands in for Stripe and sets what functions know of it, unless the developer has an account.
async fn stand_in(
    settings: &mut BTreeMap<String, String>,
    listener: &TcpListener,
) -> Result<Option<Arc<Stripe>>> {
    if settings.contains_key("STRIPE_SECRET_KEY") {
        return Ok(None);
    }
    let stripe = Stripe::local(listener.local_addr()?, Some(stripe::path())).await?;
    settings.extend(stripe.settings().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(Some(Arc::new(stripe)))
}

impl Behind {
    async fn start(template: Arc<Template>, origin: &Origin) -> Result<Self> {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let options = Options { hold: origin.hold.clone(), ..Options::default() };
        let (programs, environment) = (origin.programs.clone(), origin.environment.clone());
        let lambda =
            Arc::new(Lambda::new(&template.functions, programs, environment, sender, options).await?);
        let hand_over =
            Subscription::find(&template).map(|found| HandOver::start(Arc::clone(&lambda), found));
        let file = LogFile::open(&logs::path()).context("cannot write the functions' log")?;
        let (last_call, called) = oneshot::channel();
        let writer = tokio::spawn(write(receiver, called, file, hand_over));
        let queues = Queues::start(&template, &lambda).with_outbox(&lambda, &origin.jobs);
        let scheduler = Scheduler::start(&template, &lambda, &queues)?;
        origin.sqs.deliver_to(&queues);
        Ok(Self { lambda, template, scheduler, queues, writer, last_call })
    }

    /// Ends what works by itself; the fleet is left.
    async fn retire(self) -> Arc<Lambda> {
        drop((self.scheduler, self.queues));
        let _ = self.last_call.send(());
        if let Ok(Some(hand_over)) = self.writer.await {
            let lost = hand_over.finish().await;
            if lost > 0 {
                eprintln!("{lost} log lines could not be handed over");
            }
        }
        self.lambda
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
