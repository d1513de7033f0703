-- Work behind a request. The row is the queue: it is put in with what wants it, and a message to the worker's queue only says
-- that there is something to look for.

create table platform.jobs (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    -- `<domain>.<what is done>`: the domain's worker knows it, and nothing else does.
    kind text not null check (kind ~ '^[a-z]+\.[a-z_]+$' and length(kind) <= 60),
    -- What it works on: while one job is waiting or running, the same work asked for again is that job.
    subject uuid,
    parameters jsonb not null default '{}' check (jsonb_typeof(parameters) = 'object'),
    state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    -- Workers that began it, also those that died; when the next may begin.
    attempts smallint not null default 0 check (attempts >= 0),
    max_attempts smallint not null default 3 check (max_attempts between 1 and 20),
    run_after timestamptz not null default now(),
    -- Whose it is while it runs: every write of a worker holds only as long as its claim does.
    claim uuid,
    claimed_until timestamptz,
    cancel_requested_at timestamptz,
    -- How far it is, of how much, and what it is at.
    progress_current integer check (progress_current >= 0),
    progress_total integer check (progress_total >= 0),
    progress_at text check (length(progress_at) <= 200),
    result jsonb,
    -- Of the last failure: a word and a sentence, without content and without a trace.
    error_type text check (length(error_type) <= 60),
    error_message text check (length(error_message) <= 300),
    retry_of uuid references platform.jobs (id) on delete set null,
    queued_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    unique (id, user_id),
    check ((state in ('queued', 'running')) = (finished_at is null)),
    check ((state = 'running') = (claim is not null)),
    check ((claim is null) = (claimed_until is null))
);
create unique index jobs_one_active on platform.jobs (user_id, kind, subject) where state in ('queued', 'running');
-- One of a kind at a time for each person: nobody's many keep the others waiting.
create unique index jobs_one_running on platform.jobs (user_id, kind) where state = 'running';
create index jobs_due on platform.jobs (kind, run_after) where state = 'queued';
create index jobs_claims on platform.jobs (kind, claimed_until) where state = 'running';
create index jobs_person on platform.jobs (user_id, queued_at desc, id desc);
create index jobs_list on platform.jobs (queued_at desc, id desc);
create index jobs_retries on platform.jobs (retry_of) where retry_of is not null;
create index jobs_expiry on platform.jobs (finished_at) where finished_at is not null;

-- Parts of a job that are done: who begins it again goes on after them.
create table platform.job_steps (
    job_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    user_id uuid not null,
    result jsonb not null,
    finished_at timestamptz not null default clock_timestamp(),
    primary key (job_id, name),
    foreign key (job_id, user_id) references platform.jobs (id, user_id) on delete cascade
);

-- Jobs that failed for good and may be worth another try. What a person may mend themselves is not among them.
create table platform.dead_jobs (
    id uuid primary key,
    job_id uuid not null constraint dead_jobs_job unique,
    user_id uuid not null,
    failed_at timestamptz not null default clock_timestamp(),
    status text not null default 'pending' check (status in ('pending', 'retried', 'resolved', 'ignored')),
    resolved_at timestamptz,
    resolved_by uuid references identity.users (id) on delete set null,
    notes text check (length(notes) <= 1000),
    retried_as uuid references platform.jobs (id) on delete set null,
    foreign key (job_id, user_id) references platform.jobs (id, user_id) on delete cascade,
    check ((status = 'pending') = (resolved_at is null))
);
create index dead_jobs_person on platform.dead_jobs (user_id, failed_at desc, id desc);
create index dead_jobs_list on platform.dead_jobs (failed_at desc, id desc);
create index dead_jobs_resolved_by on platform.dead_jobs (resolved_by) where resolved_by is not null;
create index dead_jobs_retried_as on platform.dead_jobs (retried_as) where retried_as is not null;

comment on table platform.jobs is 'Work that was done for you in the background.';
comment on table platform.job_steps is 'The parts of that work.';
comment on table platform.dead_jobs is 'Work of yours that failed.';
insert into identity.export_sides values
    ('platform.dead_jobs', 'user_id', '{resolved_by}'),
    ('platform.dead_jobs', 'resolved_by', '{user_id,job_id,retried_as}');
insert into identity.export_exclusions (table_name, column_name, reason)
values ('platform.jobs', 'claim', 'which program was working');

-- How much may wait for one person.
create function platform.keep_jobs_within() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('platform.jobs ' || new.user_id, 0));
    -- The same work asked for again is no further job: the index says so.
    if exists (select from platform.jobs
               where user_id = new.user_id and kind = new.kind and subject = new.subject and state in ('queued', 'running')) then
        return new;
    end if;
    if exists (select from platform.jobs
               where user_id = new.user_id and state in ('queued', 'running') offset 99) then
        raise exception 'as many jobs wait for a person as may'
            using errcode = 'check_violation', constraint = 'jobs_quota';
    end if;
    return new;
end
$$;
revoke execute on function platform.keep_jobs_within() from public;
create trigger quota before insert on platform.jobs for each row execute function platform.keep_jobs_within();

do $$
declare
    name text;
begin
    foreach name in array array['jobs', 'job_steps', 'dead_jobs'] loop
        execute format('alter table platform.%I enable row level security', name);
        execute format('alter table platform.%I force row level security', name);
        execute format('create policy every_row on platform.%I to praxis_service, praxis_definer using (true) with check (true)', name);
        execute format('grant select, insert, update, delete on platform.%I to praxis_service', name);
        -- One's own, and everybody's for who runs the practice.
        execute format($policy$create policy own_rows on platform.%I to praxis_request
            using (user_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
            with check (user_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
            $policy$, name);
    end loop;
end
$$;
grant select, insert (id, user_id, kind, subject, parameters, run_after),
    update (state, cancel_requested_at, finished_at) on platform.jobs to praxis_request;
grant select on platform.job_steps to praxis_request;
grant select, update (status, resolved_at, resolved_by, notes) on platform.dead_jobs to praxis_request;
grant usage on schema platform to praxis_definer;
grant select, insert on platform.jobs to praxis_definer;
grant select, insert on platform.job_steps to praxis_definer;
grant select, update on platform.dead_jobs to praxis_definer;

-- Begins dead jobs anew, each once: a new job does what is left to do, or one that does the same already stands for it. Those of the
-- caller, and for an admin everybody's. A person for whom too much waits is passed over where many are asked for.
create function platform.retry_dead_jobs(dead uuid[]) returns table (dead_id uuid, job_id uuid, kind text)
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    one record;
    made uuid;
begin
    for one in
        select dead_jobs.id as dead_id, job.*
        from platform.dead_jobs join platform.jobs as job on job.id = dead_jobs.job_id
        where dead_jobs.id = any (dead) and dead_jobs.status = 'pending'
          and (dead_jobs.user_id = identity.request_user_id() or identity.request_has_role('admin'))
        -- Everybody takes the locks of people in one order.
        order by dead_jobs.user_id, dead_jobs.id
        for update of dead_jobs
    loop
        made := gen_random_uuid();
        begin
            insert into platform.jobs (id, user_id, kind, subject, parameters, max_attempts, retry_of)
            values (made, one.user_id, one.kind, one.subject, one.parameters, one.max_attempts, one.id)
            on conflict do nothing;
        exception when check_violation then
            if cardinality(dead) = 1 then
                raise;
            end if;
            continue;
        end;
        if exists (select from platform.jobs where id = made) then
            insert into platform.job_steps (job_id, name, user_id, result, finished_at)
            select made, name, user_id, result, finished_at from platform.job_steps where job_id = one.id;
        else
            made := (select id from platform.jobs
                     where user_id = one.user_id and kind = one.kind and subject = one.subject
                       and state in ('queued', 'running'));
            -- It came to its end in this moment: the next call finds the place free.
            continue when made is null;
        end if;
        update platform.dead_jobs
        set status = 'retried', resolved_at = clock_timestamp(), resolved_by = identity.request_user_id(), retried_as = made
        where id = one.dead_id;
        return query select one.dead_id, made, one.kind;
    end loop;
end
$$;
revoke execute on function platform.retry_dead_jobs(uuid[]) from public;
grant execute on function platform.retry_dead_jobs(uuid[]) to praxis_request;
grant create on schema platform to praxis_definer;
alter function platform.retry_dead_jobs(uuid[]) owner to praxis_definer;
revoke create on schema platform from praxis_definer;
