-- What a login of its own for requests, for sign-in and administration, and for jobs needs: a role between a person's and
-- the jobs', narrow doors for what every route asks beyond its person's rows, and no right that nobody uses.
--
-- The logins themselves are made by whoever migrates, because their names and passwords come from secrets. Each takes its
-- role and no other, `praxis_request`, `praxis_account` (and `praxis_request`) or `praxis_service`, and owns nothing.

do $$
begin
    if not exists (select from pg_roles where rolname = 'praxis_account') then
        begin
            create role praxis_account nologin;
        exception when duplicate_object or unique_violation then
            null; -- another database made it a moment ago
        end;
    end if;
    begin
        -- Without inheritance, as in 0013.
        execute 'grant praxis_account to current_user'
            || case when current_setting('server_version_num')::int >= 160000 then ' with inherit false, set true' else '' end;
    exception when insufficient_privilege then
        null; -- somebody else's role: whoever made it has to grant it
    end;
end
$$;

-- Sign-in and administration: everybody's accounts, and nothing of what people write.
grant usage on schema identity, platform to praxis_account;
grant select, insert, update on identity.users to praxis_account;
grant select, insert, update, delete on identity.emails, identity.passwords, identity.external_accounts, identity.sign_ins,
    identity.refresh_tokens, identity.mail_tokens, identity.oidc_attempts to praxis_account;
grant select, insert on identity.audit_log, platform.outbox to praxis_account;
-- The outbox counts mails and what it holds back as whoever puts them in.
grant select, insert, update on platform.mails_held_back to praxis_account;
grant select, update, delete on identity.exports to praxis_account;
grant select on identity.export_parts to praxis_account;
grant execute on function identity.trigrams(text), identity.trigram_query(text)
    to praxis_account;
-- The routes of those who operate the product.
grant select on platform.request_counts, platform.recent_errors to praxis_account;

grant select, update (last_used_at, idle_expires_at) on identity.sign_ins to praxis_definer;
grant select, insert, update, delete on identity.rate_limits to praxis_definer;
grant execute on function identity.request_user_id() to praxis_definer;

do $$
declare
    one record;
begin
    for one in
        select polrelid::regclass as place, polroles, wanted.role
        from pg_policy
        join (values ('users', 'praxis_account'), ('emails', 'praxis_account'), ('passwords', 'praxis_account'),
                     ('external_accounts', 'praxis_account'), ('sign_ins', 'praxis_account, praxis_definer'),
                     ('refresh_tokens', 'praxis_account'), ('mail_tokens', 'praxis_account'),
                     ('oidc_attempts', 'praxis_account'), ('audit_log', 'praxis_account'), ('exports', 'praxis_account'),
                     ('export_parts', 'praxis_account'), ('rate_limits', 'praxis_definer')) as wanted (name, role)
            on polrelid = format('identity.%I', wanted.name)::regclass
        where polname = 'every_row'
        union all
        select polrelid::regclass, polroles, 'praxis_account' from pg_policy
        where polname = 'every_row'
          and polrelid in ('platform.outbox'::regclass, 'platform.mails_held_back'::regclass)
    loop
        execute format('alter policy every_row on %s to %s, %s', one.place,
                       (select string_agg(member::regrole::text, ', ') from unnest(one.polroles) as member), one.role);
    end loop;
end
$$;

-- Every route with a caller may be called by a browser, whose session is a row that nobody may read without its secret.
-- Its use is noted once a minute, so that few requests write.
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
    select sign_in.id, sign_in.user_id, users.email, users.display_name, sign_in.created_at, users.deactivated_at is not null
    from sign_in join identity.users on users.id = sign_in.user_id
$$;

-- Counts one attempt under every key, or none and says which of them stays full for longest, for how many seconds. All lock in the order
-- of the keys, so that nobody waits in a circle; what others counted before is seen by the second statement, which starts
-- when the locks are held. The moment is taken then too, not when the transaction began.
create function identity.take_attempts(keys text[], maxima bigint[], seconds float8[])
    returns table (wait float8, key text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if cardinality(keys) > 20 or exists (select from unnest(maxima) as max where max not between 0 and 100000) then
        raise exception 'too many limits, or too large ones' using errcode = 'invalid_parameter_value';
    end if;
    -- `do update` locks also the row that `where false` then leaves as it is.
    insert into identity.rate_limits (key, hits, expires_at)
    select wanted, '{}', now() from unnest(take_attempts.keys) as wanted order by wanted
    on conflict on constraint rate_limits_pkey do update set key = excluded.key where false;

    return query
    with clock as materialized (select clock_timestamp() as moment),
    recent as (
        select rule.key, max, period,
               array(select hit from unnest(hits) as hit where hit > moment - period order by hit) as hits
        from clock,
             unnest(take_attempts.keys, take_attempts.maxima, take_attempts.seconds) as rule (key, max, length)
             join identity.rate_limits as stored on stored.key = rule.key,
             make_interval(secs => length) as period
    ),
    filled as (
        select recent.key, extract(epoch from coalesce(hits[cardinality(hits) - max + 1], moment) + period - moment)
                           ::pg_catalog.float8 as wait
        from clock, recent
        where cardinality(hits) >= max
    ),
    blocked as (
        select max(filled.wait) as wait, (array_agg(filled.key order by filled.wait desc))[1] as key from filled
    ),
    counted as (
        update identity.rate_limits as stored
        set hits = recent.hits || moment, expires_at = moment + period
        from clock, recent, blocked
        where stored.key = recent.key and blocked.wait is null
    )
    select blocked.wait, blocked.key from blocked;
end
$$;

create function identity.forget_attempts(forgotten text) returns void
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    delete from identity.rate_limits where key = forgotten
$$;

-- What a person's own transaction may write into the audit log: the act stands here, the thing is theirs, and the actor is
-- whoever calls. A migration that brings such an act adds it.
create table identity.own_acts (
    action text not null check (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    -- The person themselves, or one of their sign-ins.
    entity_type text not null check (entity_type in ('user', 'sign_in')),
    primary key (action, entity_type)
);
insert into identity.own_acts values
    ('user.registered', 'user'), ('sign_in.revoked', 'user'), ('sign_in.revoked', 'sign_in'), ('export.requested', 'user');
grant select on identity.own_acts to praxis_definer;

create function identity.record_own_act(id uuid, action text, entity_type text, entity_id uuid, payload jsonb) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    caller constant pg_catalog.uuid := identity.request_user_id();
begin
    if caller is null
        or not exists (select from identity.own_acts as own
                       where own.action = record_own_act.action and own.entity_type = record_own_act.entity_type)
        or record_own_act.entity_type = 'user' and record_own_act.entity_id is distinct from caller
        or record_own_act.entity_type = 'sign_in'
            and not exists (select from identity.sign_ins where sign_ins.id = record_own_act.entity_id and user_id = caller)
    then
        raise exception 'this act is not the caller''s to record' using errcode = 'insufficient_privilege';
    end if;
    insert into identity.audit_log (id, actor_id, action, entity_type, entity_id, payload)
    values (record_own_act.id, caller, record_own_act.action, record_own_act.entity_type, record_own_act.entity_id,
            record_own_act.payload);
end
$$;

revoke execute on function identity.find_session(bytea, bigint), identity.take_attempts(text[], bigint[], float8[]),
    identity.forget_attempts(text), identity.record_own_act(uuid, text, text, uuid, jsonb) from public;
grant execute on function identity.find_session(bytea, bigint), identity.take_attempts(text[], bigint[], float8[]),
    identity.record_own_act(uuid, text, text, uuid, jsonb) to praxis_request;
grant execute on function identity.forget_attempts(text) to praxis_account;

grant create on schema identity to praxis_definer;
alter function identity.find_session(bytea, bigint) owner to praxis_definer;
alter function identity.take_attempts(text[], bigint[], float8[]) owner to praxis_definer;
alter function identity.forget_attempts(text) owner to praxis_definer;
alter function identity.record_own_act(uuid, text, text, uuid, jsonb) owner to praxis_definer;
revoke create on schema identity from praxis_definer;

-- Whether the schema is current is asked by whoever may ask anything.
grant select on platform.migrations to praxis_request;
revoke select on platform.migrations from praxis_service;

-- Requests mailed and wrote acts past these doors; no route did.
drop policy own_rows on platform.outbox;
revoke insert (id, topic, dedup_key, user_id, payload) on platform.outbox from praxis_request;
drop policy own_acts on identity.audit_log;
revoke insert on identity.audit_log from praxis_request;
revoke update on identity.idempotency_keys from praxis_request;
grant update (status, body) on identity.idempotency_keys to praxis_request;
revoke insert on identity.public_profiles from praxis_request;
grant insert (user_id, name) on identity.public_profiles to praxis_request;

-- Jobs export, erase, deliver, clean up and count. They sign nobody in.
revoke insert, update, delete on identity.passwords, identity.external_accounts from praxis_service;
revoke insert on identity.refresh_tokens, identity.sign_ins, identity.oidc_attempts, identity.rate_limits, identity.exports
    from praxis_service;
revoke delete on identity.export_parts from praxis_service;
revoke delete on identity.public_profiles, identity.emails from praxis_service;
revoke execute on function identity.request_user_id(), identity.trigram_query(text) from praxis_service;
