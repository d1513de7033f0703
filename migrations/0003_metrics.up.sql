-- What the request log says, folded by the job `record-metrics`, so that metrics are durable and the same everywhere.

-- Batches that were folded: CloudWatch delivers at least once.
create table platform.log_batches (
    id text primary key,
    created_at timestamptz not null default now()
);
create index log_batches_created_at on platform.log_batches (created_at);

-- Counters since ever, by route and status. A route is a path template of ours, so the table stays small.
create table platform.request_counts (
    method text not null,
    route text not null,
    function text not null,
    status_code smallint not null,
    requests bigint not null,
    slow_requests bigint not null,
    cold_starts bigint not null,
    ai_calls bigint not null,
    latency_ms_sum double precision not null,
    latency_ms_max double precision not null,
    ai_ms_sum double precision not null,
    db_ms_sum double precision not null,
    -- Requests whose latency is at most the bound of the same place in `platform::metrics::LATENCY_BOUNDS_MS`; not cumulative.
    latency_buckets bigint[] not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (method, route, status_code)
);

-- The newest server errors, as many as the setting keeps.
create table platform.recent_errors (
    id text primary key,
    occurred_at timestamptz not null,
    request_id text not null,
    method text not null,
    path text not null,
    route text not null,
    status_code smallint not null,
    latency_ms double precision not null
);
create index recent_errors_newest on platform.recent_errors (occurred_at desc, id desc);

-- Operations alone: no person's data stands here, and no person may read it.
grant select, insert, delete on platform.log_batches to service;
grant select, insert, update on platform.request_counts to service;
grant select, insert, delete on platform.recent_errors to service;
