//! The action card of a session: how to open the real talk, what to ask for, and what to fall back on.

use shared::identity;
use shared::prelude::*;

use crate::analysis::{self, Language};
use crate::card;

/// An action card.
#[row]
#[derive(Deserialize)]
pub struct Summary {
    /// Its id.
    pub summary_id: Uuid,
    /// The first words of the talk.
    pub opening_line: String,
    /// What to ask for.
    pub request_line: String,
    /// What to say if now is not the time; may be empty.
    pub fallback_line: String,
    /// Harmful patterns of the last message.
    pub risk_triggers: Vec<String>,
    /// When the card was first made.
    pub created_at: Time,
}

/// Changes of a card; absent fields stay as they are.
#[input]
pub struct SummaryPatch {
    /// The first words of the talk.
    pub opening_line: Change<Text<1, 1000>>,
    /// What to ask for.
    pub request_line: Change<Text<1, 1000>>,
    /// What to say if now is not the time; may be empty.
    pub fallback_line: Change<Text<0, 1000>>,
}

/// A card as its owner edits it.
#[row]
pub struct EditedSummary {
    /// The card.
    #[flatten]
    pub summary: Summary,
    /// True: an edited card is not made anew when new feedback exists.
    pub edited_by_user: bool,
    /// When it was last changed.
    pub updated_at: Time,
}

/// The last answered turn of a session, from which a card is made.
#[derive(FromRow)]
pub struct LastTurn {
    /// Number of the turn.
    pub turn_no: i16,
    user_content: String,
    next_best_sentence: String,
}

/// The last answered turn of the caller's session, if there is one.
pub async fn find_last_turn(tx: &Tx, user: &User, session_id: Uuid) -> Result<Option<LastTurn>> {
    tx.find(
        "select turn_no, user_content, next_best_sentence from practice.turns
         where session_id = $1 and user_id = $2 and completed_at is not null
         order by turn_no desc limit 1",
        &[&session_id, &user.id],
    )
    .await
}

/// Makes the card, or makes it anew if `last` is newer than what it was made from and the person has not edited it;
/// otherwise it stays as it is. None if another call makes it at this moment: then there is one to [`get`].
pub async fn upsert(
    tx: &Tx,
    user: &User,
    session_id: Uuid,
    last: &LastTurn,
    preferences: &identity::Preferences,
) -> Result<Option<Summary>> {
    let language = Language::of(&preferences.locale);
    let text = card::compose(&last.next_best_sentence, language);
    tx.find(
            "with made as (
                 insert into practice.summaries as s (id, session_id, user_id, turn_no, opening_line, request_line,
                                                      fallback_line, risk_triggers)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)
                 on conflict (session_id) do update set
                     turn_no = excluded.turn_no, opening_line = excluded.opening_line,
                     request_line = excluded.request_line, fallback_line = excluded.fallback_line,
                     risk_triggers = excluded.risk_triggers, updated_at = now()
                 where s.turn_no < excluded.turn_no and not s.edited_by_user
                 returning *
             ), card as (
                 select * from made
                 union all
                 select * from practice.summaries
                 where session_id = $2 and user_id = $3 and not exists (select from made)
             )
             select id as summary_id, opening_line, request_line, coalesce(fallback_line, '') as fallback_line,
                    risk_triggers, created_at
             from card",
            &[
                &Uuid::now_v7(),
                &session_id,
                &user.id,
                &last.turn_no,
                &text.opening_line,
                &text.request_line,
                &text.fallback_line,
                &analysis::analyse(&last.user_content, language).risk_triggers,
            ],
        )
        .await
}

/// The card of the caller's session; 404 if there is none.
pub async fn get(tx: &Tx, user: &User, session_id: Uuid) -> Result<Summary> {
    let found = tx
        .find(
            "select id as summary_id, opening_line, request_line, coalesce(fallback_line, '') as fallback_line,
                    risk_triggers, created_at
             from practice.summaries where session_id = $1 and user_id = $2",
            &[&session_id, &user.id],
        )
        .await?;
    found.ok_or_else(|| not_found("summary not found"))
}

/// Changes the card of the caller's session and marks it as edited; none if there is no card.
pub async fn update(
    tx: &Tx,
    user: &User,
    session_id: Uuid,
    patch: &SummaryPatch,
) -> Result<Option<EditedSummary>> {
    tx.find(
        "update practice.summaries set
             opening_line = coalesce($3, opening_line),
             request_line = coalesce($4, request_line),
             fallback_line = coalesce($5, fallback_line),
             edited_by_user = true,
             updated_at = now()
         where session_id = $1 and user_id = $2
         returning id as summary_id, opening_line, request_line, coalesce(fallback_line, '') as fallback_line,
                   risk_triggers, created_at, edited_by_user, updated_at",
        &[
            &session_id,
            &user.id,
            &patch.opening_line.as_set().map(Text::as_str),
            &patch.request_line.as_set().map(Text::as_str),
            &patch.fallback_line.as_set().map(Text::as_str),
        ],
    )
    .await
}
