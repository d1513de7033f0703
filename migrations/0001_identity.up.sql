-- Who calls: the roles of requests and of jobs, the caller's id, and the people.

-- Roles belong to the whole server, so another database of it may have made them already.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['authenticated', 'service'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null; -- another database made it a moment ago
            end;
        end if;
        begin
            -- Without inheritance: policies for these roles must not open a row to a connection that took neither.
            execute format('grant %I to current_user', wanted)
                || case when current_setting('server_version_num')::int >= 160000 then ' with inherit false, set true' else '' end;
        exception when insufficient_privilege then
            null; -- somebody else's role: whoever made it has to grant it
        end;
    end loop;
end
$$;

-- Jobs and operations read which migrations are applied, for the readiness check.
grant usage on schema platform to service;
grant select on platform.migrations to service;

create schema identity;
grant usage on schema identity to authenticated, service;

-- The caller's id, as the request put it: `request.jwt.claim.sub`, else `sub` of the JSON `request.jwt.claims`.
-- What is blank or no UUID is nobody, never an error, so that a policy on it shows no row.
create function identity.request_user_id() returns uuid
    language plpgsql stable
    set search_path = ''
as $$
declare
    subject text := btrim(current_setting('request.jwt.claim.sub', true));
begin
    if coalesce(subject, '') = '' then
        begin
            subject := btrim(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub');
        exception when others then
            return null;
        end;
    end if;
    if subject ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
        return subject::uuid;
    end if;
    return null;
end
$$;
revoke execute on function identity.request_user_id() from public;
grant execute on function identity.request_user_id() to authenticated, service;

-- Whether the server knows the time zone by exactly this IANA name. Only writes of a person's zone ask.
create function identity.is_time_zone(name text) returns boolean
    language sql stable
    set search_path = ''
as $$
    select name = 'UTC' or exists (select from pg_catalog.pg_timezone_names as zone where zone.name = is_time_zone.name)
$$;
revoke execute on function identity.is_time_zone(text) from public;
grant execute on function identity.is_time_zone(text) to authenticated, service;

create table identity.users (
    id uuid primary key,
    -- Not unique: two accounts of an identity provider may carry one address, and neither is to be refused.
    email text,
    display_name text check (length(display_name) <= 120),
    -- BCP 47.
    locale text not null default 'zh-CN'
        constraint users_locale_check check (locale ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$' and length(locale) <= 35),
    -- IANA.
    timezone text not null default 'UTC' constraint users_timezone_check check (identity.is_time_zone(timezone)),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

alter table identity.users enable row level security;
alter table identity.users force row level security;

create policy own_row on identity.users to authenticated
    using (id = (select identity.request_user_id()))
    with check (id = (select identity.request_user_id()));
create policy every_row on identity.users to service using (true) with check (true);

grant select, insert on identity.users to authenticated;
grant update (email, display_name, locale, timezone, updated_at) on identity.users to authenticated;
grant select, insert, update, delete on identity.users to service;

-- Answers kept for repeated `Idempotency-Key`s, in the transaction of what they answer.
create table identity.idempotency_keys (
    user_id uuid not null references identity.users (id) on delete cascade,
    route text not null,
    key text not null check (length(key) between 1 and 255),
    request_hash text not null,
    status smallint,
    body jsonb,
    created_at timestamptz not null default now(),
    primary key (user_id, route, key)
);
create index idempotency_keys_created_at on identity.idempotency_keys (created_at);

alter table identity.idempotency_keys enable row level security;
alter table identity.idempotency_keys force row level security;

create policy own_rows on identity.idempotency_keys to authenticated
    using (user_id = (select identity.request_user_id()))
    with check (user_id = (select identity.request_user_id()));
create policy every_row on identity.idempotency_keys to service using (true) with check (true);

grant select, insert, update on identity.idempotency_keys to authenticated;
grant select, delete on identity.idempotency_keys to service;
