-- Lessons: teachers and their time, packages of lessons, bookings, and what is told of them.
--
-- Money buys lessons, lessons buy time. A booking carries its own interval, and two exclusion constraints forbid that a
-- teacher or a student has two live ones at once. What is left in a package is the sum of its entries, which a trigger keeps.
--
-- A row of two people names both, and goes on without the one who leaves (`on delete set null`).

create schema lessons;
grant usage on schema lessons to praxis_request, praxis_service, praxis_definer;

-- An id as a range of one point: GiST compares ranges without an extension, and ids only with one (btree_gist), which not
-- every managed PostgreSQL and no bundled one has.
create type lessons.uuid_range as range (subtype = uuid, multirange_type_name = lessons.uuid_multirange);
-- Whether the caller has a role now. Runs as the caller, who sees their own row.
create function identity.request_has_role(wanted text) returns boolean
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    select exists (select from identity.users where id = identity.request_user_id() and wanted = any (roles))
$$;
revoke execute on function identity.request_has_role(text) from public;
grant execute on function identity.request_has_role(text) to praxis_request, praxis_definer;

-- A teacher's card.
create table lessons.teachers (
    id uuid primary key,
    user_id uuid not null constraint teachers_user unique references identity.users (id) on delete cascade,
    display_name text not null check (length(display_name) between 2 and 128),
    bio text not null default '' check (length(bio) <= 5000),
    experience_years smallint not null default 0 check (experience_years between 0 and 80),
    -- Only an approved card is shown to others.
    is_approved boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index teachers_list on lessons.teachers (created_at desc, id desc) where is_approved;
comment on table lessons.teachers is 'Your card as a teacher.';

-- How a teacher's time is given out. A teacher without a row has these defaults.
create table lessons.teaching_rules (
    teacher_id uuid primary key references identity.users (id) on delete cascade,
    -- Stays free after each lesson.
    break_minutes smallint not null default 0 check (break_minutes between 0 and 240),
    -- A lesson is booked at least so long before it begins.
    notice_minutes integer not null default 0 check (notice_minutes between 0 and 20160),
    updated_at timestamptz not null default now()
);
comment on table lessons.teaching_rules is 'Your breaks and how early a lesson has to be booked.';

-- Time of a teacher on offer. A booking takes all of a slot or a part; whether a slot is free is derived from bookings.
create table lessons.slots (
    id uuid primary key,
    teacher_id uuid not null references identity.users (id) on delete cascade,
    -- Who published it by hand; null for a slot of the teacher's weekly hours.
    created_by_admin_id uuid references identity.users (id) on delete set null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    blocked_at timestamptz,
    blocked_reason text check (length(blocked_reason) between 1 and 512),
    withdrawn_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint slots_interval check (starts_at < ends_at and ends_at - starts_at <= interval '24 hours'),
    check (blocked_reason is null or blocked_at is not null),
    constraint slots_teacher_time exclude using gist (
        lessons.uuid_range(teacher_id, teacher_id, '[]') with =,
        tstzrange(starts_at, ends_at) with &&) where (withdrawn_at is null)
);
create index slots_open on lessons.slots (starts_at, id) where withdrawn_at is null and blocked_at is null;
create index slots_teacher on lessons.slots (teacher_id, starts_at, id) where withdrawn_at is null;
create index slots_created_by on lessons.slots (created_by_admin_id) where created_by_admin_id is not null;
comment on table lessons.slots is 'Times that you offered as a teacher, or published as an admin.';

-- A student's balance of lessons. Its counters are the sums of its entries, and change with them alone.
create table lessons.packages (
    id uuid primary key,
    student_id uuid references identity.users (id) on delete set null,
    -- `pending` until its payment has come; then it can be used until `expires_at`, whatever a job has swept.
    state text not null default 'active' check (state in ('pending', 'active', 'expired', 'canceled')),
    granted integer not null default 0 check (granted >= 0),
    held integer not null default 0 check (held >= 0),
    booked integer not null default 0 check (booked >= 0),
    used integer not null default 0 check (used >= 0),
    revoked integer not null default 0 check (revoked >= 0),
    lessons_left integer not null generated always as (granted - booked - used - revoked) stored,
    expires_at timestamptz not null,
    -- While a payment is disputed, nothing new is booked.
    frozen_at timestamptz,
    -- When its student was told that it ends soon.
    warned_at timestamptz,
    created_by uuid references identity.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, student_id),
    -- What is held is not spent twice.
    constraint packages_lessons_left check (held <= granted - booked - used - revoked)
);
create index packages_student on lessons.packages (student_id, created_at desc, id desc);
create index packages_expiry on lessons.packages (expires_at) where state = 'active';
create index packages_created_by on lessons.packages (created_by) where created_by is not null;
comment on table lessons.packages is 'Your packages of lessons.';

create table lessons.bookings (
    id uuid primary key,
    slot_id uuid references lessons.slots (id) on delete set null,
    student_id uuid references identity.users (id) on delete set null,
    teacher_id uuid references identity.users (id) on delete set null,
    package_id uuid,
    state text not null default 'hold' check (state in ('hold', 'confirmed', 'canceled', 'expired')),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    -- The end with the teacher's break as it was when the lesson was booked.
    blocked_until timestamptz not null,
    hold_expires_at timestamptz,
    confirmed_at timestamptz,
    canceled_at timestamptz,
    -- As whom somebody canceled, and who.
    canceled_as text check (canceled_as in ('student', 'teacher', 'admin', 'system')),
    cancellation_reason text check (length(cancellation_reason) <= 512),
    refund_returned boolean not null default false,
    -- Until then, and not at that moment, a student's cancel gives the lesson back.
    free_cancel_until timestamptz not null,
    rescheduled_from uuid constraint bookings_one_successor unique references lessons.bookings (id) on delete set null,
    -- How often a student moved it, through the whole chain.
    moves smallint not null default 0 check (moves >= 0),
    -- One calendar entry through the whole chain; the sequence grows with each change that calendars must hear of.
    calendar_uid uuid not null,
    calendar_sequence integer not null default 0 check (calendar_sequence >= 0),

    -- The lesson, once the booking is confirmed. Its time and people are the booking's.
    lesson_id uuid constraint bookings_lesson unique,
    lesson_state text check (lesson_state in ('scheduled', 'completed', 'no_show', 'canceled')),
    lesson_created_at timestamptz,
    lesson_updated_at timestamptz,
    topic text check (length(topic) <= 255),
    notes text check (length(notes) <= 20000),
    -- When its student was to be reminded, or needed not to be.
    reminded_at timestamptz,

    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (starts_at < ends_at and ends_at <= blocked_until),
    check (student_id <> teacher_id),
    -- A null id would make a range of everybody.
    constraint bookings_live_people check (
        state not in ('hold', 'confirmed') or student_id is not null and teacher_id is not null and package_id is not null),
    check ((state = 'canceled') = (canceled_at is not null and canceled_as is not null)),
    check (state <> 'hold' or hold_expires_at is not null),
    check (state <> 'confirmed' or confirmed_at is not null and lesson_state is not null and hold_expires_at is null),
    check (num_nulls(lesson_id, lesson_state, lesson_created_at, lesson_updated_at) in (0, 4)),
    foreign key (package_id, student_id) references lessons.packages (id, student_id) on update cascade,
    constraint bookings_teacher_time exclude using gist (
        lessons.uuid_range(teacher_id, teacher_id, '[]') with =,
        tstzrange(starts_at, blocked_until) with &&) where (state in ('hold', 'confirmed')),
    constraint bookings_student_time exclude using gist (
        lessons.uuid_range(student_id, student_id, '[]') with =,
        tstzrange(starts_at, ends_at) with &&) where (state in ('hold', 'confirmed'))
);
create index bookings_student on lessons.bookings (student_id, created_at desc, id desc);
create index bookings_teacher on lessons.bookings (teacher_id, created_at desc, id desc);
create index bookings_list on lessons.bookings (created_at desc, id desc);
create index bookings_slot on lessons.bookings (slot_id);
create index bookings_package on lessons.bookings (package_id);
create index bookings_lapsing on lessons.bookings (hold_expires_at) where state = 'hold';
create index bookings_to_remind on lessons.bookings (starts_at) where state = 'confirmed' and reminded_at is null;
create index bookings_student_lessons on lessons.bookings (student_id, starts_at, id) where lesson_id is not null;
create index bookings_teacher_lessons on lessons.bookings (teacher_id, starts_at, id) where lesson_id is not null;
create index bookings_lessons on lessons.bookings (starts_at, id) where lesson_id is not null;
comment on table lessons.bookings is 'Your bookings and lessons, as a student or as a teacher.';

-- What happened to a package, line by line; never changed. `lessons` is how many, always more than none.
create table lessons.package_entries (
    id uuid primary key,
    package_id uuid not null,
    student_id uuid,
    kind text not null check (kind in ('grant', 'hold', 'release', 'book', 'return', 'use', 'revoke')),
    lessons integer not null default 1 check (lessons between 1 and 10000),
    booking_id uuid references lessons.bookings (id) on delete set null,
    reason text check (length(reason) <= 512),
    -- The package then lasts until this moment at least: a lesson that staff gave back can still be used.
    package_ends timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    foreign key (package_id, student_id) references lessons.packages (id, student_id) on update cascade,
    -- A package whose student has left is no composite key any more.
    foreign key (package_id) references lessons.packages (id),
    constraint package_entries_of_bookings check ((kind in ('hold', 'release', 'book', 'return', 'use')) = (booking_id is not null)),
    constraint package_entries_once unique (package_id, kind, booking_id)
);
create index package_entries_list on lessons.package_entries (package_id, created_at, id);
create index package_entries_student on lessons.package_entries (student_id);
create index package_entries_booking on lessons.package_entries (booking_id);
comment on table lessons.package_entries is 'What happened to your packages, line by line.';

-- What happened, for those who are to hear of it. The texts of people are not in it.
create table lessons.events (
    id uuid primary key,
    event_type text not null check (event_type ~ '^[a-z_]+(\.[a-z_]+)+$'),
    aggregate_type text not null check (aggregate_type in ('booking', 'lesson', 'billing')),
    aggregate_id uuid not null,
    student_id uuid references identity.users (id) on delete set null,
    teacher_id uuid references identity.users (id) on delete set null,
    -- Ids of things and states, beside the people above.
    payload jsonb not null default '{}',
    status text not null default 'pending' check (status in ('pending', 'processed', 'failed')),
    occurred_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default now(),
    processed_at timestamptz,
    retries integer not null default 0 check (retries >= 0),
    error_message text check (length(error_message) <= 500),
    updated_at timestamptz not null default now(),
    check ((status = 'processed') = (processed_at is not null))
);
create index events_due on lessons.events (due_at, occurred_at, id) where status <> 'processed';
create index events_listed on lessons.events (occurred_at, id) where status = 'pending';
create index events_status on lessons.events (status);
create index events_student on lessons.events (student_id);
create index events_teacher on lessons.events (teacher_id);
comment on table lessons.events is 'Changes of your lessons that you were told of, or will be.';

-- What a person is told. One of each event, however often the job runs.
create table lessons.notifications (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    -- Who wrote it by hand, an admin or one of the receiver's teachers; null for what a job tells.
    author_id uuid references identity.users (id) on delete set null,
    event_id uuid references lessons.events (id) on delete set null,
    channel text not null default 'email' check (length(channel) between 1 and 32),
    title text not null check (length(title) between 1 and 255),
    body text not null check (length(body) between 1 and 20000),
    status text not null default 'pending' check (status in ('pending', 'sent', 'failed')),
    sent_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((status = 'sent') = (sent_at is not null)),
    constraint notifications_once unique (event_id, user_id)
);
create index notifications_list on lessons.notifications (user_id, created_at desc, id desc);
create index notifications_author on lessons.notifications (author_id) where author_id is not null;
create index notifications_status on lessons.notifications (status);
comment on table lessons.notifications is 'What you were told about your lessons.';

-- Secret addresses under which a calendar program reads a person's lessons. The database keeps SHA-256 of the secret.
create table lessons.calendar_feeds (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    token_hash bytea not null constraint calendar_feeds_token unique check (length(token_hash) = 32),
    created_at timestamptz not null default now(),
    last_read_on date
);
create index calendar_feeds_list on lessons.calendar_feeds (user_id, created_at desc, id desc);
comment on table lessons.calendar_feeds is 'Addresses under which your calendar program reads your lessons.';
insert into identity.export_exclusions (table_name, column_name, reason) values
    ('lessons.calendar_feeds', 'token_hash', 'derived from a secret');

-- The journal of those who run the practice, in their own words; the audit log is another, which nobody writes by hand.
create table lessons.admin_actions (
    id uuid primary key,
    admin_id uuid references identity.users (id) on delete set null,
    action text not null check (length(action) between 1 and 128),
    target_type text not null check (length(target_type) between 1 and 128),
    target_id text check (length(target_id) <= 128),
    payload jsonb not null default '{}' check (octet_length(payload::text) <= 20000),
    created_at timestamptz not null default clock_timestamp()
);
create index admin_actions_list on lessons.admin_actions (created_at desc, id desc);
create index admin_actions_admin on lessons.admin_actions (admin_id);
comment on table lessons.admin_actions is 'What you noted in the journal as an admin.';

do $$
declare
    name text;
begin
    foreach name in array array['teachers', 'teaching_rules', 'slots', 'packages', 'bookings', 'package_entries', 'events',
                                'notifications', 'calendar_feeds', 'admin_actions'] loop
        execute format('alter table lessons.%I enable row level security', name);
        execute format('alter table lessons.%I force row level security', name);
        execute format('create policy every_row on lessons.%I to praxis_service, praxis_definer
                        using (true) with check (true)', name);
        execute format('grant select, insert, update on lessons.%I to praxis_service, praxis_definer', name);
    end loop;
end
$$;
grant delete on lessons.slots, lessons.events, lessons.notifications to praxis_service;

-- Whether the caller has taught somebody, or is going to.
create function lessons.teaches(student uuid) returns boolean
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select exists (select from lessons.bookings as booking
                   where booking.student_id = student and booking.teacher_id = identity.request_user_id())
$$;

-- Who sees and changes what, by who calls. An admin's rows are everybody's; each route says so by its parameter as well.
create policy own_rows on lessons.teachers to praxis_request
    using (is_approved or user_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
    with check (user_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
grant select, insert on lessons.teachers to praxis_request;
grant update (display_name, bio, experience_years, is_approved, updated_at) on lessons.teachers to praxis_request;

create policy own_rows on lessons.teaching_rules to praxis_request
    using (teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
    with check (teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
grant select, insert, update on lessons.teaching_rules to praxis_request;

-- What is on offer is anybody's to see.
create policy offered on lessons.slots for select to praxis_request
    using (withdrawn_at is null and blocked_at is null
           or teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
create policy published on lessons.slots for insert to praxis_request
    with check ((select identity.request_has_role('admin')) and created_by_admin_id = (select identity.request_user_id()));
create policy changed on lessons.slots for update to praxis_request
    using (teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
    with check (teacher_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
grant select, insert on lessons.slots to praxis_request;
grant update (starts_at, ends_at, blocked_at, blocked_reason, withdrawn_at, updated_at) on lessons.slots to praxis_request;

create policy own_rows on lessons.packages to praxis_request
    using (student_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
    with check ((select identity.request_has_role('admin')) and identity.request_user_id() is not null);
grant select, insert (id, student_id, expires_at, created_by) on lessons.packages to praxis_request;

create policy own_rows on lessons.bookings to praxis_request
    using (student_id = (select identity.request_user_id()) or teacher_id = (select identity.request_user_id())
           or (select identity.request_has_role('admin')))
    with check (student_id = (select identity.request_user_id()) or teacher_id = (select identity.request_user_id())
                or (select identity.request_has_role('admin')));
grant select, insert on lessons.bookings to praxis_request;
grant update (state, hold_expires_at, confirmed_at, canceled_at, canceled_as, cancellation_reason, refund_returned,
              calendar_sequence, lesson_id, lesson_state, lesson_created_at, lesson_updated_at, topic, notes, updated_at)
    on lessons.bookings to praxis_request;

create policy own_rows on lessons.package_entries for select to praxis_request
    using (student_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
create policy moved on lessons.package_entries for insert to praxis_request
    with check ((select identity.request_has_role('admin'))
                or booking_id is not null and exists (
                    select from lessons.bookings as booking
                    where booking.id = booking_id and booking.package_id = package_entries.package_id
                      and identity.request_user_id() in (booking.student_id, booking.teacher_id)
                      -- A student extends nothing.
                      and (package_ends is null or identity.request_user_id() = booking.teacher_id)));
grant select, insert on lessons.package_entries to praxis_request;

create policy told on lessons.events to praxis_request
    using ((select identity.request_has_role('admin')) and identity.request_user_id() is not null)
    with check (student_id = (select identity.request_user_id()) or teacher_id = (select identity.request_user_id())
                or (select identity.request_has_role('admin')));
grant select, insert on lessons.events to praxis_request;

create policy own_rows on lessons.notifications for select to praxis_request
    using ((select identity.request_user_id()) in (user_id, author_id) or (select identity.request_has_role('admin')));
create policy written on lessons.notifications for insert to praxis_request
    with check (author_id = (select identity.request_user_id())
                and ((select identity.request_has_role('admin')) or lessons.teaches(user_id)));
create policy received on lessons.notifications for update to praxis_request
    using (user_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')))
    with check (user_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
grant select on lessons.notifications to praxis_request;
grant insert (id, user_id, author_id, channel, title, body) on lessons.notifications to praxis_request;
grant update (status, sent_at, updated_at) on lessons.notifications to praxis_request;

-- Five at most: whoever makes another waits here.
create function lessons.guard_feeds() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('lessons.feeds ' || new.user_id, 0));
    if (select count(*) from lessons.calendar_feeds where user_id = new.user_id) >= 5 then
        raise exception 'as many feeds as there may be' using errcode = 'check_violation', constraint = 'calendar_feeds_five';
    end if;
    return new;
end
$$;
create trigger guard_feeds before insert on lessons.calendar_feeds for each row execute function lessons.guard_feeds();
revoke execute on function lessons.guard_feeds() from public;

create policy own_rows on lessons.calendar_feeds to praxis_request
    using (user_id = (select identity.request_user_id()))
    with check (user_id = (select identity.request_user_id()));
grant select, delete on lessons.calendar_feeds to praxis_request;
grant insert (id, user_id, token_hash) on lessons.calendar_feeds to praxis_request;

-- Whose feed a secret opens: nobody's who is locked out. Its use is noted by the day.
create function lessons.open_feed(secret bytea) returns uuid
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with feed as (
        select feed.id, feed.user_id, feed.last_read_on
        from lessons.calendar_feeds as feed join identity.users on users.id = feed.user_id
        where feed.token_hash = secret and users.deactivated_at is null
    ), used as (
        update lessons.calendar_feeds set last_read_on = (now() at time zone 'UTC')::pg_catalog.date
        from feed
        where calendar_feeds.id = feed.id and feed.last_read_on is distinct from (now() at time zone 'UTC')::pg_catalog.date
    )
    select user_id from feed
$$;

-- The lessons of a feed, called off ones too, so that calendars forget them: those of the last quarter and all to come.
create function lessons.feed_of(secret bytea)
    returns table (calendar_uid uuid, calendar_sequence integer, starts_at timestamptz, ends_at timestamptz, is_canceled boolean,
                   updated_at timestamptz, with_name text, is_taught boolean, locale text)
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with person as (
        select users.id, users.locale
        from lessons.open_feed(secret) as opened (id) join identity.users on users.id = opened.id
    ), theirs as (
        -- The last booking of a chain of moves is the entry.
        select distinct on (booking.calendar_uid) booking.*, booking.teacher_id = person.id as is_taught, person.locale
        from person join lessons.bookings as booking
            on booking.student_id = person.id or booking.teacher_id = person.id
        where booking.lesson_id is not null and booking.starts_at > now() - '90 days'::pg_catalog.interval
        order by booking.calendar_uid, booking.calendar_sequence desc
    )
    select theirs.calendar_uid, theirs.calendar_sequence, theirs.starts_at, theirs.ends_at,
           theirs.lesson_state = 'canceled', theirs.updated_at, other.display_name, theirs.is_taught, person.locale
    from person
    left join theirs on true
    left join identity.users as other on other.id = case when theirs.is_taught then theirs.student_id else theirs.teacher_id end
    order by theirs.starts_at, theirs.calendar_uid
    limit 5000
$$;

create policy own_rows on lessons.admin_actions to praxis_request
    using ((select identity.request_has_role('admin')) and identity.request_user_id() is not null)
    with check ((select identity.request_has_role('admin')) and admin_id = (select identity.request_user_id()));
grant select, insert on lessons.admin_actions to praxis_request;

-- A booking, a lesson and a package as callers see them. What time has ended reads so at that moment, whatever has been swept.
create view lessons.booking_view with (security_invoker = true) as
    select id, slot_id, student_id, teacher_id, package_id,
           case when state = 'hold' and hold_expires_at <= now() then 'expired' else state end as status,
           starts_at as start_at, ends_at as end_at, hold_expires_at, confirmed_at, canceled_at, canceled_as,
           cancellation_reason, refund_returned, free_cancel_until, rescheduled_from as rescheduled_from_booking_id, moves,
           calendar_uid, calendar_sequence, lesson_id, lesson_state, topic, notes, created_at, updated_at
    from lessons.bookings;
create view lessons.lesson_view with (security_invoker = true) as
    select lesson_id as id, id as booking_id, student_id, teacher_id, starts_at as scheduled_start_at,
           ends_at as scheduled_end_at, lesson_state as status, topic, notes, lesson_created_at as created_at,
           lesson_updated_at as updated_at
    from lessons.bookings where lesson_id is not null;
create view lessons.package_view with (security_invoker = true) as
    select id, student_id, granted as lessons_total, lessons_left, held as lessons_held, expires_at,
           case when state = 'active' and expires_at <= now() then 'expired' else state end as status,
           frozen_at is not null as is_frozen, created_at, updated_at
    from lessons.packages;
grant select on lessons.booking_view, lessons.lesson_view, lessons.package_view to praxis_request, praxis_service;

-- Keeps a package's counters. The only way to them: no role of a request may write one.
create function lessons.apply_entry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
create trigger apply_entry before insert on lessons.package_entries for each row execute function lessons.apply_entry();

-- A lesson is held and booked with a package that can be used, and begins before the package ends: no constraint sees both
-- rows. Fires after the one above, which has locked the package.
create function lessons.guard_use() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from lessons.packages as package join lessons.bookings as booking on booking.id = new.booking_id
                   where package.id = new.package_id and package.frozen_at is null and booking.starts_at < package.expires_at
                     -- A hold may wait for the payment of its package.
                     and (package.state = 'active' or package.state = 'pending' and new.kind = 'hold')) then
        raise exception 'the package cannot be used for that' using errcode = 'check_violation', constraint = 'packages_usable';
    end if;
    return new;
end
$$;
create trigger guard_use before insert on lessons.package_entries
    for each row when (new.kind in ('hold', 'book')) execute function lessons.guard_use();

-- Only a teacher has a card, and only an admin approves one.
create function lessons.guard_teacher() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' and not exists (select from identity.users where id = new.user_id and 'teacher' = any (roles)) then
        raise exception 'the person is no teacher' using errcode = 'check_violation', constraint = 'teachers_role';
    end if;
    if new.is_approved and (tg_op = 'INSERT' or not old.is_approved)
        and identity.request_user_id() is not null and not identity.request_has_role('admin') then
        raise exception 'only an admin approves' using errcode = 'check_violation', constraint = 'teachers_approval';
    end if;
    return new;
end
$$;
create trigger guard_teacher before insert or update on lessons.teachers for each row execute function lessons.guard_teacher();

-- Only a teacher's time is on offer.
create function lessons.guard_slot() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from identity.users
                   where id = new.teacher_id and 'teacher' = any (roles) and deactivated_at is null
                     and deletion_requested_at is null) then
        raise exception 'the person is no teacher' using errcode = 'check_violation', constraint = 'slots_role';
    end if;
    return new;
end
$$;
create trigger guard_slot before insert on lessons.slots for each row execute function lessons.guard_slot();

-- Three lessons may be held at once: more would be time that nobody else gets. Whoever holds another waits here, so that two
-- at once count each other.
create function lessons.guard_holds() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('lessons.hold ' || new.student_id, 0));
    if (select count(*) from lessons.bookings
        where student_id = new.student_id and state = 'hold' and hold_expires_at > now()) >= 3 then
        raise exception 'as many holds as there may be' using errcode = 'check_violation', constraint = 'bookings_holds';
    end if;
    return new;
end
$$;
create trigger guard_holds before insert on lessons.bookings
    for each row when (new.state = 'hold') execute function lessons.guard_holds();

-- Holds whose time is over give way: their lessons are released, and who held them is told by an event. Packages are locked
-- first and by their ids, here as everywhere, so that nobody waits in a circle.
create function lessons.lapse(lapsing uuid[], also_lock uuid) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    lapsed pg_catalog.int8;
begin
    perform from lessons.packages
    where id = also_lock or id in (select package_id from lessons.bookings where id = any (lapsing))
    order by id for update;
    perform from lessons.bookings
    where id = any (lapsing) and state = 'hold' and hold_expires_at <= now() order by id for update;
    with over as (
        update lessons.bookings set state = 'expired', updated_at = now()
        where id = any (lapsing) and state = 'hold' and hold_expires_at <= now()
        returning id, package_id, slot_id, student_id
    ), released as (
        insert into lessons.package_entries (id, package_id, kind, booking_id)
        select gen_random_uuid(), package_id, 'release', id from over
    ), told as (
        insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
        select gen_random_uuid(), 'booking.hold.expired', 'booking', id, student_id,
               jsonb_build_object('booking_id', id, 'slot_id', slot_id)
        from over
    )
    select count(*) into lapsed from over;
    return lapsed;
end
$$;

-- Makes way for a lesson in a slot with a package, or with that of a booking that is moved there: locks the package, ends the
-- holds whose time is over of the slot's teacher at that time and of the student, and locks the booking.
create function lessons.make_way(slot uuid, package uuid, moving uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    package := coalesce(package, (select package_id from lessons.bookings where id = moving));
    perform lessons.lapse(
        array(select booking.id
              from lessons.slots
              join lessons.bookings as booking
                  on lessons.uuid_range(booking.teacher_id, booking.teacher_id, '[]')
                     = lessons.uuid_range(slots.teacher_id, slots.teacher_id, '[]')
              where slots.id = slot and booking.state = 'hold' and booking.hold_expires_at <= now()
                and tstzrange(booking.starts_at, booking.blocked_until)
                    && tstzrange(slots.starts_at, slots.ends_at + '4 hours'::pg_catalog.interval)
              union
              select booking.id
              from lessons.packages join lessons.bookings as booking on booking.student_id = packages.student_id
              where packages.id = package and booking.state = 'hold' and booking.hold_expires_at <= now()),
        package);
    perform from lessons.bookings where id = moving for update;
end
$$;

-- Locks a booking's package and then the booking, if the caller is part of it or an admin.
create function lessons.lock_booking(booking uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    package pg_catalog.uuid;
begin
    select package_id into package from lessons.bookings
    where id = booking
      and (identity.request_user_id() in (student_id, teacher_id) or identity.request_has_role('admin'));
    if found then
        perform from lessons.packages where id = package for update;
        perform from lessons.bookings where id = booking for update;
    end if;
end
$$;

-- The holds whose time is over end, all of them: for the job, and for an admin who does not wait for it.
create function lessons.expire_holds() returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    select lessons.lapse(array(select id from lessons.bookings
                               where state = 'hold' and hold_expires_at <= now()
                                 and (identity.request_user_id() is null or identity.request_has_role('admin'))
                               order by hold_expires_at limit 1000), null)
$$;

-- Packages whose time is over end, and their students are told. What is left in them has lapsed with them.
create function lessons.expire_packages() returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with due as (
        select id from lessons.packages
        where state = 'active' and expires_at <= now()
          and (identity.request_user_id() is null or identity.request_has_role('admin'))
        order by id limit 1000 for update
    ), over as (
        update lessons.packages set state = 'expired', updated_at = now()
        from due where packages.id = due.id
        returning packages.id, student_id, lessons_left
    ), told as (
        insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
        select gen_random_uuid(), 'billing.package.expired', 'billing', id, student_id,
               jsonb_build_object('package_id', id, 'lessons_left', lessons_left)
        from over
    )
    select count(*) from over
$$;

-- A teacher's break after a lesson and how early it is booked.
create function lessons.rules_of(teacher uuid) returns table (break_minutes smallint, notice_minutes integer)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(rules.break_minutes), 0)::pg_catalog.int2, coalesce(max(rules.notice_minutes), 0)::pg_catalog.int4
    from lessons.teaching_rules as rules where rules.teacher_id = teacher
$$;

-- The parts of an offered interval of a teacher that a lesson can have: without other lessons and holds, the break after
-- each, and the break that a lesson before one needs. Whose they are, nobody is told. A hold counts until its moment, whatever
-- has been swept; `moving` does not count.
create function lessons.free_parts(teacher uuid, starts_at timestamptz, ends_at timestamptz, moving uuid default null)
    returns tstzmultirange
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select tstzmultirange(tstzrange(free_parts.starts_at, free_parts.ends_at)) - coalesce((
        select range_agg(tstzrange(booking.starts_at - rest, booking.blocked_until))
        from lessons.bookings as booking
        where booking.state in ('hold', 'confirmed') and booking.id is distinct from moving
          and lessons.uuid_range(booking.teacher_id, booking.teacher_id, '[]') = lessons.uuid_range(teacher, teacher, '[]')
          and tstzrange(booking.starts_at, booking.blocked_until)
              && tstzrange(free_parts.starts_at, free_parts.ends_at + rest)
          and (booking.state = 'confirmed' or booking.hold_expires_at > now())
    ), '{}')
    from lessons.rules_of(teacher) as rules, make_interval(mins => rules.break_minutes) as rest
$$;

-- The names of people whom the caller has lessons with; everybody's for an admin.
create function lessons.names_of(people uuid[]) returns table (user_id uuid, display_name text)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select users.id, users.display_name from identity.users
    where users.id = any (people)
      and (identity.request_has_role('admin')
           or exists (select from lessons.bookings as booking
                      where booking.student_id = users.id and booking.teacher_id = identity.request_user_id())
           or exists (select from lessons.bookings as booking
                      where booking.teacher_id = users.id and booking.student_id = identity.request_user_id()))
$$;

-- Somebody leaves: what they offered is withdrawn, and their lessons and holds to come end as the practice's own doing, with
-- every lesson given back. Gives the number of bookings.
create function lessons.release(person uuid) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    released pg_catalog.int8;
begin
    update lessons.slots set withdrawn_at = now(), updated_at = now()
    where teacher_id = person and withdrawn_at is null and ends_at > now();
    perform from lessons.packages
    where id in (select package_id from lessons.bookings
                 where state in ('hold', 'confirmed') and person in (student_id, teacher_id) and starts_at > now())
    order by id for update;
    perform from lessons.bookings
    where state in ('hold', 'confirmed') and person in (student_id, teacher_id) and starts_at > now() order by id for update;
    with ending as (
        select id, slot_id, package_id, student_id, teacher_id, state from lessons.bookings
        where state in ('hold', 'confirmed') and person in (student_id, teacher_id) and starts_at > now()
    ), returned as (
        insert into lessons.package_entries (id, package_id, kind, booking_id, package_ends)
        select gen_random_uuid(), package_id, case state when 'hold' then 'release' else 'return' end, id,
               case state when 'confirmed' then now() + '14 days'::pg_catalog.interval end
        from ending
    ), told as (
        insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, teacher_id, payload)
        select gen_random_uuid(), 'booking.canceled', 'booking', id, student_id, teacher_id,
               jsonb_build_object('booking_id', id, 'slot_id', slot_id, 'refund_returned', state = 'confirmed', 'was', state,
                                  'canceled_as', 'system')
        from ending
    ), ended as (
        update lessons.bookings as booking
        set state = 'canceled', canceled_at = now(), canceled_as = 'system', hold_expires_at = null,
            refund_returned = ending.state = 'confirmed', calendar_sequence = calendar_sequence + 1,
            lesson_state = case when lesson_state = 'scheduled' then 'canceled' else lesson_state end, updated_at = now()
        from ending
        where booking.id = ending.id
        returning booking.id
    )
    select count(*) into released from ended;
    return released;
end
$$;

-- Who has asked to be erased, is locked out, or teaches no more has lessons or offers to come: their ids.
create function lessons.leavers() returns setof uuid
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select users.id from identity.users
    where (users.deactivated_at is not null or users.deletion_requested_at is not null)
      and (exists (select from lessons.bookings
                   where state in ('hold', 'confirmed') and student_id = users.id and starts_at > now())
           or exists (select from lessons.bookings
                      where state in ('hold', 'confirmed') and teacher_id = users.id and starts_at > now())
           or exists (select from lessons.slots where teacher_id = users.id and withdrawn_at is null and ends_at > now()))
    union
    select users.id from identity.users
    where not 'teacher' = any (users.roles)
      and (exists (select from lessons.bookings
                   where state in ('hold', 'confirmed') and teacher_id = users.id and starts_at > now())
           or exists (select from lessons.slots where teacher_id = users.id and withdrawn_at is null and ends_at > now()))
$$;

-- Somebody is erased: whatever the job has not released is, and what was written about them goes. Their references are set
-- to null right after this.
create function lessons.release_person() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform lessons.release(old.id);
    -- What lies behind them stays as it was, but is nobody's time any more.
    insert into lessons.package_entries (id, package_id, kind, booking_id)
    select gen_random_uuid(), package_id, case state when 'hold' then 'release' else 'return' end, id
    from lessons.bookings
    where old.id in (student_id, teacher_id) and (state = 'hold' or state = 'confirmed' and lesson_state = 'scheduled');
    update lessons.bookings
    set state = 'canceled', canceled_at = now(), canceled_as = 'system', hold_expires_at = null,
        refund_returned = state = 'confirmed' and lesson_state = 'scheduled',
        lesson_state = case when lesson_state = 'scheduled' then 'canceled' else lesson_state end, updated_at = now()
    where old.id in (student_id, teacher_id) and state in ('hold', 'confirmed');
    update lessons.bookings
    set cancellation_reason = null, topic = null, notes = null
    where student_id = old.id and (cancellation_reason is not null or topic is not null or notes is not null);
    return old;
end
$$;
create trigger release_lessons before delete on identity.users for each row execute function lessons.release_person();

revoke execute on function lessons.apply_entry(), lessons.guard_use(), lessons.guard_teacher(), lessons.guard_slot(), lessons.guard_holds(),
    lessons.lapse(uuid[], uuid), lessons.make_way(uuid, uuid, uuid), lessons.lock_booking(uuid), lessons.rules_of(uuid),
    lessons.free_parts(uuid, timestamptz, timestamptz, uuid), lessons.names_of(uuid[]), lessons.teaches(uuid),
    lessons.release(uuid), lessons.leavers(), lessons.release_person(), lessons.open_feed(bytea), lessons.feed_of(bytea),
    lessons.expire_holds(), lessons.expire_packages() from public;
grant execute on function lessons.expire_holds(), lessons.expire_packages() to praxis_request, praxis_service;
grant execute on function lessons.release(uuid), lessons.leavers() to praxis_service;
grant execute on function lessons.make_way(uuid, uuid, uuid), lessons.lock_booking(uuid), lessons.rules_of(uuid),
    lessons.free_parts(uuid, timestamptz, timestamptz, uuid), lessons.names_of(uuid[]), lessons.teaches(uuid), lessons.feed_of(bytea)
    to praxis_request;
grant create on schema lessons to praxis_definer;
alter function lessons.apply_entry() owner to praxis_definer;
alter function lessons.guard_use() owner to praxis_definer;
alter function lessons.guard_teacher() owner to praxis_definer;
alter function lessons.guard_slot() owner to praxis_definer;
alter function lessons.guard_holds() owner to praxis_definer;
alter function lessons.lapse(uuid[], uuid) owner to praxis_definer;
alter function lessons.make_way(uuid, uuid, uuid) owner to praxis_definer;
alter function lessons.lock_booking(uuid) owner to praxis_definer;
alter function lessons.expire_holds() owner to praxis_definer;
alter function lessons.expire_packages() owner to praxis_definer;
alter function lessons.rules_of(uuid) owner to praxis_definer;
alter function lessons.free_parts(uuid, timestamptz, timestamptz, uuid) owner to praxis_definer;
alter function lessons.names_of(uuid[]) owner to praxis_definer;
alter function lessons.teaches(uuid) owner to praxis_definer;
alter function lessons.open_feed(bytea) owner to praxis_definer;
alter function lessons.feed_of(bytea) owner to praxis_definer;
alter function lessons.release(uuid) owner to praxis_definer;
alter function lessons.leavers() owner to praxis_definer;
alter function lessons.release_person() owner to praxis_definer;
revoke create on schema lessons from praxis_definer;

-- A row of two people: what an export leaves out for the one whose column this is, because it is the other's.
create table identity.export_sides (
    -- With its schema.
    table_name text not null,
    person_column text not null,
    hidden_columns text[] not null,
    primary key (table_name, person_column)
);
grant select on identity.export_sides to praxis_service;
insert into identity.export_sides values
    ('lessons.bookings', 'student_id', '{teacher_id}'),
    ('lessons.bookings', 'teacher_id', '{student_id,package_id,cancellation_reason,refund_returned}'),
    ('lessons.events', 'student_id', '{teacher_id}'),
    ('lessons.events', 'teacher_id', '{student_id,payload}'),
    ('lessons.notifications', 'user_id', '{author_id}'),
    ('lessons.notifications', 'author_id', '{user_id,event_id}'),
    ('lessons.packages', 'student_id', '{created_by}'),
    ('lessons.packages', 'created_by', '{student_id,granted,held,booked,used,revoked,lessons_left}'),
    ('lessons.slots', 'teacher_id', '{created_by_admin_id}'),
    ('lessons.slots', 'created_by_admin_id', '{teacher_id,blocked_reason}');

create or replace function identity.export_person(person uuid) returns table (source text, record jsonb)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    one pg_catalog.record;
begin
    for one in
        select personal.schema_name, personal.table_name,
               (select string_agg(format('row_held.%I = $1', named), ' or ')
                from unnest(personal.person_columns) as named) as is_theirs,
               (select coalesce(array_agg(hidden.column_name), '{}')
                from identity.export_exclusions as hidden
                where hidden.table_name = personal.schema_name || '.' || personal.table_name) as hidden,
               -- In a row of two people, what is the other's.
               coalesce((select 'case ' || string_agg(format('when row_held.%I = $1 then %L::text[]', person_column, hidden_columns), ' ')
                                || ' else ''{}'' end'
                         from identity.export_sides as side
                         where side.table_name = personal.schema_name || '.' || personal.table_name), '''{}''::text[]') as others,
               (select string_agg(format('row_held.%I', key.attname), ', ' order by place)
                from pg_index as index
                cross join lateral generate_subscripts(index.indkey, 1) as place
                join pg_attribute as key
                    on key.attrelid = index.indrelid and key.attnum = index.indkey[place]
                where index.indisprimary and index.indrelid
                    = format('%I.%I', personal.schema_name, personal.table_name)::pg_catalog.regclass)
               as ordered
        from identity.personal_tables() as personal
    loop
        continue when '' = any (one.hidden);
        return query execute format(
            'select %L::text, to_jsonb(row_held) - $2 - %s from %I.%I as row_held where %s order by %s',
            one.schema_name || '.' || one.table_name, one.others, one.schema_name, one.table_name, one.is_theirs,
            coalesce(one.ordered, '1'))
            using person, one.hidden;
    end loop;
    -- The log has no references, so that it outlives the people.
    return query
        select 'identity.audit_log', to_jsonb(act) from identity.audit_log as act
        where act.actor_id = person or (act.entity_type = 'user' and act.entity_id = person::pg_catalog.text)
            or act.payload ->> 'user_id' = person::pg_catalog.text
        order by act.occurred_at, act.id;
end
$$;
