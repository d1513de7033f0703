revoke select (finished_at) on identity.exports from praxis_request;
alter table identity.exports
    add column attempts smallint not null default 0 check (attempts >= 0),
    add column claimed_until timestamptz;
create index exports_waiting on identity.exports (requested_at) where status = 'pending';
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_service;
    delete from platform.jobs where kind = 'account.export' and state in ('queued', 'running');
    execute format('set local role %I', migrating);
end
$$;
