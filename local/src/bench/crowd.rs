//! Many clients at once, what they ask, and whose processor time that takes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{
    database, load, processes,
    request::{Request, sample_event},
    setup::Setup,
    stack::Stack,
};

/// What is asked, in this order.
pub(super) const READS: [&str; 4] = ["list-sessions", "get-history", "get-weekly-progress", "get-scene"];
pub(super) const TURN: &str = "send-message";

/// What clients ask.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    /// Reads and turns.
    Mix,
    /// One read alone.
    Week,
}

impl Asked {
    pub(super) const ALL: [Self; 2] = [Self::Mix, Self::Week];

    /// As it stands in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Week => "weekly read",
        }
    }

    fn functions(self) -> Vec<&'static str> {
        match self {
            Self::Mix => READS.into_iter().chain([TURN]).collect(),
            Self::Week => vec!["get-weekly-progress"],
        }
    }
}

/// The people and their sessions: more turns than a machine can take in all the time that there is.
const PEOPLE: usize = 100;
const SESSIONS: usize = 60_000;
/// Below every session's target, so that each stays open.
const TURNS_OF_SESSION: usize = 4;

/// Processor time so far, in milliseconds.
pub(super) struct Cpu {
    pub(super) functions: f64,
    pub(super) database: f64,
    pub(super) tool: f64,
}

impl Cpu {
    pub(super) fn now(setup: &Setup, stack: &Stack) -> Self {
        let functions = READS.iter().chain([&TURN]).filter_map(|name| stack.cpu_ms(name)).sum();
        let database = setup.server.pid().and_then(processes::cpu_with_children_ms).unwrap_or(0.0);
        Self { functions, database, tool: processes::own_cpu_ms().unwrap_or(0.0) }
    }

    pub(super) fn since(self, before: &Self) -> Self {
        Self {
            functions: self.functions - before.functions,
            database: self.database - before.database,
            tool: self.tool - before.tool,
        }
    }
}

/// So many clients at once, for a while.
pub(super) struct Crowd {
    pub(super) clients: usize,
    pub(super) asked: Asked,
    pub(super) duration: Duration,
    pub(super) base: String,
    /// Each client takes sessions of its own.
    pub(super) next_session: Arc<AtomicUsize>,
}

/// What they were answered.
pub(super) struct Answers {
    pub(super) times: Vec<f64>,
    pub(super) errors: usize,
    pub(super) seconds: f64,
}

impl Crowd {
    /// Asks until the time is over.
    ///
    /// # Errors
    /// When the sessions run out.
    pub(super) async fn run(self) -> Result<Answers> {
        let mut clients = tokio::task::JoinSet::new();
        let began = Instant::now();
        for _ in 0..self.clients {
            let next_session = Arc::clone(&self.next_session);
            clients.spawn(person(self.base.clone(), self.asked, next_session, began + self.duration));
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
async fn person(
    base: String,
    asked: Asked,
    next_session: Arc<AtomicUsize>,
    until: Instant,
) -> Result<(Vec<f64>, usize)> {
    let client = load::client()?;
    let (mut times, mut errors) = (Vec::new(), 0);
    loop {
        let session = next_session.fetch_add(1, Ordering::Relaxed);
        ensure!(session < SESSIONS, "the sessions ran out");
        for turn in 0..TURNS_OF_SESSION {
            for name in asked.functions() {
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
        .replace(database::SAMPLE_PERSON, &id('a', session % PEOPLE))
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
pub(super) fn rows() -> String {
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
