-- The roles and the functions as they were.

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

-- Every policy and every grant back, by the catalog.
do $$
declare
    ours constant oid[] := array['identity', 'practice', 'platform']::regnamespace[]::oid[];
    change text;
begin
    for change in
        with renamed (role, old_name, new_name) as (
            select pg_roles.oid, old_name, new_name
            from (values ('praxis_request', 'authenticated'), ('praxis_service', 'service')) as pair (old_name, new_name)
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
end
$$;

create or replace function identity.request_user_id() returns uuid
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

create or replace function identity.open_request(subject uuid, sign_in uuid) returns void
    language plpgsql volatile
    set search_path = ''
as $$
begin
    perform set_config('request.jwt.claim.sub', subject::text, true),
            set_config('request.jwt.claim.role', 'authenticated', true);
    if exists (select from identity.users where id = subject and deactivated_at is not null) then
        raise exception 'the account is deactivated' using errcode = 'PX403';
    end if;
    if sign_in is not null
        and not exists (select from identity.sign_ins where id = sign_in and revoked_at is null) then
        raise exception 'the sign-in has ended' using errcode = 'PX401';
    end if;
end
$$;

do $$
declare
    had_trigger constant boolean := exists (select from pg_trigger where tgfoid = 'identity.mirror_supabase_change'::regproc);
begin
    perform set_config('praxis.had_mirror', had_trigger::text, true);
end
$$;
drop function identity.mirror_supabase_change() cascade;
drop function identity.mirror_supabase_user(uuid, text, jsonb);

alter policy every_row on identity.users to service;
alter policy every_row on identity.emails to service;
alter policy every_row on identity.audit_log to service;
revoke all on identity.users, identity.emails, identity.audit_log from praxis_definer;
revoke execute on function identity.supabase_email(uuid, text), identity.supabase_name(jsonb), identity.is_time_zone(text),
    identity.trigrams(text) from praxis_definer;
revoke usage on schema identity from praxis_definer;
grant execute on function identity.supabase_email(uuid, text), identity.supabase_name(jsonb) to service;

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

revoke execute on function identity.mirror_supabase_user(uuid, text, jsonb), identity.mirror_supabase_change() from public;
grant execute on function identity.keep_an_admin() to public;

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
declare
    one regprocedure;
begin
    for one in
        select oid from pg_proc
        where pronamespace in ('identity'::regnamespace, 'practice'::regnamespace, 'platform'::regnamespace)
          and proconfig @> array['search_path=pg_catalog, pg_temp']
    loop
        execute format('alter routine %s set search_path = ''''', one);
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

-- The roles go too, unless another database of this server uses them or somebody else made them.
do $$
declare
    unwanted text;
begin
    foreach unwanted in array array['praxis_request', 'praxis_service', 'praxis_definer'] loop
        begin
            execute format('drop role if exists %I', unwanted);
        exception when dependent_objects_still_exist or insufficient_privilege then
            raise notice 'role % stays: %', unwanted, sqlerrm;
        end;
    end loop;
end
$$;
