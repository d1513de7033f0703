//! The model as a handler's parameter.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::ledger::{self, Asking, Called, Granted, Permit, Tariff, Verdict};
use super::{Chat, Deltas, Embeddings, Message, Model, ModelError, Source, Structured, ToolCall, Usage};
use crate::database::Tx;
use crate::describe::Operation;
use crate::error::{Result, internal};
use crate::jobs::Job;
use crate::log::Stats;
use crate::request::{FromRequest, Request};
use crate::secrets;
use crate::settings::{self, SettingError};

/// What a route keeps for itself of the function's time: to store the answer and hand it back.
const TIME_TO_STORE: Duration = Duration::from_secs(3);
/// With less time than this no model answers.
const USEFUL_TIME: Duration = Duration::from_secs(1);

/// The language model of a route, or none: then, and when it fails or may not be asked, the route uses its local rules.
///
/// A call is admitted in the transaction that reserves the work ([`Ai::admit`]) and settled in the one that stores the answer
/// ([`super::settle`]). Release the database between the two: no connection is held while a model speaks. Where
/// [`Ai::has_model`] says that there will be no call, it stays, and the route opens one connection instead of two.
pub struct Ai {
    configured: Configured,
    stats: Arc<Stats>,
    deadline: Instant,
    request_id: String,
}

/// What the settings say.
#[derive(Clone)]
struct Configured {
    model: Option<Model>,
    embeddings: Option<Embeddings>,
    tariff: Tariff,
}

/// An answer with what storage records of its origin.
#[derive(Debug, Clone)]
pub struct Sourced<T = String> {
    /// What is said.
    pub content: T,
    /// From the model or from the rules.
    pub source: Source,
    /// What a call of the model cost; none for the rules.
    pub usage: Option<Usage>,
    /// Whether it was cut off at its length.
    pub is_truncated: bool,
    /// What the model asks to call.
    pub tool_calls: Vec<ToolCall>,
    /// The call to settle, also one that failed.
    pub called: Option<Called>,
}

impl<T> Sourced<T> {
    /// What the rules say.
    pub fn by_rules(content: T) -> Sourced<T> {
        let (source, usage, tool_calls) = (Source::Rules, None, Vec::new());
        Sourced { content, source, usage, is_truncated: false, tool_calls, called: None }
    }

    fn by_model(content: T, usage: Usage, called: Called) -> Sourced<T> {
        let (source, tool_calls) = (Source::Model, Vec::new());
        Sourced { content, source, usage: Some(usage), is_truncated: false, tool_calls, called: Some(called) }
    }
}

/// A part of an answer that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The next words.
    Text(String),
    /// What came so far is void: the model broke off, and the rules begin anew.
    Anew,
}

/// An answer as it is written: the model's, or what the rules say when there is no model, no time, or no answer to its end.
pub struct Pieces<R> {
    deltas: Option<Deltas>,
    rules: Option<R>,
    is_void: bool,
    text: String,
    usage: Option<Usage>,
    is_truncated: bool,
    tool_calls: Vec<ToolCall>,
    granted: Option<Granted>,
    called: Option<Called>,
    tariff: Tariff,
    started: Instant,
    stats: Arc<Stats>,
}

impl Ai {
    /// Whether there is a model to ask; without one the rules answer at once.
    pub fn has_model(&self) -> bool {
        self.configured.model.is_some()
    }

    /// Whether texts can be made vectors.
    pub fn has_embeddings(&self) -> bool {
        self.configured.embeddings.is_some()
    }

    /// The name of the model that makes vectors: those of different models cannot be compared.
    pub fn embedding_model(&self) -> Option<&str> {
        self.configured.embeddings.as_ref().map(Embeddings::model)
    }

    /// Asks for one call of the model with `chat`, for `feature` (`<domain>.<what>`) of a person: whether their budget of the day
    /// has room for it, and whether the provider is there. In the transaction that reserves the work; its cost is put aside
    /// when that is committed.
    pub async fn admit(&self, tx: &Tx, user_id: Uuid, feature: &'static str, chat: &Chat) -> Result<Permit> {
        let Some(model) = &self.configured.model else { return Ok(Permit(Verdict::Nobody)) };
        let asking = Asking {
            user_id,
            feature,
            provider: model.provider(),
            model: &model.chat_model,
            request_id: &self.request_id,
            bytes: Asking::bytes_of(chat),
            max_tokens: chat.max_tokens,
            time: model.stream_deadline.max(model.deadline),
        };
        ledger::admit(tx, &self.configured.tariff, &asking).await
    }

    /// Asks for one answer that is a value, as [`Ai::admit`]: the schema is a part of the prompt, and there may be a second question.
    pub async fn admit_structured<T: JsonSchema>(
        &self,
        tx: &Tx,
        user_id: Uuid,
        feature: &'static str,
        chat: &Chat,
    ) -> Result<Permit> {
        let schema = schemars::schema_for!(T).to_value().to_string();
        let mut twice = Chat { max_tokens: chat.max_tokens.saturating_mul(2), ..chat.clone() };
        twice.messages.extend(chat.messages.iter().cloned());
        twice.messages.extend([Message::system(schema.clone()), Message::system(schema)]);
        self.admit(tx, user_id, feature, &twice).await
    }

    /// Asks for one call that makes vectors of texts with so many bytes, as [`Ai::admit`].
    pub async fn admit_embedding(
        &self,
        tx: &Tx,
        user_id: Uuid,
        feature: &'static str,
        bytes: usize,
    ) -> Result<Permit> {
        let Some(embeddings) = &self.configured.embeddings else { return Ok(Permit(Verdict::Nobody)) };
        let asking = Asking {
            user_id,
            feature,
            provider: embeddings.provider(),
            model: embeddings.model(),
            request_id: &self.request_id,
            bytes,
            max_tokens: 0,
            time: embeddings.deadline,
        };
        ledger::admit(tx, &self.configured.tariff, &asking).await
    }

    /// The model's answer, or what `rules` say when there is no model, no permit, no time, or no usable answer.
    pub async fn chat_or(&self, permit: Permit, chat: &Chat, rules: impl FnOnce() -> String) -> Sourced {
        let (model, granted) = match self.granted(permit, |model| model.deadline) {
            Ok(granted) => granted,
            Err(called) => return Sourced { called, ..Sourced::by_rules(rules()) },
        };
        let outcome = self.timed(model.chat(chat)).await;
        match outcome {
            Ok(completion) => {
                let called = Called::answered(&granted, &self.configured.tariff, &completion.usage);
                Sourced {
                    is_truncated: completion.truncated,
                    tool_calls: completion.tool_calls,
                    ..Sourced::by_model(completion.text, completion.usage, called)
                }
            }
            Err(error) => self.failed(&granted, &error, rules()),
        }
    }

    /// The model's answer as a value, or what `rules` say, as [`Ai::chat_or`].
    pub async fn structured_or<T: DeserializeOwned + JsonSchema>(
        &self,
        permit: Permit,
        chat: &Chat,
        rules: impl FnOnce() -> T,
    ) -> Sourced<T> {
        let (model, granted) = match self.granted(permit, |model| model.deadline) {
            Ok(granted) => granted,
            Err(called) => return Sourced { called, ..Sourced::by_rules(rules()) },
        };
        match self.timed(model.structured(chat)).await {
            Ok(Structured { value, usage }) => {
                let called = Called::answered(&granted, &self.configured.tariff, &usage);
                Sourced::by_model(value, usage, called)
            }
            Err(error) => self.failed(&granted, &error, rules()),
        }
    }

    /// The model's answer as it is written, or what `rules` say when there is none to its end. It returns when the first words
    /// are here.
    pub async fn pieces_or<R: FnOnce() -> String>(&self, permit: Permit, chat: &Chat, rules: R) -> Pieces<R> {
        let started = Instant::now();
        let mut pieces = Pieces {
            deltas: None,
            rules: Some(rules),
            is_void: false,
            text: String::new(),
            usage: None,
            is_truncated: false,
            tool_calls: Vec::new(),
            granted: None,
            called: None,
            tariff: self.configured.tariff.clone(),
            started,
            stats: self.stats.clone(),
        };
        let (model, granted) = match self.granted(permit, |model| model.stream_deadline) {
            Ok(granted) => granted,
            Err(called) => return Pieces { called, ..pieces },
        };
        pieces.granted = Some(granted);
        match model.stream(chat).await {
            Ok(deltas) => pieces.deltas = Some(deltas),
            Err(error) => pieces.fail(&error),
        }
        pieces
    }

    /// Passages as vectors, one for each; none of one that cannot have any, and none at all without a permit or an answer.
    pub async fn embed_passages(&self, permit: Permit, texts: &[&str]) -> Sourced<Vec<Option<Vec<f32>>>> {
        let nothing = vec![None; texts.len()];
        let (embeddings, granted) = match self.granted_embedding(permit) {
            Ok(granted) => granted,
            Err(called) => return Sourced { called, ..Sourced::by_rules(nothing) },
        };
        match self.timed(embeddings.passages(texts)).await {
            Ok(embedded) => {
                let called = Called::answered(&granted, &self.configured.tariff, &embedded.usage);
                Sourced::by_model(embedded.vectors, embedded.usage, called)
            }
            Err(error) => self.failed(&granted, &error, nothing),
        }
    }

    /// A query as a vector; none as for [`Ai::embed_passages`].
    pub async fn embed_query(&self, permit: Permit, text: &str) -> Sourced<Option<Vec<f32>>> {
        let (embeddings, granted) = match self.granted_embedding(permit) {
            Ok(granted) => granted,
            Err(called) => return Sourced { called, ..Sourced::by_rules(None) },
        };
        match self.timed(embeddings.query(text)).await {
            Ok((vector, usage)) => {
                let called = Called::answered(&granted, &self.configured.tariff, &usage);
                Sourced::by_model(vector, usage, called)
            }
            Err(error) => self.failed(&granted, &error, None),
        }
    }

    /// The models of a job: a call of theirs belongs to the job.
    pub async fn of_job(job: &Job) -> Result<Ai> {
        let deadline = job.deadline().into_std();
        Ok(Ai {
            configured: configured().await?,
            stats: job.stats(),
            deadline,
            request_id: job.id().to_string(),
        })
    }

    /// Reads the settings, at the start of a worker whose jobs ask models.
    pub fn read_settings() -> Result<(), SettingError> {
        // A key that is a secret is read at the first request; all else can be wrong already.
        let key = settings::find("LLM_SECRET_ARN").map(|_| "secret".to_owned());
        Configured::read(&|name| lookup(name, key.as_deref())).map(drop)
    }

    /// The model with the time that is left, or the call that is not made, if it was admitted.
    fn granted(
        &self,
        permit: Permit,
        usual: fn(&Model) -> Duration,
    ) -> Result<(Model, Granted), Option<Called>> {
        let Some(model) = &self.configured.model else { return Err(None) };
        let time = self.time_left();
        Ok((model.within(time), allowed(permit, time, usual(model))?))
    }

    fn granted_embedding(&self, permit: Permit) -> Result<(Embeddings, Granted), Option<Called>> {
        let Some(embeddings) = &self.configured.embeddings else { return Err(None) };
        let time = self.time_left();
        Ok((embeddings.within(time), allowed(permit, time, embeddings.deadline)?))
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now() + TIME_TO_STORE)
    }

    async fn timed<T>(&self, call: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let outcome = call.await;
        self.stats.add_model_call(started.elapsed());
        outcome
    }

    /// A failure is logged and is no answer.
    fn failed<T>(&self, granted: &Granted, error: &ModelError, rules: T) -> Sourced<T> {
        tracing::warn!(error = %error, attempts = error.usage().attempts, "the model did not answer");
        let called = Called::failed(granted, &self.configured.tariff, error);
        Sourced { called: Some(called), ..Sourced::by_rules(rules) }
    }
}

/// The call that may be made in this time, of that which is usual.
fn allowed(permit: Permit, time: Duration, usual: Duration) -> Result<Granted, Option<Called>> {
    match permit.0 {
        Verdict::Granted(granted) if time < USEFUL_TIME => {
            tracing::warn!("there is no time to ask the model");
            Err(Some(Called::unasked(&granted)))
        }
        Verdict::Granted(granted) => Ok(Granted { is_short: time < usual, ..granted }),
        Verdict::Refused(refusal) => {
            tracing::info!(?refusal, "the model is not asked");
            Err(None)
        }
        Verdict::Nobody => Err(None),
    }
}

impl<R: FnOnce() -> String> Pieces<R> {
    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Option<Piece> {
        if let Some(deltas) = &mut self.deltas {
            match deltas.next().await {
                Ok(Some(piece)) => {
                    self.text.push_str(&piece);
                    return Some(Piece::Text(piece));
                }
                Ok(None) => {
                    self.tool_calls = deltas.take_tool_calls();
                    self.is_truncated = deltas.is_truncated();
                    self.usage = Some(deltas.usage());
                    (self.deltas, self.rules) = (None, None);
                    self.over(Called::answered);
                    return None;
                }
                Err(error) => self.fail(&error),
            }
        }
        if std::mem::take(&mut self.is_void) {
            self.text.clear();
            return Some(Piece::Anew);
        }
        self.text = self.rules.take()?();
        Some(Piece::Text(self.text.clone()))
    }

    fn fail(&mut self, error: &ModelError) {
        self.deltas = None;
        self.is_void = !self.text.is_empty();
        self.stats.add_model_call(self.started.elapsed());
        self.called = self.granted.take().map(|granted| Called::failed(&granted, &self.tariff, error));
        tracing::warn!(error = %error, attempts = error.usage().attempts, "the model did not answer to the end");
    }

    fn over(&mut self, how: fn(&Granted, &Tariff, &Usage) -> Called) {
        self.stats.add_model_call(self.started.elapsed());
        if let (Some(granted), Some(usage)) = (self.granted.take(), &self.usage) {
            self.called = Some(how(&granted, &self.tariff, usage));
        }
    }

    /// Ends the answer here, with the words that have come; the rules' where none have.
    pub fn stop(mut self) -> Sourced {
        if let Some(deltas) = self.deltas.take() {
            self.usage = Some(deltas.usage());
            self.over(Called::stopped);
            if self.text.trim().is_empty() {
                self.usage = None;
                self.text = self.rules.take().map_or_else(String::new, |rules| rules());
            }
        }
        self.into_sourced()
    }

    /// The whole answer, once it has ended.
    pub fn into_sourced(self) -> Sourced {
        let source = if self.usage.is_some() { Source::Model } else { Source::Rules };
        Sourced {
            content: self.text,
            source,
            usage: self.usage,
            is_truncated: self.is_truncated,
            tool_calls: self.tool_calls,
            called: self.called,
        }
    }
}

impl FromRequest for Ai {
    fn start() -> Result<(), SettingError> {
        Ai::read_settings()
    }

    async fn from_request(request: &mut Request) -> Result<Ai> {
        Ok(Ai {
            configured: configured().await?,
            stats: request.stats.clone(),
            deadline: request.deadline,
            request_id: request.request_id.clone(),
        })
    }

    fn describe(_: &mut Operation) {}
}

impl Configured {
    fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Configured, String> {
        Ok(Configured {
            model: Model::from_settings(get)?,
            embeddings: Embeddings::from_settings(get)?,
            tariff: Tariff::from_settings(get)?,
        })
    }
}

/// Read once per sandbox.
async fn configured() -> Result<Configured> {
    static CONFIGURED: OnceLock<Configured> = OnceLock::new();
    if let Some(configured) = CONFIGURED.get() {
        return Ok(configured.clone());
    }
    let key = match (settings::find("LLM_API_KEY"), settings::find("LLM_SECRET_ARN")) {
        (None, Some(arn)) => Some(secrets::get(&arn).await?),
        _ => None,
    };
    let configured = Configured::read(&|name| lookup(name, key.as_deref())).map_err(internal)?;
    Ok(CONFIGURED.get_or_init(|| configured).clone())
}

fn lookup(name: &str, key: Option<&str>) -> Option<String> {
    settings::find(name).or_else(|| if name == "LLM_API_KEY" { key.map(str::to_owned) } else { None })
}
