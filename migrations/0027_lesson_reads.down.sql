drop function lessons.busy_of(uuid, timestamptz, timestamptz);
drop index lessons.slots_time, lessons.slots_teacher;
create index slots_teacher on lessons.slots (teacher_id, starts_at, id) where withdrawn_at is null;
