drop trigger take_held on lessons.packages;
-- What is held without a line could not be released any more.
alter table lessons.bookings no force row level security;
alter table lessons.package_entries no force row level security;
update lessons.bookings set state = 'expired', updated_at = now()
where state = 'hold' and not exists (select from lessons.package_entries
                                     where booking_id = bookings.id and kind = 'hold');
alter table lessons.bookings force row level security;
alter table lessons.package_entries force row level security;
drop function lessons.take_held();

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
    begin
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
    execute format('set local role %I', migrating);
end
$$;
revoke create on schema lessons from praxis_definer;
