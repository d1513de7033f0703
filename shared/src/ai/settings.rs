//! The settings of the model.

use std::time::Duration;

use reqwest::Url;

use crate::ai::Model;

/// The gateway gives a buffered answer up after 29 s; a second of it is left for everything else.
const MAX_DEADLINE_MS: u64 = 28_000;

/// See [`Model::from_settings`].
pub(super) fn model(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Model>, String> {
    let text = |name: &str| get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let Some(api_key) = text("LLM_API_KEY") else { return Ok(None) };
    if !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("LLM_API_KEY must be visible ASCII characters only".to_owned());
    }
    // No provider is the default: a key alone must not send people's words to somebody whom nobody chose.
    let base_url = text("OPENAI_BASE_URL")
        .ok_or("OPENAI_BASE_URL must be set, because there is a key of a model provider")?;
    if !Url::parse(&base_url)
        .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none())
    {
        return Err("OPENAI_BASE_URL must be an address like https://example.com/v1".to_owned());
    }
    let deadline = match text("LLM_DEADLINE_MS") {
        None => 20_000,
        Some(text) => {
            text.parse().ok().filter(|deadline| (1..=MAX_DEADLINE_MS).contains(deadline)).ok_or_else(
                || format!("LLM_DEADLINE_MS must be a whole number from 1 to {MAX_DEADLINE_MS}"),
            )?
        }
    };
    Ok(Some(Model {
        base_url: base_url.trim_end_matches('/').to_owned(),
        api_key,
        chat_model: text("LLM_MODEL").unwrap_or_else(|| "Qwen/Qwen3-Coder-480B-A35B-Instruct".to_owned()),
        embedding_model: text("LLM_EMBEDDING_MODEL").unwrap_or_else(|| "Qwen/Qwen3-Embedding-8B".to_owned()),
        deadline: Duration::from_millis(deadline),
    }))
}
