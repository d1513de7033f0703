-- The attempts that limits count. Only routes whose caller is not known yet or who act for everybody come here, as
-- `service`.
create table identity.rate_limits (
    -- SHA-256 of the rule's name and of what it counts by, because that is an address or an e-mail.
    key text primary key check (key ~ '^[0-9a-f]{64}$'),
    -- When each attempt was let through, oldest first; refused ones are not recorded. Never more than the rule's
    -- maximum.
    hits timestamptz[] not null,
    -- When the newest one leaves its window. Whoever deletes expired rows skips locked ones: two who lock several rows
    -- in different orders would wait for each other.
    expires_at timestamptz not null
);
create index rate_limits_expiry on identity.rate_limits (expires_at);

alter table identity.rate_limits enable row level security;
alter table identity.rate_limits force row level security;
create policy every_row on identity.rate_limits to service using (true) with check (true);
grant select, insert, update, delete on identity.rate_limits to service;
