drop function identity.find_session(bytea, bigint);
create function identity.find_session(secret bytea, idle_minutes bigint)
    returns table (id uuid, user_id uuid, email text, display_name text, created_at timestamptz, is_deactivated boolean)
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with sign_in as (
        select id, user_id, created_at, last_used_at
        from identity.sign_ins
        where secret_hash = find_session.secret and revoked_at is null and idle_expires_at > now() and expires_at > now()
    ), used as (
        update identity.sign_ins
        set last_used_at = now(),
            idle_expires_at = least(now() + idle_minutes * '1 minute'::pg_catalog.interval, sign_ins.expires_at)
        from sign_in
        where sign_ins.id = sign_in.id and sign_in.last_used_at < now() - '1 minute'::pg_catalog.interval
    )
    select sign_in.id, sign_in.user_id, users.email, users.display_name, sign_in.created_at,
           users.deactivated_at is not null
    from sign_in join identity.users on users.id = sign_in.user_id
$$;
revoke execute on function identity.find_session(bytea, bigint) from public;
grant execute on function identity.find_session(bytea, bigint) to praxis_request;

-- The mirror goes by the log again.
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
    $body$;
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema identity from praxis_definer;

drop trigger admins_are_proven on identity.users;
drop function identity.admins_are_proven();
drop trigger keep_an_admin_on_delete on identity.users;
drop function identity.keep_an_admin_on_delete();

drop function identity.open_request(uuid, uuid, timestamptz);
create function identity.open_request(subject uuid, sign_in uuid) returns void
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
revoke execute on function identity.open_request(uuid, uuid) from public;
grant execute on function identity.open_request(uuid, uuid) to praxis_request;

drop trigger remember_erased on identity.users;
drop function identity.remember_erased();
drop table identity.erased_people;

delete from identity.export_exclusions where table_name = 'identity.oidc_attempts';
comment on table identity.oidc_attempts is null;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_service;
    delete from identity.oidc_attempts where user_id is not null; -- they would sign somebody in instead
    delete from identity.mail_tokens where used_at is not null;   -- they would work again
    execute format('set local role %I', migrating);
end
$$;
alter table identity.oidc_attempts drop sign_in_id, drop user_id;
alter table identity.mail_tokens drop used_at;
alter table identity.emails drop registered_with;
revoke delete on platform.outbox from praxis_account;
revoke select (user_id, updated_at) on identity.passwords from praxis_request;
drop policy own_row on identity.passwords;
alter table identity.sign_ins drop authenticated_at, drop external_account_id;
alter table identity.external_accounts drop id;
