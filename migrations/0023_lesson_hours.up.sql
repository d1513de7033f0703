-- A teacher's weekly hours, and the slots made of them.
--
-- The hours are wall times in a zone of the schedule's own. What instants they mean is reckoned in the program and nowhere
-- else: PostgreSQL takes the later of two moments with one wall time, other libraries the earlier.

alter table lessons.teaching_rules
    -- For so many days ahead the weekly hours are on offer.
    add column horizon_days smallint not null default 60 check (horizon_days between 1 and 180);

-- One row a teacher. Whoever changes a teacher's hours or makes slots of them locks it first.
create table lessons.schedules (
    teacher_id uuid primary key references identity.users (id) on delete cascade,
    timezone text not null check (timezone ~ '^[A-Za-z0-9_+/-]{1,64}$'),
    -- [{"weekday": 0, "from": "09:00", "until": "12:00"}, …], Monday first.
    windows jsonb not null default '[]' check (jsonb_typeof(windows) = 'array' and jsonb_array_length(windows) <= 84),
    -- Grows with every change of the hours and of their exceptions.
    version integer not null default 1 check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table lessons.schedules is 'Your weekly hours as a teacher.';

-- A date that is not as its weekday is, or time off.
create table lessons.schedule_exceptions (
    id uuid primary key,
    teacher_id uuid not null references identity.users (id) on delete cascade,
    on_date date,
    -- The hours of the date: [{"from": "10:00", "until": "11:00"}, …]; none if it is closed.
    windows jsonb check (jsonb_typeof(windows) = 'array' and jsonb_array_length(windows) <= 12),
    off_from timestamptz,
    off_until timestamptz,
    created_at timestamptz not null default now(),
    check (num_nulls(on_date, windows) in (0, 2) and num_nulls(off_from, off_until) in (0, 2)
           and num_nulls(on_date, off_from) = 1),
    check (off_from < off_until),
    constraint schedule_exceptions_date unique (teacher_id, on_date)
);
create index schedule_exceptions_time_off on lessons.schedule_exceptions (teacher_id, off_until) where off_until is not null;
comment on table lessons.schedule_exceptions is 'Days with other hours, and your time off, as a teacher.';

do $$
declare
    name text;
begin
    foreach name in array array['schedules', 'schedule_exceptions'] loop
        execute format('alter table lessons.%I enable row level security', name);
        execute format('alter table lessons.%I force row level security', name);
        execute format('create policy every_row on lessons.%I to praxis_service, praxis_definer
                        using (true) with check (true)', name);
        execute format('grant select, insert, update on lessons.%I to praxis_service, praxis_definer', name);
        execute format($policy$create policy own_rows on lessons.%I to praxis_request
                        using (teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
                        with check (teacher_id = (select identity.request_user_id())
                                    or (select identity.request_has_role('admin')))$policy$, name);
    end loop;
end
$$;
grant select, insert, update on lessons.schedules to praxis_request;
grant select, insert, delete on lessons.schedule_exceptions to praxis_request;

-- Only a teacher has hours.
create function lessons.guard_schedule() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from identity.users where id = new.teacher_id and 'teacher' = any (roles)) then
        raise exception 'the person is no teacher' using errcode = 'check_violation', constraint = 'schedules_role';
    end if;
    return new;
end
$$;
create trigger guard_schedule before insert on lessons.schedules for each row execute function lessons.guard_schedule();

alter table lessons.slots
    -- Published by hand, or made of the weekly hours. Who published it does not tell: admins leave.
    add column source text not null default 'hand' check (source in ('hand', 'rule')),
    -- Somebody took it off, not a change of the hours: the hours make none there again.
    add column is_withdrawn_by_hand boolean not null default false,
    add constraint slots_withdrawn check (not is_withdrawn_by_hand or withdrawn_at is not null);
create policy projected on lessons.slots for insert to praxis_request
    with check (source = 'rule' and created_by_admin_id is null
                and (teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin'))));
grant update (source, is_withdrawn_by_hand) on lessons.slots to praxis_request;

-- A booking is made in time that is on offer at that moment. The slot is locked, so that whoever changes it meanwhile either
-- waits and sees the booking, or is waited for and seen here.
create function lessons.guard_offer() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform from lessons.slots
    where id = new.slot_id and withdrawn_at is null and blocked_at is null
      and starts_at <= new.starts_at and new.ends_at <= ends_at
    for share;
    if not found then
        raise exception 'the time is not on offer' using errcode = 'check_violation', constraint = 'bookings_offered';
    end if;
    return new;
end
$$;
create trigger guard_offer before insert on lessons.bookings
    for each row when (new.slot_id is not null and new.state in ('hold', 'confirmed')) execute function lessons.guard_offer();

-- Whether a slot can be booked, as its teacher or an admin reads it. A hold counts until its moment, whatever has been swept.
create function lessons.slot_status(slot lessons.slots) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    with live as (
        select state from lessons.bookings as booking
        where lessons.uuid_range(booking.teacher_id, booking.teacher_id, '[]')
              = lessons.uuid_range(slot.teacher_id, slot.teacher_id, '[]')
          and tstzrange(booking.starts_at, booking.blocked_until) && tstzrange(slot.starts_at, slot.ends_at)
          and (booking.state = 'confirmed' or booking.state = 'hold' and booking.hold_expires_at > now())
    )
    select case
        when slot.withdrawn_at is not null then 'canceled'
        when slot.blocked_at is not null then 'blocked'
        when exists (
            select from unnest(lessons.free_parts(slot.teacher_id, least(greatest(slot.starts_at, now()), slot.ends_at),
                                                  slot.ends_at)) as part
            where upper(part) - lower(part) >= '15 minutes'::interval) then 'open'
        when exists (select from live where state = 'confirmed') then 'booked'
        when exists (select from live) then 'hold'
        -- Nobody's, but too little beside a lesson for another; or it lies behind.
        when slot.ends_at > now() then 'booked'
        else 'canceled'
    end
$$;

revoke execute on function lessons.guard_schedule(), lessons.guard_offer(), lessons.slot_status(lessons.slots) from public;
grant execute on function lessons.slot_status(lessons.slots) to praxis_request;
grant create on schema lessons to praxis_definer;
alter function lessons.guard_schedule() owner to praxis_definer;
alter function lessons.guard_offer() owner to praxis_definer;
revoke create on schema lessons from praxis_definer;
