grant execute on function identity.request_user_id(), identity.trigram_query(text) to praxis_service;
grant delete on identity.public_profiles, identity.emails to praxis_service;
grant delete on identity.export_parts to praxis_service;
grant insert on identity.refresh_tokens, identity.sign_ins, identity.oidc_attempts, identity.rate_limits, identity.exports
    to praxis_service;
grant insert, update, delete on identity.passwords, identity.external_accounts to praxis_service;

revoke insert (user_id, name) on identity.public_profiles from praxis_request;
grant insert on identity.public_profiles to praxis_request;
revoke update (status, body) on identity.idempotency_keys from praxis_request;
grant update on identity.idempotency_keys to praxis_request;
grant insert on identity.audit_log to praxis_request;
create policy own_acts on identity.audit_log for insert to praxis_request
    with check (actor_id = (select identity.request_user_id()));
grant insert (id, topic, dedup_key, user_id, payload) on platform.outbox to praxis_request;
create policy own_rows on platform.outbox for insert to praxis_request
    with check (user_id = (select identity.request_user_id()));
grant select on platform.migrations to praxis_service;
revoke select on platform.migrations from praxis_request;

drop function identity.record_own_act(uuid, text, text, uuid, jsonb);
drop table identity.own_acts;
drop function identity.forget_attempts(text);
drop function identity.take_attempts(text[], bigint[], float8[]);
drop function identity.find_session(bytea, bigint);

do $$
declare
    one record;
begin
    for one in
        select polrelid::regclass as place,
               (select string_agg(member::regrole::text, ', ') from unnest(polroles) as member
                where member <> 'praxis_account'::regrole
                  and not (member = 'praxis_definer'::regrole
                           and polrelid in ('identity.sign_ins'::regclass, 'identity.rate_limits'::regclass))) as kept
        from pg_policy join pg_class on pg_class.oid = polrelid
        where polname = 'every_row' and relnamespace in ('identity'::regnamespace, 'platform'::regnamespace)
          and polroles && array['praxis_account'::regrole, 'praxis_definer'::regrole]::oid[]
    loop
        execute format('alter policy every_row on %s to %s', one.place, one.kept);
    end loop;
end
$$;
revoke execute on function identity.request_user_id() from praxis_definer;
revoke all on identity.rate_limits, identity.sign_ins from praxis_definer;
revoke all on platform.request_counts, platform.recent_errors, platform.outbox, platform.mails_held_back from praxis_account;
revoke all on all tables in schema identity from praxis_account;
revoke execute on function identity.trigrams(text), identity.trigram_query(text)
    from praxis_account;
revoke usage on schema identity, platform from praxis_account;

-- The role goes too, unless another database of this server uses it or somebody else made it.
do $$
begin
    drop role if exists praxis_account;
exception when dependent_objects_still_exist or insufficient_privilege then
    raise notice 'role praxis_account stays: %', sqlerrm;
end
$$;
