//! Adding to the counters, and deleting what has had its time.

use shared::prelude::*;
use tokio_postgres::types::Json as Jsonb;

use crate::request_log::Batch;

/// How many server errors are kept; how many of them are shown is a setting.
pub(super) const ERRORS_KEPT: i64 = 1000;

/// Two prunings at once would only wait for each other. The key is "prune" in ASCII.
const PRUNE_LOCK: i64 = 0x70_7275_6e65;

/// Adds a batch of log lines to the counters, once however often the batch comes; false if it was there already.
pub async fn record(tx: &Tx, batch: &Batch) -> Result<bool> {
    #[derive(FromRow)]
    struct Recorded {
        is_new: bool,
    }
    // Rows are taken in the order of their key, so that two batches at once wait for each other and never in a circle.
    let recorded: Recorded = tx
        .one(
            "with batch as (
                 insert into platform.log_batches (id) values ($1) on conflict (id) do nothing returning id
             ), counted as (
                 insert into platform.request_counts as known (
                     method, route, function, status_code, requests, slow_requests, cold_starts, ai_calls,
                     latency_ms_sum, latency_ms_max, ai_ms_sum, db_ms_sum, latency_buckets, first_seen_at,
                     last_seen_at)
                 select method, route, function, status_code, requests, slow_requests, cold_starts, ai_calls,
                        latency_ms_sum, latency_ms_max, ai_ms_sum, db_ms_sum, latency_buckets, first_seen_at,
                        last_seen_at
                 from jsonb_to_recordset($2) as more (
                     method text, route text, function text, status_code smallint, requests bigint,
                     slow_requests bigint, cold_starts bigint, ai_calls bigint, latency_ms_sum double precision,
                     latency_ms_max double precision, ai_ms_sum double precision, db_ms_sum double precision,
                     latency_buckets bigint[], first_seen_at timestamptz, last_seen_at timestamptz)
                 where exists (select from batch)
                 order by method, route, status_code
                 on conflict (method, route, status_code) do update set
                     function = excluded.function,
                     requests = known.requests + excluded.requests,
                     slow_requests = known.slow_requests + excluded.slow_requests,
                     cold_starts = known.cold_starts + excluded.cold_starts,
                     ai_calls = known.ai_calls + excluded.ai_calls,
                     latency_ms_sum = known.latency_ms_sum + excluded.latency_ms_sum,
                     latency_ms_max = greatest(known.latency_ms_max, excluded.latency_ms_max),
                     ai_ms_sum = known.ai_ms_sum + excluded.ai_ms_sum,
                     db_ms_sum = known.db_ms_sum + excluded.db_ms_sum,
                     latency_buckets = (
                         select array_agg(coalesce(old, 0) + coalesce(new, 0) order by place)
                         from unnest(known.latency_buckets, excluded.latency_buckets)
                              with ordinality as bucket (old, new, place)),
                     first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
                     last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
             ), failed as (
                 insert into platform.recent_errors (
                     id, occurred_at, request_id, method, path, route, status_code, latency_ms)
                 select id, occurred_at, request_id, method, path, route, status_code, latency_ms
                 from jsonb_to_recordset($3) as error (
                     id text, occurred_at timestamptz, request_id text, method text, path text, route text,
                     status_code smallint, latency_ms double precision)
                 where exists (select from batch)
                 order by id
                 on conflict (id) do nothing
             )
             select exists (select from batch) as is_new",
            &[&batch.id, &Jsonb(&batch.counts), &Jsonb(&batch.errors)],
        )
        .await?;
    Ok(recorded.is_new)
}

/// Deletes what has had its time: old errors, the names of old batches, and answers kept for repeated requests.
/// CloudWatch repeats a delivery for hours and a client a request for a day; a week is beyond both.
pub async fn prune(tx: &Tx) -> Result<()> {
    tx.execute(
        "with turn as materialized (
             select pg_try_advisory_xact_lock($1) as is_mine
         ), batches as (
             delete from platform.log_batches
             where created_at < now() - interval '7 days' and (select is_mine from turn)
         ), keys as (
             delete from identity.idempotency_keys
             where created_at < now() - interval '7 days' and (select is_mine from turn)
         ), errors as (
             delete from platform.recent_errors
             where (select is_mine from turn)
               and (occurred_at, id) <= (
                   select occurred_at, id from platform.recent_errors order by occurred_at desc, id desc
                   limit 1 offset $2)
         )
         select is_mine from turn",
        &[&PRUNE_LOCK, &ERRORS_KEPT],
    )
    .await?;
    Ok(())
}
