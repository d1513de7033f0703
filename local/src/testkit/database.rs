//! Databases for tests: one private cluster per test process, one migrated template in it, a copy per test.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
    mpsc,
};

use tokio::sync::OnceCell;
use tokio_postgres::Client;

use crate::postgres::{Addresses, Cluster, connect};

/// The migrated database that copies are made of.
const TEMPLATE: &str = "praxis_migrated";

/// The cluster of this process. It is never dropped: it ends with the process, by the pipe to its watchdog.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A database of one test, removed when dropped.
pub struct Database {
    name: String,
    /// A cluster of this test alone, for a test that stops the server.
    own: Option<Cluster>,
}

impl Database {
    /// A database with every migration applied.
    pub async fn migrated() -> Self {
        let name = next_name();
        shared().await.copy(TEMPLATE, &name).await.expect("a copy of the migrated database");
        Self { name, own: None }
    }

    /// A database with the extensions and nothing else.
    pub async fn empty() -> Self {
        let name = next_name();
        shared().await.set_up(&name).await.expect("an empty database");
        Self { name, own: None }
    }

    /// A migrated database on a server of its own, which the test may stop and start.
    pub async fn on_own_server() -> Self {
        let cluster = Cluster::restartable().await.expect("a private PostgreSQL");
        migrate(&cluster, "praxis").await;
        Self { name: "praxis".to_owned(), own: Some(cluster) }
    }

    async fn cluster(&self) -> &Cluster {
        match &self.own {
            Some(cluster) => cluster,
            None => shared().await,
        }
    }

    /// The addresses as functions use them, by login.
    pub async fn addresses(&self) -> Addresses {
        self.cluster().await.addresses(&self.name)
    }

    /// The address as the owner, whom row-level security holds too.
    pub async fn url(&self) -> String {
        self.cluster().await.database_url(&self.name)
    }

    /// A connection as the role that owns the schema.
    pub async fn owner(&self) -> Client {
        connect(&self.url().await).await.expect("a connection as the owner")
    }

    /// A connection as the superuser, who sees every row.
    pub async fn superuser(&self) -> Client {
        let url = self.cluster().await.superuser_url(&self.name);
        connect(&url).await.expect("a connection as the superuser")
    }

    /// Stops the server. Only for [`Database::on_own_server`].
    pub async fn stop_server(&mut self) {
        self.own.as_mut().expect("a database on a server of its own").stop().await;
    }

    /// Starts the server again on the same port, with the same data.
    pub async fn start_server(&mut self) {
        let cluster = self.own.as_mut().expect("a database on a server of its own");
        cluster.start().await.expect("PostgreSQL starts again");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.own.is_none() {
            // When the process ends first, the cluster goes with all that is in it.
            let _ = janitor().send(std::mem::take(&mut self.name));
        }
    }
}

async fn shared() -> &'static Cluster {
    CLUSTER
        .get_or_init(async || {
            let cluster = Cluster::temporary().await.unwrap_or_else(|error| {
                panic!("{}", crate::problem::render(&error));
            });
            migrate(&cluster, TEMPLATE).await;
            // Roles belong to the whole server: while something depends on them, no test's way down takes them from others.
            let keep = "grant connect on database postgres
                        to authenticated, service, praxis_request, praxis_account, praxis_service, praxis_definer";
            let client = connect(&cluster.superuser_url("postgres")).await.expect("a connection as the superuser");
            client.batch_execute(keep).await.expect("rights that keep the roles");
            cluster
        })
        .await
}

async fn migrate(cluster: &Cluster, database: &str) {
    cluster.set_up(database).await.expect("a database to migrate");
    let client = connect(&cluster.database_url(database)).await.expect("a connection to migrate over");
    cluster.migrate(&client).await.expect("the migrations apply");
}

fn next_name() -> String {
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Removes databases beside the tests, which need not wait and whose runtimes end with them.
fn janitor() -> &'static mpsc::Sender<String> {
    static JANITOR: OnceLock<mpsc::Sender<String>> = OnceLock::new();
    JANITOR.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<String>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            while let Ok(name) = receiver.recv() {
                let Some(cluster) = CLUSTER.get() else { continue };
                // One that cannot be dropped costs disk until the process ends, nothing else.
                let _ = runtime.block_on(cluster.drop_database(&name));
            }
        });
        sender
    })
}
