-- Money for lessons: plans, payments, what a provider says of them, and the ledger of the money itself.
--
-- A payment is a set of facts that only grow: the money came, it failed, so much went back, so much is disputed. Its state, the
-- ledger's lines and the lessons that it bought follow from the facts (`lessons.settle_payment`), so that the order and the
-- repetition of what a provider tells do not matter. A package is usable when its money has come, and by nothing else.

-- What is for sale. What somebody bought keeps its own price, so that a plan may change.
create table lessons.plans (
    id uuid primary key,
    title text not null check (length(title) between 1 and 120),
    description text not null default '' check (length(description) <= 2000),
    lessons_total integer not null check (lessons_total between 1 and 1000),
    -- How long a package of it lasts, from the moment at which its money has come.
    duration_days integer not null check (duration_days between 1 and 3650),
    -- In the currency's smallest unit.
    price_minor bigint not null check (price_minor between 1 and 1000000000000),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

alter table lessons.packages
    add column plan_id uuid references lessons.plans (id),
    add column price_minor bigint check (price_minor > 0),
    add column currency text check (currency ~ '^[A-Z]{3}$'),
    add column duration_days integer check (duration_days > 0),
    add constraint packages_price check (num_nulls(price_minor, currency) in (0, 2)),
    add constraint packages_of_plan check (plan_id is null or price_minor is not null and duration_days is not null);
create index packages_plan on lessons.packages (plan_id) where plan_id is not null;

create table lessons.payments (
    id uuid primary key,
    package_id uuid not null,
    -- Who pays; null if they have left. The payment stays, because books are kept.
    student_id uuid references identity.users (id) on delete set null,
    amount_minor bigint not null check (amount_minor between 1 and 1000000000000),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    -- How many lessons its money makes; null for one that is only noted beside a package.
    lessons integer check (lessons between 1 and 1000),
    provider text not null default 'manual' check (provider in ('manual', 'stripe')),
    external_reference text check (length(external_reference) between 1 and 128),
    -- The `Idempotency-Key` of a purchase: the same key is the same purchase.
    request_key text check (length(request_key) between 1 and 255),
    -- The provider's ids of the page where it is paid, and of the payment itself.
    session_id text constraint payments_session unique check (length(session_id) between 1 and 255),
    intent_id text constraint payments_intent unique check (length(intent_id) between 1 and 255),
    checkout_url text check (length(checkout_url) between 1 and 4000),

    -- Facts.
    processing_at timestamptz,
    paid_at timestamptz,
    failed_at timestamptz,
    expired_at timestamptz,
    -- What the provider says went back in all; beside it stand the single refunds.
    charge_refunded_minor bigint not null default 0 check (charge_refunded_minor >= 0),

    -- What follows from the facts.
    state text not null default 'pending' check (
        state in ('pending', 'processing', 'succeeded', 'partially_refunded', 'refunded', 'failed', 'expired')),
    refunded_minor bigint not null default 0,
    is_disputed boolean not null default false,

    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint payments_refunded check (refunded_minor between 0 and amount_minor and charge_refunded_minor <= amount_minor),
    constraint payments_once unique (student_id, request_key),
    foreign key (package_id) references lessons.packages (id),
    foreign key (package_id, student_id) references lessons.packages (id, student_id) on update cascade
);
create index payments_student on lessons.payments (student_id, created_at desc, id desc);
create index payments_package on lessons.payments (package_id);
create index payments_waiting on lessons.payments (created_at) where state in ('pending', 'processing');
create unique index payments_of_purchase on lessons.payments (package_id) where lessons is not null;
comment on table lessons.payments is 'Your payments.';

-- Money that goes back, refund by refund: `requested` until the provider has taken it on.
create table lessons.payment_refunds (
    id uuid primary key,
    payment_id uuid not null references lessons.payments (id),
    amount_minor bigint not null check (amount_minor > 0),
    state text not null default 'requested' check (state in ('requested', 'pending', 'succeeded', 'failed')),
    reason text check (length(reason) between 1 and 512),
    request_key text check (length(request_key) between 1 and 255),
    provider_refund text constraint payment_refunds_provider unique check (length(provider_refund) between 1 and 255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint payment_refunds_once unique (payment_id, request_key)
);

create table lessons.payment_disputes (
    id uuid primary key,
    payment_id uuid not null references lessons.payments (id),
    provider_dispute text not null constraint payment_disputes_provider unique check (length(provider_dispute) between 1 and 255),
    amount_minor bigint not null check (amount_minor > 0),
    -- `warning` is a question of the bank, for which no money moves.
    state text not null check (state in ('warning', 'open', 'won', 'lost')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index payment_disputes_payment on lessons.payment_disputes (payment_id);

-- What a provider told, kept before it acts and once. Of the provider's own words only ids, states, amounts.
create table lessons.payment_events (
    id uuid primary key,
    provider text not null check (provider in ('stripe')),
    event_id text not null check (length(event_id) between 1 and 255),
    kind text not null check (length(kind) between 1 and 128),
    livemode boolean not null,
    said jsonb not null check (octet_length(said::text) <= 8000),
    -- `mismatched`: about a payment of ours, but another amount, currency, session or mode. `failed`: applied again by a job.
    state text not null default 'received' check (state in ('received', 'applied', 'ignored', 'mismatched', 'failed')),
    payment_id uuid references lessons.payments (id),
    error_message text check (length(error_message) <= 500),
    happened_at timestamptz not null,
    received_at timestamptz not null default now(),
    constraint payment_events_once unique (provider, event_id)
);
create index payment_events_payment on lessons.payment_events (payment_id);
create index payment_events_open on lessons.payment_events (received_at) where state in ('received', 'mismatched', 'failed');

-- The money, line by line; never changed. Revenue is the sum, by currency.
create table lessons.money_entries (
    id uuid primary key,
    payment_id uuid not null references lessons.payments (id),
    kind text not null check (kind in ('charge', 'refund', 'dispute')),
    -- What came is more than nothing, what went is less.
    amount_minor bigint not null check (amount_minor <> 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    event_id uuid references lessons.payment_events (id),
    created_at timestamptz not null default now(),
    constraint money_entries_once unique (payment_id, kind, event_id)
);
create index money_entries_payment on lessons.money_entries (payment_id);
create index money_entries_event on lessons.money_entries (event_id) where event_id is not null;

-- Whether counters and ledgers agreed, by the nightly job.
create table lessons.ledger_checks (
    id uuid primary key,
    packages_wrong bigint not null,
    payments_wrong bigint not null,
    checked_at timestamptz not null default now()
);
create index ledger_checks_newest on lessons.ledger_checks (checked_at desc);

-- A package's lines also say by which payment lessons came or went, that it was extended, and that it was canceled.
alter table lessons.package_entries
    add column payment_id uuid references lessons.payments (id),
    add column payment_event_id uuid references lessons.payment_events (id),
    drop constraint package_entries_kind_check,
    add constraint package_entries_kind_check check (
        kind in ('grant', 'hold', 'release', 'book', 'return', 'use', 'revoke', 'extend', 'cancel')),
    drop constraint package_entries_lessons_check,
    add constraint package_entries_lessons_check check (
        case when kind in ('extend', 'cancel') then lessons = 0 else lessons between 1 and 10000 end),
    add constraint package_entries_once_an_event unique (package_id, kind, payment_event_id);
create index package_entries_payment on lessons.package_entries (payment_id) where payment_id is not null;
create index package_entries_event on lessons.package_entries (payment_event_id) where payment_event_id is not null;

do $$
declare
    name text;
begin
    foreach name in array array['plans', 'payments', 'payment_refunds', 'payment_disputes', 'payment_events', 'money_entries',
                                'ledger_checks'] loop
        execute format('alter table lessons.%I enable row level security', name);
        execute format('alter table lessons.%I force row level security', name);
        execute format('create policy every_row on lessons.%I to praxis_service, praxis_definer
                        using (true) with check (true)', name);
        execute format('grant select, insert, update on lessons.%I to praxis_service, praxis_definer', name);
    end loop;
    -- What only an admin reads.
    foreach name in array array['payment_refunds', 'payment_disputes', 'payment_events', 'money_entries', 'ledger_checks'] loop
        execute format('create policy for_admins on lessons.%I for select to praxis_request
                        using (identity.request_user_id() is not null and (select identity.request_has_role(''admin'')))', name);
        execute format('grant select on lessons.%I to praxis_request', name);
    end loop;
end
$$;
-- Nobody changes a line of the ledger.
revoke update on lessons.money_entries, lessons.ledger_checks from praxis_service, praxis_definer;

-- What is for sale is anybody's to see who is signed in; the rest an admin's.
create policy for_sale on lessons.plans to praxis_request
    using (identity.request_user_id() is not null and (is_active or (select identity.request_has_role('admin'))))
    with check (identity.request_user_id() is not null and (select identity.request_has_role('admin')));
grant select, insert on lessons.plans to praxis_request;
grant update (title, description, lessons_total, duration_days, price_minor, currency, is_active, updated_at)
    on lessons.plans to praxis_request;

create policy own_rows on lessons.payments for select to praxis_request
    using (student_id = (select identity.request_user_id()) or (select identity.request_has_role('admin')));
create policy noted on lessons.payments for insert to praxis_request
    with check (provider = 'manual' and (student_id = (select identity.request_user_id())
                                         or (select identity.request_has_role('admin'))));
-- Only what was noted by hand is moved by hand.
create policy moved on lessons.payments for update to praxis_request
    using (identity.request_user_id() is not null and (select identity.request_has_role('admin')))
    with check (identity.request_user_id() is not null and provider = 'manual' and (select identity.request_has_role('admin')));
grant select, insert (id, package_id, student_id, amount_minor, currency, external_reference) on lessons.payments to praxis_request;
grant update (paid_at, failed_at, updated_at) on lessons.payments to praxis_request;

create policy asked_for on lessons.payment_refunds for insert to praxis_request
    with check (identity.request_user_id() is not null and (select identity.request_has_role('admin')));
create policy answered on lessons.payment_refunds for update to praxis_request
    using (identity.request_user_id() is not null and (select identity.request_has_role('admin')))
    with check (identity.request_user_id() is not null and (select identity.request_has_role('admin')));
grant insert (id, payment_id, amount_minor, state, reason, request_key) on lessons.payment_refunds to praxis_request;
grant update (state, provider_refund, updated_at) on lessons.payment_refunds to praxis_request;

create or replace view lessons.package_view with (security_invoker = true) as
    select id, student_id, granted as lessons_total, lessons_left, held as lessons_held, expires_at,
           case when state = 'active' and expires_at <= now() then 'expired' else state end as status,
           frozen_at is not null as is_frozen, created_at, updated_at, plan_id, price_minor, currency
    from lessons.packages;

create view lessons.payment_view with (security_invoker = true) as
    select id, package_id, student_id, amount_minor, currency, state as status, provider as provider_name, external_reference,
           paid_at, refunded_minor, is_disputed, case when state = 'pending' then checkout_url end as checkout_url, created_at,
           updated_at
    from lessons.payments;
grant select on lessons.payment_view to praxis_request, praxis_service;

-- The holds of a package end, because it ends. Its row is locked.
create function lessons.drop_holds(ended uuid) returns void
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with over as (
        update lessons.bookings
        set state = 'canceled', canceled_at = now(), canceled_as = 'system', hold_expires_at = null,
            calendar_sequence = calendar_sequence + 1, updated_at = now()
        where package_id = ended and state = 'hold'
        returning id, package_id, slot_id, student_id, teacher_id
    ), released as (
        insert into lessons.package_entries (id, package_id, kind, booking_id)
        select gen_random_uuid(), package_id, 'release', id from over
    )
    insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, teacher_id, payload)
    select gen_random_uuid(), 'booking.canceled', 'booking', id, student_id, teacher_id,
           jsonb_build_object('booking_id', id, 'slot_id', slot_id, 'refund_returned', false, 'was', 'hold',
                              'canceled_as', 'system')
    from over
$$;

-- Makes a payment's state, its lines in the ledger and its lessons what its facts say. Does nothing when they are that already,
-- so that it may be called as often as one likes.
create function lessons.settle_payment(settled uuid, cause uuid default null) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    payment lessons.payments;
    refunded pg_catalog.int8;
    taken pg_catalog.int8;
    lost pg_catalog.int8;
    is_open pg_catalog.bool;
    was pg_catalog.text;
    back pg_catalog.int8;
    has pg_catalog.int4;
    wanted pg_catalog.int4;
begin
    perform from lessons.packages where id = (select package_id from lessons.payments where id = settled) for update;
    select * into payment from lessons.payments where id = settled for update;
    if not found then
        return;
    end if;
    was := payment.state;

    -- A refund that failed came back: what the provider said in all before does not count it any more.
    select least(payment.amount_minor, greatest(
               payment.charge_refunded_minor
                   - coalesce(sum(amount_minor) filter (where state = 'failed' and provider_refund is not null), 0),
               coalesce(sum(amount_minor) filter (where state in ('pending', 'succeeded')), 0)))
    into refunded
    from lessons.payment_refunds where payment_id = settled;
    select coalesce(sum(amount_minor) filter (where state in ('open', 'lost')), 0),
           coalesce(sum(amount_minor) filter (where state = 'lost'), 0), coalesce(bool_or(state = 'open'), false)
    into taken, lost, is_open
    from lessons.payment_disputes where payment_id = settled;

    update lessons.payments
    set state = case when paid_at is not null and refunded = amount_minor then 'refunded'
                     when paid_at is not null and refunded > 0 then 'partially_refunded'
                     when paid_at is not null then 'succeeded'
                     when failed_at is not null then 'failed'
                     when expired_at is not null then 'expired'
                     when processing_at is not null then 'processing'
                     else 'pending' end,
        refunded_minor = refunded, is_disputed = is_open, updated_at = now()
    where id = settled
    returning * into payment;

    insert into lessons.money_entries (id, payment_id, kind, amount_minor, currency, event_id)
    select gen_random_uuid(), settled, kind, due - entered, payment.currency, cause
    from (values ('charge', case when payment.paid_at is not null then payment.amount_minor else 0 end),
                 ('refund', -refunded), ('dispute', -taken)) as line (kind, due)
    cross join lateral (select coalesce(sum(amount_minor), 0) as entered from lessons.money_entries
                        where payment_id = settled and kind = line.kind) as ledger
    where due <> entered;

    if was <> payment.state then
        insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
        values (gen_random_uuid(), 'billing.payment.status.updated', 'billing', settled, payment.student_id,
                jsonb_build_object('payment_id', settled, 'package_id', payment.package_id, 'from', was, 'to', payment.state));
    end if;

    if payment.lessons is null then
        return;
    end if;
    if payment.paid_at is not null
        and not exists (select from lessons.package_entries where payment_id = settled and kind = 'grant') then
        insert into lessons.package_entries (id, package_id, kind, lessons, payment_id, payment_event_id)
        values (gen_random_uuid(), payment.package_id, 'grant', payment.lessons, settled, cause);
        -- Money that comes for what was called off while it waited makes it usable too: it can be given back.
        update lessons.packages
        set state = 'active', expires_at = now() + make_interval(days => duration_days)
        where id = payment.package_id;
        insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
        values (gen_random_uuid(), 'billing.package.activated', 'billing', payment.package_id, payment.student_id,
                jsonb_build_object('package_id', payment.package_id, 'payment_id', settled, 'lessons_total', payment.lessons,
                                   'was_late', was in ('failed', 'expired')));
    end if;

    -- Lessons go back with the money, in proportion and rounded down, as far as they are not held, booked or used.
    back := case when payment.paid_at is null then 0 else least(payment.amount_minor, refunded + lost) end;
    select coalesce(sum(case kind when 'grant' then lessons when 'revoke' then -lessons end), 0) into has
    from lessons.package_entries where payment_id = settled;
    wanted := case when payment.paid_at is null then 0
                   else payment.lessons - div(payment.lessons::numeric * back, payment.amount_minor) end;
    if back = payment.amount_minor then
        perform lessons.drop_holds(payment.package_id);
    end if;
    if has > wanted then
        insert into lessons.package_entries (id, package_id, kind, lessons, payment_id, payment_event_id)
        select gen_random_uuid(), id, 'revoke', least(has - wanted, lessons_left - held), settled, cause
        from lessons.packages where id = payment.package_id and lessons_left > held;
    elsif has < wanted then
        -- Money that went back and came again.
        insert into lessons.package_entries (id, package_id, kind, lessons, payment_id)
        values (gen_random_uuid(), payment.package_id, 'grant', wanted - has, settled);
        update lessons.packages set state = 'active' where id = payment.package_id and state = 'canceled';
    end if;
    if back = payment.amount_minor then
        insert into lessons.package_entries (id, package_id, kind, lessons, payment_id, payment_event_id)
        select gen_random_uuid(), id, 'cancel', 0, settled, cause
        from lessons.packages where id = payment.package_id and state <> 'canceled';
        update lessons.packages set state = 'canceled' where id = payment.package_id and state <> 'canceled';
    end if;
    update lessons.packages
    set frozen_at = case when is_open then now() end, updated_at = now()
    where id = payment.package_id and (frozen_at is not null) <> is_open;
end
$$;

-- Begins a purchase as the caller: a package and a payment that wait for each other, at the plan's price. The same key gives the
-- same payment. Null if the plan is not for sale.
create function lessons.purchase(plan uuid, via text, key text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    buyer constant pg_catalog.uuid := identity.request_user_id();
    bought lessons.plans;
    before lessons.payments;
    of_plan pg_catalog.uuid;
    new_package constant pg_catalog.uuid := gen_random_uuid();
    new_payment constant pg_catalog.uuid := gen_random_uuid();
begin
    if buyer is null then
        return null;
    end if;
    -- Two at once with one key, and the count below.
    perform pg_advisory_xact_lock(hashtextextended('lessons.purchase ' || buyer, 0));
    select * into before from lessons.payments where student_id = buyer and request_key = key;
    if found then
        select plan_id into of_plan from lessons.packages where id = before.package_id;
        if of_plan <> plan or before.provider <> via then
            raise exception 'the key was used for another purchase'
                using errcode = 'unique_violation', constraint = 'payments_once';
        end if;
        return before.id;
    end if;
    select * into bought from lessons.plans where id = plan and is_active;
    if not found then
        return null;
    end if;
    if (select count(*) from lessons.payments where student_id = buyer and state = 'pending' and lessons is not null) >= 20 then
        raise exception 'as many payments wait as there may be' using errcode = 'check_violation', constraint = 'payments_waiting';
    end if;
    insert into lessons.packages (id, student_id, state, expires_at, plan_id, price_minor, currency, duration_days)
    values (new_package, buyer, 'pending', now() + make_interval(days => bought.duration_days), plan, bought.price_minor,
            bought.currency, bought.duration_days);
    insert into lessons.payments (id, package_id, student_id, amount_minor, currency, lessons, provider, request_key)
    values (new_payment, new_package, buyer, bought.price_minor, bought.currency, bought.lessons_total, via, key);
    insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
    values (gen_random_uuid(), 'billing.payment.created', 'billing', new_payment, buyer,
            jsonb_build_object('payment_id', new_payment, 'package_id', new_package));
    return new_payment;
end
$$;

-- Keeps where a payment of the caller's is paid.
create function lessons.keep_session(paid uuid, session text, url text) returns void
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    update lessons.payments set session_id = session, checkout_url = url, updated_at = now()
    where id = paid and student_id = identity.request_user_id() and coalesce(session_id, session) = session
$$;

-- Locks a payment and, before it, its package, if the caller is an admin.
create function lessons.lock_payment(locked uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if identity.request_has_role('admin') then
        perform from lessons.packages where id = (select package_id from lessons.payments where id = locked) for update;
        perform from lessons.payments where id = locked for update;
    end if;
end
$$;

-- Adds what an event says to the facts of its payment, and settles it. What does not fit the payment changes nothing.
create function lessons.apply_event(received uuid) returns text
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    event lessons.payment_events;
    payment lessons.payments;
    said pg_catalog.jsonb;
    fact pg_catalog.text;
    amount pg_catalog.int8;
    status pg_catalog.text;
    outcome pg_catalog.text := 'applied';
begin
    select * into event from lessons.payment_events where id = received for update;
    if event.state not in ('received', 'failed') then
        return event.state;
    end if;
    said := event.said;
    fact := said ->> 'fact';
    amount := (said ->> 'amount_minor')::pg_catalog.int8;
    status := said ->> 'status';
    select * into payment from lessons.payments
    where provider = event.provider
      and (id = (said ->> 'payment_id')::pg_catalog.uuid or session_id = said ->> 'session' or intent_id = said ->> 'intent')
    order by coalesce(id = (said ->> 'payment_id')::pg_catalog.uuid, false) desc limit 1;
    if not found then
        update lessons.payment_events set state = 'ignored', error_message = null where id = received;
        return 'ignored';
    end if;
    perform from lessons.packages where id = payment.package_id for update;
    select * into payment from lessons.payments where id = payment.id for update;

    if said ->> 'currency' is distinct from payment.currency
        or fact in ('processing', 'paid', 'charge_refunded') and amount is distinct from payment.amount_minor
        or fact = 'charge_refunded' and (said ->> 'refunded_minor')::pg_catalog.int8 not between 0 and payment.amount_minor
        or fact in ('refund', 'dispute') and amount not between 1 and payment.amount_minor
        or said ->> 'session' <> payment.session_id or said ->> 'intent' <> payment.intent_id then
        update lessons.payment_events set state = 'mismatched', payment_id = payment.id, error_message = null where id = received;
        return 'mismatched';
    end if;

    begin
        -- Nothing is refunded or disputed that had not come.
        update lessons.payments
        set session_id = coalesce(session_id, said ->> 'session'), intent_id = coalesce(intent_id, said ->> 'intent'),
            processing_at = case when fact = 'processing' then coalesce(processing_at, now()) else processing_at end,
            paid_at = case when fact in ('paid', 'charge_refunded', 'refund', 'dispute') then coalesce(paid_at, now())
                           else paid_at end,
            failed_at = case when fact = 'failed' then coalesce(failed_at, now()) else failed_at end,
            expired_at = case when fact = 'expired' then coalesce(expired_at, now()) else expired_at end,
            charge_refunded_minor = case when fact = 'charge_refunded'
                                         then greatest(charge_refunded_minor, (said ->> 'refunded_minor')::pg_catalog.int8)
                                         else charge_refunded_minor end
        where id = payment.id;
        if fact = 'refund' then
            -- One that we asked for is known by our id, even when its answer never reached us.
            update lessons.payment_refunds set provider_refund = said ->> 'refund'
            where id = (said ->> 'refund_id')::pg_catalog.uuid and payment_id = payment.id and provider_refund is null
              and amount_minor = amount;
            insert into lessons.payment_refunds as known (id, payment_id, amount_minor, state, provider_refund)
            values (gen_random_uuid(), payment.id, amount, status, said ->> 'refund')
            on conflict (provider_refund) do update
            set state = case when array_position(array['requested', 'pending', 'succeeded', 'failed'], excluded.state)
                                  > array_position(array['requested', 'pending', 'succeeded', 'failed'], known.state)
                             then excluded.state else known.state end,
                updated_at = now();
        elsif fact = 'dispute' then
            insert into lessons.payment_disputes as known (id, payment_id, provider_dispute, amount_minor, state)
            values (gen_random_uuid(), payment.id, said ->> 'dispute', amount, status)
            on conflict (provider_dispute) do update
            set amount_minor = greatest(known.amount_minor, excluded.amount_minor),
                state = case when array_position(array['warning', 'open', 'won', 'lost'], excluded.state)
                                  > array_position(array['warning', 'open', 'won', 'lost'], known.state)
                             then excluded.state else known.state end,
                updated_at = now();
        end if;
        perform lessons.settle_payment(payment.id, received);
        update lessons.payment_events set state = 'applied', payment_id = payment.id, error_message = null where id = received;
    exception when integrity_constraint_violation or data_exception then
        outcome := 'failed';
        update lessons.payment_events set state = 'failed', payment_id = payment.id, error_message = left(sqlerrm, 500)
        where id = received;
    end;
    return outcome;
end
$$;

-- Keeps what a provider told, and applies it, in one transaction and once. `verdict` says that it was judged already.
create function lessons.receive_event(via text, event text, about text, is_live boolean, at timestamptz, told jsonb, verdict text)
    returns text
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    received constant pg_catalog.uuid := gen_random_uuid();
begin
    insert into lessons.payment_events (id, provider, event_id, kind, livemode, said, state, payment_id, happened_at)
    values (received, via, event, about, is_live, told, coalesce(verdict, 'received'),
            -- What is applied refers to its payment later, when that is locked: the reference is a lock too, and two events
            -- of one payment would wait for each other.
            case when verdict is not null
                 then (select id from lessons.payments where id = (told ->> 'payment_id')::pg_catalog.uuid) end, at)
    on conflict (provider, event_id) do nothing;
    if not found then
        return (select state from lessons.payment_events where provider = via and event_id = event);
    end if;
    return coalesce(verdict, lessons.apply_event(received));
end
$$;

-- Changes a package by an admin's word: a line says what, and why.
create function lessons.adjust_package(adjusted uuid, action text, number integer, ends timestamptz, why text) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    package lessons.packages;
begin
    if not identity.request_has_role('admin') then
        return;
    end if;
    select * into package from lessons.packages where id = adjusted for update;
    if not found then
        return;
    end if;
    if package.state = 'canceled' or package.state = 'pending' and action <> 'cancel' then
        raise exception 'nothing to adjust' using errcode = 'check_violation', constraint = 'packages_adjustable';
    end if;
    if action = 'extend' and ends <= greatest(package.expires_at, now()) then
        raise exception 'no later end' using errcode = 'check_violation', constraint = 'packages_later_end';
    end if;
    if action = 'cancel' then
        perform lessons.drop_holds(adjusted);
        insert into lessons.package_entries (id, package_id, kind, lessons, reason)
        select gen_random_uuid(), adjusted, 'revoke', lessons_left, why
        from lessons.packages where id = adjusted and lessons_left > 0;
    end if;
    insert into lessons.package_entries (id, package_id, kind, lessons, reason, package_ends)
    values (gen_random_uuid(), adjusted, action, coalesce(number, 0), why, ends);
    update lessons.packages set state = 'canceled' where id = adjusted and action = 'cancel';
    insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
    values (gen_random_uuid(), 'billing.package.adjusted', 'billing', adjusted, package.student_id,
            jsonb_build_object('package_id', adjusted, 'action', action, 'lessons', number));
end
$$;

-- How many people there are, for an admin. Somebody with two roles counts for both.
create function lessons.count_people() returns table (users_total bigint, users_students bigint, users_teachers bigint,
                                                      users_admins bigint)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select count(*), count(*) filter (where 'student' = any (roles)), count(*) filter (where 'teacher' = any (roles)),
           count(*) filter (where 'admin' = any (roles))
    from identity.users where identity.request_has_role('admin')
$$;

revoke execute on function lessons.drop_holds(uuid), lessons.settle_payment(uuid, uuid), lessons.purchase(uuid, text, text),
    lessons.keep_session(uuid, text, text), lessons.lock_payment(uuid), lessons.apply_event(uuid),
    lessons.receive_event(text, text, text, boolean, timestamptz, jsonb, text),
    lessons.adjust_package(uuid, text, integer, timestamptz, text), lessons.count_people() from public;
grant execute on function lessons.settle_payment(uuid, uuid),
    lessons.receive_event(text, text, text, boolean, timestamptz, jsonb, text) to praxis_request, praxis_service;
grant execute on function lessons.apply_event(uuid) to praxis_service;
grant execute on function lessons.purchase(uuid, text, text), lessons.keep_session(uuid, text, text),
    lessons.lock_payment(uuid), lessons.adjust_package(uuid, text, integer, timestamptz, text), lessons.count_people()
    to praxis_request;
grant create on schema lessons to praxis_definer;
alter function lessons.drop_holds(uuid) owner to praxis_definer;
alter function lessons.settle_payment(uuid, uuid) owner to praxis_definer;
alter function lessons.purchase(uuid, text, text) owner to praxis_definer;
alter function lessons.keep_session(uuid, text, text) owner to praxis_definer;
alter function lessons.lock_payment(uuid) owner to praxis_definer;
alter function lessons.apply_event(uuid) owner to praxis_definer;
alter function lessons.receive_event(text, text, text, boolean, timestamptz, jsonb, text) owner to praxis_definer;
alter function lessons.adjust_package(uuid, text, integer, timestamptz, text) owner to praxis_definer;
alter function lessons.count_people() owner to praxis_definer;
revoke create on schema lessons from praxis_definer;

insert into identity.export_exclusions (table_name, column_name, reason) values
    ('lessons.payments', 'request_key', 'what a device called a purchase, so that a repetition is the same one');
