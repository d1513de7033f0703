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
set local role authenticated;
select set_config('request.jwt.claim.role', 'authenticated', true),
       set_config('request.jwt.claim.sub', '00000000-0000-7000-8000-000000000001', true);

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

commit;
