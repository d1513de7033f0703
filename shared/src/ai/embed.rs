//! Texts as vectors.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::ai::attempts::Spending;
use crate::ai::server::{Request, Server};
use crate::ai::{ModelError, ModelErrorKind, Usage, settings, wire};

/// The largest answer: a hundred vectors of 4096 numbers of ten digits are 4 MB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A configured embedding model. Cheap to clone; one per sandbox.
///
/// It may be somebody else's than the chat's: many providers of chats have no embeddings.
#[derive(Clone)]
pub struct Embeddings {
    pub(super) passages: Asked,
    pub(super) queries: Asked,
    /// Stands before every query.
    pub(super) query_prefix: String,
    /// Texts in one request.
    pub(super) batch: usize,
    /// For one call with all its requests.
    pub(super) deadline: Duration,
}

/// A model by which something is embedded.
#[derive(Clone)]
pub(super) struct Asked {
    pub server: Server,
    pub model: String,
}

/// Passages as vectors.
#[derive(Clone)]
pub struct Embedded {
    /// One for each text, in the order of the texts and all of one length. `None` for a text that is blank, that the
    /// provider refused even when it was asked about that alone, or whose vector cannot be compared (zero, not
    /// finite).
    pub vectors: Vec<Option<Vec<f32>>>,
    /// What they cost.
    pub usage: Usage,
}

impl Embeddings {
    /// Reads the settings through `get`. `None` without both `EMBEDDING_BASE_URL` and a key; an `Err` names the
    /// setting at fault.
    ///
    /// - `EMBEDDING_BASE_URL`: the provider; default `OPENAI_BASE_URL`.
    /// - `EMBEDDING_API_KEY`: sent as a bearer token. Default `LLM_API_KEY` where the address is the chat provider's:
    ///   to any other it is not sent, and a server of one's own may want no key.
    /// - `EMBEDDING_MODEL`: default `LLM_EMBEDDING_MODEL`, and `Qwen/Qwen3-Embedding-8B` without that.
    /// - `EMBEDDING_QUERY_MODEL`: the name for queries, where the model has two; default `EMBEDDING_MODEL`.
    /// - `EMBEDDING_QUERY_PREFIX`: what the model wants before a query, parted from it by a blank; `\n` in it is a
    ///   line feed.
    /// - `EMBEDDING_BATCH`: texts in one request, 1 to 2048; default 10, the fewest that a known provider takes.
    /// - `LLM_DEADLINE_MS`: total time of a call with all its requests, as for a chat.
    /// - `LLM_OMIT`: as for a chat.
    pub fn from_settings(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Embeddings>, String> {
        settings::embeddings(get)
    }

    /// The same with at most `time` for a call.
    pub fn within(&self, time: Duration) -> Embeddings {
        Embeddings { deadline: self.deadline.min(time), ..self.clone() }
    }

    /// The name of the model of passages: vectors of different models cannot be compared.
    pub fn model(&self) -> &str {
        &self.passages.model
    }

    /// Who is asked: the host of its address.
    pub fn provider(&self) -> &str {
        self.passages.server.host()
    }

    /// What is searched, as vectors. A batch that is refused is asked for in halves, down to one text. Where every
    /// one of several texts is refused alone, it is not for the texts: that is an error.
    pub async fn passages(&self, texts: &[&str]) -> Result<Embedded, ModelError> {
        let mut spending = Spending::new(&self.passages.model, self.deadline);
        let vectors = self.passages.embed(texts, self.batch, &mut spending).await?;
        Ok(Embedded { vectors, usage: spending.usage() })
    }

    /// What is searched for, as a vector; `None` as in [`Embedded::vectors`].
    pub async fn query(&self, text: &str) -> Result<(Option<Vec<f32>>, Usage), ModelError> {
        let mut spending = Spending::new(&self.queries.model, self.deadline);
        let text = text.trim();
        let text = match self.query_prefix.as_str() {
            // A blank text stays blank.
            prefix if !prefix.is_empty() && !text.is_empty() => format!("{prefix} {text}"),
            _ => text.to_owned(),
        };
        let vectors = self.queries.embed(&[&text], 1, &mut spending).await?;
        Ok((vectors.into_iter().next().flatten(), spending.usage()))
    }
}

impl Asked {
    async fn embed(
        &self,
        texts: &[&str],
        batch: usize,
        spending: &mut Spending,
    ) -> Result<Vec<Option<Vec<f32>>>, ModelError> {
        let mut vectors = vec![None; texts.len()];
        let filled: Vec<usize> =
            texts.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()).map(|(at, _)| at).collect();
        // The next part of the texts is the last here.
        let mut parts: Vec<&[usize]> = filled.chunks(batch).rev().collect();
        let (mut length, mut refused, mut is_any_taken) = (None, 0, false);
        while let Some(part) = parts.pop() {
            let input: Vec<&str> = part.iter().map(|at| texts[*at]).collect();
            match self.ask(&input, &mut length, spending).await {
                Ok(found) => {
                    is_any_taken = true;
                    for (at, vector) in part.iter().zip(found) {
                        vectors[*at] = vector;
                    }
                }
                Err(error) if is_for_the_texts(error.kind()) => {
                    if part.len() > 1 {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                        continue;
                    }
                    refused += 1;
                    if refused > 1 && !is_any_taken && parts.is_empty() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(vectors)
    }

    /// One request. `length` is that of all vectors of the call.
    async fn ask(
        &self,
        input: &[&str],
        length: &mut Option<usize>,
        spending: &mut Spending,
    ) -> Result<Vec<Option<Vec<f32>>>, ModelError> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.as_str().into());
        body.insert("input".to_owned(), json!(input));
        body.insert("encoding_format".to_owned(), "float".into());
        let mut request = Request::new(&self.server, body);
        let answer = self.server.post("/embeddings", &mut request, MAX_BYTES, spending).await?;
        spending.count(wire::embedding_tokens(&answer["usage"]));
        let found = vectors(&answer, input.len(), length).ok_or(ModelErrorKind::Malformed);
        spending.outcome(found)
    }
}

/// Whether fewer or other texts may be taken.
fn is_for_the_texts(kind: ModelErrorKind) -> bool {
    let status = match kind {
        ModelErrorKind::Status(status) => Some(status),
        ModelErrorKind::Upstream(code) => code.status(),
        _ => None,
    };
    matches!(status, Some(400 | 413 | 422))
}

/// The vectors of an answer: by their index, or in their order where one has none. `None` if it is not one for each
/// text, or if one has another length than the rest.
fn vectors(answer: &Value, count: usize, length: &mut Option<usize>) -> Option<Vec<Option<Vec<f32>>>> {
    let items = answer["data"].as_array().filter(|items| items.len() == count)?;
    let has_index = items.iter().all(|item| item["index"].is_u64());
    let mut vectors = vec![None; count];
    for (at, item) in items.iter().enumerate() {
        let at = if has_index { usize::try_from(item["index"].as_u64()?).ok()? } else { at };
        let numbers = item["embedding"].as_array()?;
        if numbers.is_empty() || *length.get_or_insert(numbers.len()) != numbers.len() {
            return None;
        }
        let place = vectors.get_mut(at).filter(|place| place.is_none())?;
        *place = Some(vector(numbers)?);
    }
    vectors.into_iter().collect()
}

/// A vector; `Some(None)` if it has no direction. JSON has no NaN, so some write `null`.
fn vector(numbers: &[Value]) -> Option<Option<Vec<f32>>> {
    if !numbers.iter().all(|number| number.is_number() || number.is_null()) {
        return None;
    }
    let vector: Option<Vec<f32>> = numbers.iter().map(|number| number.as_f64().map(|n| n as f32)).collect();
    let has_direction =
        |vector: &Vec<f32>| vector.iter().all(|n| n.is_finite()) && vector.iter().any(|n| *n != 0.0);
    Some(vector.filter(has_direction))
}

/// Never the key.
impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings")
            .field("base_url", &self.passages.server.base_url)
            .field("model", &self.passages.model)
            .finish_non_exhaustive()
    }
}

/// Never the vectors: they tell what was said.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("usage", &self.usage).finish_non_exhaustive()
    }
}
