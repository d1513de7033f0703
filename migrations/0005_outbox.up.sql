-- What is to be done outside once the transaction that wants it has committed: mails. A worker claims a row for a
-- while, does the work without a transaction, and marks it. A worker that dies loses its claim, and another goes on.
create table platform.outbox (
    id uuid primary key,
    -- Which worker it is for.
    topic text not null check (topic ~ '^[a-z_]+$' and length(topic) <= 64),
    -- Two messages with one key are one message. No address stands in it: it names files, and Message-IDs come of it.
    dedup_key text not null constraint outbox_dedup_key_key unique
        constraint outbox_dedup_key_check check (dedup_key ~ '^[A-Za-z0-9][A-Za-z0-9._:-]*$' and length(dedup_key) <= 200),
    user_id uuid references identity.users (id) on delete cascade,
    -- May hold a link that signs somebody in: it is gone as soon as the work is done.
    payload jsonb not null constraint outbox_payload_check check (jsonb_typeof(payload) = 'object'),
    state text not null default 'pending' check (state in ('pending', 'done', 'dead')),
    -- Claims so far, also of workers that died.
    attempts integer not null default 0 check (attempts >= 0),
    due_at timestamptz not null default now(),
    -- Whose work it is, and until when.
    claim uuid,
    claimed_until timestamptz,
    -- What kind of failure it was: no content and no address.
    last_error text check (length(last_error) <= 200),
    created_at timestamptz not null default now(),
    done_at timestamptz,
    check ((claim is null) = (claimed_until is null)),
    check (claim is null or state = 'pending'),
    check ((state = 'done') = (done_at is not null)),
    check (state <> 'done' or payload = '{}')
);
create index outbox_due on platform.outbox (topic, due_at) where state = 'pending';
create index outbox_user on platform.outbox (user_id);
create index outbox_created_at on platform.outbox (created_at);

alter table platform.outbox enable row level security;
alter table platform.outbox force row level security;

create policy own_rows on platform.outbox for insert to authenticated
    with check (user_id = (select identity.request_user_id()));
create policy every_row on platform.outbox to service using (true) with check (true);

-- A request puts in what concerns its person, and never sees it again.
grant usage on schema platform to authenticated;
grant insert (id, topic, dedup_key, user_id, payload) on platform.outbox to authenticated;
grant select, insert, update, delete on platform.outbox to service;
