//! How functions find the database in AWS: secrets, passwords that change, and an authority of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use local::testkit::fakes::Secrets;
use local::testkit::{Database, Stack};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::config::Config;

use crate::{probe, tls};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:praxis/database-AbCdEf";

/// A database with a login role of one test, whose password changes.
struct Rotated {
    database: Database,
    role: String,
    port: u16,
    name: String,
}

impl Rotated {
    async fn new() -> Rotated {
        let database = Database::migrated().await;
        let config: Config = database.url().await.parse().expect("the database's address");
        let (port, name) = (config.get_ports()[0], config.get_dbname().expect("a name").to_owned());
        let role = format!("rotated_{}", uuid::Uuid::new_v4().simple());
        let owner = config.get_user().expect("an owner").to_owned();
        let rotated = Rotated { database, role, port, name };
        rotated.run(&format!("create role {} login in role {owner}", rotated.role)).await;
        rotated.set_password("first").await;
        rotated
    }

    async fn run(&self, sql: &str) {
        self.database.superuser().await.batch_execute(sql).await.expect("a statement");
    }

    /// Changes the password, and ends the sessions that were opened with the one before.
    async fn set_password(&self, password: &str) {
        let Rotated { role, .. } = self;
        self.run(&format!("alter role {role} password '{password}'")).await;
        self.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'"))
            .await;
    }

    fn url(&self, password: &str) -> String {
        let Rotated { role, port, name, .. } = self;
        format!("postgres://{role}:{password}@127.0.0.1:{port}/{name}?sslmode=disable")
    }

    async fn end(self) {
        self.run(&format!("drop role {}", self.role)).await;
    }
}

/// Whether a function comes as far as a transaction.
async fn connects(stack: &Stack) -> bool {
    let batch = json!({ "Records": [{ "messageId": "1", "body": "ok" }] });
    stack.invoke("worker", batch).await["batchItemFailures"] == json!([])
}

/// How long the secrets extension keeps an answer, by the template of the project.
fn ttl() -> Duration {
    let template = local::cloud::template(&Default::default()).expect("the project's template");
    let function = template.function("get-me").expect("a function with a database");
    let seconds = &function.environment["SECRETS_MANAGER_TTL"];
    Duration::from_secs(seconds.parse().expect("seconds"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_password_is_used_at_once() {
    for connection in ["per_request", "reuse"] {
        let (rotated, secrets) = (Rotated::new().await, Secrets::caching(ttl()).await);
        secrets.put(ARN, rotated.url("first"));
        let stack = probe()
            .env("DATABASE_JOBS_URL", "")
            .env("DATABASE_JOBS_SECRET_ARN", ARN)
            .env("DATABASE_CONNECTION", connection)
            .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", secrets.port())
            .start()
            .await;
        assert!(connects(&stack).await);

        // A rotation by one user: the database takes the new password before the secret has it.
        secrets.put_pending(ARN, rotated.url("second"));
        rotated.set_password("second").await;
        assert!(connects(&stack).await, "{connection}: between setSecret and finishSecret");
        secrets.finish(ARN);
        assert!(connects(&stack).await);

        // And again at once: whoever asks the extension hears of it.
        secrets.put(ARN, rotated.url("third"));
        rotated.set_password("third").await;
        assert!(connects(&stack).await, "{connection}: after finishSecret");

        // A password that is wrong is not tried for ever, and one that is mended counts.
        rotated.set_password("unknown").await;
        assert!(!connects(&stack).await);
        rotated.set_password("third").await;
        assert!(connects(&stack).await);
        drop(stack);
        rotated.end().await;
    }
}

/// What the template's `SECRETS_MANAGER_TTL` is for.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_with_a_cache_would_hide_it() {
    let (rotated, secrets) = (Rotated::new().await, Secrets::caching(Duration::from_secs(300)).await);
    secrets.put(ARN, rotated.url("first"));
    let stack = probe()
        .env("DATABASE_JOBS_URL", "")
        .env("DATABASE_JOBS_SECRET_ARN", ARN)
        .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", secrets.port())
        .start()
        .await;
    assert!(connects(&stack).await);
    secrets.put(ARN, rotated.url("second"));
    rotated.set_password("second").await;
    assert!(!connects(&stack).await);
    drop(stack);
    rotated.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_rds_manages_reaches_a_server_with_an_authority_of_its_own() {
    let (rotated, secrets) = (Rotated::new().await, Secrets::start().await);
    secrets.put(ARN, json!({ "username": rotated.role, "password": "first" }).to_string());
    let (port, authority) = encrypted(SocketAddr::from(([127, 0, 0, 1], rotated.port))).await;
    let file = std::env::temp_dir().join(format!("praxis-authority-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, authority).expect("a file");
    let stack = async |file: &PathBuf| {
        probe()
            .env("DATABASE_JOBS_URL", "")
            .env("DATABASE_JOBS_SECRET_ARN", ARN)
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", port.to_string())
            .env("DATABASE_NAME", &rotated.name)
            .env("DATABASE_CA_FILE", file.display().to_string())
            .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", secrets.port())
            .start()
            .await
    };
    assert!(connects(&stack(&file).await).await);
    // Public authorities alone do not vouch for it, and nothing is sent to a server that nobody vouches for.
    let without = stack(&PathBuf::new()).await;
    assert!(!connects(&without).await);
    without.wait_for_logs(1).await;
    assert!(without.lines().iter().any(|line| line.line.contains("UnknownIssuer")), "{:?}", without.lines());

    std::fs::remove_file(&file).expect("the file");
    let stack = stack(&file).await;
    let batch = json!({ "Records": [] });
    stack.try_invoke("worker", batch).await.expect_err("a function that does not start");
    assert!(stack.lines().iter().any(|line| line.line.contains("DATABASE_CA_FILE cannot be read")));
    drop((stack, without));
    rotated.end().await;
}

/// TLS before `server`, which has none, with a certificate that vouches for itself.
async fn encrypted(server: SocketAddr) -> (u16, String) {
    let (acceptor, certificate) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // The client asks for encryption in 8 bytes, and is told "S".
                client.read_exact(&mut [0; 8]).await?;
                client.write_all(b"S").await?;
                let mut client = acceptor.accept(client).await?;
                copy_bidirectional(&mut client, &mut TcpStream::connect(server).await?).await
            });
        }
    });
    (port, certificate)
}
