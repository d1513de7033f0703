//! Texts as vectors.

use serde_json::{Value, json};

use crate::ai::attempts::Spending;
use crate::ai::{Model, ModelError, ModelErrorKind, Usage, wire};

/// The largest answer: a hundred vectors of 4096 numbers of ten digits are 4 MB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

impl Model {
    /// One vector per text, in the same order and all of one length, and what they cost.
    pub async fn embed(&self, texts: &[&str]) -> Result<(Vec<Vec<f32>>, Usage), ModelError> {
        let mut spending = Spending::new(self).with_model(&self.embedding_model);
        if texts.is_empty() {
            return Ok((Vec::new(), spending.usage()));
        }
        let body = json!({ "model": self.embedding_model, "input": texts, "encoding_format": "float" });
        let answer = self.post("/embeddings", &body, MAX_BYTES, &mut spending).await?;
        let vectors = spending.outcome(vectors(&answer, texts.len()).ok_or(ModelErrorKind::Malformed))?;
        spending.count(wire::tokens(&answer["usage"]));
        Ok((vectors, spending.usage()))
    }
}

/// The vectors of an answer by their index; `None` if one is missing, or another length than the rest.
fn vectors(answer: &Value, count: usize) -> Option<Vec<Vec<f32>>> {
    let mut vectors = vec![Vec::new(); count];
    for item in answer["data"].as_array()? {
        let vector = vectors.get_mut(usize::try_from(item["index"].as_u64()?).ok()?)?;
        *vector = item["embedding"]
            .as_array()?
            .iter()
            .map(|n| n.as_f64().map(|n| n as f32))
            .collect::<Option<_>>()?;
    }
    let length = vectors.first()?.len();
    (length > 0 && vectors.iter().all(|vector| vector.len() == length)).then_some(vectors)
}
