do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    revoke execute on function lessons.make_way(uuid, uuid, uuid), lessons.rules_of(uuid),
        lessons.free_parts(uuid, timestamptz, timestamptz, uuid) from praxis_service;
    execute format('set local role %I', migrating);
end
$$;
drop function lessons.make_way_until(uuid, timestamptz, uuid);
delete from identity.export_sides where table_name = 'lessons.waitlist';
drop view lessons.waitlist_view;
drop table lessons.waitlist;
drop function lessons.guard_waitlist();
drop view lessons.booking_view;
create view lessons.booking_view with (security_invoker = true) as
    select id, slot_id, student_id, teacher_id, package_id,
           case when state = 'hold' and hold_expires_at <= now() then 'expired' else state end as status,
           starts_at as start_at, ends_at as end_at, hold_expires_at, confirmed_at, canceled_at, canceled_as,
           cancellation_reason, refund_returned, free_cancel_until, rescheduled_from as rescheduled_from_booking_id, moves,
           calendar_uid, calendar_sequence, lesson_id, lesson_state, topic, notes, created_at, updated_at
    from lessons.bookings;
grant select on lessons.booking_view to praxis_request, praxis_service;
alter table lessons.bookings drop column series_id;
