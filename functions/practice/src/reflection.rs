//! How it went in real life; at most one per session.

use shared::prelude::*;

text_enum! {
    /// What got in the way.
    pub enum Blocker {
        NoChance = "NO_CHANCE",
        EmotionSpike = "EMOTION_SPIKE",
        PowerGap = "POWER_GAP",
        WordingIssue = "WORDING_ISSUE",
        Other = "OTHER",
    }
}

/// What a learner reports.
#[input]
pub struct NewReflection {
    /// The session that prepared the talk.
    pub session_id: Uuid,
    /// Whether the talk took place.
    pub used_in_real_world: Flag,
    /// How it went, 1 to 5.
    pub outcome_score: Option<Int<1, 5>>,
    /// What got in the way.
    pub blocker_code: Option<Blocker>,
    /// More on that; may be empty.
    pub blocker_note: Option<Text<0, 500>>,
}

/// A reflection just stored.
#[row]
pub struct ReflectionCreated {
    /// Its id.
    pub reflection_id: Uuid,
    /// When it was stored.
    pub created_at: Time,
}

/// A reflection as the history shows it.
#[answer]
#[derive(Deserialize)]
pub struct Reflection {
    /// Its id.
    pub reflection_id: Uuid,
    /// Whether the talk took place.
    pub used_in_real_world: bool,
    /// How it went, 1 to 5.
    pub outcome_score: Option<i16>,
    /// What got in the way.
    pub blocker_code: Option<Blocker>,
    /// More on that.
    pub blocker_note: Option<String>,
    /// When it was stored.
    pub created_at: Time,
}

/// Stores the reflection on a session of the caller; 409 if there is one already.
pub async fn insert(tx: &Tx, user: &User, new: &NewReflection) -> Result<ReflectionCreated> {
    let outcome_score = new.outcome_score.map(|score| i16::try_from(score.get())).transpose()?;
    tx.one(
        "insert into practice.reflections (id, session_id, user_id, used_in_real_world, outcome_score, blocker_code,
                                           blocker_note)
         values ($1, $2, $3, $4, $5, $6, $7)
         returning id as reflection_id, created_at",
        &[
            &Uuid::now_v7(),
            &new.session_id,
            &user.id,
            &new.used_in_real_world,
            &outcome_score,
            &new.blocker_code,
            &new.blocker_note.as_ref().map(Text::as_str),
        ],
    )
    .await
    .on_constraint("reflections_session_id_key", || conflict("reflection already exists for this session"))
}
