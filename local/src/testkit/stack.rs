//! One local cloud for one test: gateway, functions, database.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    Client, Database,
    fakes::Key,
    journal::{Journal, Lines},
    mail,
};
use crate::{
    cloud, functions,
    gateway::{self, Gateway},
    keys::{self, Role},
    lambda::{self, InvokeContext, InvokeError, Lambda, LogLine},
    logs,
    postgres::Addresses,
    queue::{Queues, Sqs, Trouble},
    stripe::Stripe,
    template::Template,
};

/// A stack with the usual settings and a migrated database of its own.
pub async fn stack() -> Stack {
    Stack::builder().start().await
}

/// A running stack. Everything it started ends when it is dropped.
pub struct Stack {
    // Fields drop in this order: no request reaches a function that is gone, no function a database that is gone.
    gateway: Gateway,
    _queues: Option<Queues>,
    sqs: Sqs,
    lambda: Arc<Lambda>,
    template: Arc<Template>,
    lines: Lines,
    journal: Arc<Journal>,
    http: reqwest::Client,
    environment: BTreeMap<String, String>,
    _mails: mail::Folder,
    database: Database,
}

/// What a stack is started with.
#[derive(Default)]
pub struct Builder {
    environment: BTreeMap<String, String>,
    own_server: bool,
    throttle: bool,
    knows_its_address: bool,
    takes_payments: bool,
    delivers_nudges: bool,
    queue_trouble: Option<Trouble>,
    template: Option<Arc<Template>>,
    binaries: Option<PathBuf>,
    options: lambda::Options,
}

impl Builder {
    /// Sets a variable of every function; blank counts as unset.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Gives the test a PostgreSQL server of its own, which it may stop and start.
    pub fn own_server(mut self) -> Self {
        self.own_server = true;
        self
    }

    /// Applies the template's rate limits, which tests do without.
    pub fn throttle(mut self) -> Self {
        self.throttle = true;
        self
    }

    /// Sets `API_URL` to the address that the API gets, as `cargo local` does.
    pub fn knows_its_address(mut self) -> Self {
        self.knows_its_address = true;
        self
    }

    /// Takes payments by the stand-in for Stripe with pages to pay on, as `cargo local` does. It knows its address then.
    pub fn takes_payments(mut self) -> Self {
        (self.takes_payments, self.knows_its_address) = (true, true);
        self
    }

    /// Delivers at once what is sent to a queue, as `cargo local` does. Else nudges are kept and reach nobody, so that a test
    /// invokes the worker itself: early, late, twice or not at all.
    pub fn delivers_nudges(mut self) -> Self {
        self.delivers_nudges = true;
        self
    }

    /// Lets every message to a queue meet this.
    pub fn queue_trouble(mut self, trouble: Trouble) -> Self {
        self.queue_trouble = Some(trouble);
        self
    }

    /// Uses another template and another folder of programs than the project's.
    pub fn template(mut self, template: Template, binaries: PathBuf) -> Self {
        (self.template, self.binaries) = (Some(Arc::new(template)), Some(binaries));
        self
    }

    /// Changes how sandboxes live and die.
    pub fn lambda(mut self, options: lambda::Options) -> Self {
        self.options = options;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Stack {
        let (own, options) = (self.binaries.is_none(), self.options);
        let options = lambda::Options { build_stale: own, ..options };
        let binaries = self.binaries.unwrap_or_else(binaries);
        let database =
            if self.own_server { Database::on_own_server().await } else { Database::migrated().await };
        let mails = mail::Folder::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let mut environment = BTreeMap::from([
            ("APP_ENV".to_owned(), "test".to_owned()),
            ("AUTH_KEYS_FILE".to_owned(), auth_keys().display().to_string()),
            ("MAIL_DIRECTORY".to_owned(), mails.path().display().to_string()),
            // The language of people whose client says none, as the test kit's says none: that of practice's first clients.
            ("DEFAULT_LOCALE".to_owned(), "zh-CN".to_owned()),
        ]);
        let sqs = Sqs::start(self.queue_trouble).await.expect("a free port on 127.0.0.1");
        environment.extend(sqs.settings().map(|(name, value)| (name.to_owned(), value)));
        if self.knows_its_address {
            let address = listener.local_addr().expect("a bound listener has an address");
            let scheme = cloud::scheme(&self.environment);
            environment.insert("API_URL".to_owned(), format!("{scheme}://{address}"));
        }
        let stripe = if self.takes_payments {
            let address = listener.local_addr().expect("a bound listener has an address");
            let stripe = Stripe::local(address, None).await.expect("a stand-in for Stripe");
            environment.extend(stripe.settings().map(|(name, value)| (name.to_owned(), value.to_owned())));
            Some(Arc::new(stripe))
        } else {
            None
        };
        environment.extend(self.environment);
        let environment =
            cloud::environment(&database.addresses().await, &environment).expect("an environment");
        let template = match self.template {
            Some(template) => template,
            None => cloud::template(&environment).expect("the project's template"),
        };

        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let lines = Lines::default();
        let collected = Arc::clone(&lines);
        // Ends when the fleet, which holds the sender, is gone.
        tokio::spawn(async move {
            while let Some(line) = receiver.recv().await {
                collected.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let fleet = Lambda::new(&template.functions, binaries, environment.clone(), sender, options).await;
        let lambda = Arc::new(fleet.expect("the local Lambda starts"));
        let queues = self.delivers_nudges.then(|| Queues::start(&template, &lambda));
        queues.iter().for_each(|queues| sqs.deliver_to(queues));
        let options = gateway::Options { throttle: self.throttle, stripe, ..gateway::Options::default() };
        let gateway = gateway::serve(listener, Arc::clone(&template), Arc::clone(&lambda), options)
            .expect("the local gateway starts");
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(300)) // a program of another package may have to be built
            .build()
            .expect("an HTTP client");
        let journal = Arc::new(Journal::new(Arc::clone(&lines)));
        Stack {
            gateway,
            _queues: queues,
            sqs,
            lambda,
            template,
            lines,
            journal,
            http,
            environment,
            _mails: mails,
            database,
        }
    }
}

impl Stack {
    /// A stack with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address of the API.
    pub fn url(&self) -> String {
        self.gateway.url()
    }

    /// A new person with a mock token.
    pub fn user(&self) -> Client {
        self.anonymous().mock(uuid::Uuid::new_v4())
    }

    /// A new person with a mock token and the roles `student` and `admin`.
    ///
    /// # Panics
    /// When the person cannot be stored.
    pub async fn admin(&self) -> Client {
        let admin = self.user();
        let sql = "insert into identity.users (id, email, display_name, roles)
                   values ($1, $1::uuid::text || '@mock.local', 'Mock User', '{student,admin}')";
        self.db().await.execute(sql, &[&admin.id()]).await.expect("a row for the admin");
        admin
    }

    /// The key that signs access tokens, by `AUTH_KEYS_FILE`: for tokens that the sign-in would not give.
    ///
    /// # Panics
    /// When there is none.
    pub fn signing_key(&self) -> Key {
        let set = keys::read(Path::new(&self.environment["AUTH_KEYS_FILE"])).expect("a file of keys");
        let signing = set.roles(jiff::Timestamp::now()).into_iter().find(|(_, role)| *role == Role::Signing);
        let (key, _) = signing.expect("a key that signs");
        Key::eddsa(&key.kid, key.pair().expect("a key pair"))
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), self.url(), Arc::clone(&self.journal))
    }

    /// The template that is served.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The functions' fleet.
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// Another fleet of the project's functions on the same database with the same settings, which a test may kill. What
    /// it logs is not collected.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn another_fleet(&self) -> Arc<Lambda> {
        let (logs, _) = tokio::sync::mpsc::unbounded_channel();
        let (functions, environment) = (&self.template.functions, self.environment.clone());
        let options = lambda::Options { build_stale: true, ..lambda::Options::default() };
        let fleet = Lambda::new(functions, binaries(), environment, logs, options).await;
        Arc::new(fleet.expect("the local Lambda starts"))
    }

    /// The variables of every function.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// A connection that sees every row.
    pub async fn db(&self) -> tokio_postgres::Client {
        self.database.superuser().await
    }

    /// The addresses that functions connect to.
    pub async fn addresses(&self) -> Addresses {
        self.database.addresses().await
    }

    /// A connection as the role that owns the tables: held by row-level security.
    pub async fn owner(&self) -> tokio_postgres::Client {
        self.database.owner().await
    }

    /// The workers that were nudged so far, oldest first.
    pub fn nudges(&self) -> Vec<String> {
        self.sqs.nudges()
    }

    /// Invokes a function with `event` and gives its answer.
    ///
    /// # Panics
    /// When it fails.
    pub async fn invoke(&self, function: &str, event: Value) -> Value {
        self.try_invoke(function, event).await.unwrap_or_else(|error| panic!("{function}: {error}"))
    }

    /// Invokes a function with `event`.
    ///
    /// # Errors
    /// The function's, and Lambda's own.
    ///
    /// # Panics
    /// When the answer is no JSON.
    pub async fn try_invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let payload = event.to_string().into();
        let answer =
            self.lambda.invoke(function, payload, InvokeContext::default()).await?.into_bytes().await?;
        Ok(serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{error} in {answer:?}")))
    }

    /// Everything that the functions wrote so far, and what Lambda said about them.
    pub fn lines(&self) -> Vec<LogLine> {
        self.collected().clone()
    }

    /// The JSON lines of type `request` or `job` so far, in order of arrival. A line can come a moment after the
    /// answer: see [`Stack::wait_for_logs`].
    pub fn logs(&self) -> Vec<Value> {
        let lines = self.collected();
        let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(&line.line).ok());
        parsed.filter(|line| matches!(line["type"].as_str(), Some("request" | "job"))).collect()
    }

    /// Waits until at least `count` of these lines have come.
    ///
    /// # Panics
    /// When they do not come within 10 seconds.
    pub async fn wait_for_logs(&self, count: usize) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let logs = self.logs();
            if logs.len() >= count {
                return logs;
            }
            assert!(tokio::time::Instant::now() < deadline, "{} of {count} log lines: {logs:?}", logs.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Hands the request lines collected so far to the function that subscribes to them, and forgets all lines.
    ///
    /// # Panics
    /// When the template has no such function or it fails.
    pub async fn hand_over_logs(&self) {
        let lines = std::mem::take(&mut *self.collected());
        let subscription =
            logs::Subscription::find(&self.template).expect("a function that subscribes to the logs");
        let wanted: Vec<_> = lines.iter().filter_map(logs::Record::of).collect();
        if !wanted.is_empty() {
            self.invoke(&subscription.function, subscription.event(&wanted)).await;
        }
    }

    /// Stops the database server. Only with [`Builder::own_server`].
    pub async fn stop_postgres(&mut self) {
        self.database.stop_server().await;
    }

    /// Starts the database server again, with its data.
    pub async fn start_postgres(&mut self) {
        self.database.start_server().await;
    }

    fn collected(&self) -> MutexGuard<'_, Vec<LogLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that sign access tokens in tests: a file in the build directory, so that nothing is left anywhere else.
fn auth_keys() -> PathBuf {
    let path = crate::project::target().join("auth-keys-of-tests.json");
    keys::keep(&path).expect("keys for tests");
    path
}

/// The folder of the functions' programs.
fn binaries() -> PathBuf {
    functions::of_this_test().expect("a test has a folder")
}
