-- What was done to accounts and by whom, in the transaction that did it. Append-only: no role of the application may
-- change or delete a row. Ids stand without references, so that the log outlives the people; it holds no name, no
-- address and no content.
create table identity.audit_log (
    id uuid primary key,
    occurred_at timestamptz not null default now(),
    -- Null: the system itself, or somebody who is not signed in.
    actor_id uuid,
    -- `noun.verb` in the past tense, for example `user.roles_changed`.
    action text not null check (action ~ '^[a-z_]+(\.[a-z_]+)+$' and length(action) <= 128),
    entity_type text not null check (entity_type ~ '^[a-z_]+$' and length(entity_type) <= 128),
    entity_id text check (length(entity_id) <= 128),
    payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object')
);
create index audit_log_newest on identity.audit_log (occurred_at desc, id desc);
create index audit_log_action on identity.audit_log (action, occurred_at desc, id desc);
create index audit_log_actor on identity.audit_log (actor_id, occurred_at desc, id desc);
create index audit_log_entity on identity.audit_log (entity_type, entity_id, occurred_at desc, id desc);
-- Acts on a thing whose person the payload names, for the person's export.
create index audit_log_person on identity.audit_log ((payload ->> 'user_id')) where payload ->> 'user_id' is not null;

alter table identity.audit_log enable row level security;
alter table identity.audit_log force row level security;
create policy own_acts on identity.audit_log for insert to authenticated
    with check (actor_id = (select identity.request_user_id()));
create policy every_row on identity.audit_log to service using (true) with check (true);
grant insert on identity.audit_log to authenticated;
grant select, insert on identity.audit_log to service;
