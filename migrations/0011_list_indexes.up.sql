-- Indexes that hold what a list filters and a week counts. A person's rows lie each on a page of its own, which a list of
-- one state or status, and its total, then need not read; and everybody's week, whose rows lie together, no longer looks
-- cheaper to the planner than one's own.
drop index practice.scenes_list;
create index scenes_list on practice.scenes (user_id, updated_at desc, id desc) include (status);
drop index practice.sessions_list;
create index sessions_list on practice.sessions (user_id, created_at desc, id desc) include (state);
drop index practice.reflections_person;
create index reflections_person on practice.reflections (user_id, created_at)
    include (used_in_real_world, outcome_score);
