-- Practice: scenes, sessions and their turns, rewrites, summaries, reflections, and finished weeks.
--
-- Every row carries its person, and a child refers to its parent together with that person, so that no row can point
-- at another's. Deleting a person deletes all of it.

create schema practice;
grant usage on schema practice to authenticated, service;

create table practice.scenes (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    title text not null check (length(title) between 1 and 80),
    template_id text not null
        check (template_id in ('PEER_FEEDBACK', 'MANAGER_ALIGNMENT', 'CROSS_TEAM_CONFLICT', 'CUSTOM')),
    counterparty_role text not null check (counterparty_role in ('PEER', 'MANAGER', 'REPORT', 'CLIENT', 'OTHER')),
    relationship_level text not null check (relationship_level in ('SMOOTH', 'NEUTRAL', 'TENSE')),
    goal text not null check (length(goal) between 1 and 240),
    pain_points text[] not null default '{}' check (cardinality(pain_points) <= 5),
    context text not null check (length(context) between 1 and 1200),
    power_dynamic text not null check (power_dynamic in ('USER_HIGHER', 'PEER_LEVEL', 'COUNTERPART_HIGHER')),
    status text not null default 'ACTIVE' check (status in ('ACTIVE', 'ARCHIVED')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, user_id)
);
create index scenes_list on practice.scenes (user_id, updated_at desc, id desc);

create table practice.sessions (
    id uuid primary key,
    user_id uuid not null references identity.users (id) on delete cascade,
    scene_id uuid not null,
    state text not null default 'ACTIVE' check (state in ('ACTIVE', 'COMPLETED', 'ABANDONED')),
    target_turns smallint not null check (target_turns between 5 and 8),
    -- The number of answered turns.
    current_turn smallint not null default 0 check (current_turn >= 0),
    -- The last answered turn, repeated here so that a list is one index scan.
    last_user_message text,
    last_assistant_message text,
    last_overall_score smallint,
    last_risk_level text,
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    unique (id, user_id),
    foreign key (scene_id, user_id) references practice.scenes (id, user_id) on delete cascade,
    check ((state = 'ACTIVE') = (ended_at is null))
);
create index sessions_list on practice.sessions (user_id, created_at desc, id desc);
create index sessions_scene on practice.sessions (scene_id);
-- The weekly job reads everybody's last weeks.
create index sessions_created_at on practice.sessions (created_at);

-- One row is one exchange: what the person wrote, and, once it is answered, the counterpart's reply with the feedback.
create table practice.turns (
    -- Also the id of the user's message.
    id uuid primary key,
    session_id uuid not null,
    user_id uuid not null,
    turn_no smallint not null check (turn_no >= 1),
    client_message_id uuid not null,
    user_content text not null check (length(user_content) between 1 and 4000),
    -- Until then the sandbox that reserved the turn may still be waiting for the model; later the turn is up for grabs.
    claimed_until timestamptz not null,
    assistant_message_id uuid unique,
    assistant_content text,
    overall_score smallint check (overall_score between 0 and 100),
    risk_level text check (risk_level in ('LOW', 'MEDIUM', 'HIGH')),
    ofnr jsonb,
    next_best_sentence text,
    -- Where the reply came from, and what it cost.
    source text check (source in ('model', 'rules')),
    model text,
    latency_ms integer check (latency_ms >= 0),
    tokens_in integer check (tokens_in >= 0),
    tokens_out integer check (tokens_out >= 0),
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    foreign key (session_id, user_id) references practice.sessions (id, user_id) on delete cascade,
    unique (id, session_id, user_id),
    constraint turns_turn_no_key unique (session_id, turn_no),
    constraint turns_client_message_id_key unique (session_id, client_message_id),
    check (num_nulls(completed_at, assistant_message_id, assistant_content, overall_score, risk_level, ofnr,
                     next_best_sentence, source) in (0, 8))
);
-- The next message sees the answer to the last one.
create unique index turns_one_in_flight on practice.turns (session_id) where completed_at is null;

create table practice.rewrites (
    id uuid primary key,
    session_id uuid not null,
    user_id uuid not null,
    turn_id uuid not null,
    rewrite_style text not null check (rewrite_style in ('NEUTRAL')),
    rewritten_content text not null,
    accepted boolean not null default false,
    source text not null check (source in ('model', 'rules')),
    model text,
    latency_ms integer check (latency_ms >= 0),
    tokens_in integer check (tokens_in >= 0),
    tokens_out integer check (tokens_out >= 0),
    created_at timestamptz not null default now(),
    foreign key (turn_id, session_id, user_id) references practice.turns (id, session_id, user_id) on delete cascade
);
create index rewrites_turn on practice.rewrites (turn_id, created_at desc);
create index rewrites_session on practice.rewrites (session_id);

create table practice.summaries (
    id uuid primary key,
    session_id uuid not null constraint summaries_session_id_key unique,
    user_id uuid not null,
    -- The turn whose feedback it was made from; a later one makes it anew, unless the person has edited it.
    turn_no smallint not null,
    opening_line text not null,
    request_line text not null,
    fallback_line text,
    risk_triggers text[] not null default '{}',
    edited_by_user boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (session_id, user_id) references practice.sessions (id, user_id) on delete cascade
);
create index summaries_person on practice.summaries (user_id, created_at);
create index summaries_created_at on practice.summaries (created_at);

create table practice.reflections (
    id uuid primary key,
    session_id uuid not null constraint reflections_session_id_key unique,
    user_id uuid not null,
    used_in_real_world boolean not null,
    outcome_score smallint check (outcome_score between 1 and 5),
    blocker_code text check (blocker_code in ('NO_CHANCE', 'EMOTION_SPIKE', 'POWER_GAP', 'WORDING_ISSUE', 'OTHER')),
    blocker_note text check (length(blocker_note) <= 500),
    created_at timestamptz not null default now(),
    foreign key (session_id, user_id) references practice.sessions (id, user_id) on delete cascade
);
create index reflections_person on practice.reflections (user_id, created_at);
create index reflections_created_at on practice.reflections (created_at);

-- A person's finished week, as the job `weekly-progress` found it.
create table practice.weekly_progress (
    user_id uuid not null references identity.users (id) on delete cascade,
    -- A Monday in the person's time zone.
    week_start date not null check (extract(isodow from week_start) = 1),
    timezone text not null,
    practice_count integer not null check (practice_count >= 0),
    summary_count integer not null check (summary_count >= 0),
    real_world_used_count integer not null check (real_world_used_count >= 0),
    avg_outcome_score double precision not null check (avg_outcome_score between 0 and 5),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (user_id, week_start)
);

do $$
declare
    name text;
begin
    foreach name in array array['scenes', 'sessions', 'turns', 'rewrites', 'summaries', 'reflections', 'weekly_progress']
    loop
        execute format('alter table practice.%I enable row level security', name);
        execute format('alter table practice.%I force row level security', name);
        execute format('create policy own_rows on practice.%I to authenticated
            using (user_id = (select identity.request_user_id()))
            with check (user_id = (select identity.request_user_id()))', name);
        execute format('create policy every_row on practice.%I to service using (true) with check (true)', name);
        execute format('grant select on practice.%I to authenticated, service', name);
    end loop;
end
$$;

-- No more than the routes need: nobody deletes, ids and owners never change, weeks are the job's.
grant insert on practice.scenes, practice.sessions, practice.turns, practice.rewrites, practice.summaries,
    practice.reflections to authenticated;
grant update (title, template_id, counterparty_role, relationship_level, goal, pain_points, context, power_dynamic,
    status, updated_at) on practice.scenes to authenticated;
grant update (state, current_turn, last_user_message, last_assistant_message, last_overall_score, last_risk_level,
    ended_at) on practice.sessions to authenticated;
grant update (claimed_until, assistant_message_id, assistant_content, overall_score, risk_level, ofnr,
    next_best_sentence, source, model, latency_ms, tokens_in, tokens_out, completed_at) on practice.turns to authenticated;
grant update (accepted) on practice.rewrites to authenticated;
grant update (turn_no, opening_line, request_line, fallback_line, risk_triggers, edited_by_user, updated_at)
    on practice.summaries to authenticated;
grant insert, update on practice.weekly_progress to service;
