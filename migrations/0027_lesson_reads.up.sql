-- What a week of slots and all that is free are read by, whatever lies behind.

drop index lessons.slots_teacher;
create index slots_teacher on lessons.slots (teacher_id, starts_at, id);
create index slots_time on lessons.slots (starts_at, id);

-- When teachers have something else between two moments, or one teacher has, the breaks around it included, and how early they
-- want to know. Whose it is, nobody is told. A slot and a lesson have a day at most, a break four hours.
create function lessons.busy_of(teacher uuid, since timestamptz, until timestamptz)
    returns table (teacher_id uuid, notice_minutes integer, busy tstzmultirange)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    with rules as (
        select rules.teacher_id, rules.break_minutes, rules.notice_minutes from lessons.teaching_rules as rules
        where teacher is null or rules.teacher_id = teacher
    ), live as (
        -- Each by the index that it has already: what is confirmed is a lesson.
        select confirmed.teacher_id, confirmed.starts_at, confirmed.blocked_until from lessons.bookings as confirmed
        where confirmed.lesson_id is not null and confirmed.state = 'confirmed'
          and confirmed.starts_at > since - '29 hours'::pg_catalog.interval
          and (until is null or confirmed.starts_at < until + '29 hours'::pg_catalog.interval)
          and (teacher is null or confirmed.teacher_id = teacher)
        union all
        select hold.teacher_id, hold.starts_at, hold.blocked_until from lessons.bookings as hold
        where hold.state = 'hold' and hold.hold_expires_at > now() and (teacher is null or hold.teacher_id = teacher)
    ), taken as (
        select live.teacher_id,
               range_agg(tstzrange(live.starts_at - make_interval(mins => coalesce(rules.break_minutes, 0)),
                                   live.blocked_until)) as busy
        from live left join rules on rules.teacher_id = live.teacher_id
        group by live.teacher_id
    )
    select coalesce(taken.teacher_id, rules.teacher_id), coalesce(rules.notice_minutes, 0)::pg_catalog.int4, taken.busy
    from taken full join rules on rules.teacher_id = taken.teacher_id
$$;
revoke execute on function lessons.busy_of(uuid, timestamptz, timestamptz) from public;
grant execute on function lessons.busy_of(uuid, timestamptz, timestamptz) to praxis_request;
grant create on schema lessons to praxis_definer;
alter function lessons.busy_of(uuid, timestamptz, timestamptz) owner to praxis_definer;
revoke create on schema lessons from praxis_definer;
