drop index practice.reflections_person;
create index reflections_person on practice.reflections (user_id, created_at);
drop index practice.sessions_list;
create index sessions_list on practice.sessions (user_id, created_at desc, id desc);
drop index practice.scenes_list;
create index scenes_list on practice.scenes (user_id, updated_at desc, id desc);
