-- What models cost, how much of it each person may spend in a day, and whether their providers are there.

-- Every call of a model. It is put down before it is made, so that one whose function died is on record too.
create table platform.model_calls (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    -- What it was for, as `<domain>.<what>`, and who was asked.
    feature text not null check (feature ~ '^[a-z]+\.[a-z_]+$' and length(feature) <= 60),
    provider text not null check (length(provider) between 1 and 255),
    model text not null check (length(model) <= 200),
    request_id text not null check (length(request_id) <= 128),
    -- The day of the person, whose budget it is of, and what was put aside for it, in millionths of a dollar.
    day date not null,
    reserved_micros bigint not null check (reserved_micros >= 0),
    called_at timestamptz not null default clock_timestamp(),
    -- Null until it is over; for ever if its function died, and then what was put aside is spent.
    outcome text check (outcome in ('answered', 'failed', 'stopped')),
    error text check (length(error) <= 100),
    latency_ms integer check (latency_ms >= 0),
    attempts smallint check (attempts >= 0),
    tokens_in integer check (tokens_in >= 0),
    tokens_out integer check (tokens_out >= 0),
    cost_micros bigint check (cost_micros >= 0),
    check ((outcome is null) = (cost_micros is null))
);
create index model_calls_person on platform.model_calls (user_id, day);
create index model_calls_expiry on platform.model_calls (called_at);
comment on table platform.model_calls is 'Each time that a language model was asked for you, and what it cost.';

-- What a person has spent on a day of theirs, what is put aside included.
create table platform.budgets (
    user_id uuid not null references identity.users (id) on delete cascade,
    day date not null,
    spent_micros bigint not null check (spent_micros >= 0),
    primary key (user_id, day)
);
create index budgets_expiry on platform.budgets (day);
comment on table platform.budgets is 'What language models cost for you, by day.';

-- All calls ever, for the metrics. Several rows for each kind, so that calls at the same time do not wait for each other.
create table platform.model_totals (
    feature text not null,
    model text not null,
    outcome text not null,
    shard smallint not null check (shard between 0 and 7),
    calls bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_micros bigint not null,
    latency_ms bigint not null,
    primary key (feature, model, outcome, shard)
);

-- Whether a provider is to be asked. Without a row it is.
create table platform.circuit_breakers (
    name text primary key check (length(name) between 1 and 255),
    -- Faults in a row while it is closed.
    failures integer not null default 0 check (failures >= 0),
    last_failure_at timestamptz,
    -- Since when nobody asks; null while it is closed. After so many seconds one call is let through, to see.
    opened_at timestamptz,
    recovery_seconds integer not null default 30 check (recovery_seconds between 1 and 600),
    probe uuid,
    probe_until timestamptz,
    check ((probe is null) = (probe_until is null)),
    check (probe is null or opened_at is not null)
);

do $$
declare
    name text;
begin
    foreach name in array array['model_calls', 'budgets', 'model_totals'] loop
        execute format('alter table platform.%I enable row level security', name);
        execute format('alter table platform.%I force row level security', name);
        execute format('create policy every_row on platform.%I to praxis_service, praxis_definer using (true) with check (true)', name);
        execute format('grant select, insert, update, delete on platform.%I to praxis_service', name);
        execute format('grant select, insert, update on platform.%I to praxis_definer', name);
    end loop;
    foreach name in array array['model_calls', 'budgets'] loop
        execute format($policy$create policy own_rows on platform.%I for select to praxis_request
            using (user_id = (select identity.request_user_id()))$policy$, name);
        execute format('grant select on platform.%I to praxis_request', name);
    end loop;
end
$$;
-- Whether a provider is there is nobody's own, and everybody's to see.
grant select on platform.circuit_breakers to praxis_request;
grant select, insert, update, delete on platform.circuit_breakers to praxis_service;
grant select, insert, update on platform.circuit_breakers to praxis_definer;
-- For the metrics, whose routes are of those who operate the product.
create policy counted on platform.model_totals for select to praxis_account using (true);
grant select on platform.model_totals to praxis_account;
grant execute on function identity.time_zone_links(), identity.known_time_zone(text), identity.start_of_day(date, text)
    to praxis_definer;

-- Whether a call may be made, and if so puts its cost aside and puts it down. `verdict`: `pass`, `breaker_open`,
-- `budget_spent`; `wait` is in seconds. A transaction of a person's own may only ask for them.
create function platform.admit_call(person uuid, call uuid, wanted_feature text, wanted_provider text, wanted_model text,
                                    request text, reserve bigint, daily_limit bigint, probe_seconds float8)
    returns table (verdict text, wait float8)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    breaker platform.circuit_breakers;
    zone pg_catalog.text;
    today pg_catalog.date;
    moment pg_catalog.timestamptz := clock_timestamp();
    is_probe pg_catalog.bool := false;
begin
    if current_setting('role') <> 'praxis_service' and person is distinct from identity.request_user_id() then
        raise exception 'not their budget' using errcode = 'insufficient_privilege';
    end if;

    select * into breaker from platform.circuit_breakers where name = wanted_provider;
    for attempt in 1..2 loop
        exit when breaker.opened_at is null;
        -- While it is open everybody is told so by what they read. Only who becomes the one call that sees whether the provider is
        -- back, or finds that such a call was never heard of again, takes the row, and looks once more.
        if greatest(breaker.opened_at + breaker.recovery_seconds * '1 second'::pg_catalog.interval, breaker.probe_until) > moment then
            return query select 'breaker_open', extract(epoch from greatest(
                breaker.opened_at + breaker.recovery_seconds * '1 second'::pg_catalog.interval, breaker.probe_until) - moment)
                ::pg_catalog.float8;
            return;
        elsif attempt = 1 then
            select * into breaker from platform.circuit_breakers where name = wanted_provider for update;
            moment := clock_timestamp();
            if breaker.probe_until <= moment then
                update platform.circuit_breakers
                set opened_at = breaker.probe_until, recovery_seconds = least(breaker.recovery_seconds * 2, 600),
                    probe = null, probe_until = null
                where name = wanted_provider
                returning * into breaker;
            end if;
        else
            is_probe := true;
        end if;
    end loop;

    zone := identity.known_time_zone(coalesce((select timezone from identity.users where id = person), 'UTC'));
    today := (moment at time zone zone)::pg_catalog.date;
    if reserve <= daily_limit then
        insert into platform.budgets as budget (user_id, day, spent_micros) values (person, today, reserve)
        on conflict (user_id, day) do update set spent_micros = budget.spent_micros + reserve
            where budget.spent_micros + reserve <= daily_limit;
    end if;
    if reserve > daily_limit or not found then
        return query select 'budget_spent',
                            extract(epoch from identity.start_of_day(today + 1, zone) - moment)::pg_catalog.float8;
        return;
    end if;

    if is_probe then
        update platform.circuit_breakers
        set probe = call, probe_until = moment + probe_seconds * '1 second'::pg_catalog.interval
        where name = wanted_provider;
    end if;
    insert into platform.model_calls (id, user_id, feature, provider, model, request_id, day, reserved_micros)
    values (call, person, wanted_feature, wanted_provider, wanted_model, request, today, reserve);
    return query select 'pass', 0::pg_catalog.float8;
end
$$;

-- What became of a call: what it did cost takes the place of what was put aside, and the provider's breaker hears of it.
-- `is_fault`: whether it failed by the provider's fault; null where nothing is known of that. Once for each call.
create function platform.settle_call(call uuid, ended text, reason text, milliseconds integer, tries smallint,
                                     read_tokens integer, written_tokens integer, cost bigint, is_fault boolean)
    returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    made platform.model_calls;
    moment constant pg_catalog.timestamptz := clock_timestamp();
begin
    update platform.model_calls
    set outcome = ended, error = left(reason, 100), latency_ms = milliseconds, attempts = tries, tokens_in = read_tokens,
        tokens_out = written_tokens, cost_micros = cost
    where id = call and outcome is null
      and (current_setting('role') = 'praxis_service' or user_id = identity.request_user_id())
    returning * into made;
    if not found then
        return;
    end if;
    -- The breaker before the budget, as calls are admitted: else two would wait for each other.
    if is_fault then
        -- While it is open, only the call that was let through counts: late failures of others do not keep it open.
        insert into platform.circuit_breakers as breaker (name, failures, last_failure_at) values (made.provider, 1, moment)
        on conflict (name) do update
        set failures = case when breaker.opened_at is null then breaker.failures + 1 else breaker.failures end,
            last_failure_at = moment,
            opened_at = case when breaker.probe = call or breaker.opened_at is null and breaker.failures + 1 >= 5
                             then moment else breaker.opened_at end,
            recovery_seconds = case when breaker.probe = call then least(breaker.recovery_seconds * 2, 600)
                                    when breaker.opened_at is null then 30 else breaker.recovery_seconds end,
            probe = case when breaker.probe = call then null else breaker.probe end,
            probe_until = case when breaker.probe = call then null else breaker.probe_until end
        where breaker.opened_at is null or breaker.probe = call;
    elsif is_fault is null then
        update platform.circuit_breakers set probe = null, probe_until = null where name = made.provider and probe = call;
    elsif exists (select from platform.circuit_breakers
                  where name = made.provider and (opened_at is null and failures > 0 or probe = call)) then
        update platform.circuit_breakers
        set failures = 0, opened_at = null, recovery_seconds = 30, probe = null, probe_until = null
        where name = made.provider and (opened_at is null and failures > 0 or probe = call);
    end if;

    update platform.budgets set spent_micros = greatest(0, spent_micros + cost - made.reserved_micros)
    where user_id = made.user_id and day = made.day;
    insert into platform.model_totals as total
        (feature, model, outcome, shard, calls, tokens_in, tokens_out, cost_micros, latency_ms)
    values (made.feature, made.model, ended, abs(hashtext(call::pg_catalog.text) % 8), 1, coalesce(read_tokens, 0),
            coalesce(written_tokens, 0), cost, milliseconds)
    on conflict (feature, model, outcome, shard) do update
    set calls = total.calls + 1, tokens_in = total.tokens_in + excluded.tokens_in,
        tokens_out = total.tokens_out + excluded.tokens_out, cost_micros = total.cost_micros + excluded.cost_micros,
        latency_ms = total.latency_ms + excluded.latency_ms;
end
$$;
-- Lets a provider be asked at once, for an admin; whether there is such a breaker.
create function platform.reset_breaker(wanted text) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if not identity.request_has_role('admin') then
        raise exception 'not an admin' using errcode = 'insufficient_privilege';
    end if;
    update platform.circuit_breakers
    set failures = 0, opened_at = null, recovery_seconds = 30, probe = null, probe_until = null
    where name = wanted;
    return found;
end
$$;
revoke execute on function platform.reset_breaker(text), platform.admit_call(uuid, uuid, text, text, text, text, bigint, bigint, float8),
    platform.settle_call(uuid, text, text, integer, smallint, integer, integer, bigint, boolean) from public;
grant execute on function platform.reset_breaker(text) to praxis_request;
grant execute on function platform.admit_call(uuid, uuid, text, text, text, text, bigint, bigint, float8),
    platform.settle_call(uuid, text, text, integer, smallint, integer, integer, bigint, boolean)
    to praxis_request, praxis_service;
grant create on schema platform to praxis_definer;
alter function platform.reset_breaker(text) owner to praxis_definer;
alter function platform.admit_call(uuid, uuid, text, text, text, text, bigint, bigint, float8) owner to praxis_definer;
alter function platform.settle_call(uuid, text, text, integer, smallint, integer, integer, bigint, boolean) owner to praxis_definer;
revoke create on schema platform from praxis_definer;

-- A message that was rephrased once is given in the same words again, in the same style.
alter table practice.rewrites add column kept_as text;
-- As the owner, whom the policies hold as well: nobody else may change them.
alter table practice.rewrites no force row level security;
update practice.rewrites set kept_as = rewrite_style
where id in (select distinct on (turn_id, rewrite_style) id from practice.rewrites
             order by turn_id, rewrite_style, accepted desc, created_at desc);
alter table practice.rewrites force row level security;
alter table practice.rewrites add constraint rewrites_kept unique (turn_id, kept_as);
grant update (kept_as) on practice.rewrites to praxis_request;
