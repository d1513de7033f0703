//! What language models cost a person, by day, and what is left of the day's budget.

use shared::ai;
use shared::prelude::*;

/// Which days are asked for.
#[input]
pub struct UsageFilter {
    /// So many days, up to today.
    #[default]
    pub days: Int<1, 90, 30>,
}

/// What models cost the caller.
#[answer]
pub struct OwnUsage {
    /// What may be spent in a day.
    pub budget: Budget,
    /// The days on which a model was asked, the newest first.
    pub days: Vec<DayUsage>,
}

/// The budget of the caller's day.
#[answer]
pub struct Budget {
    /// What may be spent in a day, in millionths of a dollar.
    pub daily_micros: i64,
    /// What is spent today, what is put aside for calls under way included.
    pub spent_micros: i64,
    /// When the next day begins, in the caller's time zone.
    pub frees_at: Time,
}

/// A day on which a model was asked.
#[row]
pub struct DayUsage {
    /// The day, in the caller's time zone.
    pub day: Day,
    /// How many calls were made.
    pub calls: i64,
    /// How many of them gave an answer.
    pub answered: i64,
    /// Tokens that the models read, as far as their providers tell.
    pub tokens_in: i64,
    /// Tokens that the models wrote, as far as their providers tell.
    pub tokens_out: i64,
    /// What they cost, in millionths of a dollar; a call that was never heard of again with what was put aside for it.
    pub cost_micros: i64,
    /// The same by what they were for.
    #[json]
    pub features: Vec<FeatureUsage>,
}

/// What a feature cost on a day.
#[answer]
#[derive(Deserialize)]
pub struct FeatureUsage {
    /// What the calls were for: `<domain>.<what>`.
    pub feature: String,
    /// How many calls were made.
    pub calls: i64,
    /// What they cost, in millionths of a dollar.
    pub cost_micros: i64,
}

/// The caller's usage.
pub async fn of(tx: &Tx, user: &User, filter: &UsageFilter) -> Result<OwnUsage> {
    let (days, budget) = tokio::try_join!(biased; list_days(tx, user, filter.days.get()), budget(tx, user))?;
    Ok(OwnUsage { budget, days })
}

async fn list_days(tx: &Tx, user: &User, days: i64) -> Result<Vec<DayUsage>> {
    tx.list(
        "with features as (
             select day, feature, count(*) as calls, count(*) filter (where outcome <> 'failed') as answered,
                    coalesce(sum(tokens_in), 0) as tokens_in, coalesce(sum(tokens_out), 0) as tokens_out,
                    sum(coalesce(cost_micros, reserved_micros)) as cost_micros
             from platform.model_calls
             where user_id = $1
               and day > (now() at time zone identity.known_time_zone(
                              coalesce((select timezone from identity.users where id = $1), 'UTC')))::date - $2::integer
             group by day, feature
         )
         select day, sum(calls)::bigint as calls, sum(answered)::bigint as answered, sum(tokens_in)::bigint as tokens_in,
                sum(tokens_out)::bigint as tokens_out, sum(cost_micros)::bigint as cost_micros,
                jsonb_agg(jsonb_build_object('feature', feature, 'calls', calls, 'cost_micros', cost_micros)
                          order by cost_micros desc, feature) as features
         from features group by day order by day desc",
        &[&user.id, &i32::try_from(days)?],
    )
    .await
}

async fn budget(tx: &Tx, user: &User) -> Result<Budget> {
    #[derive(FromRow)]
    struct Today {
        spent_micros: i64,
        frees_at: Time,
    }
    let daily_micros = ai::daily_budget_micros().map_err(internal)?;
    let Today { spent_micros, frees_at } = tx
        .one(
            "with today as (
                 select zone, (now() at time zone zone)::date as day
                 from identity.known_time_zone(
                          coalesce((select timezone from identity.users where id = $1), 'UTC')) as zone
             )
             select coalesce((select spent_micros from platform.budgets
                              where user_id = $1 and budgets.day = today.day), 0) as spent_micros,
                    identity.start_of_day(today.day + 1, zone) as frees_at
             from today",
            &[&user.id],
        )
        .await?;
    Ok(Budget { daily_micros, spent_micros, frees_at })
}
