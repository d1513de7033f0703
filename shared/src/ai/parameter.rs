//! The model as a handler's parameter.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::{Chat, Completion, Deltas, Model, ModelError, Source, Usage};
use crate::describe::Operation;
use crate::error::{Result, internal};
use crate::log::Stats;
use crate::request::{FromRequest, Request};
use crate::secrets;
use crate::settings::{self, SettingError};

/// What a route keeps for itself of the function's time: to store the answer and hand it back.
const TIME_TO_STORE: Duration = Duration::from_secs(3);

/// The language model of a route, or none: then, and when it fails, the route uses its local rules.
///
/// Release the database before a call: no connection is held while a model speaks. Where [`Ai::has_model`] says that there
/// will be no call, it stays, and the route opens one connection instead of two.
pub struct Ai {
    model: Option<Model>,
    stats: Arc<Stats>,
    deadline: Instant,
}

/// An answer with what storage records of its origin.
#[derive(Debug, Clone)]
pub struct Sourced {
    /// What is said.
    pub text: String,
    /// From the model or from the rules.
    pub source: Source,
    /// What a call of the model cost; none for the rules.
    pub usage: Option<Usage>,
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
    started: Instant,
    stats: Arc<Stats>,
}

impl Ai {
    /// Whether there is a model to ask; without one the rules answer at once.
    pub fn has_model(&self) -> bool {
        self.model.is_some()
    }

    /// The model's answer, or what `rules` say when there is no model, no time, or no usable answer.
    pub async fn chat_or(&self, chat: &Chat, rules: impl FnOnce() -> String) -> Sourced {
        match self.chat(chat).await {
            Some(Completion { text, usage }) => Sourced { text, source: Source::Model, usage: Some(usage) },
            None => Sourced { text: rules(), source: Source::Rules, usage: None },
        }
    }

    /// The model's answer as it is written, or what `rules` say when there is none to its end. It returns when the first words
    /// are here.
    pub async fn pieces_or<R: FnOnce() -> String>(&self, chat: &Chat, rules: R) -> Pieces<R> {
        let started = Instant::now();
        let deltas = match &self.model {
            Some(model) => {
                let time = self.deadline.saturating_duration_since(started + TIME_TO_STORE);
                model.within(time).stream(chat).await
            }
            None => return Pieces::of_rules(rules, self.stats.clone()),
        };
        let mut pieces = Pieces { started, ..Pieces::of_rules(rules, self.stats.clone()) };
        match deltas {
            Ok(deltas) => pieces.deltas = Some(deltas),
            Err(error) => pieces.fail(&error),
        }
        pieces
    }

    /// The model's answer; a failure is logged and is no answer.
    pub async fn chat(&self, chat: &Chat) -> Option<Completion> {
        let model = self.model.as_ref()?;
        let time = self.deadline.saturating_duration_since(Instant::now() + TIME_TO_STORE);
        let started = Instant::now();
        let outcome = model.within(time).chat(chat).await;
        self.stats.add_model_call(started.elapsed());
        match outcome {
            Ok(completion) => Some(completion),
            Err(error) => {
                tracing::warn!(error = %error, attempts = error.usage().attempts, "the model did not answer");
                None
            }
        }
    }
}

impl<R: FnOnce() -> String> Pieces<R> {
    fn of_rules(rules: R, stats: Arc<Stats>) -> Pieces<R> {
        let (text, started) = (String::new(), Instant::now());
        Pieces { deltas: None, rules: Some(rules), is_void: false, text, usage: None, started, stats }
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Option<Piece> {
        if let Some(deltas) = &mut self.deltas {
            match deltas.next().await {
                Ok(Some(piece)) => {
                    self.text.push_str(&piece);
                    return Some(Piece::Text(piece));
                }
                Ok(None) => {
                    self.usage = Some(deltas.usage());
                    (self.deltas, self.rules) = (None, None);
                    self.stats.add_model_call(self.started.elapsed());
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
        tracing::warn!(error = %error, attempts = error.usage().attempts, "the model did not answer to the end");
    }

    /// Ends the answer here, with the words that have come; the rules' where none have.
    pub fn stop(mut self) -> Sourced {
        match self.deltas.take() {
            Some(deltas) if !self.text.trim().is_empty() => {
                self.usage = Some(deltas.usage());
                self.stats.add_model_call(self.started.elapsed());
            }
            Some(_) => {
                self.stats.add_model_call(self.started.elapsed());
                self.text = self.rules.take().map_or_else(String::new, |rules| rules());
            }
            None => {}
        }
        self.into_sourced()
    }

    /// The whole answer, once it has ended.
    pub fn into_sourced(self) -> Sourced {
        let source = if self.usage.is_some() { Source::Model } else { Source::Rules };
        Sourced { text: self.text, source, usage: self.usage }
    }
}

impl FromRequest for Ai {
    fn start() -> Result<(), SettingError> {
        // A key that is a secret is read at the first request; all else can be wrong already.
        let key = settings::find("LLM_SECRET_ARN").map(|_| "secret".to_owned());
        Model::from_settings(&|name| lookup(name, key.as_deref())).map(drop)
    }

    async fn from_request(request: &mut Request) -> Result<Ai> {
        static MODEL: OnceLock<Option<Model>> = OnceLock::new();
        let model = match MODEL.get() {
            Some(model) => model.clone(),
            None => {
                let key = match (settings::find("LLM_API_KEY"), settings::find("LLM_SECRET_ARN")) {
                    (None, Some(arn)) => Some(secrets::get(&arn).await?),
                    _ => None,
                };
                let model = Model::from_settings(&|name| lookup(name, key.as_deref())).map_err(internal)?;
                MODEL.get_or_init(|| model).clone()
            }
        };
        Ok(Ai { model, stats: request.stats.clone(), deadline: request.deadline })
    }

    fn describe(_: &mut Operation) {}
}

fn lookup(name: &str, key: Option<&str>) -> Option<String> {
    settings::find(name).or_else(|| if name == "LLM_API_KEY" { key.map(str::to_owned) } else { None })
}
