create function identity.is_time_zone(name text) returns boolean
    language sql stable
    set search_path = ''
as $$
    select name = 'UTC' or exists (select from pg_catalog.pg_timezone_names as zone where zone.name = is_time_zone.name)
$$;
revoke execute on function identity.is_time_zone(text) from public;
grant execute on function identity.is_time_zone(text) to praxis_request, praxis_service;

-- Rows may hold names that this server does not know.
alter table identity.users
    drop constraint users_timezone_check,
    add constraint users_timezone_check check (identity.is_time_zone(timezone)) not valid;

drop function identity.start_of_day(date, text);
drop function identity.known_time_zone(text);
drop function identity.time_zone_links();
