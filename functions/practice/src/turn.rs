//! One exchange of a session: what the learner wrote, and, once it is answered, the counterpart's reply and feedback.
//!
//! A turn is reserved in one transaction and answered in another, with no transaction, lock or connection held while
//! the model speaks. Whoever reserves a turn holds a claim on it for a while; if they die, the same message sent again
//! takes the claim over, and another message finishes the turn by the local rules.

use std::time::Duration;

use shared::ai::Sourced;
use shared::identity::Preferences;
use shared::prelude::*;

use crate::analysis::{self, Language, Ofnr, RiskLevel};
use crate::sending;
use crate::sentence;
use crate::session::SessionState;

/// How long a claim lasts. Longer than the function may run that answers at once, so that a claim that has run out has no
/// living holder; an answer that is written for longer has a run, whose claim is renewed.
pub const CLAIM: Duration = Duration::from_secs(29);

/// A message to send.
#[input]
pub struct NewMessage {
    /// Chosen by the client; sending it again gives the same answer and no second turn.
    pub client_message_id: Uuid,
    /// What the learner says.
    pub content: Text<1, 4000>,
}

/// An answered turn.
#[answer]
pub struct TurnAnswer {
    /// The learner's message.
    pub user_message_id: Uuid,
    /// The counterpart's reply.
    pub assistant_message: AssistantMessage,
    /// What the analysis says of the learner's message.
    pub feedback: Feedback,
    /// Number of the turn, from 1.
    pub turn: i16,
}

/// What is known when a reply begins to be written.
#[derive(Serialize)]
pub struct Started {
    /// Which run it is written in: what stops it, and what a reader who lost it follows.
    pub run_id: Uuid,
    /// The learner's message.
    pub user_message_id: Uuid,
}

/// The whole turn, when it is written.
#[derive(Serialize)]
pub struct Done<'a> {
    /// The turn.
    #[serde(flatten)]
    pub turn: &'a TurnAnswer,
    /// Why the reply ends here: `stop` (it is whole), `length` (it is cut off), `stopped` (somebody stopped it).
    pub finish: &'static str,
}

/// The next words of a reply that is being written.
#[derive(Serialize)]
pub struct Delta<'a> {
    /// The words.
    pub text: &'a str,
}

/// The data of an event whose name says all.
#[derive(Serialize)]
pub struct Nothing {}

/// The counterpart's reply.
#[answer]
pub struct AssistantMessage {
    /// Its id.
    pub message_id: Uuid,
    /// What the counterpart says.
    pub content: String,
}

/// What the analysis says of a message.
#[answer]
pub struct Feedback {
    /// 0 to 100.
    pub overall_score: i16,
    /// How harmful the message is likely to be.
    pub risk_level: RiskLevel,
    /// The four parts of Nonviolent Communication.
    pub ofnr: Ofnr,
    /// A better way to say it.
    pub next_best_sentence: String,
}

/// A turn's row.
#[derive(FromRow)]
pub struct Turn {
    /// Also the id of the user's message.
    pub turn_id: Uuid,
    /// Number of the turn, from 1.
    pub turn_no: i16,
    /// What the learner wrote.
    pub user_content: String,
    /// Whether the claim on it has run out.
    pub is_abandoned: bool,
    /// The reply and the feedback, once there are some.
    #[json]
    pub answer: Option<Answered>,
}

/// The second half of a turn's row.
#[derive(Deserialize)]
pub struct Answered {
    assistant_message_id: Uuid,
    assistant_content: String,
    overall_score: i16,
    risk_level: RiskLevel,
    ofnr: Ofnr,
    next_best_sentence: String,
}

impl Turn {
    /// What answering it needs.
    pub fn asked(&self) -> (Uuid, &str) {
        (self.turn_id, &self.user_content)
    }

    /// The turn as the wire shows it, if it is answered.
    pub fn into_answer(self) -> Option<TurnAnswer> {
        let answer = self.answer?;
        Some(TurnAnswer {
            user_message_id: self.turn_id,
            assistant_message: AssistantMessage {
                message_id: answer.assistant_message_id,
                content: answer.assistant_content,
            },
            feedback: Feedback {
                overall_score: answer.overall_score,
                risk_level: answer.risk_level,
                ofnr: answer.ofnr,
                next_best_sentence: answer.next_best_sentence,
            },
            turn: self.turn_no,
        })
    }
}

/// A session while a message to it is being taken.
#[derive(FromRow)]
pub struct Talk {
    /// Where it is in its life.
    pub state: SessionState,
    /// The language of its person.
    #[flatten]
    pub preferences: Preferences,
    /// The scene, as the counterpart has to know it.
    #[json]
    pub scene: SceneBrief,
    /// The answered turns so far, oldest first.
    #[json]
    pub said: Vec<Exchange>,
}

/// A scene as the counterpart has to know it.
#[derive(Deserialize)]
pub struct SceneBrief {
    /// A short name.
    pub title: String,
    /// Who the counterpart is to the learner.
    pub counterparty_role: String,
    /// How the two get on.
    pub relationship_level: String,
    /// Who has more say.
    pub power_dynamic: String,
    /// What the learner wants to come of the talk.
    pub goal: String,
    /// What makes it hard.
    pub pain_points: Vec<String>,
    /// What happened so far.
    pub context: String,
}

/// What was said in an answered turn.
#[derive(Deserialize)]
pub struct Exchange {
    /// By the learner.
    pub user: String,
    /// By the counterpart.
    pub assistant: String,
}

/// Locks the caller's session to the end of the transaction; 404 otherwise.
pub async fn lock_session(tx: &Tx, user: &User, session_id: Uuid) -> Result<()> {
    let sql = "select from practice.sessions where id = $1 and user_id = $2 for update";
    match tx.execute(sql, &[&session_id, &user.id]).await? {
        0 => Err(not_found("session not found")),
        _ => Ok(()),
    }
}

/// The session with all that a reply needs; none if it is not the caller's.
pub async fn find_talk(tx: &Tx, user: &User, session_id: Uuid) -> Result<Option<Talk>> {
    let found: Option<Talk> = tx.find(
        "select s.state, u.locale, u.timezone, to_jsonb(c) as scene,
                coalesce((select jsonb_agg(jsonb_build_object('user', t.user_content, 'assistant', t.assistant_content)
                                           order by t.turn_no)
                          from practice.turns t
                          where t.session_id = s.id and t.completed_at is not null), '[]') as said
         from practice.sessions s
         join practice.scenes c on c.id = s.scene_id
         join identity.users u on u.id = s.user_id
         where s.id = $1 and s.user_id = $2",
        &[&session_id, &user.id],
    )
    .await?;
    Ok(found.map(|talk| Talk { preferences: talk.preferences.of(user), ..talk }))
}

/// The turn that a message made, and the turn that is in flight, which may be the same.
pub async fn list_known(tx: &Tx, session_id: Uuid, client_message_id: Uuid) -> Result<Vec<(bool, Turn)>> {
    #[derive(FromRow)]
    struct Known {
        is_same_message: bool,
        #[flatten]
        turn: Turn,
    }
    let known: Vec<Known> = tx
        .list(
            "select id as turn_id, turn_no, user_content,
                    claimed_until < clock_timestamp() and not platform.is_written($3, id) as is_abandoned,
                    case when completed_at is not null then to_jsonb(t) end as answer,
                    client_message_id = $2 as is_same_message
             from practice.turns t
             where session_id = $1 and (client_message_id = $2 or completed_at is null)",
            &[&session_id, &client_message_id, &sending::RUN],
        )
        .await?;
    Ok(known.into_iter().map(|Known { is_same_message, turn }| (is_same_message, turn)).collect())
}

/// Reserves the session's next turn for a message.
pub async fn insert(tx: &Tx, user: &User, session_id: Uuid, turn_id: Uuid, new: &NewMessage) -> Result<Turn> {
    tx.one(
        "insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
         select $1, s.id, s.user_id, s.current_turn + 1, $4, $5, clock_timestamp() + $6 * interval '1 second'
         from practice.sessions s
         where s.id = $2 and s.user_id = $3
         returning id as turn_id, turn_no, user_content, false as is_abandoned, null::jsonb as answer",
        &[&turn_id, &session_id, &user.id, &new.client_message_id, &new.content, &CLAIM.as_secs_f64()],
    )
    .await
}

/// Whether the answer to a message is, or was, written in this run.
pub async fn is_written_in(tx: &Tx, session_id: Uuid, new: &NewMessage, run_id: Uuid) -> Result<bool> {
    let sql = "select from platform.runs join practice.turns on turns.id = runs.subject
               where runs.id = $1 and runs.kind = $2 and session_id = $3 and client_message_id = $4";
    let found = tx.execute(sql, &[&run_id, &sending::RUN, &session_id, &new.client_message_id]).await?;
    Ok(found > 0)
}

/// Takes over the claim on a turn whose holder is gone.
pub async fn claim(tx: &Tx, turn_id: Uuid) -> Result<u64> {
    tx.execute(
        "update practice.turns set claimed_until = clock_timestamp() + $2 * interval '1 second'
         where id = $1 and completed_at is null",
        &[&turn_id, &CLAIM.as_secs_f64()],
    )
    .await
}

/// Answers a turn, of which it needs the id and what the learner wrote: stores reply and feedback, and moves the session
/// on. Gives the turn as it is stored, or none if somebody else has answered it meanwhile: then their answer stands.
pub async fn answer(
    tx: &Tx,
    (turn_id, user_content): (Uuid, &str),
    reply: &Sourced,
    language: Language,
) -> Result<Option<Turn>> {
    let analysis = analysis::analyse(user_content, language);
    let usage = reply.usage.as_ref();
    tx.find(
            "with turn as (
                 update practice.turns set
                     assistant_message_id = $2, assistant_content = $3, overall_score = $4, risk_level = $5, ofnr = $6,
                     next_best_sentence = $7, source = $8, model = $9, latency_ms = $10, tokens_in = $11,
                     tokens_out = $12, completed_at = now()
                 where id = $1 and completed_at is null
                 returning *
             ), session as (
                 update practice.sessions s set
                     current_turn = turn.turn_no,
                     state = case when s.state = 'ACTIVE' and turn.turn_no >= s.target_turns then 'COMPLETED'
                                  else s.state end,
                     ended_at = case when s.state = 'ACTIVE' and turn.turn_no >= s.target_turns then now()
                                     else s.ended_at end,
                     last_user_message = turn.user_content,
                     last_assistant_message = turn.assistant_content,
                     last_overall_score = turn.overall_score,
                     last_risk_level = turn.risk_level
                 from turn
                 where s.id = turn.session_id
             )
             select id as turn_id, turn_no, user_content, false as is_abandoned, to_jsonb(turn) as answer from turn",
            &[
                &turn_id,
                &Uuid::now_v7(),
                &reply.content,
                &analysis.overall_score,
                &analysis.risk_level,
                &serde_json::to_value(&analysis.ofnr)?,
                &sentence::rewrite(user_content, language),
                &reply.source.as_str(),
                &usage.map(|usage| usage.model.clone()),
                &usage.map(|usage| i32::try_from(usage.latency.as_millis()).unwrap_or(i32::MAX)),
                &usage.and_then(|usage| usage.tokens_in),
                &usage.and_then(|usage| usage.tokens_out),
            ],
        )
        .await
}

/// What the counterpart says without a model.
pub fn reply_by_rules(language: Language) -> Sourced {
    Sourced::by_rules(sentence::fallback_reply(language).to_owned())
}

/// A turn by its id; 404, in the words of the wire, if it is not the caller's.
pub async fn get(tx: &Tx, turn_id: Uuid) -> Result<Turn> {
    let found = tx
        .find(
            "select id as turn_id, turn_no, user_content,
                    claimed_until < clock_timestamp() and not platform.is_written($2, id) as is_abandoned,
                    case when completed_at is not null then to_jsonb(t) end as answer
             from practice.turns t where id = $1",
            &[&turn_id, &sending::RUN],
        )
        .await?;
    found.ok_or_else(|| not_found("source user message not found"))
}
