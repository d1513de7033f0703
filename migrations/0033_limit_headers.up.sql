-- Limits tell whoever they are for how much is left: what is counted under every key comes back with each attempt.
--
-- What counts and locks stands in one function; that which only refuses asks it.

grant create on schema identity to praxis_definer;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    -- Counts one attempt under every key, or none if any of them is full; for each, how many attempts are in its window then,
    -- for how many seconds it has room for no more than that, and whether it is full. All lock in the order of the keys, so that
    -- nobody waits in a circle; what others counted before is seen by the second statement, which starts when the locks are held.
    -- The moment is taken then too, not when the transaction began.
    create function identity.count_attempts(keys text[], maxima bigint[], seconds float8[])
        returns table (key text, attempts bigint, wait float8, is_full boolean)
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
        select wanted, '{}', now() from unnest(count_attempts.keys) as wanted order by wanted
        on conflict on constraint rate_limits_pkey do update set key = excluded.key where false;

        return query
        with clock as materialized (select clock_timestamp() as moment),
        recent as (
            select rule.key, max, period, moment,
                   array(select hit from unnest(hits) as hit where hit > moment - period order by hit) as hits
            from clock,
                 unnest(count_attempts.keys, count_attempts.maxima, count_attempts.seconds) as rule (key, max, length)
                 join identity.rate_limits as stored on stored.key = rule.key,
                 make_interval(secs => length) as period
        ),
        outcome as (select bool_or(cardinality(hits) >= max) as is_refused from recent),
        counted as (
            update identity.rate_limits as stored
            set hits = recent.hits || moment, expires_at = moment + period
            from recent, outcome
            where stored.key = recent.key and not is_refused
        )
        select recent.key,
               cardinality(hits) + case when is_refused then 0 else 1 end::pg_catalog.int8,
               -- Of a full one the attempt that must leave first, of another the oldest, or the one that was just counted.
               extract(epoch from coalesce(hits[greatest(cardinality(hits) - max, 0) + 1], moment) + period - moment)
                   ::pg_catalog.float8,
               cardinality(hits) >= max
        from recent, outcome;
    end
    $body$;
    -- Says which of the keys stays full for longest, for how many seconds; nulls when the attempt was counted.
    create or replace function identity.take_attempts(keys text[], maxima bigint[], seconds float8[])
        returns table (wait float8, key text)
        language sql volatile security definer
        set search_path = pg_catalog, pg_temp
    as $body$
        select max(counted.wait) filter (where is_full),
               (array_agg(counted.key order by counted.wait desc) filter (where is_full))[1]
        from identity.count_attempts(keys, maxima, seconds) as counted
    $body$;
    revoke execute on function identity.count_attempts(text[], bigint[], float8[]) from public;
    grant execute on function identity.count_attempts(text[], bigint[], float8[]) to praxis_request;
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema identity from praxis_definer;
