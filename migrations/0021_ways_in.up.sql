-- Ways into an account, what each of them opens, and what outlives an account.

-- A way in has an id of its own: people see and remove it by that, and a sign-in says which one made it.
alter table identity.external_accounts
    add id uuid not null default gen_random_uuid() constraint external_accounts_id_key unique;

-- `authenticated_at` is when the person of a sign-in last proved who they are, later than `created_at` after a
-- re-authentication; `method` says how. A second factor would add when it was last given, beside it.
alter table identity.sign_ins
    add external_account_id uuid references identity.external_accounts (id) on delete set null,
    add authenticated_at timestamptz;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_service;
    update identity.sign_ins set authenticated_at = created_at;
    execute format('set local role %I', migrating);
end
$$;
alter table identity.sign_ins
    alter authenticated_at set default now(),
    alter authenticated_at set not null;
create index sign_ins_external_account on identity.sign_ins (external_account_id) where external_account_id is not null;

-- A person sees that there is a password and since when, never its hash.
create policy own_row on identity.passwords for select to praxis_request
    using (user_id = (select identity.request_user_id()));
grant select (user_id, updated_at) on identity.passwords to praxis_request;

-- What a mailbox's reader is told of who registered with it: the names of a browser and a system, or nothing.
alter table identity.emails add registered_with text check (length(registered_with) between 1 and 64);

-- Mails that wait for the reader of an address go when the account loses the address.
grant delete on platform.outbox to praxis_account;

-- A link that proved an address answers the same again until it expires, so what is used is kept.
alter table identity.mail_tokens add used_at timestamptz;

-- An attempt of somebody who is signed in and adds an account elsewhere to theirs.
alter table identity.oidc_attempts
    add user_id uuid references identity.users (id) on delete cascade,
    add sign_in_id uuid references identity.sign_ins (id) on delete cascade,
    add check (sign_in_id is null or user_id is not null);
create index oidc_attempts_user on identity.oidc_attempts (user_id) where user_id is not null;
create index oidc_attempts_sign_in on identity.oidc_attempts (sign_in_id) where sign_in_id is not null;
comment on table identity.oidc_attempts is 'Accounts elsewhere that are being added to yours at this moment.';
insert into identity.export_exclusions (table_name, column_name, reason) values
    ('identity.oidc_attempts', '', 'secrets of a sign-in that is under way, for ten minutes');

-- Who was erased: an id and nothing else of the person. A token from before opens nothing, and a ban outlives its account.
create table identity.erased_people (
    id uuid primary key,
    erased_at timestamptz not null default clock_timestamp(),
    was_deactivated boolean not null
);
alter table identity.erased_people enable row level security;
alter table identity.erased_people force row level security;
create policy own_row on identity.erased_people for select to praxis_request
    using (id = (select identity.request_user_id()));
create policy every_row on identity.erased_people to praxis_service, praxis_definer using (true) with check (true);
grant select on identity.erased_people to praxis_request;
grant select, insert, update on identity.erased_people to praxis_service, praxis_definer;

create function identity.remember_erased() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    insert into identity.erased_people (id, was_deactivated) values (old.id, old.deactivated_at is not null)
    on conflict (id) do update
        set erased_at = excluded.erased_at, was_deactivated = erased_people.was_deactivated or excluded.was_deactivated;
    return null;
end
$$;
revoke execute on function identity.remember_erased() from public;
create trigger remember_erased after delete on identity.users
    for each row execute function identity.remember_erased();

-- Those of before, as far as the log knows.
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_service;
    insert into identity.erased_people (id, erased_at, was_deactivated)
    select act.entity_id::uuid, max(act.occurred_at),
           coalesce((select state.action = 'user.deactivated' from identity.audit_log as state
                     where state.entity_type = 'user' and state.entity_id = act.entity_id
                       and state.action in ('user.deactivated', 'user.reactivated')
                     order by state.occurred_at desc limit 1), false)
    from identity.audit_log as act
    where act.action = 'user.erased' and act.entity_type = 'user'
    group by act.entity_id;
    execute format('set local role %I', migrating);
end
$$;

-- The claims of a request, and whether its person may act at all. It opens every transaction of a request, so that a
-- deactivation, the end of a sign-in and an erasure count at once, also for access tokens that are still valid. `issued`
-- is when the caller's token was made: one from before an erasure is of somebody who is no more.
drop function identity.open_request(uuid, uuid);
create function identity.open_request(subject uuid, sign_in uuid, issued timestamptz default null) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    erased identity.erased_people;
begin
    perform set_config('praxis.user_id', subject::pg_catalog.text, true);
    if exists (select from identity.users where id = subject and deactivated_at is not null) then
        raise exception 'the account is deactivated' using errcode = 'PX403';
    end if;
    select * into erased from identity.erased_people where id = subject;
    if erased.was_deactivated then
        raise exception 'the account is deactivated' using errcode = 'PX403';
    end if;
    if erased.erased_at >= issued
        or sign_in is not null
        and not exists (select from identity.sign_ins where id = sign_in and revoked_at is null) then
        raise exception 'the sign-in has ended' using errcode = 'PX401';
    end if;
end
$$;
revoke execute on function identity.open_request(uuid, uuid, timestamptz) from public;
grant execute on function identity.open_request(uuid, uuid, timestamptz) to praxis_request;

-- Somebody must be able to let people in, also after a deletion. One that follows from a deletion elsewhere (the mirror of
-- Supabase) cannot be refused: it warns, and `create-admin` makes the next one.
create function identity.keep_an_admin_on_delete() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtext('identity.keep_an_admin'));
    if not exists (select from identity.users
                   where 'admin' = any (roles) and deactivated_at is null and deletion_requested_at is null) then
        if pg_trigger_depth() > 1 then
            raise warning 'nobody is an admin any more: run create-admin';
        else
            raise exception 'the last admin stays' using errcode = 'check_violation', constraint = 'users_last_admin';
        end if;
    end if;
    return null;
end
$$;
revoke execute on function identity.keep_an_admin_on_delete() from public;
create trigger keep_an_admin_on_delete after delete on identity.users
    for each row
    when ('admin' = any (old.roles) and old.deactivated_at is null and old.deletion_requested_at is null)
    execute function identity.keep_an_admin_on_delete();

-- Nobody becomes an admin behind an address that anybody may have registered. Whose address another provider knows has none
-- here. Counts as role `praxis_service`, which sees every address.
create function identity.admins_are_proven() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from identity.emails where user_id = new.id and verified_at is null) then
        raise exception 'the address of an admin is proven' using errcode = 'check_violation', constraint = 'users_admin_is_proven';
    end if;
    return null;
end
$$;
revoke execute on function identity.admins_are_proven() from public;
create trigger admins_are_proven after update of roles on identity.users
    for each row when ('admin' = any (new.roles) and not 'admin' = any (old.roles))
    execute function identity.admins_are_proven();

-- What a request is told of a browser's session says when its person last proved who they are.
drop function identity.find_session(bytea, bigint);
create function identity.find_session(secret bytea, idle_minutes bigint)
    returns table (id uuid, user_id uuid, email text, display_name text, authenticated_at timestamptz, is_deactivated boolean)
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with sign_in as (
        select id, user_id, authenticated_at, last_used_at
        from identity.sign_ins
        where secret_hash = find_session.secret and revoked_at is null and idle_expires_at > now() and expires_at > now()
    ), used as (
        update identity.sign_ins
        set last_used_at = now(),
            idle_expires_at = least(now() + idle_minutes * '1 minute'::pg_catalog.interval, sign_ins.expires_at)
        from sign_in
        where sign_ins.id = sign_in.id and sign_in.last_used_at < now() - '1 minute'::pg_catalog.interval
    )
    select sign_in.id, sign_in.user_id, users.email, users.display_name, sign_in.authenticated_at,
           users.deactivated_at is not null
    from sign_in join identity.users on users.id = sign_in.user_id
$$;
revoke execute on function identity.find_session(bytea, bigint) from public;
grant execute on function identity.find_session(bytea, bigint) to praxis_request;

-- Who was erased here stays erased by what is kept of them, and not by the log, which is none to decide by.
grant create on schema identity to praxis_definer;
alter function identity.find_session(bytea, bigint) owner to praxis_definer;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    create or replace function identity.mirror_supabase_user(person uuid, person_email text, metadata jsonb) returns boolean
        language plpgsql security definer
        set search_path = pg_catalog, pg_temp
    as $body$
    begin
        insert into identity.users (id, email, display_name)
        select person, identity.supabase_email(person, person_email), identity.supabase_name(metadata)
        where not exists (select from identity.erased_people where id = person)
        on conflict (id) do nothing;
        if found then
            insert into identity.audit_log (id, action, entity_type, entity_id, payload)
            values (gen_random_uuid(), 'user.registered', 'user', person, '{"because": "supabase"}');
            return true;
        end if;
        update identity.users
        set email = identity.supabase_email(person, person_email), updated_at = now()
        where id = person
          and email is distinct from identity.supabase_email(person, person_email)
          and not exists (select from identity.emails where user_id = person);
        return false;
    end
    $body$;
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema identity from praxis_definer;
