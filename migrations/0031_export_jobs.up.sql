-- Exports are jobs like any other.

do $$
declare
    migrating name := current_user;
begin
    set local role praxis_service;
    insert into platform.jobs (id, user_id, kind, subject, attempts)
    select gen_random_uuid(), user_id, 'account.export', id, least(attempts, 2) from identity.exports where status = 'pending';
    execute format('set local role %I', migrating);
end
$$;
drop index identity.exports_waiting;
alter table identity.exports drop column attempts, drop column claimed_until;
-- Whose export failed waits for an hour.
grant select (finished_at) on identity.exports to praxis_request;
