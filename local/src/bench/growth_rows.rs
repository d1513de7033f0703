//! The rows of practice that growth is measured on, made by the server itself.

use anyhow::{Context, Result};

use super::database::Database;

/// The person whose routes are called, with so many rows of their own among all.
pub(super) struct Person {
    /// How many.
    pub(super) own: usize,
}

impl Person {
    /// Their id.
    pub(super) fn id(&self) -> String {
        format!("a0000000-0000-7000-8000-{:012}", self.own)
    }

    /// A session of theirs from the middle of their practice.
    ///
    /// # Errors
    /// When they have none.
    pub(super) async fn session(&self, database: &Database) -> Result<String> {
        let rows = database
            .superuser()
            .await?
            .query(
                "select id::text from practice.sessions where user_id = $1::text::uuid
                 order by created_at limit 1 offset $2",
                &[&self.id(), &i64::try_from(self.own / 2)?],
            )
            .await?;
        Ok(rows.first().context("no session")?.try_get(0)?)
    }
}

/// Fills an empty database with `sessions` sessions over two years, a tenth of them active, one turn each, cards on a third
/// and reflections on a quarter of them. `person` has their own spread evenly among them; the others have a hundred each.
///
/// # Errors
/// When the server refuses.
pub(super) async fn fill(database: &Database, sessions: usize, person: &Person) -> Result<()> {
    let (id, own) = (person.id(), person.own);
    // All sessions may be the person's.
    let every = (sessions / own).max(1);
    let people = (sessions / 100).max(1);
    let script = format!(
        "-- Rows that refer to each other by construction need no check of each.
         set session_replication_role = replica;
         insert into identity.users (id, email, display_name, locale, timezone)
         select ('b0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'x@mock.local', 'X', 'en', 'UTC'
         from generate_series(0, {people} - 1) n
         union all select '{id}', 'x@mock.local', 'X', 'en', 'UTC';

         insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, context,
                                      power_dynamic)
         select id, id, 'Late hand-over', 'PEER_FEEDBACK', 'PEER', 'TENSE', 'Agree on a date',
                'Twice this month the draft came two days after the agreed date, and I was told only when I asked.',
                'PEER_LEVEL'
         from identity.users;

         create temporary table made as
         select n, uuidv7(at - now()) as id, at,
                case when is_own then '{id}'::uuid
                     else ('b0000000-0000-7000-8000-' || lpad((n::bigint * 7919 % {people})::text, 12, '0'))::uuid end
                    as user_id,
                -- Counts each person's sessions, whatever else is in the database: the person has the same rows in all.
                case when is_own then n / {every} else n + n / {people} end as nth
         from generate_series(0, {sessions} - 1) n,
              lateral (select now() - interval '730 days' * (1 - (n + 1)::double precision / {sessions}) as at,
                              n % {every} = 0 and n / {every} < {own} as is_own) t;

         insert into practice.sessions (id, user_id, scene_id, state, target_turns, current_turn, last_user_message,
                                        last_assistant_message, last_overall_score, last_risk_level, created_at, ended_at)
         select id, user_id, user_id, case when nth % 10 = 0 then 'ACTIVE' else 'ABANDONED' end, 5, 1,
                'You always deliver late, and I only hear of it on the day.',
                'I did not know it hit you that hard. What would have helped you?', 50, 'MEDIUM', at,
                case when nth % 10 <> 0 then at end
         from made order by n;

         insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until,
                                     assistant_message_id, assistant_content, overall_score, risk_level, ofnr,
                                     next_best_sentence, source, created_at, completed_at)
         select uuidv7(at - now()), id, user_id, 1, gen_random_uuid(),
                'You always deliver late, and I only hear of it on the day.', at, gen_random_uuid(),
                'I did not know it hit you that hard. What would have helped you?', 50, 'MEDIUM',
                '{{\"observation\": {{\"status\": \"MISSING\", \"reason\": \"No facts.\", \"suggestion\": \"Say when.\"}},
                  \"feeling\": {{\"status\": \"MISSING\", \"reason\": \"None named.\", \"suggestion\": \"Name it.\"}},
                  \"need\": {{\"status\": \"MISSING\", \"reason\": \"Not said.\", \"suggestion\": \"Say it.\"}},
                  \"request\": {{\"status\": \"MISSING\", \"reason\": \"None.\", \"suggestion\": \"Ask.\"}}}}',
                'I noticed that there were several delays lately.', 'rules', at, at
         from made order by n;

         insert into practice.summaries (id, session_id, user_id, turn_no, opening_line, request_line, created_at)
         select uuidv7(at - now()), id, user_id, 1, 'I noticed delays.', 'Would you agree on a date?', at
         from made where nth % 3 = 0 order by n;

         insert into practice.reflections (id, session_id, user_id, used_in_real_world, outcome_score, created_at)
         select uuidv7(at - now()), id, user_id, true, 4, at from made where nth % 4 = 0 order by n;

         insert into practice.weekly_progress (user_id, week_start, timezone, practice_count, summary_count,
                                               real_world_used_count, avg_outcome_score)
         select u.id, date_trunc('week', now() at time zone 'UTC')::date - 7 * ago, 'UTC', 1, 1, 1, 4
         from generate_series(1, 12) ago, identity.users u order by ago;
         drop table made"
    );
    let superuser = database.superuser().await?;
    superuser.batch_execute(&script).await.context("cannot fill the database")?;
    // As a server in use does by itself: without it no index alone could tell which rows there are.
    superuser.batch_execute("vacuum (analyze)").await.context("cannot vacuum the database")
}
