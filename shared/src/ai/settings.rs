//! The settings of the models.

use std::time::Duration;

use reqwest::Url;

use crate::ai::embed::{Asked, Embeddings};
use crate::ai::learned::{JSON_SCHEMA, Learned, OPTIONAL};
use crate::ai::{Model, server::Server};

/// The gateway gives a buffered answer up after 29 s; a second of it is left for everything else.
const MAX_DEADLINE_MS: u64 = 28_000;
/// A function lives for at most 900 s; a minute of it is left for everything else.
const MAX_STREAM_MS: u64 = 840_000;
const MAX_BATCH: u64 = 2048;

/// A setting's trimmed value, none if it is blank.
struct Settings<'a>(&'a dyn Fn(&str) -> Option<String>);

/// See [`Model::from_settings`].
pub(super) fn model(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Model>, String> {
    let settings = Settings(get);
    let Some(api_key) = settings.key("LLM_API_KEY")? else { return Ok(None) };
    // No provider is the default: a key alone must not send people's words to somebody whom nobody chose.
    let base_url = settings
        .address("OPENAI_BASE_URL")?
        .ok_or("OPENAI_BASE_URL must be set, because there is a key of a model provider")?;
    let chat_model =
        settings.text("LLM_MODEL").unwrap_or_else(|| "Qwen/Qwen3-Coder-480B-A35B-Instruct".to_owned());
    let milliseconds = |name, default, max| settings.number(name, default, max).map(Duration::from_millis);
    Ok(Some(Model {
        deadline: milliseconds("LLM_DEADLINE_MS", 20_000, MAX_DEADLINE_MS)?,
        stream_deadline: milliseconds("LLM_STREAM_DEADLINE_MS", 120_000, MAX_STREAM_MS)?,
        stream_idle: milliseconds("LLM_STREAM_IDLE_MS", 30_000, MAX_STREAM_MS)?,
        server: settings.server(&base_url, Some(&api_key), &chat_model)?,
        chat_model,
    }))
}

/// See [`Embeddings::from_settings`].
pub(super) fn embeddings(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Embeddings>, String> {
    let settings = Settings(get);
    let (own_url, own_key) = (settings.address("EMBEDDING_BASE_URL")?, settings.key("EMBEDDING_API_KEY")?);
    let (chat_url, chat_key) = (settings.address("OPENAI_BASE_URL")?, settings.key("LLM_API_KEY")?);
    let is_chats = own_url.is_none() || own_url == chat_url;
    let api_key = own_key.or(chat_key.filter(|_| is_chats));
    if own_url.is_none() && api_key.is_none() {
        return Ok(None);
    }
    let base_url = own_url.or(chat_url).ok_or(
        "EMBEDDING_BASE_URL or OPENAI_BASE_URL must be set, because there is a key of a model provider",
    )?;
    let model = settings
        .text("EMBEDDING_MODEL")
        .or_else(|| settings.text("LLM_EMBEDDING_MODEL"))
        .unwrap_or_else(|| "Qwen/Qwen3-Embedding-8B".to_owned());
    let query_model = settings.text("EMBEDDING_QUERY_MODEL").unwrap_or_else(|| model.clone());
    let asked = |model: String| {
        let server = settings.server(&base_url, api_key.as_deref(), &model)?;
        Ok::<_, String>(Asked { server, model })
    };
    Ok(Some(Embeddings {
        passages: asked(model)?,
        queries: asked(query_model)?,
        query_prefix: settings.text("EMBEDDING_QUERY_PREFIX").unwrap_or_default().replace("\\n", "\n"),
        batch: settings.number("EMBEDDING_BATCH", 10, MAX_BATCH)? as usize,
        deadline: Duration::from_millis(settings.number("LLM_DEADLINE_MS", 20_000, MAX_DEADLINE_MS)?),
    }))
}

impl Settings<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn key(&self, name: &str) -> Result<Option<String>, String> {
        match self.text(name) {
            Some(key) if !key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(format!("{name} must be visible ASCII characters only"))
            }
            key => Ok(key),
        }
    }

    /// Without a slash at its end.
    fn address(&self, name: &str) -> Result<Option<String>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let is_good = Url::parse(&text)
            .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none());
        if !is_good {
            return Err(format!("{name} must be an address like https://example.com/v1"));
        }
        Ok(Some(text.trim_end_matches('/').to_owned()))
    }

    fn number(&self, name: &str, default: u64, max: u64) -> Result<u64, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| format!("{name} must be a whole number from 1 to {max}"))
    }

    fn server(&self, base_url: &str, api_key: Option<&str>, model: &str) -> Result<Server, String> {
        let learned = Learned::of(base_url, model, &self.omitted()?);
        Ok(Server { base_url: base_url.to_owned(), api_key: api_key.map(str::to_owned), learned })
    }

    /// The parameters of `LLM_OMIT`.
    fn omitted(&self) -> Result<Vec<&'static str>, String> {
        let list = self.text("LLM_OMIT").unwrap_or_default();
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let known = |name: &str| OPTIONAL.into_iter().chain([JSON_SCHEMA]).find(|known| *known == name);
        names
            .map(|name| {
                let expected =
                    || format!("LLM_OMIT must be a comma list of {JSON_SCHEMA}, {}", OPTIONAL.join(", "));
                known(name).ok_or_else(expected)
            })
            .collect()
    }
}
