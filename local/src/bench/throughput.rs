//! Many clients at once: four reads to each message, without a model.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    load, processes,
    report::{Cell, Check, Section},
    request::{Request, sample_event},
    sample::Sample,
    setup::Setup,
    stack::Stack,
};

const CLIENTS: [usize; 4] = [1, 4, 16, 64];
const DURATION: Duration = Duration::from_secs(10);

/// What is asked, in this order.
const READS: [&str; 4] = ["list-sessions", "get-history", "get-weekly-progress", "get-scene"];
const TURN: &str = "send-message";

/// The people and their sessions: more turns than a machine can take in all the time that there is.
const PEOPLE: usize = 100;
const SESSIONS: usize = 20_000;
/// Below every session's target, so that each stays open.
const TURNS_OF_SESSION: usize = 4;

/// Measures every number of clients.
///
/// # Errors
/// When nothing answers.
pub(super) async fn measure(setup: &Setup) -> Result<(Section, Vec<Check>)> {
    let database = setup.server.database("bench_throughput").await?;
    database.superuser().await?.batch_execute(&rows()).await.context("cannot make the sessions")?;
    let mut stack = Stack::start(setup, &database.url, &[]).await?;
    let next_session = Arc::new(AtomicUsize::new(0));
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for clients in CLIENTS {
        let before = Cpu::now(setup, &stack);
        let crowd = Crowd { clients, base: stack.gateway.url(), next_session: Arc::clone(&next_session) };
        let (answers, client_cpu) = load::on_own_thread(move || crowd.run()).await?;
        let used = Cpu::now(setup, &stack).since(&before);
        ensure!(next_session.load(Ordering::Relaxed) < SESSIONS, "the sessions ran out");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let cold = stack.lines_so_far().iter().filter(|line| line["cold_start"] == true).count();

        let rate = answers.times.len() as f64 / answers.seconds;
        let tool = used.tool - client_cpu.unwrap_or(0.0);
        let count = answers.times.len() as f64;
        let times = Sample::new(answers.times).context("nobody was answered")?;
        let slowest = times.percentile(99.0);
        rows.push(vec![
            Cell::Number(clients as f64, 0),
            Cell::Number(rate, 0),
            Cell::Sample(times, 1),
            Cell::Number(slowest, 1),
            Cell::Number(count / (used.functions / 1e3), 0),
            Cell::Number(count / ((used.functions + used.database + tool) / 1e3), 0),
            Cell::Number(answers.errors as f64, 0),
            Cell::Number(cold as f64, 0),
        ]);
        let what = format!("{clients} clients");
        checks.push(Check::new("errors", what, answers.errors as f64, setup.budgets.throughput.errors, ""));
    }
    stack.stop().await;
    let section = Section {
        key: "throughput",
        title: "Throughput",
        note: format!(
            "{} s each: 80 % reads ({}), 20 % turns ({TURN}) without a model, a database connection for each \
             transaction, clients on the same machine. Per CPU second of the functions alone, and of functions, PostgreSQL \
             and this tool's gateway together.",
            DURATION.as_secs(),
            READS.join(", ")
        ),
        columns: vec![
            "clients",
            "requests/s",
            "ms",
            "p99 ms",
            "requests per function CPU s",
            "requests per CPU s",
            "errors",
            "sandboxes started",
        ],
        rows,
    };
    Ok((section, checks))
}

/// Processor time so far, in milliseconds.
struct Cpu {
    functions: f64,
    database: f64,
    tool: f64,
}

impl Cpu {
    fn now(setup: &Setup, stack: &Stack) -> Self {
        let functions = READS.iter().chain([&TURN]).filter_map(|name| stack.cpu_ms(name)).sum();
        let database = setup.server.pid().and_then(processes::cpu_with_children_ms).unwrap_or(0.0);
        Self { functions, database, tool: processes::own_cpu_ms().unwrap_or(0.0) }
    }

    fn since(self, before: &Self) -> Self {
        Self {
            functions: self.functions - before.functions,
            database: self.database - before.database,
            tool: self.tool - before.tool,
        }
    }
}

struct Crowd {
    clients: usize,
    base: String,
    next_session: Arc<AtomicUsize>,
}

struct Answers {
    times: Vec<f64>,
    errors: usize,
    seconds: f64,
}

impl Crowd {
    async fn run(self) -> Result<Answers> {
        let mut clients = tokio::task::JoinSet::new();
        let began = Instant::now();
        for _ in 0..self.clients {
            clients.spawn(person(self.base.clone(), Arc::clone(&self.next_session), began + DURATION));
        }
        let mut answers = Answers { times: Vec::new(), errors: 0, seconds: 0.0 };
        while let Some(client) = clients.join_next().await {
            let (times, errors) = client??;
            answers.times.extend(times);
            answers.errors += errors;
        }
        answers.seconds = began.elapsed().as_secs_f64();
        Ok(answers)
    }
}

/// One client: takes a session of its own, and another one when it has used it up.
async fn person(base: String, next_session: Arc<AtomicUsize>, until: Instant) -> Result<(Vec<f64>, usize)> {
    let client = load::client()?;
    let (mut times, mut errors) = (Vec::new(), 0);
    loop {
        let session = next_session.fetch_add(1, Ordering::Relaxed);
        for turn in 0..TURNS_OF_SESSION {
            for name in READS.iter().chain([&TURN]) {
                if Instant::now() >= until {
                    return Ok((times, errors));
                }
                let request = Request::of(&event(name, session, turn)?)?;
                let began = Instant::now();
                let answer = request.send(&client, &base).await;
                times.push(began.elapsed().as_secs_f64() * 1e3);
                errors += usize::from(!answer.is_ok_and(|answer| answer.status.is_success()));
            }
        }
    }
}

/// The sample event of `name`, as the person of a session and about it.
fn event(name: &str, session: usize, turn: usize) -> Result<String> {
    let event = sample_event(name)?;
    let replaced = event
        .replace(super::database::SAMPLE_PERSON, &id('a', session % PEOPLE))
        .replace("00000000-0000-7000-8000-000000000011", &id('b', session % PEOPLE))
        .replace("00000000-0000-7000-8000-000000000021", &id('c', session))
        .replace("00000000-0000-7000-8000-000000000022", &id('c', session))
        .replace("00000000-0000-7000-8000-000000000051", &id('d', turn));
    Ok(replaced)
}

/// The id of the `number`th row of a kind.
fn id(kind: char, number: usize) -> String {
    format!("{kind}0000000-0000-7000-8000-{number:012}")
}

/// People with a scene and empty sessions each.
fn rows() -> String {
    format!(
        "insert into identity.users (id, email, display_name, locale, timezone)
         select ('a0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'x@mock.local', 'X', 'en', 'UTC'
         from generate_series(0, {PEOPLE} - 1) n;
         insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, context,
                                      power_dynamic)
         select ('b0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                ('a0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Late hand-over', 'PEER_FEEDBACK', 'PEER',
                'TENSE', 'Agree on a date', 'It came late twice.', 'PEER_LEVEL'
         from generate_series(0, {PEOPLE} - 1) n;
         insert into practice.sessions (id, user_id, scene_id, target_turns)
         select ('c0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                ('a0000000-0000-7000-8000-' || lpad((n % {PEOPLE})::text, 12, '0'))::uuid,
                ('b0000000-0000-7000-8000-' || lpad((n % {PEOPLE})::text, 12, '0'))::uuid, 8
         from generate_series(0, {SESSIONS} - 1) n;
         analyze"
    )
}
