//! A worker of jobs that says to the database what `run-account-jobs` says.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio_postgres::{
    Client,
    error::SqlState,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::{
    database::Database, jobs::FUNCTIONS, jobs_rows::KIND, request::sample_event, setup::Setup, stack::Stack,
    statements, wire::Proxy,
};
use crate::postgres::connect;

/// As `run-account-jobs` has it: nothing here takes as long.
const LEASE_SECONDS: f64 = 300.0;

/// What a worker says to the database.
pub(super) struct Spoken {
    begin: String,
    claim: String,
    finish: String,
}

impl Spoken {
    /// By a job of the only kind that there is so far, from its route to its end.
    ///
    /// # Errors
    /// When the function fails, or says something else than usual.
    pub(super) async fn of_the_function(setup: &Setup) -> Result<Self> {
        let name = "bench_jobs_spoken";
        let database = setup.server.database(name).await?;
        database.seed().await?.reset().await?;
        let server = setup.server_address(&database)?;
        let proxy = Proxy::start(server).await?;
        let url = database.url.replace(&server.to_string(), &proxy.address.to_string());
        let stack = Stack::start(setup, &url, &[]).await?;
        let [route, worker] = FUNCTIONS;
        stack.invoke(route, sample_event(route)?.into()).await?;
        proxy.take();
        let answer = stack.invoke(worker, sample_event(worker)?.into()).await?;
        ensure!(answer["jobs"] == 1, "{worker} did not make the export: {answer}");
        stack.stop().await;
        let mut said = Vec::new();
        for conversation in proxy.take() {
            said.extend(statements::texts(&conversation.sent)?);
        }
        setup.server.cluster.drop_database(name).await?;
        let find = |part: &str| {
            let found = said.iter().find(|text| text.contains(part));
            found.cloned().with_context(|| format!("{worker} never says {part:?}"))
        };
        Ok(Self {
            begin: find("set local role praxis_service")?,
            claim: find("set state = 'running'")?,
            finish: find("set state = 'succeeded'")?,
        })
    }
}

/// What became of looking for a job.
pub(super) enum Look {
    Taken {
        job: Uuid,
        claim: Uuid,
    },
    Nothing,
    /// Another worker was faster with the same person.
    Conflict,
}

/// A worker over a connection of its own, whose work is nothing.
pub(super) struct Worker {
    client: Client,
    spoken: Arc<Spoken>,
}

impl Worker {
    /// One of a database.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn new(database: &Database, spoken: &Arc<Spoken>) -> Result<Self> {
        Ok(Self { client: connect(&database.url).await?, spoken: Arc::clone(spoken) })
    }

    /// Opening, claim and commit in one flight, as the function has them.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn look(&self) -> Result<Look> {
        let (kinds, claim) = (kinds(), Uuid::new_v4());
        let parameters = claim_parameters(&kinds, &claim);
        let (begun, found, committed) = tokio::join!(
            biased;
            self.client.batch_execute(&self.spoken.begin),
            self.client.query_typed(&self.spoken.claim, &parameters),
            self.client.batch_execute("commit"),
        );
        match found {
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(Look::Conflict),
            found => {
                let found = found?;
                begun.and(committed)?;
                let Some(row) = found.first() else { return Ok(Look::Nothing) };
                Ok(Look::Taken { job: row.try_get("id")?, claim })
            }
        }
    }

    /// Opening and finish in one flight, the commit in the next: the function looks in between whether the job was still its own.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn finish(&self, job: Uuid, claim: Uuid) -> Result<()> {
        let result = json!({});
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&job, Type::UUID), (&claim, Type::UUID), (&result, Type::JSONB)];
        tokio::try_join!(
            biased;
            self.client.batch_execute(&self.spoken.begin),
            self.client.query_typed(&self.spoken.finish, &parameters),
        )?;
        Ok(self.client.batch_execute("commit").await?)
    }

    /// Does jobs until there are none; gives how often another worker was faster.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn work(self) -> Result<usize> {
        let mut conflicts = 0;
        loop {
            match self.look().await? {
                Look::Taken { job, claim } => self.finish(job, claim).await?,
                Look::Conflict => conflicts += 1,
                Look::Nothing => return Ok(conflicts),
            }
        }
    }

    /// How the server takes a job: pages that it looks at, and the indexes by which it reads. Nothing is taken.
    ///
    /// # Errors
    /// When the server refuses, or explains itself in another way than usual.
    pub(super) async fn plan(&self) -> Result<Plan> {
        self.client.batch_execute(&self.spoken.begin).await?;
        let explain = format!("explain (analyze, buffers, format json) {}", self.spoken.claim);
        let (kinds, claim) = (kinds(), Uuid::new_v4());
        let row = self.client.query_typed(&explain, &claim_parameters(&kinds, &claim)).await?.pop();
        self.client.batch_execute("rollback").await?;
        let plan: Value = row.context("no plan")?.try_get(0)?;
        let root = &plan[0]["Plan"];
        let blocks = |name: &str| root[name].as_f64().with_context(|| format!("a plan without {name}"));
        let mut found = Plan {
            pages: blocks("Shared Hit Blocks")? + blocks("Shared Read Blocks")?,
            indexes: BTreeSet::new(),
            whole_reads: 0,
        };
        found.collect(root);
        Ok(found)
    }
}

fn kinds() -> Vec<String> {
    vec![KIND.to_owned()]
}

fn claim_parameters<'a>(kinds: &'a Vec<String>, claim: &'a Uuid) -> [(&'a (dyn ToSql + Sync), Type); 3] {
    [(kinds, Type::TEXT_ARRAY), (claim, Type::UUID), (&LEASE_SECONDS, Type::FLOAT8)]
}

/// How the server takes a job.
pub(super) struct Plan {
    pub(super) pages: f64,
    pub(super) indexes: BTreeSet<String>,
    /// How often a whole table is read.
    pub(super) whole_reads: usize,
}

impl Plan {
    fn collect(&mut self, node: &Value) {
        if let Some(index) = node["Index Name"].as_str() {
            self.indexes.insert(index.to_owned());
        }
        if node["Node Type"] == "Seq Scan" {
            self.whole_reads += 1;
        }
        for inner in node["Plans"].as_array().into_iter().flatten() {
            self.collect(inner);
        }
    }
}
