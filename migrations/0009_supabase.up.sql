-- People of Supabase: who is in `auth.users` is in `identity.users` too, from sign-up to deletion.
--
-- A trigger on `auth.users` runs as whoever writes there (`supabase_auth_admin`), who has no right here, and row-level
-- security is forced on `identity.users` even for its owner. So what it calls is SECURITY DEFINER and belongs to role
-- `service`, which the policies let see every row and as which nobody can sign in. (`set role` is refused in such a
-- function, and a policy for the owner would open every row to every connection of the application.)
--
-- The migrating role needs USAGE on schema `auth`, SELECT and TRIGGER on `auth.users`, and BYPASSRLS where that table
-- has row-level security: `postgres` of a Supabase project has them all. Without them this migration changes nothing
-- but warns, and `select identity.mirror_supabase()` says what is missing.

-- The same stand-ins and limits as for a person who comes with a token before the mirror does.
create function identity.supabase_email(id uuid, email text) returns text
    language sql immutable
    set search_path = ''
as $$
    select case when email ~ '\S' and octet_length(email) <= 320 and email !~ '[[:cntrl:]]' then lower(btrim(email))
                else id || '@local.user' end
$$;

create function identity.supabase_name(metadata jsonb) returns text
    language sql immutable
    set search_path = ''
as $$
    select coalesce(nullif(btrim(left(btrim(regexp_replace(text, '[[:cntrl:]]', '', 'g')), 120)), ''), 'User')
    from (select case jsonb_typeof(metadata -> 'full_name') when 'string' then metadata ->> 'full_name' end) as name (text)
$$;

-- Whether the person was not here yet. A name that is here stays; the address follows, unless the person signs in here
-- with one of their own.
create function identity.mirror_supabase_user(person uuid, person_email text, metadata jsonb) returns boolean
    language plpgsql security definer
    set search_path = ''
as $$
begin
    -- Who was erased here stays erased, although their account at Supabase is still there.
    insert into identity.users (id, email, display_name)
    select person, identity.supabase_email(person, person_email), identity.supabase_name(metadata)
    where not exists (select from identity.audit_log
                      where action = 'user.erased' and entity_type = 'user' and entity_id = person::text)
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
$$;

create function identity.mirror_supabase_change() returns trigger
    language plpgsql security definer
    set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        perform identity.mirror_supabase_user(new.id, new.email, new.raw_user_meta_data);
    elsif tg_op = 'UPDATE' then
        update identity.users
        set email = case when exists (select from identity.emails where user_id = new.id) then email
                         else identity.supabase_email(new.id, new.email) end,
            -- What the person calls themselves here counts: only a name that is still the mirrored one follows.
            display_name = case when display_name = identity.supabase_name(old.raw_user_meta_data)
                                then identity.supabase_name(new.raw_user_meta_data) else display_name end,
            updated_at = now()
        where id = new.id;
    else
        delete from identity.users where id = old.id;
        if found then
            insert into identity.audit_log (id, action, entity_type, entity_id, payload)
            values (gen_random_uuid(), 'user.erased', 'user', old.id, '{"because": "supabase"}');
        end if;
    end if;
    return null;
end
$$;

-- Mirrors from now on, and what is there already. Null without an `auth.users` of Supabase, else how many people are
-- new here. Repeating it does no harm; run it as the migrating role when Supabase comes later, or to catch up.
create function identity.mirror_supabase() returns bigint
    language plpgsql
    set search_path = ''
as $$
declare
    people oid := (select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                   where n.nspname = 'auth' and c.relname = 'users' and c.relkind in ('r', 'p')
                     and exists (select from pg_catalog.pg_attribute a
                                 where a.attrelid = c.oid and a.attname = 'raw_user_meta_data'));
    added bigint;
begin
    if people is null then
        return null;
    end if;
    if not (has_schema_privilege('auth', 'usage') and has_table_privilege(people, 'select')
            and has_table_privilege(people, 'trigger')) then
        raise exception 'Supabase is not mirrored: % lacks rights on auth.users', current_user
            using errcode = 'insufficient_privilege',
                  hint = format('grant usage on schema auth to %1$I; grant select, trigger on auth.users to %1$I',
                                current_user);
    end if;
    if row_security_active(people) then
        raise exception 'Supabase is not mirrored: row-level security hides auth.users from %', current_user
            using errcode = 'insufficient_privilege', hint = format('alter role %I bypassrls', current_user);
    end if;
    -- The trigger first: it holds writers off until both are done.
    create or replace trigger praxis_mirror
        after insert or delete or update of email, raw_user_meta_data on auth.users
        for each row execute function identity.mirror_supabase_change();
    select count(*) filter (where identity.mirror_supabase_user(id, email, raw_user_meta_data)) into added
    from auth.users;
    return added;
end
$$;

revoke execute on function identity.supabase_email(uuid, text), identity.supabase_name(jsonb),
    identity.mirror_supabase_user(uuid, text, jsonb), identity.mirror_supabase_change(), identity.mirror_supabase()
    from public;
grant execute on function identity.supabase_email(uuid, text), identity.supabase_name(jsonb) to service;

-- A new owner must be allowed to create in the schema, for that moment only. The migrating role keeps the right to call
-- both functions: the one to catch up, the other to put the trigger up.
grant create on schema identity to service;
do $$
declare
    migrating name := current_user;
begin
    alter function identity.mirror_supabase_user(uuid, text, jsonb) owner to service;
    alter function identity.mirror_supabase_change() owner to service;
    set local role service;
    execute format('grant execute on function identity.mirror_supabase_user(uuid, text, jsonb),
                    identity.mirror_supabase_change() to %I', migrating);
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema identity from service;

do $$
begin
    perform identity.mirror_supabase();
exception when insufficient_privilege then
    raise warning '%', sqlerrm;
end
$$;
