-- A time that is held along with a purchase: it waits for the money, and becomes a lesson when that comes.
--
-- A package that waits for its money has no lesson to keep, so such a hold has no line in it.

grant create on schema lessons to praxis_definer;
do $$
declare
    migrating name := current_user;
begin
    set local role praxis_definer;
    create or replace function lessons.apply_entry() returns trigger
        language plpgsql security definer
        set search_path = pg_catalog, pg_temp
    as $body$
    declare
        n constant pg_catalog.int4 := new.lessons;
        is_unpaid constant pg_catalog.bool := exists (
            select from lessons.packages where id = new.package_id and state = 'pending');
    begin
        if new.kind = 'hold' and is_unpaid
            or new.kind = 'release' and not exists (
                select from lessons.package_entries
                where package_id = new.package_id and booking_id = new.booking_id and kind = 'hold') then
            return null;
        end if;
        if new.kind = 'book' and is_unpaid then
            raise exception 'the package cannot be used for that'
                using errcode = 'check_violation', constraint = 'packages_usable';
        end if;
        update lessons.packages
        set granted = granted + case new.kind when 'grant' then n else 0 end,
            held = held + case new.kind when 'hold' then n when 'release' then -n when 'book' then -n else 0 end,
            booked = booked + case new.kind when 'book' then n when 'return' then -n when 'use' then -n else 0 end,
            used = used + case new.kind when 'use' then n else 0 end,
            revoked = revoked + case new.kind when 'revoke' then n else 0 end,
            expires_at = greatest(expires_at, new.package_ends),
            state = case when state = 'expired' and new.package_ends > now() then 'active' else state end,
            updated_at = now()
        where id = new.package_id
        returning student_id into new.student_id;
        return new;
    end
    $body$;
    -- The money of a package came: what is still held with it becomes a lesson, unless the money is gone again.
    create function lessons.take_held() returns trigger
        language plpgsql security definer
        set search_path = pg_catalog, pg_temp
    as $body$
    declare
        held lessons.bookings;
        lesson pg_catalog.uuid;
        is_paid constant pg_catalog.bool := new.frozen_at is null and exists (
            select from lessons.payments as payment
            where payment.package_id = new.id and payment.lessons is not null and not payment.is_disputed
              and payment.state in ('succeeded', 'partially_refunded')
              and not exists (select from lessons.payment_disputes as dispute
                              where dispute.payment_id = payment.id and dispute.state = 'lost'));
    begin
        for held in select * from lessons.bookings where package_id = new.id and state = 'hold' order by id for update loop
            if is_paid and held.hold_expires_at > now() and held.starts_at > now() and held.starts_at < new.expires_at then
                lesson := gen_random_uuid();
                insert into lessons.package_entries (id, package_id, kind, booking_id)
                values (gen_random_uuid(), new.id, 'hold', held.id), (gen_random_uuid(), new.id, 'book', held.id);
                update lessons.bookings
                set state = 'confirmed', confirmed_at = now(), hold_expires_at = null, lesson_id = lesson,
                    lesson_state = 'scheduled', lesson_created_at = now(), lesson_updated_at = now(), updated_at = now()
                where id = held.id;
                insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, teacher_id, payload)
                values (gen_random_uuid(), 'booking.confirmed', 'booking', held.id, held.student_id, held.teacher_id,
                        jsonb_build_object('booking_id', held.id, 'slot_id', held.slot_id)),
                       (gen_random_uuid(), 'lesson.created', 'lesson', lesson, held.student_id, held.teacher_id,
                        jsonb_build_object('lesson_id', lesson, 'booking_id', held.id));
            else
                update lessons.bookings set state = 'expired', updated_at = now() where id = held.id;
                insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
                values (gen_random_uuid(), 'booking.hold.expired', 'booking', held.id, held.student_id,
                        jsonb_build_object('booking_id', held.id, 'slot_id', held.slot_id));
            end if;
        end loop;
        return null;
    end
    $body$;
    revoke execute on function lessons.take_held() from public;
    execute format('grant execute on function lessons.take_held() to %I', migrating);
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema lessons from praxis_definer;
create trigger take_held after update of state on lessons.packages
    for each row when (old.state = 'pending' and new.state = 'active') execute function lessons.take_held();
