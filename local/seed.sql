-- The sample person's rows, which the sample events of events/ call. Run by the login role on a migrated database,
-- before each start and each `cargo local invoke`: it makes what is missing, and puts back what an event has changed
-- so that the event succeeds again. Rows that have other ids are never touched.

begin;

-- A reflection is written once. No role of a request or a job may delete one, and row-level security binds even the
-- table's owner, who therefore lifts it for this one statement of this one transaction.
alter table practice.reflections no force row level security;
delete from practice.reflections where session_id = '00000000-0000-7000-8000-000000000023';
alter table practice.reflections force row level security;

-- The rest is the person's own doing, under the same policies as a request.
set local role praxis_request;
select set_config('praxis.user_id', '00000000-0000-7000-8000-000000000001', true);

insert into identity.users (id, email, display_name, locale, timezone)
values ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001@mock.local', 'Sample Person', 'en',
        'Europe/Berlin')
on conflict (id) do nothing;

-- 11 is practised on, 12 is restored, 13 is archived.
insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, pain_points,
                             context, power_dynamic, status)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, '00000000-0000-7000-8000-000000000001', title,
       'PEER_FEEDBACK', 'PEER', 'TENSE', 'Agree on a date that both of us can keep',
       array['I hear of delays on the day itself', 'My own plan slips with theirs'],
       'Twice this month a colleague handed over a draft two days after the agreed date, and told me only when I asked.',
       'PEER_LEVEL', status
from (values ('11', 'Late hand-over', 'ACTIVE'), ('12', 'Noise in the open office', 'ARCHIVED'),
             ('13', 'Unplanned reviews', 'ACTIVE')) as scene (number, title, status)
on conflict (id) do update set status = excluded.status
    where scenes.status <> excluded.status;

-- 21 has a turn, 22 receives a message, 23 receives a reflection, 24 is abandoned.
insert into practice.sessions (id, user_id, scene_id, target_turns, current_turn, last_user_message,
                               last_assistant_message, last_overall_score, last_risk_level)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, '00000000-0000-7000-8000-000000000001',
       '00000000-0000-7000-8000-000000000011', 6, turn, said, answered, score, risk
from (values ('21', 1, 'You always deliver late, and I only hear of it on the day itself.',
              'I did not know it hit you that hard. What would have helped you?', 0, 'MEDIUM'),
             ('22', 0, null, null, null, null),
             ('23', 0, null, null, null, null),
             ('24', 0, null, null, null, null)) as session (number, turn, said, answered, score, risk)
on conflict (id) do nothing;

update practice.sessions set state = 'ACTIVE', ended_at = null
where id = '00000000-0000-7000-8000-000000000024' and state <> 'ACTIVE';

insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until,
                            assistant_message_id, assistant_content, overall_score, risk_level, ofnr,
                            next_best_sentence, source, completed_at)
values ('00000000-0000-7000-8000-000000000031', '00000000-0000-7000-8000-000000000021',
        '00000000-0000-7000-8000-000000000001', 1, '00000000-0000-7000-8000-000000000050',
        'You always deliver late, and I only hear of it on the day itself.', now(),
        '00000000-0000-7000-8000-000000000032', 'I did not know it hit you that hard. What would have helped you?',
        0, 'MEDIUM',
        '{"observation": {"status": "MISSING", "reason": "No objective facts yet.", "suggestion": "Say what happened and when."},
          "feeling": {"status": "MISSING", "reason": "No feeling is named.", "suggestion": "Say how you feel about it."},
          "need": {"status": "MISSING", "reason": "The need behind it is not said.", "suggestion": "Say what you need."},
          "request": {"status": "MISSING", "reason": "There is no concrete request.", "suggestion": "Ask for one step."}}',
        'I noticed that there were several delays lately. I am somewhat worried because I need a more predictable rhythm.',
        'rules', now())
on conflict (id) do nothing;

insert into practice.rewrites (id, session_id, user_id, turn_id, rewrite_style, rewritten_content, source)
values ('00000000-0000-7000-8000-000000000041', '00000000-0000-7000-8000-000000000021',
        '00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000031', 'NEUTRAL',
        'The last two drafts came two days late. I am worried, because I need a plan that I can rely on. Would you agree '
        || 'on a date with me today?', 'rules')
on conflict (id) do nothing;

-- The card that is edited; asking for session 21's card again returns it.
insert into practice.summaries (id, session_id, user_id, turn_no, opening_line, request_line, fallback_line,
                                risk_triggers)
values ('00000000-0000-7000-8000-000000000061', '00000000-0000-7000-8000-000000000021',
        '00000000-0000-7000-8000-000000000001', 1, 'I noticed that there were several delays lately.',
        'Would you agree on a date with me today?', 'If now is a bad time, when could we talk?', '{}')
on conflict do nothing;

-- The sample person is an admin too, and 2 is somebody to administer.
set local role praxis_service;
update identity.users set roles = '{student,admin}'
where id = '00000000-0000-7000-8000-000000000001' and roles <> '{student,admin}';
insert into identity.users (id, email, display_name, locale, timezone)
values ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000002@mock.local', 'Sample Learner', 'en',
        'Europe/Berlin')
on conflict (id) do nothing;

-- Sign-in. The sample person has an address, not verified, and the password "a sample of a passphrase", as 71 and 72 have;
-- 71, 77, 78 and 79 open links of mails, 72 has devices. The secret of a sample token is SHA-256 of the text that stands here.
set local role praxis_service;

-- An answer that was written while it was read.
insert into platform.runs (id, user_id, kind, subject, state, claim, claimed_until, events, finished_at)
values ('00000000-0000-7000-8000-000000000201', '00000000-0000-7000-8000-000000000001', 'practice.turn',
        '00000000-0000-7000-8000-000000000031', 'finished', gen_random_uuid(), now(), 2, now())
on conflict do nothing;
insert into platform.run_events (run_id, attempt, first, user_id, names, data)
values ('00000000-0000-7000-8000-000000000201', 1, 1, '00000000-0000-7000-8000-000000000001', '{start,delta}',
        array['{"run_id":"00000000-0000-7000-8000-000000000201","user_message_id":"00000000-0000-7000-8000-000000000031"}',
              '{"text":"Yes."}'])
on conflict do nothing;

-- What a model cost, and a provider that failed.
insert into platform.model_calls (id, user_id, feature, provider, model, request_id, day, reserved_micros, outcome, latency_ms,
                                  attempts, tokens_in, tokens_out, cost_micros)
values ('00000000-0000-7000-8000-000000000231', '00000000-0000-7000-8000-000000000001', 'practice.reply', 'models.test',
        'sample', 'sample', current_date, 1200, 'answered', 850, 1, 412, 56, 636)
on conflict (id) do update set day = excluded.day, called_at = now();
insert into platform.budgets (user_id, day, spent_micros)
values ('00000000-0000-7000-8000-000000000001', current_date, 636)
on conflict do nothing;
insert into platform.circuit_breakers (name, failures, last_failure_at, opened_at, recovery_seconds)
values ('models.test', 5, now() - interval '1 hour', now() - interval '1 hour', 30)
on conflict (name) do update set failures = 5, opened_at = excluded.opened_at;

-- An event that is invoked often must succeed too; whose attempts were counted cannot be told from a hash.
delete from identity.rate_limits;

delete from identity.users
where id = (select user_id from identity.emails where email = 'new.person@example.org');

set local role praxis_account;

insert into identity.users (id, email, display_name, locale, timezone)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, email, name, 'en', 'UTC'
from (values ('71', 'reader@example.org', 'Sample Reader'), ('72', 'devices@example.org', 'Sample Owner of Devices'),
             ('77', 'forgetful@example.org', 'Sample Forgetful Person'), ('78', 'mistaken@example.org', 'Sample Stranger'),
             ('79', 'doubtful@example.org', 'Sample Doubtful Person')) as person (number, email, name)
on conflict (id) do update set deletion_requested_at = null;

insert into identity.emails (email, user_id, verified_at)
select email, ('00000000-0000-7000-8000-0000000000' || number)::uuid, case when is_proven then now() end
from (values ('01', 'sample.person@example.org', false), ('71', 'reader@example.org', false),
             ('72', 'devices@example.org', false), ('77', 'forgetful@example.org', true),
             ('78', 'mistaken@example.org', false), ('79', 'doubtful@example.org', true)) as mailbox (number, email, is_proven)
on conflict on constraint emails_user_id_key do update set email = excluded.email, verified_at = excluded.verified_at;

insert into identity.passwords (user_id, password_hash)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid,
       '$argon2id$v=19$m=19456,t=2,p=1$c2FtcGxlIHBlcnNvbidzIA$AWOWFTmzSY5gr173mUrpVWkYbadUhq3Ii9/HMD7J9eY'
from (values ('01'), ('71'), ('72')) as person (number)
on conflict (user_id) do update set password_hash = excluded.password_hash;

-- 83 is removed, 84 is kept.
insert into identity.external_accounts (id, provider, subject, user_id, email)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, 'google', 'sample-' || number,
       ('00000000-0000-7000-8000-0000000000' || person)::uuid, email
from (values ('83', '01', 'sample.person@gmail.com'), ('84', '79', 'doubtful@gmail.com')) as account (number, person, email)
on conflict do nothing;

-- 73 is refreshed, 74 signs out, 75 is revoked.
insert into identity.sign_ins (id, user_id, kind, method, ip, user_agent, idle_expires_at, expires_at)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, '00000000-0000-7000-8000-000000000072', 'token',
       'password', '127.0.0.1', 'curl/8.14.1', now() + interval '30 days', now() + interval '90 days'
from (values ('73'), ('74'), ('75')) as sign_in (number)
on conflict (id) do update set revoked_at = null, revoked_because = null,
    idle_expires_at = excluded.idle_expires_at, expires_at = excluded.expires_at;

-- 76 is a browser, which signs out, 80 one whose person proves again who they are.
insert into identity.sign_ins (id, user_id, kind, method, secret_hash, ip, user_agent, idle_expires_at, expires_at)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, '00000000-0000-7000-8000-000000000072', 'browser',
       'password', sha256(sha256(secret::bytea)), '127.0.0.1', 'curl/8.14.1', now() + interval '1 day',
       now() + interval '30 days'
from (values ('76', 'sample browser'), ('80', 'sample reauthentication')) as browser (number, secret)
on conflict (id) do update set revoked_at = null, revoked_because = null,
    idle_expires_at = excluded.idle_expires_at, expires_at = excluded.expires_at;

delete from identity.refresh_tokens
where sign_in_id in ('00000000-0000-7000-8000-000000000073', '00000000-0000-7000-8000-000000000074');
insert into identity.refresh_tokens (token_hash, sign_in_id, user_id)
select sha256(sha256(secret::bytea)), ('00000000-0000-7000-8000-0000000000' || number)::uuid,
       '00000000-0000-7000-8000-000000000072'
from (values ('73', 'sample refresh'), ('74', 'sample logout')) as token (number, secret);

insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
select sha256(sha256(('sample ' || secret)::bytea)), ('00000000-0000-7000-8000-0000000000' || number)::uuid, purpose, email,
       now() + interval '1 day'
from (values ('71', 'verify_email', 'verify_email', 'reader@example.org'),
             ('77', 'reset_password', 'reset_password', 'forgetful@example.org'),
             ('72', 'change_email', 'change_email', 'devices.elsewhere@example.org'),
             ('78', 'disowning', 'verify_email', 'mistaken@example.org'),
             ('79', 'preview', 'reset_password', 'doubtful@example.org')) as link (number, secret, purpose, email)
on conflict (token_hash) do update
    set user_id = excluded.user_id, email = excluded.email, expires_at = excluded.expires_at, used_at = null;

-- 81 leaves: asks for an export, for the deletion of the account, and for neither. 82 is an export of theirs, whose link
-- carries "sample-export-sample-export-samp" in base64url.
set local role praxis_service;

insert into identity.users (id, email, display_name, locale, timezone, deletion_requested_at)
values ('00000000-0000-7000-8000-000000000081', '00000000-0000-7000-8000-000000000081@mock.local', 'Sample Leaver', 'en',
        'Europe/Berlin', now())
on conflict (id) do update set deletion_requested_at = excluded.deletion_requested_at;

set local role praxis_request;
select set_config('praxis.user_id', '00000000-0000-7000-8000-000000000081', true);
insert into identity.exports (id, user_id)
values ('00000000-0000-7000-8000-000000000082', '00000000-0000-7000-8000-000000000081')
on conflict (id) do nothing;
set local role praxis_service;
update identity.exports
set status = 'ready', token_hash = sha256('sample-export-sample-export-samp'), requested_at = now() - interval '1 day',
    finished_at = coalesce(finished_at, now()), expires_at = now() + interval '7 days'
where id = '00000000-0000-7000-8000-000000000082';

insert into identity.export_parts (export_id, user_id, part_no, archive)
values ('00000000-0000-7000-8000-000000000082', '00000000-0000-7000-8000-000000000081', 1,
        decode('504b03041400000008000000755da8eaca4137000000350000000a000000524541444d452e7478747354284ecc2dc84955482c4acec8'
               || '2c4bb552284a4dcc51c8cf4b2d5648cecf4d55482bcacf55482acdcc49d14dad28c82f2a29d6e30200504b01021403140000000800'
               || '0000755da8eaca4137000000350000000a0000000000000000000000800100000000524541444d452e747874504b05060000000001'
               || '000100380000005f0000000000', 'hex'))
on conflict do nothing;

-- Lessons. 91 and 93 teach, 94 learns; 92 is a card of 91, who offers the slots 101 (held), 102 (moved to) and 103 to 108, in which 94
-- has a lesson of package 131 each: 111 a hold, 112 to 114 to come (called off, moved, read), 115 to 117 begun
-- (their lessons 124 to 126 are changed and marked). 141 is a notification. The slots 171 and 172 are kept back and taken off.
-- 93 has weekly hours, and the exception 173 of them goes.
-- 181 and 182 are plans; 161 and 162 payments that are noted for package 131, of which the money of 162 came.
select set_config('praxis.user_id', '', true);
set local role praxis_service;
insert into identity.users (id, email, display_name, locale, timezone)
select ('00000000-0000-7000-8000-0000000000' || number)::uuid, '00000000-0000-7000-8000-0000000000' || number || '@mock.local',
       name, 'en', 'Europe/Berlin'
from (values ('91', 'Sample Teacher'), ('93', 'Sample Second Teacher'), ('94', 'Sample Student')) as person (number, name)
on conflict (id) do nothing;
update identity.users set roles = '{student,teacher}'
where id in ('00000000-0000-7000-8000-000000000091', '00000000-0000-7000-8000-000000000093') and not 'teacher' = any (roles);
reset role;

-- What events have made and changed is made anew, by the owner, because no request deletes it. Lessons that other people have
-- with the sample teachers stay, and so do times that other admins publish for them.
do $$
declare
    name text;
    names constant text[] := array['calendar_feeds', 'events', 'package_entries', 'bookings', 'packages', 'slots', 'teachers',
                                   'notifications', 'schedule_exceptions', 'schedules', 'payments', 'payment_refunds',
                                   'money_entries', 'waitlist'];
    people constant uuid[] := array['00000000-0000-7000-8000-000000000091', '00000000-0000-7000-8000-000000000093',
                                    '00000000-0000-7000-8000-000000000094'];
begin
    foreach name in array names loop
        execute format('alter table lessons.%I no force row level security', name);
    end loop;
    delete from lessons.calendar_feeds where user_id = any (people);
    delete from lessons.notifications where user_id = any (people);
    delete from lessons.events
    where student_id = any (people) or student_id is null and teacher_id = any (people);
    delete from lessons.package_entries where package_id in (select id from lessons.packages where student_id = any (people));
    delete from lessons.money_entries where payment_id in (select id from lessons.payments where student_id = any (people));
    delete from lessons.payment_refunds where payment_id in (select id from lessons.payments where student_id = any (people));
    delete from lessons.payments where student_id = any (people);
    delete from lessons.waitlist where student_id = any (people);
    delete from lessons.bookings where student_id = any (people);
    delete from lessons.packages where student_id = any (people);
    delete from lessons.slots
    where teacher_id = any (people)
      and (created_by_admin_id = '00000000-0000-7000-8000-000000000001'
           or teacher_id = '00000000-0000-7000-8000-000000000093' and source = 'rule');
    delete from lessons.schedule_exceptions where teacher_id = '00000000-0000-7000-8000-000000000093';
    delete from lessons.schedules where teacher_id = '00000000-0000-7000-8000-000000000093';
    delete from lessons.teachers where user_id = any (people);
    foreach name in array names loop
        execute format('alter table lessons.%I force row level security', name);
    end loop;
end
$$;

set local role praxis_service;
insert into lessons.teachers (id, user_id, display_name, bio, experience_years, is_approved)
values ('00000000-0000-7000-8000-000000000092', '00000000-0000-7000-8000-000000000091', 'R. Vale', 'Blues', 6, true);
insert into lessons.slots (id, teacher_id, created_by_admin_id, starts_at, ends_at)
select ('00000000-0000-7000-8000-0000000001' || number)::uuid, '00000000-0000-7000-8000-000000000091',
       '00000000-0000-7000-8000-000000000001', start, start + interval '1 hour'
from (values ('01', 2), ('02', 3), ('03', 4), ('04', 5), ('05', 6), ('06', 7), ('09', 8), ('10', 9), ('71', 10),
             ('72', 11), ('74', 12), ('75', 19)) as slot (number, days),
     lateral (select date_trunc('hour', now()) + days * interval '1 day' as start) as time
-- Another admin may have published a time there.
on conflict do nothing;
insert into lessons.schedules (teacher_id, timezone, windows)
values ('00000000-0000-7000-8000-000000000093', 'Europe/Berlin',
        '[{"weekday": 0, "from": "09:00", "until": "12:00"}, {"weekday": 2, "from": "14:00", "until": "18:00"}]');
insert into lessons.schedule_exceptions (id, teacher_id, on_date, windows)
values ('00000000-0000-7000-8000-000000000173', '00000000-0000-7000-8000-000000000093', '2099-12-25', '[]');
insert into lessons.packages (id, student_id, expires_at, created_by)
values ('00000000-0000-7000-8000-000000000131', '00000000-0000-7000-8000-000000000094', now() + interval '90 days',
        '00000000-0000-7000-8000-000000000001');
insert into lessons.package_entries (id, package_id, kind, lessons)
values (gen_random_uuid(), '00000000-0000-7000-8000-000000000131', 'grant', 20);
insert into lessons.bookings (id, slot_id, student_id, teacher_id, package_id, starts_at, ends_at, blocked_until, free_cancel_until,
                              state, hold_expires_at, confirmed_at, calendar_uid, lesson_id, lesson_state, lesson_created_at,
                              lesson_updated_at)
select ('00000000-0000-7000-8000-0000000001' || number)::uuid,
       (select id from lessons.slots where id::text = '00000000-0000-7000-8000-0000000001' || slot),
       '00000000-0000-7000-8000-000000000094', '00000000-0000-7000-8000-000000000091',
       '00000000-0000-7000-8000-000000000131', start, start + interval '1 hour', start + interval '1 hour',
       start - interval '24 hours', state, case state when 'hold' then now() + interval '1 day' end,
       case state when 'confirmed' then now() end, gen_random_uuid(),
       case state when 'confirmed' then ('00000000-0000-7000-8000-0000000001' || lesson)::uuid end,
       case state when 'confirmed' then 'scheduled' end, case state when 'confirmed' then now() end,
       case state when 'confirmed' then now() end
from (values ('11', '03', 4, 'hold', ''), ('12', '04', 5, 'confirmed', '21'), ('13', '05', 6, 'confirmed', '22'),
             ('14', '06', 7, 'confirmed', '23'), ('15', '', -1, 'confirmed', '24'), ('16', '', -2, 'confirmed', '25'),
             ('17', '', -3, 'confirmed', '26')) as booking (number, slot, days, state, lesson),
     lateral (select date_trunc('hour', now()) + days * interval '1 day' as start) as time
-- Somebody else may have a lesson there.
on conflict do nothing;
insert into lessons.package_entries (id, package_id, kind, booking_id)
select gen_random_uuid(), package_id, 'hold', id from lessons.bookings where package_id = '00000000-0000-7000-8000-000000000131';
insert into lessons.package_entries (id, package_id, kind, booking_id)
select gen_random_uuid(), package_id, 'book', id from lessons.bookings
where package_id = '00000000-0000-7000-8000-000000000131' and state = 'confirmed';
insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload, status, due_at)
values (gen_random_uuid(), 'billing.package.created', 'billing', '00000000-0000-7000-8000-000000000131',
        '00000000-0000-7000-8000-000000000094',
        '{"package_id": "00000000-0000-7000-8000-000000000131", "lessons_total": 20}', 'pending', now() + interval '1 day');
insert into lessons.waitlist (id, student_id, teacher_id, package_id, wanted_from, wanted_until, minutes)
values ('00000000-0000-7000-8000-000000000191', '00000000-0000-7000-8000-000000000094', '00000000-0000-7000-8000-000000000091',
        '00000000-0000-7000-8000-000000000131', '2099-01-05', '2099-01-10', 60);
insert into lessons.notifications (id, user_id, title, body)
values ('00000000-0000-7000-8000-000000000141', '00000000-0000-7000-8000-000000000094', 'Room change', 'We meet in room 2.');
-- 151 is ended, 152 has the secret "sample-feed-sample-feed-sample-f" in base64url.
insert into lessons.calendar_feeds (id, user_id, token_hash)
values ('00000000-0000-7000-8000-000000000151', '00000000-0000-7000-8000-000000000094', sha256('sample 151')),
       ('00000000-0000-7000-8000-000000000152', '00000000-0000-7000-8000-000000000094',
        sha256('sample-feed-sample-feed-sample-f'));

insert into lessons.plans (id, title, lessons_total, duration_days, price_minor, currency)
values ('00000000-0000-7000-8000-000000000181', 'standard-8', 8, 45, 8900, 'EUR'),
       ('00000000-0000-7000-8000-000000000182', 'starter-4', 4, 30, 4900, 'EUR')
-- Somebody may have bought them meanwhile.
on conflict (id) do update
set title = excluded.title, description = '', lessons_total = excluded.lessons_total, duration_days = excluded.duration_days,
    price_minor = excluded.price_minor, currency = excluded.currency, is_active = true;
insert into lessons.payments (id, package_id, student_id, amount_minor, currency, external_reference, paid_at)
values ('00000000-0000-7000-8000-000000000161', '00000000-0000-7000-8000-000000000131', '00000000-0000-7000-8000-000000000094',
        9900, 'EUR', 'inv-17', null),
       ('00000000-0000-7000-8000-000000000162', '00000000-0000-7000-8000-000000000131', '00000000-0000-7000-8000-000000000094',
        20000, 'EUR', 'inv-18', now());
select lessons.settle_payment('00000000-0000-7000-8000-000000000162');

set local role praxis_service;
-- Work in the background, of kinds that no worker knows: done, waiting, and failed for good.
delete from platform.jobs where kind like 'sample.%' and user_id = '00000000-0000-7000-8000-000000000094';
insert into platform.jobs (id, user_id, kind, subject, parameters, state, attempts, progress_current, progress_total, progress_at,
                           result, error_type, error_message, queued_at, started_at, finished_at)
select ('00000000-0000-7000-8000-0000000002' || id)::uuid, '00000000-0000-7000-8000-000000000094', kind,
       ('00000000-0000-7000-8000-0000000003' || id)::uuid,
       jsonb_build_object('chapter_id', '00000000-0000-7000-8000-0000000003' || id), state,
       case state when 'queued' then 0 else 1 end, case state when 'succeeded' then 4 end,
       case state when 'succeeded' then 4 end, case state when 'succeeded' then 'The Ford' end,
       case state when 'succeeded' then '{"edits_count": 4, "message": "Generated 4 line edits!"}'::jsonb end,
       case state when 'failed' then 'timeout' end, case state when 'failed' then 'the model did not answer in time' end,
       now() - interval '3 minutes', case when state <> 'queued' then now() - interval '2 minutes' end,
       case when state <> 'queued' then now() - interval '1 minute' end
from (values ('11', 'sample.work', 'succeeded'), ('12', 'sample.work', 'queued'), ('13', 'sample.work', 'failed'),
             ('14', 'sample.work', 'failed'), ('15', 'sample.work', 'failed'), ('16', 'sample.edits', 'failed'))
    as sample (id, kind, state);
insert into platform.dead_jobs (id, job_id, user_id)
select ('00000000-0000-7000-8000-0000000002' || dead)::uuid, ('00000000-0000-7000-8000-0000000002' || job)::uuid,
       '00000000-0000-7000-8000-000000000094'
from (values ('21', '13'), ('22', '14'), ('23', '15'), ('24', '16')) as sample (dead, job);

commit;
