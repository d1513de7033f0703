-- Lessons that are booked in one go, and people who wait for a teacher's time.

alter table lessons.bookings add column series_id uuid;
create index bookings_series on lessons.bookings (series_id, starts_at) where series_id is not null;

create or replace view lessons.booking_view with (security_invoker = true) as
    select id, slot_id, student_id, teacher_id, package_id,
           case when state = 'hold' and hold_expires_at <= now() then 'expired' else state end as status,
           starts_at as start_at, ends_at as end_at, hold_expires_at, confirmed_at, canceled_at, canceled_as,
           cancellation_reason, refund_returned, free_cancel_until, rescheduled_from as rescheduled_from_booking_id, moves,
           calendar_uid, calendar_sequence, lesson_id, lesson_state, topic, notes, created_at, updated_at, series_id
    from lessons.bookings;

-- Who waits for time of a teacher. What became of it is what became of the booking that was offered.
create table lessons.waitlist (
    id uuid primary key,
    student_id uuid not null references identity.users (id) on delete cascade,
    teacher_id uuid not null references identity.users (id) on delete cascade,
    -- The lesson is to be paid with it.
    package_id uuid not null references lessons.packages (id),
    -- The lesson lies between the two, and has so many minutes.
    wanted_from timestamptz not null,
    wanted_until timestamptz not null,
    minutes smallint not null check (minutes between 15 and 480),
    booking_id uuid constraint waitlist_booking unique references lessons.bookings (id),
    offered_at timestamptz,
    created_at timestamptz not null default now(),
    check ((booking_id is null) = (offered_at is null)),
    constraint waitlist_interval check (
        wanted_from + minutes * interval '1 minute' <= wanted_until and wanted_until - wanted_from <= interval '62 days')
);
create unique index waitlist_once on lessons.waitlist (student_id, teacher_id, wanted_from, wanted_until) where booking_id is null;
create index waitlist_waiting on lessons.waitlist (created_at, id) where booking_id is null;
create index waitlist_list on lessons.waitlist (student_id, created_at desc, id desc);
create index waitlist_teacher on lessons.waitlist (teacher_id);
create index waitlist_package on lessons.waitlist (package_id);
comment on table lessons.waitlist is 'Times of a teacher that you wait for, and that people wait for with you.';
insert into identity.export_sides values
    ('lessons.waitlist', 'student_id', '{teacher_id}'),
    ('lessons.waitlist', 'teacher_id', '{student_id,package_id,booking_id,offered_at}');

alter table lessons.waitlist enable row level security;
alter table lessons.waitlist force row level security;
create policy every_row on lessons.waitlist to praxis_service, praxis_definer using (true) with check (true);
grant select, insert, update on lessons.waitlist to praxis_service, praxis_definer;
-- A teacher does not see who waits: it is nothing that they could act on.
create policy own_rows on lessons.waitlist to praxis_request
    using (student_id = (select identity.request_user_id())) with check (student_id = (select identity.request_user_id()));
grant select, delete on lessons.waitlist to praxis_request;
grant insert (id, student_id, teacher_id, package_id, wanted_from, wanted_until, minutes) on lessons.waitlist to praxis_request;

create view lessons.waitlist_view with (security_invoker = true) as
    select waitlist.id, waitlist.teacher_id, teachers.display_name as teacher_name, waitlist.package_id,
           waitlist.wanted_from as "from", waitlist.wanted_until as "to", waitlist.minutes,
           case when booking.state = 'hold' and booking.hold_expires_at > now() then 'offered'
                when booking.confirmed_at is not null then 'done'
                when booking.id is null and waitlist.wanted_until > now() + waitlist.minutes * interval '1 minute' then 'waiting'
                else 'over' end as status,
           waitlist.booking_id, waitlist.offered_at, waitlist.created_at
    from lessons.waitlist
    left join lessons.bookings as booking on booking.id = waitlist.booking_id
    left join lessons.teachers on teachers.user_id = waitlist.teacher_id;
grant select on lessons.waitlist_view to praxis_request;

-- One waits for a teacher, with a package of one's own, and for ten things at most.
create function lessons.guard_waitlist() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('lessons.waitlist ' || new.student_id, 0));
    if not exists (select from identity.users
                   where id = new.teacher_id and id <> new.student_id and 'teacher' = any (roles) and deactivated_at is null
                     and deletion_requested_at is null) then
        raise exception 'the person is no teacher' using errcode = 'check_violation', constraint = 'waitlist_teacher_role';
    end if;
    if not exists (select from lessons.packages where id = new.package_id and student_id = new.student_id) then
        raise exception 'not their package' using errcode = 'check_violation', constraint = 'waitlist_own_package';
    end if;
    if (select count(*) from lessons.waitlist
        where student_id = new.student_id and booking_id is null
          and wanted_until > now() + minutes * '1 minute'::pg_catalog.interval) >= 10 then
        raise exception 'waits for as much as one may' using errcode = 'check_violation', constraint = 'waitlist_ten';
    end if;
    return new;
end
$$;
create trigger guard_waitlist before insert on lessons.waitlist for each row execute function lessons.guard_waitlist();

-- Makes way for lessons of a slot's teacher between the slot's start and `ends`: locks the package, and ends the holds whose time
-- is over, of the teacher then and of the package's student.
create function lessons.make_way_until(slot uuid, ends timestamptz, package uuid) returns void
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    select lessons.lapse(
        array(select booking.id
              from lessons.slots
              join lessons.bookings as booking
                  on lessons.uuid_range(booking.teacher_id, booking.teacher_id, '[]')
                     = lessons.uuid_range(slots.teacher_id, slots.teacher_id, '[]')
              where slots.id = slot and booking.state = 'hold' and booking.hold_expires_at <= now()
                and tstzrange(booking.starts_at, booking.blocked_until)
                    && tstzrange(slots.starts_at, ends + '4 hours'::pg_catalog.interval)
              union
              select booking.id
              from lessons.packages join lessons.bookings as booking on booking.student_id = packages.student_id
              where packages.id = package and booking.state = 'hold' and booking.hold_expires_at <= now()),
        package)
$$;

revoke execute on function lessons.guard_waitlist(), lessons.make_way_until(uuid, timestamptz, uuid) from public;
grant execute on function lessons.make_way_until(uuid, timestamptz, uuid) to praxis_request;
grant create on schema lessons to praxis_definer;
alter function lessons.guard_waitlist() owner to praxis_definer;
alter function lessons.make_way_until(uuid, timestamptz, uuid) owner to praxis_definer;
-- The job that offers what people wait for books as a request does.
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    grant execute on function lessons.make_way(uuid, uuid, uuid), lessons.rules_of(uuid),
        lessons.free_parts(uuid, timestamptz, timestamptz, uuid) to praxis_service;
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema lessons from praxis_definer;
