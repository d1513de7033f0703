grant create on schema identity to praxis_definer;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    create or replace function identity.take_attempts(keys text[], maxima bigint[], seconds float8[])
        returns table (wait float8, key text)
        language plpgsql volatile security definer
        set search_path = pg_catalog, pg_temp
    as $body$
    #variable_conflict use_column
    begin
        if cardinality(keys) > 20 or exists (select from unnest(maxima) as max where max not between 0 and 100000) then
            raise exception 'too many limits, or too large ones' using errcode = 'invalid_parameter_value';
        end if;
        -- `do update` locks also the row that `where false` then leaves as it is.
        insert into identity.rate_limits (key, hits, expires_at)
        select wanted, '{}', now() from unnest(take_attempts.keys) as wanted order by wanted
        on conflict on constraint rate_limits_pkey do update set key = excluded.key where false;

        return query
        with clock as materialized (select clock_timestamp() as moment),
        recent as (
            select rule.key, max, period,
                   array(select hit from unnest(hits) as hit where hit > moment - period order by hit) as hits
            from clock,
                 unnest(take_attempts.keys, take_attempts.maxima, take_attempts.seconds) as rule (key, max, length)
                 join identity.rate_limits as stored on stored.key = rule.key,
                 make_interval(secs => length) as period
        ),
        filled as (
            select recent.key, extract(epoch from coalesce(hits[cardinality(hits) - max + 1], moment) + period - moment)
                               ::pg_catalog.float8 as wait
            from clock, recent
            where cardinality(hits) >= max
        ),
        blocked as (
            select max(filled.wait) as wait, (array_agg(filled.key order by filled.wait desc))[1] as key from filled
        ),
        counted as (
            update identity.rate_limits as stored
            set hits = recent.hits || moment, expires_at = moment + period
            from clock, recent, blocked
            where stored.key = recent.key and blocked.wait is null
        )
        select blocked.wait, blocked.key from blocked;
    end
    $body$;
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema identity from praxis_definer;
drop function identity.count_attempts(text[], bigint[], float8[]);
