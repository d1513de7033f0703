//! What an answer costs that is written while it is read, against the same answer whole: how soon its first words are there, and
//! what it takes to keep a thousand events ([`streams_kept`]). The model is the test kit's, which answers at once.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use uuid::Uuid;

use super::{
    Extent,
    database::Database,
    load,
    report::{Cell, Check, Section},
    sample::Sample,
    setup::Setup,
    stack::Stack,
    streams_kept,
};
use crate::testkit::fakes::{Behaviour, Provider};

/// What is called here.
pub(super) const FUNCTIONS: [&str; 2] = ["send-message", "stream-message"];

const ROUNDS: usize = 60;
const WARMING: usize = 5;
/// People, of whom each sends one message.
const PEOPLE: usize = 400;

/// A table and its budgets.
pub(super) type Part = (Section, Vec<Check>);

/// Measures everything, or counts what neighbours do not change.
///
/// # Errors
/// When a function fails.
pub(super) async fn measure(setup: &Setup, extent: Extent, say: &impl Fn(&str)) -> Result<Vec<Part>> {
    let name = "bench_streams";
    let database = setup.server.database(name).await?;
    fill(&database).await?;
    let provider = Provider::start(Behaviour::Text("I did not know that. What would help?".to_owned())).await;
    let model = [("LLM_API_KEY", "bench"), ("OPENAI_BASE_URL", &provider.base_url()), ("LLM_MODEL", "bench")];
    let stack = Stack::start(setup, &database.url, &model).await?;
    let (client, provider) = (load::client()?, Arc::new(provider));
    let mut talk = Talk { client, stack, provider, database, next: 0 };
    let mut parts = Vec::new();
    if matches!(extent, Extent::Whole) {
        say("streams: the first words");
        parts.push(first_words(setup, &mut talk).await?);
    }
    say("streams: a thousand events");
    let runs = if matches!(extent, Extent::Whole) { 10 } else { 2 };
    parts.push(streams_kept::measure(setup, extent, &mut talk, runs).await?);
    talk.stack.stop().await;
    setup.server.cluster.drop_database(name).await?;
    Ok(parts)
}

/// People who talk with the model.
pub(super) struct Talk {
    client: reqwest::Client,
    pub(super) stack: Stack,
    pub(super) provider: Arc<Provider>,
    database: Database,
    next: usize,
}

/// An answer as its reader got it: milliseconds from the request on.
pub(super) struct Heard {
    /// Until the event `start`.
    start: f64,
    /// Until the first words.
    words: f64,
    /// Until the end.
    pub(super) end: f64,
    pub(super) events: usize,
    /// Whose session it is.
    pub(super) person: usize,
}

impl Talk {
    /// Sends the next person's message and reads the answer, from the route whose path ends so.
    ///
    /// # Errors
    /// When it is not answered to its end.
    pub(super) async fn send(&mut self, ending: &str) -> Result<Heard> {
        let person = self.next;
        ensure!(person < PEOPLE, "the people ran out");
        self.next += 1;
        let address =
            format!("{}/api/v1/sessions/{}/messages{ending}", self.stack.gateway.url(), id('c', person));
        let message = json!({
            "client_message_id": Uuid::new_v4(),
            "content": "The draft came two days late twice. Would you agree on a date with me?",
        });
        let began = Instant::now();
        let request = self.client.post(address).bearer_auth(format!("mock_{}", id('b', person)));
        let mut answer = request.json(&message).send().await?;
        let status = answer.status();
        let (mut text, mut start, mut words) = (Vec::new(), None, None);
        let now = || began.elapsed().as_secs_f64() * 1e3;
        while let Some(chunk) = answer.chunk().await? {
            text.extend_from_slice(&chunk);
            if words.is_none() {
                let so_far = String::from_utf8_lossy(&text);
                start = start.or_else(|| so_far.contains("event: start").then(now));
                words = so_far.contains("event: delta").then(now);
            }
        }
        let end = now();
        let text = String::from_utf8(text)?;
        ensure!(
            status.is_success() && (ending.is_empty() || text.contains("event: done")),
            "a message is answered {status}: {}",
            text.lines().rev().take(4).collect::<Vec<_>>().join(" ")
        );
        let events = text.matches("event: ").count();
        Ok(Heard { start: start.unwrap_or(end), words: words.unwrap_or(end), end, events, person })
    }

    /// How soon the provider itself is there with its first words.
    async fn provider_first(&self) -> Result<f64> {
        let body = json!({ "model": "bench", "messages": [], "stream": true });
        let began = Instant::now();
        let address = format!("{}/chat/completions", self.provider.base_url());
        let mut answer = self.client.post(address).json(&body).send().await?;
        answer.chunk().await?.context("the provider says nothing")?;
        let first = began.elapsed().as_secs_f64() * 1e3;
        while answer.chunk().await?.is_some() {}
        Ok(first)
    }

    /// The rows in which the events of a person's answer are kept.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn rows_of(&self, person: usize) -> Result<f64> {
        let sql = "select count(*) from platform.run_events where user_id = $1";
        let person: Uuid = id('b', person).parse()?;
        let count: i64 = self.database.superuser().await?.query_one(sql, &[&person]).await?.try_get(0)?;
        Ok(count as f64)
    }
}

/// The first words of a streamed answer against the whole of one that is not streamed.
async fn first_words(setup: &Setup, talk: &mut Talk) -> Result<Part> {
    let mut times: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for round in 0..WARMING + ROUNDS {
        let streamed = talk.send("/stream").await?;
        let whole = talk.send("").await?;
        let provider = talk.provider_first().await?;
        if round >= WARMING {
            for (name, time) in [
                ("start", streamed.start),
                ("words", streamed.words),
                ("end", streamed.end),
                ("whole", whole.end),
                ("provider", provider),
            ] {
                times.entry(name).or_default().push(time);
            }
        }
    }
    let mut sample =
        |name| Sample::new(times.remove(name).unwrap_or_default()).context("nothing was measured");
    let [start, words, end, whole, provider] =
        [sample("start")?, sample("words")?, sample("end")?, sample("whole")?, sample("provider")?];
    let (own, of_whole) = (words.median() - provider.median(), whole.median());
    let mut lines = Vec::new();
    let mut line = |what: &str, sample: Sample, less: f64| {
        let median = sample.median() - less;
        lines.push(vec![
            Cell::from(what),
            Cell::Sample(sample, 2),
            Cell::Number(median, 2),
            Cell::Number(median / of_whole, 2),
        ]);
    };
    let providers = provider.median();
    let start_ratio = start.median() / of_whole;
    line("stream-message, `start`", start, 0.0);
    line("stream-message, the first words", words, providers);
    line("stream-message, the end", end, providers);
    line("send-message, the answer", whole, providers);
    line("the provider, its first words", provider, 0.0);
    let budgets = &setup.budgets.streams;
    let checks = vec![
        Check::new("streams", "`start` against a whole answer", start_ratio, budgets.start, "x"),
        Check::new("streams", "the first words against a whole answer", own / of_whole, budgets.words, "x"),
    ];
    let section = Section {
        key: "streams_first",
        title: "The first words",
        note: format!(
            "Through the local gateway, from the request on, warm, a database connection for each transaction: median of {ROUNDS} \
             (10th-90th percentile) of each, in turn. The model answers at once: what is left without it is the function's and \
             the gateway's, and stands against send-message's whole answer."
        ),
        columns: vec!["", "ms", "without the provider ms", "of send-message"],
        rows: lines,
    };
    Ok((section, checks))
}

fn id(kind: char, number: usize) -> String {
    format!("{kind}0000000-0000-7000-8000-{number:012}")
}

/// People with a session each.
async fn fill(database: &Database) -> Result<()> {
    let sql_id = |kind| format!("('{kind}0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid");
    let (person, scene, session) = (sql_id('b'), sql_id('a'), sql_id('c'));
    let script = format!(
        "insert into identity.users (id, email, display_name, locale, timezone)
         select {person}, 'x@mock.local', 'Mia', 'en', 'UTC' from generate_series(0, {PEOPLE} - 1) n;
         insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, pain_points,
                                      context, power_dynamic, status)
         select {scene}, {person}, 'Late hand-over', 'PEER_FEEDBACK', 'PEER', 'TENSE', 'Agree on a date',
                array['I hear of delays on the day itself'], 'Twice this month a draft came late.', 'PEER_LEVEL', 'ACTIVE'
         from generate_series(0, {PEOPLE} - 1) n;
         insert into practice.sessions (id, user_id, scene_id, target_turns)
         select {session}, {person}, {scene}, 6 from generate_series(0, {PEOPLE} - 1) n;
         analyze"
    );
    database.superuser().await?.batch_execute(&script).await.context("cannot make the people")
}
