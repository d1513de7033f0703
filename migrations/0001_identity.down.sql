drop table identity.idempotency_keys;
drop table identity.users;
drop function identity.is_time_zone(text);
drop function identity.request_user_id();
drop schema identity;

revoke select on platform.migrations from service;
revoke usage on schema platform from service;

-- The roles go too, unless another database of this server uses them or somebody else made them.
do $$
declare
    unwanted text;
begin
    foreach unwanted in array array['authenticated', 'service'] loop
        begin
            execute format('drop role if exists %I', unwanted);
        exception when dependent_objects_still_exist or insufficient_privilege then
            raise notice 'role % stays: %', unwanted, sqlerrm;
        end;
    end loop;
end
$$;
