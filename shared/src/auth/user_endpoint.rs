//! The provider's own word on a token: `GET {SUPABASE_URL}/auth/v1/user`.

use std::collections::{HashMap, VecDeque};
use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use crate::auth::token::{Token, is_of_nobody};
use crate::auth::{User, refused, undecided};
use crate::error::{Result, unauthorized};
use crate::fetch;

/// A call's total time.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer about a token is remembered, at most until the token expires. For so long a person who was
/// signed out or banned is still let in; with published keys that would be until the token expires.
const REMEMBERED: Duration = Duration::from_secs(30);
/// After a failed call: how long nobody is asked, so that an outage does not cost every request a timeout.
const FAILURE_COOL_DOWN: Duration = Duration::from_secs(5);
/// How many tokens the provider may refuse in a minute before nobody new is asked about: whoever invents tokens would
/// otherwise spend what the provider allows this system for the people who have genuine ones. Those it knows already are
/// let in meanwhile.
const REFUSALS: usize = 30;
/// The minute of it.
const REFUSALS_WITHIN: Duration = Duration::from_secs(60);
/// How many answers are remembered.
const MAX_ANSWERS: usize = 256;
/// A user with their metadata and identities is a few KB.
const MAX_BYTES: usize = 256 * 1024;

/// The endpoint with what it has lately said.
pub(super) struct UserEndpoint {
    url: String,
    api_key: Option<String>,
    takes_anonymous: bool,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// By SHA-256 of the token, so that no token lies about in memory.
    answers: HashMap<[u8; 32], (Instant, Answer)>,
    failed: Option<Instant>,
    /// When the latest refusals came, oldest first; at most [`REFUSALS`].
    refused: VecDeque<Instant>,
}

/// What the provider said just now.
enum Said {
    /// Also in a moment, so that it is worth remembering.
    Lasting(Answer),
    /// Nothing about the token: it is overloaded or broken.
    Nothing(StatusCode),
}

#[derive(Clone)]
enum Answer {
    Genuine(User),
    Refused,
    /// Genuine, but of somebody whose id is no UUID.
    StrangeSubject,
}

impl Answer {
    fn into_user(self) -> Result<User> {
        match self {
            Answer::Genuine(user) => Ok(user),
            Answer::Refused => Err(refused()),
            Answer::StrangeSubject => Err(unauthorized("invalid access token subject")),
        }
    }
}

impl UserEndpoint {
    pub(super) fn new(url: String, api_key: Option<String>, takes_anonymous: bool) -> UserEndpoint {
        UserEndpoint { url, api_key, takes_anonymous, memory: Mutex::default() }
    }

    /// The person of a token whose claims hold, or 401; 503 where the provider does not say.
    pub(super) async fn user(&self, token: &Token<'_>) -> Result<User> {
        let digest: [u8; 32] = Sha256::digest(token.text()).into();
        {
            let mut memory = self.memory();
            if let Some((until, answer)) = memory.answers.get(&digest)
                && *until > Instant::now()
            {
                return answer.clone().into_user();
            }
            if memory.failed.is_some_and(|at| at.elapsed() < FAILURE_COOL_DOWN) {
                return Err(undecided());
            }
            if memory.refusals() >= REFUSALS {
                return Err(undecided().because("the provider has refused too many tokens within a minute"));
            }
        }
        let asked = self.ask(token).await;
        let mut memory = self.memory();
        match asked {
            Ok(Said::Lasting(answer)) => {
                memory.failed = None;
                if matches!(answer, Answer::Refused) {
                    memory.refused.push_back(Instant::now());
                }
                let left = Duration::from_secs_f64(token.seconds_left().min(REMEMBERED.as_secs_f64()));
                memory.remember(digest, Instant::now() + left, answer.clone());
                answer.into_user()
            }
            Ok(Said::Nothing(status)) => {
                // Whoever is asked too often is left in peace for a moment.
                memory.failed = (status == StatusCode::TOO_MANY_REQUESTS).then(Instant::now);
                Err(undecided().because(format!("the provider answered {status}")))
            }
            Err(cause) => {
                memory.failed = Some(Instant::now());
                Err(undecided().because(cause))
            }
        }
    }

    /// What the endpoint says of the token.
    async fn ask(&self, token: &Token<'_>) -> Result<Said, Box<dyn StdError + Send + Sync>> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.text()))?;
        bearer.set_sensitive(true);
        let mut headers = vec![(header::AUTHORIZATION, bearer)];
        if let Some(api_key) = &self.api_key {
            headers.push((HeaderName::from_static("apikey"), HeaderValue::from_str(api_key)?));
        }
        let (status, body) = fetch::get(&self.url, &headers, TIMEOUT, MAX_BYTES).await?;
        if !status.is_success() {
            let is_about_the_token = status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429);
            return Ok(if is_about_the_token {
                Said::Lasting(Answer::Refused)
            } else {
                Said::Nothing(status)
            });
        }
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            id: Value,
            #[serde(default)]
            email: Value,
            #[serde(default)]
            user_metadata: Value,
            #[serde(default)]
            role: Value,
            #[serde(default)]
            is_anonymous: Value,
        }
        let body: Body = serde_json::from_slice(&body)?;
        if is_of_nobody(&body.role, &body.is_anonymous) && !self.takes_anonymous {
            return Ok(Said::Lasting(Answer::Refused));
        }
        let answer = match body.id.as_str().and_then(|id| Uuid::try_parse(id).ok()) {
            Some(id) => {
                let name = body.user_metadata["full_name"].as_str();
                Answer::Genuine(User::new(id, body.email.as_str(), name))
            }
            None => Answer::StrangeSubject,
        };
        Ok(Said::Lasting(answer))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// How many tokens were refused within the last minute.
    fn refusals(&mut self) -> usize {
        while self.refused.front().is_some_and(|at| at.elapsed() >= REFUSALS_WITHIN) {
            self.refused.pop_front();
        }
        self.refused.len()
    }

    fn remember(&mut self, digest: [u8; 32], until: Instant, answer: Answer) {
        let now = Instant::now();
        self.answers.retain(|_, (until, _)| *until > now);
        if self.answers.len() >= MAX_ANSWERS
            && let Some(soonest) =
                self.answers.iter().min_by_key(|(_, (until, _))| *until).map(|(digest, _)| *digest)
        {
            self.answers.remove(&soonest);
        }
        self.answers.insert(digest, (until, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_stays_small_and_forgets_what_ends_soonest() {
        let mut memory = Memory::default();
        let now = Instant::now();
        for n in 0..2 * MAX_ANSWERS as u64 {
            memory.remember(
                Sha256::digest(n.to_be_bytes()).into(),
                now + Duration::from_secs(60 + n),
                Answer::Refused,
            );
        }
        assert_eq!(memory.answers.len(), MAX_ANSWERS);
        let soonest = memory.answers.values().map(|(until, _)| *until).min().unwrap();
        assert_eq!(soonest, now + Duration::from_secs(60 + MAX_ANSWERS as u64));
    }
}
