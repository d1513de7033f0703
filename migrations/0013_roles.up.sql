-- Roles of the product's own names, and functions that look nothing up in a session's own schema.
--
-- Roles belong to the whole server, and other systems have an `authenticated` too: Supabase's is every signed-in
-- browser. So requests run as `praxis_request` and jobs as `praxis_service`, and nothing here is granted to the roles of
-- before. These stay, because whether another system or another database of the server uses them cannot be seen from
-- here; they can do nothing with what is ours. Functions that run as their owner belong to `praxis_definer`, which nobody
-- signs in as and nobody who signs in takes.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['praxis_request', 'praxis_service', 'praxis_definer'] loop
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

-- Every policy and every grant within the schemas that are ours, by the catalog, so that none is forgotten.
do $$
declare
    ours constant oid[] := array['identity', 'practice', 'platform']::regnamespace[]::oid[];
    change text;
begin
    for change in
        with renamed (role, old_name, new_name) as (
            select pg_roles.oid, old_name, new_name
            from (values ('authenticated', 'praxis_request'), ('service', 'praxis_service')) as pair (old_name, new_name)
            join pg_roles on rolname = old_name
        ),
        relations as (
            select oid, relacl, case relkind when 'S' then 'sequence ' else 'table ' end || oid::regclass as thing
            from pg_class where relnamespace = any (ours) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        ),
        granted (thing, part, acl) as (
            select 'schema ' || oid::regnamespace, '', nspacl from pg_namespace where oid = any (ours)
            union all select thing, '', relacl from relations
            union all
            select thing, format(' (%I)', attname), attacl
            from relations join pg_attribute on attrelid = relations.oid where not attisdropped
            union all
            select 'routine ' || oid::regprocedure, '', proacl from pg_proc
            where pronamespace = any (ours) and proowner not in (select role from renamed)
        )
        select format('alter policy %I on %s to %s', polname, polrelid::regclass, (
                   select string_agg(case when member = 0 then 'public' else quote_ident(coalesce(new_name, rolname)) end, ', ')
                   from unnest(polroles) as member
                   left join renamed on role = member left join pg_roles on pg_roles.oid = member))
        from pg_policy join pg_class on pg_class.oid = polrelid
        where relnamespace = any (ours) and polroles && array(select role from renamed)
        union all
        select format('grant %s%s on %s to %I%s; revoke %1$s%2$s on %3$s from %6$I', privilege_type, part, thing, new_name,
                      case when is_grantable then ' with grant option' else '' end, old_name)
        from granted, aclexplode(acl) join renamed on role = grantee
    loop
        execute change;
    end loop;

    -- What the migrating role would give the roles of before on things that it makes later.
    for change in
        select distinct format('alter default privileges in schema %s revoke all on %s from %s',
                               defaclnamespace::regnamespace,
                               case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines'
                                                  when 'T' then 'types' end,
                               grantee::regrole)
        from pg_default_acl, aclexplode(defaclacl)
        where defaclnamespace = any (ours) and defaclrole = current_user::regrole and defaclobjtype in ('r', 'S', 'f', 'T')
          and grantee in (select oid from pg_roles where rolname in ('authenticated', 'service'))
    loop
        execute change;
    end loop;
end
$$;

-- The caller's id, as `open_request` put it. It is a setting of the product's own name: what another system in front of
-- the same database says of its callers, says nothing here. What is blank or no UUID is nobody, never an error, so that a
-- policy on it shows no row.
create or replace function identity.request_user_id() returns uuid
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    subject pg_catalog.text := btrim(current_setting('praxis.user_id', true));
begin
    if subject ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
        return subject::pg_catalog.uuid;
    end if;
    return null;
end
$$;

create or replace function identity.open_request(subject uuid, sign_in uuid) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('praxis.user_id', subject::pg_catalog.text, true);
    if exists (select from identity.users where id = subject and deactivated_at is not null) then
        raise exception 'the account is deactivated' using errcode = 'PX403';
    end if;
    if sign_in is not null
        and not exists (select from identity.sign_ins where id = sign_in and revoked_at is null) then
        raise exception 'the sign-in has ended' using errcode = 'PX401';
    end if;
end
$$;

-- The two functions of the mirror run as their owner, whoever writes `auth.users`. With `search_path = ''` a type of the
-- writer's own temporary schema would still be found before PostgreSQL's, and its check would run as the owner: so the
-- path names `pg_temp`, last ("Writing SECURITY DEFINER Functions Safely" in PostgreSQL's documentation). They are made
-- anew, because only their owner may change them, and the owner is a new one; with them goes the trigger.
do $$
declare
    had_trigger constant boolean := exists (select from pg_trigger where tgfoid = 'identity.mirror_supabase_change'::regproc);
begin
    perform set_config('praxis.had_mirror', had_trigger::text, true);
end
$$;
drop function identity.mirror_supabase_change() cascade;
drop function identity.mirror_supabase_user(uuid, text, jsonb);

-- Whether the person was not here yet. A name that is here stays; the address follows, unless the person signs in here
-- with one of their own.
create function identity.mirror_supabase_user(person uuid, person_email text, metadata jsonb) returns boolean
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- Who was erased here stays erased, although their account at Supabase is still there.
    insert into identity.users (id, email, display_name)
    select person, identity.supabase_email(person, person_email), identity.supabase_name(metadata)
    where not exists (select from identity.audit_log
                      where action = 'user.erased' and entity_type = 'user' and entity_id = person::pg_catalog.text)
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
    set search_path = pg_catalog, pg_temp
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

revoke execute on function identity.mirror_supabase_user(uuid, text, jsonb), identity.mirror_supabase_change(),
    identity.keep_an_admin() from public;

grant usage on schema identity to praxis_definer;
grant select, insert (id, email, display_name), update (email, display_name, updated_at), delete
    on identity.users to praxis_definer;
grant select on identity.emails to praxis_definer;
grant select, insert on identity.audit_log to praxis_definer;
alter policy every_row on identity.users to praxis_service, praxis_definer;
alter policy every_row on identity.emails to praxis_service, praxis_definer;
alter policy every_row on identity.audit_log to praxis_service, praxis_definer;
revoke execute on function identity.supabase_email(uuid, text), identity.supabase_name(jsonb) from praxis_service;
grant execute on function identity.supabase_email(uuid, text), identity.supabase_name(jsonb), identity.is_time_zone(text),
    identity.trigrams(text) to praxis_definer;

-- A new owner must be allowed to create in the schema, for that moment only. The migrating role keeps the right to call
-- both functions: the one to catch up, the other to put the trigger up.
grant create on schema identity to praxis_definer;
do $$
declare
    migrating name := current_user;
begin
    alter function identity.mirror_supabase_user(uuid, text, jsonb) owner to praxis_definer;
    alter function identity.mirror_supabase_change() owner to praxis_definer;
    set local role praxis_definer;
    execute format('grant execute on function identity.mirror_supabase_user(uuid, text, jsonb),
                    identity.mirror_supabase_change() to %I', migrating);
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema identity from praxis_definer;

-- The same path for the functions that run as their callers: one rule, and nobody has to ask which kind one is.
do $$
declare
    one regprocedure;
begin
    for one in
        select oid from pg_proc
        where pronamespace in ('identity'::regnamespace, 'practice'::regnamespace, 'platform'::regnamespace)
          and proconfig @> array['search_path=""']
    loop
        execute format('alter routine %s set search_path = pg_catalog, pg_temp', one);
    end loop;
end
$$;

do $$
begin
    perform identity.mirror_supabase();
exception when insufficient_privilege then
    if current_setting('praxis.had_mirror') = 'true' then
        raise; -- who was mirrored until now must not silently be so no more
    end if;
    raise warning '%', sqlerrm;
end
$$;

-- Nothing of ours may be left to the roles of before.
do $$
declare
    left_over text;
begin
    select string_agg(distinct pg_describe_object(classid, objid, objsubid), ', ') into left_over
    from pg_shdepend join pg_roles on pg_roles.oid = refobjid
    cross join lateral pg_identify_object(classid, objid, objsubid) as thing
    where dbid = (select oid from pg_database where datname = current_database())
      and rolname in ('authenticated', 'service')
      and thing.schema in ('identity', 'practice', 'platform');
    if left_over is not null then
        raise exception 'the roles authenticated and service still have rights: %', left_over;
    end if;
end
$$;
