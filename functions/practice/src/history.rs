//! The full replay of one session.

use serde_json::Value;
use shared::prelude::*;

use crate::analysis::{Ofnr, RiskLevel};
use crate::reflection::Reflection;
use crate::scene::Template;
use crate::session::SessionState;
use crate::summary::Summary;

/// Everything of a session.
#[row]
pub struct History {
    /// Its id.
    pub session_id: Uuid,
    /// The scene that it practises.
    #[json]
    pub scene: HistoryScene,
    /// Where it is in its life.
    pub state: SessionState,
    /// The number of answered turns.
    pub current_turn: i16,
    /// The number of turns after which it is complete.
    pub target_turns: i16,
    /// When it was started.
    pub created_at: Time,
    /// When it was completed or abandoned.
    pub ended_at: Option<Time>,
    /// The turns, first to last.
    #[json]
    pub turns: Vec<HistoryTurn>,
    /// The action card.
    #[json]
    pub summary: Option<Summary>,
    /// How it went in real life.
    #[json]
    pub reflection: Option<Reflection>,
}

/// What the history says of the scene.
#[answer]
#[derive(Deserialize)]
pub struct HistoryScene {
    /// Its id.
    pub scene_id: Uuid,
    /// A short name.
    pub title: String,
    /// What the learner wants to come of the talk.
    pub goal: String,
    /// What happened so far.
    pub context: String,
    /// The preset it came from.
    pub template_id: Template,
}

/// One turn. A message that is being answered, or whose sender died, has no reply yet.
#[answer]
#[derive(Deserialize)]
pub struct HistoryTurn {
    /// Number of the turn, from 1.
    pub turn: i16,
    /// The learner's message.
    pub user_message_id: Uuid,
    /// What the learner said.
    pub user_content: String,
    /// The counterpart's reply.
    pub assistant_message_id: Option<Uuid>,
    /// What the counterpart said.
    pub assistant_content: Option<String>,
    /// What the analysis says of the learner's message.
    pub feedback: Option<HistoryFeedback>,
}

/// What the analysis says of a message.
#[answer]
#[derive(Deserialize)]
pub struct HistoryFeedback {
    /// 0 to 100.
    pub overall_score: Option<i16>,
    /// How harmful the message is likely to be.
    pub risk_level: Option<RiskLevel>,
    /// The four parts of Nonviolent Communication; null if what is stored cannot be read any more.
    #[serde(deserialize_with = "readable")]
    pub ofnr: Option<Ofnr>,
    /// A better way to say it.
    pub next_best_sentence: Option<String>,
}

/// An analysis that cannot be read hides itself, not the whole history.
fn readable<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Ofnr>, D::Error> {
    let stored = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(stored).ok())
}

/// The history of the caller's session; 404 otherwise.
pub async fn get(tx: &Tx, user: &User, session_id: Uuid) -> Result<History> {
    let found = tx
        .find(
            "select s.id as session_id, s.state, s.current_turn, s.target_turns, s.created_at, s.ended_at,
                    jsonb_build_object('scene_id', c.id, 'title', c.title, 'goal', c.goal, 'context', c.context,
                                       'template_id', c.template_id) as scene,
                    coalesce((
                        select jsonb_agg(jsonb_build_object(
                            'turn', t.turn_no, 'user_message_id', t.id, 'user_content', t.user_content,
                            'assistant_message_id', t.assistant_message_id,
                            'assistant_content', t.assistant_content,
                            'feedback', case when t.completed_at is not null then jsonb_build_object(
                                'overall_score', t.overall_score, 'risk_level', t.risk_level, 'ofnr', t.ofnr,
                                'next_best_sentence', t.next_best_sentence) end) order by t.turn_no)
                        from practice.turns t where t.session_id = s.id), '[]') as turns,
                    (select jsonb_build_object(
                         'summary_id', m.id, 'opening_line', m.opening_line, 'request_line', m.request_line,
                         'fallback_line', coalesce(m.fallback_line, ''), 'risk_triggers', m.risk_triggers,
                         'created_at', m.created_at)
                     from practice.summaries m where m.session_id = s.id) as summary,
                    (select jsonb_build_object(
                         'reflection_id', r.id, 'used_in_real_world', r.used_in_real_world,
                         'outcome_score', r.outcome_score, 'blocker_code', r.blocker_code,
                         'blocker_note', r.blocker_note, 'created_at', r.created_at)
                     from practice.reflections r where r.session_id = s.id) as reflection
             from practice.sessions s join practice.scenes c on c.id = s.scene_id
             where s.id = $1 and s.user_id = $2",
            &[&session_id, &user.id],
        )
        .await?;
    found.ok_or_else(|| not_found("session not found"))
}
