-- People's rights: what is held on a person, for exports and for erasure. Both follow the foreign keys to
-- identity.users, so that a domain is covered by making its tables as every table here is made, and by nothing else.

-- Every table that holds a person's data, and the columns that name the person: those that refer to identity.users, and
-- those that carry the person along a composite key. Erasing the row in identity.users reaches the same tables.
create function identity.personal_tables()
    returns table (schema_name text, table_name text, person_columns text[], description text)
    language sql stable
    set search_path = ''
as $$
    with recursive personal (relation, attribute) as (
        select attrelid, attnum from pg_catalog.pg_attribute
        where attrelid = 'identity.users'::pg_catalog.regclass and attname = 'id'
        union
        select reference.conrelid, reference.conkey[place]
        from personal
        join pg_catalog.pg_constraint as reference
            on reference.contype = 'f' and reference.confrelid = personal.relation
        cross join lateral pg_catalog.generate_subscripts(reference.confkey, 1) as place
        where reference.confkey[place] = personal.attribute
    )
    select space.nspname, class.relname, pg_catalog.array_agg(named.attname::text order by named.attnum),
           pg_catalog.obj_description(class.oid, 'pg_class')
    from personal
    join pg_catalog.pg_class as class on class.oid = personal.relation and class.relkind in ('r', 'p')
        and not class.relispartition
    join pg_catalog.pg_namespace as space on space.oid = class.relnamespace
    join pg_catalog.pg_attribute as named on named.attrelid = class.oid and named.attnum = personal.attribute
    group by space.nspname, class.oid, class.relname
    order by space.nspname, class.relname
$$;

-- What an export leaves out: secrets and what is derived of them, and tables that say nothing of the person. The one
-- list; a migration that makes such a column adds it here.
create table identity.export_exclusions (
    -- With its schema.
    table_name text not null,
    -- Empty: the whole table.
    column_name text not null default '',
    reason text not null,
    primary key (table_name, column_name)
);
grant select on identity.export_exclusions to service;

insert into identity.export_exclusions (table_name, column_name, reason) values
    ('identity.passwords', 'password_hash', 'a secret'),
    ('identity.sign_ins', 'secret_hash', 'derived from a secret'),
    ('identity.mail_tokens', 'token_hash', 'derived from a secret'),
    ('identity.exports', 'token_hash', 'derived from a secret'),
    ('platform.outbox', 'payload', 'while a mail waits, the link that it carries; afterwards empty'),
    ('identity.refresh_tokens', '', 'nothing but hashed and sealed secrets; the sign-in that they belong to is there'),
    ('identity.idempotency_keys', '', 'copies of answers, kept for a week; what they tell of is in its own tables'),
    ('identity.export_parts', '', 'the archives of exports themselves');

-- Every record held on a person, table by table, in the order of the primary key; times in UTC. Runs as its caller, who
-- must be able to read every such table: a job's role.
create function identity.export_person(person uuid) returns table (source text, record jsonb)
    language plpgsql stable
    set search_path = ''
    set timezone = 'UTC'
as $$
declare
    one record;
begin
    for one in
        select personal.schema_name, personal.table_name,
               (select pg_catalog.string_agg(pg_catalog.format('held.%I = $1', named), ' or ')
                from pg_catalog.unnest(personal.person_columns) as named) as is_theirs,
               (select coalesce(pg_catalog.array_agg(hidden.column_name), '{}')
                from identity.export_exclusions as hidden
                where hidden.table_name = personal.schema_name || '.' || personal.table_name) as hidden,
               (select pg_catalog.string_agg(pg_catalog.format('held.%I', key.attname), ', ' order by place)
                from pg_catalog.pg_index as index
                cross join lateral pg_catalog.generate_subscripts(index.indkey, 1) as place
                join pg_catalog.pg_attribute as key
                    on key.attrelid = index.indrelid and key.attnum = index.indkey[place]
                where index.indisprimary and index.indrelid
                    = pg_catalog.format('%I.%I', personal.schema_name, personal.table_name)::pg_catalog.regclass)
               as ordered
        from identity.personal_tables() as personal
    loop
        continue when '' = any (one.hidden);
        return query execute pg_catalog.format(
            'select %L::text, to_jsonb(held) - $2 from %I.%I as held where %s order by %s',
            one.schema_name || '.' || one.table_name, one.schema_name, one.table_name, one.is_theirs,
            coalesce(one.ordered, '1'))
            using person, one.hidden;
    end loop;
    -- The log has no references, so that it outlives the people.
    return query
        select 'identity.audit_log', pg_catalog.to_jsonb(act) from identity.audit_log as act
        where act.actor_id = person or (act.entity_type = 'user' and act.entity_id = person::text)
            or act.payload ->> 'user_id' = person::text
        order by act.occurred_at, act.id;
end
$$;

revoke execute on function identity.personal_tables(), identity.export_person(uuid) from public;
grant execute on function identity.personal_tables(), identity.export_person(uuid) to service;

-- One request of a person for all that is held on them.
create table identity.exports (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    status text not null default 'pending' check (status in ('pending', 'ready', 'failed')),
    requested_at timestamptz not null default now(),
    -- Workers that began, also those that died; until when the last one has time.
    attempts smallint not null default 0 check (attempts >= 0),
    claimed_until timestamptz,
    -- SHA-256 of the secret in the mail's link.
    token_hash bytea constraint exports_token_hash_key unique check (length(token_hash) = 32),
    finished_at timestamptz,
    expires_at timestamptz,
    unique (id, user_id),
    check ((status = 'pending') = (finished_at is null)),
    check ((status = 'ready') = (token_hash is not null)),
    check ((status = 'pending') = (expires_at is null))
);
create unique index exports_one_pending on identity.exports (user_id) where status = 'pending';
create index exports_person on identity.exports (user_id, requested_at desc);
create index exports_waiting on identity.exports (requested_at) where status = 'pending';
create index exports_expiry on identity.exports (expires_at);

-- Zip archives, each of a size that one answer can carry.
create table identity.export_parts (
    export_id uuid not null,
    user_id uuid not null,
    part_no smallint not null check (part_no >= 1),
    archive bytea not null,
    primary key (export_id, part_no),
    foreign key (export_id, user_id) references identity.exports (id, user_id) on delete cascade
);
-- It is compressed already.
alter table identity.export_parts alter column archive set storage external;

do $$
declare
    name text;
begin
    foreach name in array array['exports', 'export_parts'] loop
        execute format('alter table identity.%I enable row level security', name);
        execute format('alter table identity.%I force row level security', name);
        execute format('create policy every_row on identity.%I to service using (true) with check (true)', name);
        execute format('grant select, insert, update, delete on identity.%I to service', name);
    end loop;
end
$$;
create policy own_rows on identity.exports to authenticated
    using (user_id = (select identity.request_user_id()))
    with check (user_id = (select identity.request_user_id()));
grant select (id, user_id, status, requested_at), insert (id, user_id) on identity.exports to authenticated;

-- What the files of an export are, for the person who reads them.
comment on table identity.users is 'Your account: name, address, language, time zone and roles.';
comment on table identity.emails is 'The address that you sign in with.';
comment on table identity.passwords is 'That you have a password, and when it was last changed.';
comment on table identity.external_accounts is 'Accounts elsewhere that you sign in with.';
comment on table identity.sign_ins is 'Your sign-ins: which device, from which network address, and when.';
comment on table identity.refresh_tokens is 'Secrets that keep an app signed in.';
comment on table identity.mail_tokens is 'Links that were mailed to you and not used yet.';
comment on table identity.idempotency_keys is 'Answers kept in case your device asks again.';
comment on table identity.public_profiles is 'What your public page shows.';
comment on table identity.exports is 'Your requests for an archive like this one.';
comment on table identity.export_parts is 'The archives themselves.';
comment on table identity.audit_log is 'What was done to your account, and what you did that is kept on record.';
comment on table platform.outbox is 'Mails to you that were sent in the last days, or wait.';
comment on table practice.scenes is 'Situations that you practise on.';
comment on table practice.sessions is 'Your practice sessions.';
comment on table practice.turns is 'What you wrote in sessions, the answers, and the feedback.';
comment on table practice.rewrites is 'Suggestions for other words.';
comment on table practice.summaries is 'Your action cards.';
comment on table practice.reflections is 'What you reported from real life.';
comment on table practice.weekly_progress is 'Your weeks in numbers.';
