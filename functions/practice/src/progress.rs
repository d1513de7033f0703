//! A person's week in numbers: live for any week, stored for finished ones.

use shared::prelude::*;

/// One week of a person.
#[row]
pub struct Week {
    /// Its first day; midnight in the person's time zone.
    pub week_start: Day,
    /// Sessions started.
    pub practice_count: i64,
    /// Action cards made.
    pub summary_count: i64,
    /// Reflections on talks that took place.
    pub real_world_used_count: i64,
    /// Mean of the scores, 0 without any; not rounded.
    pub avg_outcome_score: f64,
}

/// Which week.
#[input]
pub struct WeekQuery {
    /// The first of seven days in the caller's time zone; any weekday.
    pub week_start: Day,
}

/// How many weeks back.
#[input]
pub struct WeeksQuery {
    /// The current week and so many before it that it is this many in all.
    #[default]
    pub weeks: Int<1, 104, 12>,
}

/// A person's last weeks.
#[answer]
pub struct ProgressHistory {
    /// The time zone whose Mondays these are.
    pub timezone: String,
    /// The newest first.
    pub items: Vec<HistoryWeek>,
}

/// A week of the history.
#[row]
pub struct HistoryWeek {
    /// The week's numbers.
    #[flatten]
    pub week: Week,
    /// Whether the week is still going on, so that its numbers are live.
    pub is_current: bool,
}

/// When the job ran for which week.
#[input]
pub struct WeeklyProgressInput {
    /// A Monday; without it, the last finished weeks.
    pub week_start: Option<Day>,
}

/// What the job did.
#[row]
pub struct WeeklyProgressStored {
    /// People with at least one stored week.
    pub people: i64,
    /// Finished weeks, stored now or as they are stored already.
    pub weeks: i64,
}

/// The numbers of the seven days from `week_start` on, in the caller's time zone.
pub async fn get_week(tx: &Tx, user: &User, week_start: Day) -> Result<Week> {
    tx.one(
        "with zone as materialized (
             select identity.known_time_zone(
                 coalesce((select timezone from identity.users where id = $1), 'UTC')) as name
         ), week as materialized (
             -- Materialized and read as scalars: under row-level security an index takes only bounds that are computed
             -- before it, since what computes them might tell of rows that the policy hides.
             select identity.start_of_day($2::date, name) as starts_at,
                    identity.start_of_day($2::date + 7, name) as ends_at
             from zone
         )
         select $2::date as week_start,
                (select count(*) from practice.sessions
                 where user_id = $1 and created_at >= (select starts_at from week)
                   and created_at < (select ends_at from week)) as practice_count,
                (select count(*) from practice.summaries
                 where user_id = $1 and created_at >= (select starts_at from week)
                   and created_at < (select ends_at from week)) as summary_count,
                count(*) filter (where used_in_real_world) as real_world_used_count,
                coalesce(avg(outcome_score)::double precision, 0) as avg_outcome_score
         from practice.reflections
         where user_id = $1 and created_at >= (select starts_at from week)
           and created_at < (select ends_at from week)",
        &[&user.id, &week_start],
    )
    .await
}

/// The caller's last weeks. A finished one is as it is stored, if that was in the zone in which the person is now; without
/// such a row it is counted live, as the current one is: that the job has not run is no week without practice.
pub async fn list_weeks(tx: &Tx, user: &User, weeks: i64) -> Result<ProgressHistory> {
    #[derive(FromRow)]
    struct Line {
        timezone: String,
        #[flatten]
        week: HistoryWeek,
    }
    let lines: Vec<Line> = tx
        .list(
            "with zone as materialized (
                 select identity.known_time_zone(
                     coalesce((select timezone from identity.users where id = $1), 'UTC')) as name
             ), weeks as materialized (
                 select ago, name as timezone, monday as week_start, identity.start_of_day(monday, name) as starts_at,
                        identity.start_of_day(monday + 7, name) as ends_at
                 from zone, generate_series(0, $2::bigint::integer - 1) as ago,
                      lateral (select date_trunc('week', now() at time zone name)::date - 7 * ago as monday) as week
             )
             select week.timezone, week.week_start, ago = 0 as is_current,
                    coalesce(stored.practice_count, (
                        select count(*) from practice.sessions
                        where user_id = $1 and created_at >= starts_at and created_at < ends_at)) as practice_count,
                    coalesce(stored.summary_count, (
                        select count(*) from practice.summaries
                        where user_id = $1 and created_at >= starts_at and created_at < ends_at)) as summary_count,
                    coalesce(stored.real_world_used_count, (
                        select count(*) from practice.reflections
                        where user_id = $1 and created_at >= starts_at and created_at < ends_at
                          and used_in_real_world)) as real_world_used_count,
                    coalesce(stored.avg_outcome_score, (
                        select avg(outcome_score)::double precision from practice.reflections
                        where user_id = $1 and created_at >= starts_at and created_at < ends_at), 0)
                        as avg_outcome_score
             from weeks as week
             left join practice.weekly_progress stored
                    on stored.user_id = $1 and stored.week_start = week.week_start
                       and stored.timezone = week.timezone and ago > 0
             order by ago",
            &[&user.id, &weeks],
        )
        .await?;
    Ok(ProgressHistory {
        timezone: lines.first().map_or_else(|| "UTC".to_owned(), |line| line.timezone.clone()),
        items: lines.into_iter().map(|line| line.week).collect(),
    })
}

/// Stores the finished weeks of everybody who was active in them: the week of `week_start`, or the last four. A week is
/// finished when it is over in the person's own time zone. Running it again stores the same, and writes only what changed.
/// What is stored and no longer so is counted anew: weeks of these that nothing falls into any more, and all, however old,
/// that were counted in a zone in which the person is no longer.
pub async fn store_finished_weeks(tx: &Tx, week_start: Option<Day>) -> Result<WeeklyProgressStored> {
    tx.one(
        "with wanted as (
             -- Four weeks back, so that a run that failed or came late is made up for.
             select coalesce($1::date, date_trunc('week', now() at time zone 'UTC')::date - 28) as first,
                    coalesce($1::date, date_trunc('week', now() at time zone 'UTC')::date) as last
         ), span as (
             -- Time zones reach from 12 hours behind UTC to 14 before it.
             select first::timestamp at time zone 'UTC' - interval '14 hours' as starts_at,
                    (last + 7)::timestamp at time zone 'UTC' + interval '12 hours' as ends_at
             from wanted
         ), people_zones as materialized (
             -- Once for each: a name that the server does not know is somebody's only, and one line in the log.
             select timezone, identity.known_time_zone(timezone) as name
             from (select distinct timezone from identity.users offset 0) stored
         ), zones as materialized (
             -- The moments that end finished weeks and begin the next, once for each time zone and not for each fact.
             select timezone, name, array_agg(identity.start_of_day(monday, name) order by monday) as mondays
             from people_zones, wanted,
                  lateral (select first + 7 * nth as monday
                           from generate_series(0, (last - first) / 7 + 1) nth) week
             where monday <= (now() at time zone name)::date
             group by timezone, name
         ), facts as (
             select user_id, created_at, 1 as practised, 0 as summed_up, 0 as used, null::smallint as score
             from practice.sessions, span where created_at >= starts_at and created_at < ends_at
             union all
             select user_id, created_at, 0, 1, 0, null
             from practice.summaries, span where created_at >= starts_at and created_at < ends_at
             union all
             select user_id, created_at, 0, 0, used_in_real_world::integer, outcome_score
             from practice.reflections, span where created_at >= starts_at and created_at < ends_at
         ), weeks as materialized (
             select f.user_id, z.name as timezone, width_bucket(f.created_at, z.mondays) as nth,
                    sum(practised) as practice_count, sum(summed_up) as summary_count,
                    sum(used) as real_world_used_count,
                    coalesce(avg(score)::double precision, 0) as avg_outcome_score
             from facts f join identity.users u on u.id = f.user_id join zones z on z.timezone = u.timezone
             where width_bucket(f.created_at, z.mondays) between 1 and cardinality(z.mondays) - 1
             group by 1, 2, 3
         ), stored as (
             insert into practice.weekly_progress as old (user_id, week_start, timezone, practice_count, summary_count,
                                                          real_world_used_count, avg_outcome_score)
             select user_id, first + 7 * (nth - 1), timezone, practice_count, summary_count, real_world_used_count,
                    avg_outcome_score
             from weeks, wanted
             order by user_id, nth
             on conflict (user_id, week_start) do update set
                 timezone = excluded.timezone, practice_count = excluded.practice_count,
                 summary_count = excluded.summary_count, real_world_used_count = excluded.real_world_used_count,
                 avg_outcome_score = excluded.avg_outcome_score, updated_at = now()
             -- Three of the last four weeks are as the runs before stored them.
             where (old.timezone, old.practice_count, old.summary_count, old.real_world_used_count,
                    old.avg_outcome_score)
                   is distinct from (excluded.timezone, excluded.practice_count, excluded.summary_count,
                                     excluded.real_world_used_count, excluded.avg_outcome_score)
         ), outdated as materialized (
             select old.user_id, old.week_start, z.name as timezone,
                    identity.start_of_day(old.week_start, z.name) as starts_at,
                    identity.start_of_day(old.week_start + 7, z.name) as ends_at
             from practice.weekly_progress old join identity.users u on u.id = old.user_id
                  join people_zones z on z.timezone = u.timezone, wanted
             where (old.timezone <> z.name or old.week_start between first and last)
               and not exists (select from weeks w
                               where w.user_id = old.user_id and first + 7 * (w.nth - 1) = old.week_start)
         ), recounted as materialized (
             select user_id, week_start, timezone,
                    (select count(*) from practice.sessions f
                     where f.user_id = o.user_id and created_at >= starts_at and created_at < ends_at) as practice_count,
                    (select count(*) from practice.summaries f
                     where f.user_id = o.user_id and created_at >= starts_at and created_at < ends_at) as summary_count,
                    (select count(*) from practice.reflections f
                     where f.user_id = o.user_id and created_at >= starts_at and created_at < ends_at
                       and used_in_real_world) as real_world_used_count,
                    coalesce((select avg(outcome_score)::double precision from practice.reflections f
                              where f.user_id = o.user_id and created_at >= starts_at and created_at < ends_at), 0)
                        as avg_outcome_score
             from outdated o
         ), corrected as (
             update practice.weekly_progress old
             set timezone = new.timezone, practice_count = new.practice_count, summary_count = new.summary_count,
                 real_world_used_count = new.real_world_used_count, avg_outcome_score = new.avg_outcome_score,
                 updated_at = now()
             from recounted new
             where old.user_id = new.user_id and old.week_start = new.week_start
               and (old.timezone, old.practice_count, old.summary_count, old.real_world_used_count,
                    old.avg_outcome_score)
                   is distinct from (new.timezone, new.practice_count, new.summary_count, new.real_world_used_count,
                                     new.avg_outcome_score)
         )
         select count(*) as people, coalesce(sum(of_person), 0)::bigint as weeks
         from (select count(*) as of_person from weeks group by user_id) person",
        &[&week_start],
    )
    .await
}

impl WeeklyProgressInput {
    /// 400 unless the week begins on a Monday.
    pub fn must_be_a_monday(&self) -> Result<()> {
        match self.week_start {
            Some(Day(date)) if date.weekday() != jiff::civil::Weekday::Monday => {
                Err(invalid_field("/week_start", "monday", "week_start must be a Monday"))
            }
            _ => Ok(()),
        }
    }
}
