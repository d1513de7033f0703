-- What grows without end gets one.

-- The day of an export's last download, so that the log has one act a day and not one a click.
alter table identity.exports add column downloaded_on date;

-- Old acts go, by a function that knows no others: no role of the application may delete an act, and whatever a program asks
-- for, none that is younger than 90 days goes. Gives how many went, at most as many as were asked for.
create function identity.forget_old_acts(days integer, at_most bigint) returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with gone as (
        delete from identity.audit_log
        where id in (select id from identity.audit_log
                     where occurred_at < now() - greatest(days, 90) * interval '1 day'
                     order by occurred_at
                     limit at_most)
        returning id
    )
    select count(*) from gone
$$;
revoke all on function identity.forget_old_acts(integer, bigint) from public;
grant execute on function identity.forget_old_acts(integer, bigint) to praxis_service;
grant delete on identity.audit_log to praxis_definer;
grant create on schema identity to praxis_definer;
alter function identity.forget_old_acts(integer, bigint) owner to praxis_definer;
revoke create on schema identity from praxis_definer;

-- Exchanged refresh tokens are found by their age.
create index refresh_tokens_replaced_at on identity.refresh_tokens (replaced_at) where replaced_at is not null;
