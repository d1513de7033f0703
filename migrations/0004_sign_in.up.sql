-- One sign-in for every domain: roles, addresses, passwords, outside accounts, sign-ins with their refresh tokens.
--
-- Who is not known yet cannot be a request's role: the routes that sign people in work as `service`. A secret is never
-- stored, only its SHA-256 (of 256 random bits) or its Argon2id hash (of a password).

alter table identity.users
    add roles text[] not null default '{student}'
        constraint users_roles_check check (roles <@ array['student', 'teacher', 'educator', 'coach', 'admin']
                                            and cardinality(roles) between 1 and 5),
    -- While set, the person may do nothing, whatever token they hold.
    add deactivated_at timestamptz,
    -- Fourteen days later the person is erased, unless they change their mind.
    add deletion_requested_at timestamptz,
    add last_login_at timestamptz,
    -- The school or district as its provider names it.
    add organization_id text check (length(organization_id) between 1 and 64);
-- A person's first write makes their own row; what they may do is not theirs to say in it.
revoke insert on identity.users from authenticated;
grant insert (id, email, display_name, locale, timezone) on identity.users to authenticated;
revoke update (email) on identity.users from authenticated;
create index users_newest on identity.users (created_at desc, id desc);
-- Few have a role that is not everybody's: a page of them is a page of an index, however many people there are.
create index users_admins on identity.users (created_at desc, id desc) where 'admin' = any (roles);
create index users_coaches on identity.users (created_at desc, id desc) where 'coach' = any (roles);
create index users_educators on identity.users (created_at desc, id desc) where 'educator' = any (roles);
create index users_teachers on identity.users (created_at desc, id desc) where 'teacher' = any (roles);
create index users_deactivated on identity.users (created_at desc, id desc) where deactivated_at is not null;
create index users_to_erase on identity.users (deletion_requested_at) where deletion_requested_at is not null;

-- Somebody must be able to let people in. Whoever takes an admin away waits for the others who do the same, and counts
-- as role `service`, which sees everybody.
create function identity.keep_an_admin() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('identity.keep_an_admin'));
    if not exists (select from identity.users
                   where 'admin' = any (roles) and deactivated_at is null and deletion_requested_at is null) then
        raise exception 'the last admin stays' using errcode = 'check_violation', constraint = 'users_last_admin';
    end if;
    return null;
end
$$;
create trigger keep_an_admin_on_update after update of roles, deactivated_at, deletion_requested_at on identity.users
    for each row
    when ('admin' = any (old.roles) and old.deactivated_at is null and old.deletion_requested_at is null
          and not ('admin' = any (new.roles) and new.deactivated_at is null and new.deletion_requested_at is null))
    execute function identity.keep_an_admin();

-- The address that a person signs in with, in the one form that counts: trimmed and in lower case.
create table identity.emails (
    email text primary key check (email = lower(btrim(email)) and length(email) between 3 and 254),
    user_id uuid not null constraint emails_user_id_key unique references identity.users (id) on delete cascade,
    verified_at timestamptz,
    created_at timestamptz not null default now()
);

-- Argon2id in PHC's string format.
create table identity.passwords (
    user_id uuid primary key references identity.users (id) on delete cascade,
    password_hash text not null check (password_hash like '$argon2id$%'),
    updated_at timestamptz not null default now()
);

-- Accounts elsewhere; a provider's subject is one person here.
create table identity.external_accounts (
    provider text not null check (provider in ('google', 'clever')),
    subject text not null check (length(subject) between 1 and 255),
    user_id uuid not null references identity.users (id) on delete cascade,
    email text check (length(email) <= 320),
    created_at timestamptz not null default now(),
    last_login_at timestamptz not null default now(),
    primary key (provider, subject)
);
create index external_accounts_user on identity.external_accounts (user_id);

-- One sign-in is one device: a browser with its cookie, or an app with its chain of refresh tokens.
create table identity.sign_ins (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    kind text not null check (kind in ('browser', 'token')),
    method text not null check (method in ('password', 'google', 'clever')),
    -- SHA-256 of the cookie's secret.
    secret_hash bytea constraint sign_ins_secret_hash_key unique check (length(secret_hash) = 32),
    ip inet,
    user_agent text check (length(user_agent) <= 256),
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    -- Moves on with use, never beyond `expires_at`.
    idle_expires_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_because text check (revoked_because in ('logout', 'revoked', 'reuse', 'password', 'deactivated', 'deletion')),
    unique (id, user_id),
    check ((kind = 'browser') = (secret_hash is not null)),
    check (idle_expires_at <= expires_at),
    check ((revoked_at is null) = (revoked_because is null))
);
create index sign_ins_list on identity.sign_ins (user_id, created_at desc, id desc);
-- What is to go is found by its age.
create index sign_ins_expiry on identity.sign_ins (expires_at);
create index sign_ins_revoked on identity.sign_ins (revoked_at) where revoked_at is not null;

create table identity.refresh_tokens (
    token_hash bytea primary key check (length(token_hash) = 32),
    sign_in_id uuid not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    -- When it was exchanged for the next one, which a retry of the same exchange gets again: sealed with a key that only
    -- the holder of this token can derive.
    replaced_at timestamptz,
    sealed_successor bytea,
    foreign key (sign_in_id, user_id) references identity.sign_ins (id, user_id) on delete cascade,
    check ((replaced_at is null) = (sealed_successor is null))
);
-- One token of a sign-in is the current one.
create unique index refresh_tokens_current on identity.refresh_tokens (sign_in_id) where replaced_at is null;
create index refresh_tokens_sign_in on identity.refresh_tokens (sign_in_id);

-- What a mail's link carries: proof of an address.
create table identity.mail_tokens (
    token_hash bytea primary key check (length(token_hash) = 32),
    user_id uuid not null references identity.users (id) on delete cascade,
    purpose text not null check (purpose in ('verify_email', 'reset_password', 'change_email')),
    email text not null check (email = lower(btrim(email)) and length(email) between 3 and 254),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index mail_tokens_user on identity.mail_tokens (user_id, purpose);
create index mail_tokens_expiry on identity.mail_tokens (expires_at);

-- A sign-in with an outside provider that is under way in one browser. Taken out when the browser comes back, so that
-- no state works twice.
create table identity.oidc_attempts (
    state_hash bytea primary key check (length(state_hash) = 32),
    -- SHA-256 of a secret in the browser's cookie: another browser cannot finish this attempt.
    browser_hash bytea not null check (length(browser_hash) = 32),
    provider text not null check (provider in ('google', 'clever')),
    nonce text not null,
    pkce_verifier text not null,
    return_to text not null check (return_to like '/%' and return_to not like '//%' and length(return_to) <= 2048),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index oidc_attempts_expiry on identity.oidc_attempts (expires_at);

do $$
declare
    name text;
begin
    foreach name in array array['emails', 'passwords', 'external_accounts', 'sign_ins', 'refresh_tokens', 'mail_tokens',
                                'oidc_attempts']
    loop
        execute format('alter table identity.%I enable row level security', name);
        execute format('alter table identity.%I force row level security', name);
        execute format('create policy every_row on identity.%I to service using (true) with check (true)', name);
        execute format('grant select, insert, update, delete on identity.%I to service', name);
    end loop;
    foreach name in array array['emails', 'external_accounts', 'sign_ins'] loop
        execute format('create policy own_rows on identity.%I to authenticated
            using (user_id = (select identity.request_user_id()))
            with check (user_id = (select identity.request_user_id()))', name);
    end loop;
end
$$;

-- A request sees of itself what a page may show, and can end its own sign-ins.
grant select on identity.emails, identity.external_accounts to authenticated;
grant select (id, user_id, kind, method, ip, user_agent, created_at, last_used_at, idle_expires_at, expires_at, revoked_at)
    on identity.sign_ins to authenticated;
grant update (revoked_at, revoked_because) on identity.sign_ins to authenticated;
create policy only_ends on identity.sign_ins as restrictive for update to authenticated
    using (true) with check (revoked_at is not null);

-- The claims of a request, and whether its person may act at all. It opens every transaction of a request, so that a
-- deactivation, the end of a sign-in and an erasure count at once, also for access tokens that are still valid.
create function identity.open_request(subject uuid, sign_in uuid) returns void
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
revoke execute on function identity.open_request(uuid, uuid) from public;
grant execute on function identity.open_request(uuid, uuid) to authenticated;
