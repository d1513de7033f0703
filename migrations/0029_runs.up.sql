-- Answers that are written while they are read. Nobody tells a function that its reader has left, so what is written is kept
-- as it is written, and whoever comes back reads on from where they were.

create table platform.runs (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    -- What is written, as `<domain>.<thing>`, and which of them: a person has one run of it.
    kind text not null check (kind ~ '^[a-z]+\.[a-z_]+$' and length(kind) <= 60),
    subject uuid not null,
    -- How often it was begun. What an earlier attempt wrote is void.
    attempt integer not null default 1 check (attempt >= 1),
    state text not null default 'writing' check (state in ('writing', 'finished', 'stopped', 'partial')),
    -- Who writes, and until when they may be silent; later somebody else may take the run over.
    claim uuid not null,
    claimed_until timestamptz not null,
    stop_requested_at timestamptz,
    -- Events of this attempt that are kept.
    events integer not null default 0 check (events >= 0),
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint runs_subject unique (user_id, kind, subject),
    unique (id, user_id),
    check ((state = 'writing') = (finished_at is null))
);
create index runs_expiry on platform.runs (started_at);

-- What was written, a row for each time that the writer had something to keep.
create table platform.run_events (
    run_id uuid not null,
    attempt integer not null,
    -- The number of the first event of the row, from 1.
    first integer not null check (first >= 1),
    user_id uuid not null,
    names text[] not null check (cardinality(names) between 1 and 1000),
    -- Of each event its line of JSON.
    data text[] not null check (cardinality(data) = cardinality(names)),
    primary key (run_id, attempt, first),
    foreign key (run_id, user_id) references platform.runs (id, user_id) on delete cascade
);

comment on table platform.runs is 'Answers of the last days that were written while you read them.';
comment on table platform.run_events is 'The words of those answers, as they were sent.';
insert into identity.export_exclusions (table_name, column_name, reason)
values ('platform.runs', 'claim', 'which program was writing');

do $$
declare
    name text;
begin
    foreach name in array array['runs', 'run_events'] loop
        execute format('alter table platform.%I enable row level security', name);
        execute format('alter table platform.%I force row level security', name);
        execute format('create policy every_row on platform.%I to praxis_service using (true) with check (true)', name);
        execute format('grant select, insert, update, delete on platform.%I to praxis_service', name);
        execute format($policy$create policy own_rows on platform.%I to praxis_request
            using (user_id = (select identity.request_user_id())) with check (user_id = (select identity.request_user_id()))
            $policy$, name);
    end loop;
end
$$;
grant select, insert (id, user_id, kind, subject, claim, claimed_until) on platform.runs to praxis_request;
grant update (attempt, state, claim, claimed_until, stop_requested_at, events, finished_at) on platform.runs to praxis_request;
grant select, insert, delete, update (names, data) on platform.run_events to praxis_request;

-- Whether somebody writes it now.
create function platform.is_written(kind text, subject uuid) returns boolean
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    select exists (select from platform.runs
                   where runs.kind = is_written.kind and runs.subject = is_written.subject and state = 'writing'
                     and claimed_until > clock_timestamp())
$$;
revoke execute on function platform.is_written(text, uuid) from public;
grant execute on function platform.is_written(text, uuid) to praxis_request;
