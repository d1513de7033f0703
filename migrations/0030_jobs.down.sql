do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    drop function platform.retry_dead_jobs(uuid[]);
    execute format('set local role %I', migrating);
end
$$;
delete from identity.export_exclusions where table_name = 'platform.jobs';
delete from identity.export_sides where table_name = 'platform.dead_jobs';
drop table platform.dead_jobs;
drop table platform.job_steps;
drop table platform.jobs;
drop function platform.keep_jobs_within();
revoke usage on schema platform from praxis_definer;
