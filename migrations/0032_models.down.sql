alter table practice.rewrites drop constraint rewrites_kept, drop column kept_as;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    drop function platform.reset_breaker(text);
    drop function platform.settle_call(uuid, text, text, integer, smallint, integer, integer, bigint, boolean);
    drop function platform.admit_call(uuid, uuid, text, text, text, text, bigint, bigint, float8);
    execute format('set local role %I', migrating);
end
$$;
drop table platform.circuit_breakers;
drop table platform.model_totals;
drop table platform.budgets;
drop table platform.model_calls;
revoke execute on function identity.time_zone_links(), identity.known_time_zone(text), identity.start_of_day(date, text)
    from praxis_definer;
