-- How many rows of a kind one person may have: what a search looks through, and what a list counts, stays bounded. The
-- numbers are a session a day for more than a decade.

-- Before a row comes in: whoever adds another waits, and then sees it. Runs as whoever inserts, who sees their own rows.
create function practice.keep_within() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    many pg_catalog.bool;
begin
    perform pg_advisory_xact_lock(hashtextextended(format('%s.%s %s', tg_table_schema, tg_table_name, new.user_id), 0));
    execute format('select exists (select from %I.%I where user_id = $1 offset $2)', tg_table_schema, tg_table_name)
        into many using new.user_id, tg_argv[0]::pg_catalog.int8 - 1;
    if many then
        raise exception 'a person has as many rows of % as they may', tg_table_name
            using errcode = 'check_violation', constraint = tg_table_name || '_quota';
    end if;
    return new;
end
$$;
revoke execute on function practice.keep_within() from public;

create trigger quota before insert on practice.scenes for each row execute function practice.keep_within('1000');
create trigger quota before insert on practice.sessions for each row execute function practice.keep_within('5000');
