//! One run of practice on a scene: five to eight turns, then it is complete.

use shared::prelude::*;

use crate::analysis::RiskLevel;

text_enum! {
    /// Where a session is in its life. Only an active one takes messages.
    pub enum SessionState {
        Active = "ACTIVE",
        Completed = "COMPLETED",
        Abandoned = "ABANDONED",
    }
}

/// A session as a list shows it.
#[row]
pub struct Session {
    /// Its id.
    pub session_id: Uuid,
    /// The scene that it practises.
    pub scene_id: Uuid,
    /// The scene's title.
    pub scene_title: String,
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
    /// What the learner said in the last answered turn.
    pub last_user_message: Option<String>,
    /// What the counterpart replied.
    pub last_assistant_message: Option<String>,
    /// The score of that turn, 0 to 100.
    pub last_overall_score: Option<i16>,
    /// The risk of that turn.
    pub last_risk_level: Option<RiskLevel>,
    /// Whether there is an action card.
    pub has_summary: bool,
    /// Whether there is a reflection.
    pub has_reflection: bool,
}

/// What a session is started with.
#[input]
pub struct NewSession {
    /// The scene to practise.
    pub scene_id: Uuid,
    /// After how many turns the session is complete.
    pub target_turns: Int<5, 8>,
}

/// A session just started.
#[row]
pub struct SessionStarted {
    /// Its id.
    pub session_id: Uuid,
    /// ACTIVE.
    pub state: SessionState,
    /// 0.
    pub current_turn: i16,
    /// When it was started.
    pub created_at: Time,
}

/// The session of a path.
#[input]
pub struct SessionPath {
    /// The session's id.
    pub session_id: Uuid,
}

/// Which sessions a list shows; all filters must hold.
#[input]
pub struct SessionFilter {
    /// Only those in one state.
    pub state: Option<SessionState>,
    /// Only those with this text, in any case, in the scene's title, goal or context or in the last turn. Blank is no
    /// filter.
    pub keyword: Option<Keyword>,
    /// Only those started on this day or later, in the caller's time zone.
    pub created_from: Option<Day>,
    /// Only those started on this day or earlier, in the caller's time zone.
    pub created_to: Option<Day>,
}

/// Starts a session on a scene of the same person. 409 for the one too many.
pub async fn insert(tx: &Tx, user: &User, new: &NewSession) -> Result<SessionStarted> {
    let target_turns = i16::try_from(new.target_turns.get())?;
    tx.one(
        "insert into practice.sessions (id, user_id, scene_id, target_turns) values ($1, $2, $3, $4)
         returning id as session_id, state, current_turn, created_at",
        &[&Uuid::now_v7(), &user.id, &new.scene_id, &target_turns],
    )
    .await
    .on_constraint("sessions_quota", || conflict("you have 5000 sessions, which is as many as there may be"))
}

/// The caller's session; 404 otherwise.
pub async fn get(tx: &Tx, user: &User, session_id: Uuid) -> Result<Session> {
    let found = tx
        .find(
            "select s.id as session_id, s.scene_id, c.title as scene_title, s.state, s.current_turn, s.target_turns,
                    s.created_at, s.ended_at, s.last_user_message, s.last_assistant_message, s.last_overall_score,
                    s.last_risk_level,
                    exists (select from practice.summaries m where m.session_id = s.id) as has_summary,
                    exists (select from practice.reflections r where r.session_id = s.id) as has_reflection
             from practice.sessions s join practice.scenes c on c.id = s.scene_id
             where s.id = $1 and s.user_id = $2",
            &[&session_id, &user.id],
        )
        .await?;
    found.ok_or_else(|| not_found("session not found"))
}

/// 404 unless the session is the caller's.
pub async fn must_exist(tx: &Tx, user: &User, session_id: Uuid) -> Result<()> {
    let sql = "select from practice.sessions where id = $1 and user_id = $2";
    match tx.execute(sql, &[&session_id, &user.id]).await? {
        0 => Err(not_found("session not found")),
        _ => Ok(()),
    }
}

/// A page of the caller's sessions with the number of all that match.
pub async fn list(tx: &Tx, user: &User, filter: &SessionFilter, paging: Paging) -> Result<Page<Session>> {
    let pattern = filter.keyword.as_ref().and_then(Keyword::pattern);
    let (total, items) = tx
        .page(
            "session_id",
            "with zone as materialized (
                 select identity.known_time_zone(
                     coalesce((select timezone from identity.users where id = $1), 'UTC')) as name
             ), matching as (
                 select s.id, s.created_at from practice.sessions s
                 where s.user_id = $1
                   and ($2::text is null or s.state = $2)
                   and ($3::date is null
                        or s.created_at >= identity.start_of_day($3::date, (select name from zone)))
                   and ($4::date is null
                        or s.created_at < identity.start_of_day($4::date + 1, (select name from zone)))
                   and ($5::text is null
                        or s.last_user_message ilike $5 or s.last_assistant_message ilike $5
                        or exists (select from practice.scenes c
                                   where c.id = s.scene_id
                                     and (c.title ilike $5 or c.goal ilike $5 or c.context ilike $5)))
             ), counted as (
                 select count(*) as total from matching
             ), page as (
                 select id from matching order by created_at desc, id desc limit $6 offset $7
             ), items as (
                 -- `offset 0` keeps the planner from joining in another order: what row-level security leaves of a table is
                 -- estimated at an average person's rows, and whoever has many would have all of theirs read for ten.
                 select item.*
                 from page cross join lateral (
                     select s.id as session_id, s.scene_id,
                            (select c.title from practice.scenes c where c.id = s.scene_id) as scene_title, s.state,
                            s.current_turn, s.target_turns, s.created_at, s.ended_at, s.last_user_message,
                            s.last_assistant_message, s.last_overall_score, s.last_risk_level,
                            exists (select from practice.summaries m where m.session_id = s.id) as has_summary,
                            exists (select from practice.reflections r where r.session_id = s.id) as has_reflection
                     from practice.sessions s where s.id = page.id offset 0
                 ) item
             )
             select * from counted left join items on true
             order by created_at desc, session_id desc",
            &[
                &user.id,
                &filter.state,
                &filter.created_from,
                &filter.created_to,
                &pattern,
                &paging.limit,
                &paging.offset,
            ],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Ends the caller's active session without completing it. 404 if it is not theirs, 409 if it is complete; abandoning
/// it again changes nothing.
pub async fn abandon(tx: &Tx, user: &User, session_id: Uuid) -> Result<()> {
    let abandoned = tx
        .execute(
            "update practice.sessions
             set state = 'ABANDONED', ended_at = coalesce(ended_at, now())
             where id = $1 and user_id = $2 and state <> 'COMPLETED'",
            &[&session_id, &user.id],
        )
        .await?;
    if abandoned == 0 {
        must_exist(tx, user, session_id).await?;
        return Err(conflict("session is completed"));
    }
    Ok(())
}

impl SessionState {
    /// 409 unless the session takes messages.
    pub fn must_be_active(self) -> Result<()> {
        match self {
            SessionState::Active => Ok(()),
            SessionState::Completed => Err(conflict("session is completed")),
            SessionState::Abandoned => Err(conflict("session is abandoned")),
        }
    }
}

impl SessionFilter {
    /// 400 if the range of days is the wrong way round.
    pub fn must_be_a_range(&self) -> Result<()> {
        match (self.created_from, self.created_to) {
            (Some(from), Some(to)) if from > to => {
                let sentence = "created_from must be less than or equal to created_to";
                Err(invalid_field("/created_from", "range", sentence))
            }
            _ => Ok(()),
        }
    }
}

/// A text to look for, 1 to 80 characters.
#[derive(Debug, Clone)]
pub struct Keyword(String);

impl Keyword {
    /// What `ilike` looks for: the trimmed text itself, its `%`, `_` and `\` being only themselves. None for a blank one.
    pub fn pattern(&self) -> Option<String> {
        let text = self.0.trim();
        if text.is_empty() {
            return None;
        }
        Some(format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")))
    }
}

impl Deserr<Problems> for Keyword {
    fn deserialize_from_value<V: shared::deserr::IntoValue>(
        value: shared::deserr::Value<V>,
        location: shared::deserr::ValuePointerRef<'_>,
    ) -> Result<Keyword, Problems> {
        // A blank keyword is no filter, so it is not refused as other blank texts are.
        if let shared::deserr::Value::String(text) = &value
            && !text.is_empty()
            && text.chars().count() <= 80
            && !text.contains('\0')
            && shared::value::is_blank(text)
        {
            return Ok(Keyword(String::new()));
        }
        Text::<1, 80>::deserialize_from_value(value, location).map(|text| Keyword(text.as_str().to_owned()))
    }
}

impl JsonSchema for Keyword {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Keyword".into()
    }
    fn json_schema(_: &mut shared::schemars::SchemaGenerator) -> shared::schemars::Schema {
        shared::schemars::json_schema!({
            "type": "string", "minLength": 1, "maxLength": 80, "pattern": r"^[^\u0000]*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Keyword;

    #[test]
    fn pattern_characters_are_literal() {
        assert_eq!(Keyword(" 50%_a\\ ".into()).pattern().as_deref(), Some("%50\\%\\_a\\\\%"));
        assert_eq!(Keyword("  ".into()).pattern(), None);
    }
}
