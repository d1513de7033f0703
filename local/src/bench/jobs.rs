//! What work behind a request costs the database: jobs done by one worker and by four at once, and whether taking one stays as
//! cheap when more of them lie behind. What the workers here say is what `run-account-jobs` says, read off the wire.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::{
    Extent,
    database::Database,
    jobs_rows::{self as rows, Order},
    jobs_worker::{Look, Plan, Spoken, Worker},
    report::{Cell, Check, Section},
    sample::Sample,
    setup::Setup,
};

/// What is called here.
pub(super) const FUNCTIONS: [&str; 2] = ["request-export", "run-account-jobs"];

type Part = (Section, Vec<Check>);

/// Measures everything, or counts what neighbours do not change.
///
/// # Errors
/// When a function fails, or says something else than usual.
pub(super) async fn measure(setup: &Setup, extent: Extent, say: &impl Fn(&str)) -> Result<[Part; 2]> {
    let spoken = Arc::new(Spoken::of_the_function(setup).await?);
    say("jobs: workers at once");
    let done = do_all(setup, extent, &spoken).await?;
    Ok([done, grow(setup, extent, &spoken, say).await?])
}

/// Workers at once, on as many jobs each time.
async fn do_all(setup: &Setup, extent: Extent, spoken: &Arc<Spoken>) -> Result<Part> {
    let (jobs, turns) = match extent {
        Extent::Whole => (2_000, 5),
        Extent::Small => (500, 1),
    };
    let budgets = &setup.budgets.jobs;
    let (mut lines, mut checks) = (Vec::new(), Vec::new());
    for (order, persons) in [(Order::InTurn, jobs / 4), (Order::InARow, jobs / 50)] {
        let mut found = [1, 4].map(|workers| Done { workers, times: Vec::new(), conflicts: 0, wrong: 0 });
        for turn in 0..turns {
            for done in &mut found {
                let name = format!("bench_jobs_{}_{turn}_{}", order.name(), done.workers);
                let database = setup.server.database(&name).await?;
                rows::fill_waiting(&database, jobs, persons, order).await?;
                done.turn(&database, spoken, jobs).await?;
                setup.server.cluster.drop_database(&name).await?;
            }
        }
        let what = format!("{} persons, {}", persons, order.words());
        for done in &found {
            let each = Sample::new(done.times.clone()).context("nothing was measured")?;
            lines.push(vec![
                Cell::Text(what.clone()),
                Cell::Number(done.workers as f64, 0),
                Cell::Number(1e6 / each.median(), 0),
                Cell::Sample(each, 0),
                Cell::Number(done.conflicts as f64 / turns as f64, 0),
                Cell::Number(done.wrong as f64, 0),
            ]);
            let subject = format!("not done, or not once, {what}, by {} workers", done.workers);
            checks.push(Check::new("jobs", subject, done.wrong as f64, budgets.wrong, ""));
        }
        if matches!(extent, Extent::Whole) {
            let [one, four] = found.map(|done| Sample::new(done.times).map(|sample| sample.median()));
            let ratio = four.context("nothing was measured")? / one.context("nothing was measured")?;
            let subject = format!("time of a job by 4 workers against 1, {what}");
            let limit = match order {
                Order::InTurn => budgets.workers,
                Order::InARow => budgets.workers_in_a_row,
            };
            checks.push(Check::new("jobs", subject, ratio, limit, "x"));
        }
    }
    let section = Section {
        key: "jobs_done",
        title: "Jobs",
        note: format!(
            "{jobs} jobs whose work is nothing, by workers over a kept connection each, with the statements that {} says for \
             each: claim and commit in one flight, finish, commit. Median of {turns} (10th-90th percentile). The server does \
             not wait for its disk. A conflict is a look in which another worker was faster with the same person.",
            FUNCTIONS[1]
        ),
        columns: vec!["jobs of", "workers", "jobs/s", "us each", "conflicts", "not done once"],
        rows: lines,
    };
    Ok((section, checks))
}

/// What so many workers did.
struct Done {
    workers: usize,
    /// Microseconds of a job.
    times: Vec<f64>,
    conflicts: usize,
    /// Jobs that are not done, or more than once.
    wrong: i64,
}

impl Done {
    async fn turn(&mut self, database: &Database, spoken: &Arc<Spoken>, jobs: usize) -> Result<()> {
        let mut workers = Vec::new();
        for _ in 0..self.workers {
            workers.push(Worker::new(database, spoken).await?);
        }
        let (began, mut tasks) = (Instant::now(), JoinSet::new());
        for worker in workers {
            tasks.spawn(worker.work());
        }
        while let Some(conflicts) = tasks.join_next().await {
            self.conflicts += conflicts??;
        }
        self.times.push(began.elapsed().as_secs_f64() * 1e6 / jobs as f64);
        let sql = "select count(*) from platform.jobs where state <> 'succeeded' or attempts <> 1";
        let wrong: i64 = database.superuser().await?.query_one(sql, &[]).await?.try_get(0)?;
        self.wrong += wrong;
        Ok(())
    }
}

/// Taking and finishing a job beside few that lie behind, and beside many, in turn.
async fn grow(setup: &Setup, extent: Extent, spoken: &Arc<Spoken>, say: &impl Fn(&str)) -> Result<Part> {
    let (most, count) = match extent {
        Extent::Whole => (1_000_000, 500),
        Extent::Small => (100_000, 20),
    };
    let mut sides = Vec::new();
    for finished in [1_000, most] {
        say(&format!("jobs: {finished} that are done"));
        let name = format!("bench_jobs_{finished}");
        let database = setup.server.database(&name).await?;
        rows::fill_finished(&database, finished).await?;
        let worker = Worker::new(&database, spoken).await?;
        // The first one reads what the others find.
        worker.plan().await?;
        let plan = worker.plan().await?;
        sides.push(Side { name, finished, worker, plan, claims: Vec::new(), finishes: Vec::new() });
    }
    for _ in 0..count {
        for side in &mut sides {
            side.turn().await?;
        }
    }
    let mut lines = Vec::new();
    let (mut medians, mut plans) = (Vec::new(), Vec::new());
    for side in sides {
        let Side { name, finished, worker, plan, claims, finishes } = side;
        drop(worker);
        setup.server.cluster.drop_database(&name).await?;
        let claims = Sample::new(claims).context("nothing was measured")?;
        let finishes = Sample::new(finishes).context("nothing was measured")?;
        medians.push((claims.median(), finishes.median()));
        lines.push(vec![
            Cell::Number(finished as f64, 0),
            Cell::Sample(claims, 0),
            Cell::Sample(finishes, 0),
            Cell::Number(plan.pages, 0),
            Cell::Text(plan.indexes.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
        ]);
        plans.push(plan);
    }
    let ([few, many], [plan_of_few, plan]) = (medians.as_slice(), plans.as_slice()) else {
        unreachable!("two numbers of jobs")
    };
    let budgets = &setup.budgets.jobs;
    let against = format!("{most} done jobs against 1000");
    let pages = plan.pages / plan_of_few.pages;
    let is_by_index = plan.indexes.contains("jobs_due");
    let whole_reads = if is_by_index { plan.whole_reads } else { plan.whole_reads.max(1) };
    let mut checks = vec![
        Check::new("jobs", format!("pages of a claim, {against}"), pages, budgets.claim_pages, "x"),
        Check::new("jobs", "claims that read all jobs", whole_reads as f64, budgets.whole_reads, ""),
    ];
    if matches!(extent, Extent::Whole) {
        let (claim, finish) = (many.0 / few.0, many.1 / few.1);
        checks.push(Check::new("jobs", format!("a claim, {against}"), claim, budgets.claim, "x"));
        checks.push(Check::new("jobs", format!("a finish, {against}"), finish, budgets.claim, "x"));
    }
    let section = Section {
        key: "jobs_growth",
        title: "Jobs that are done",
        note: format!(
            "Microseconds to take a job and to finish it over a kept connection, by jobs that are done, {} more waiting: \
             median of {count} (10th-90th percentile), both databases in turn. Pages are what the claim looks at in memory \
             and on disk, its writes included, and the indexes those by which it reads, as EXPLAIN tells.",
            rows::WAITING
        ),
        columns: vec!["done", "claim us", "finish us", "pages", "reads by"],
        rows: lines,
    };
    Ok((section, checks))
}

/// A database with so many jobs behind.
struct Side {
    name: String,
    finished: usize,
    worker: Worker,
    plan: Plan,
    claims: Vec<f64>,
    finishes: Vec<f64>,
}

impl Side {
    async fn turn(&mut self) -> Result<()> {
        let began = Instant::now();
        let Look::Taken { job, claim } = self.worker.look().await? else {
            anyhow::bail!("no job was there to take");
        };
        self.claims.push(began.elapsed().as_secs_f64() * 1e6);
        let began = Instant::now();
        self.worker.finish(job, claim).await?;
        self.finishes.push(began.elapsed().as_secs_f64() * 1e6);
        Ok(())
    }
}
