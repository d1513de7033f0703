drop trigger guard_offer on lessons.bookings;
drop function lessons.guard_offer();
drop function lessons.slot_status(lessons.slots);
drop policy projected on lessons.slots;
alter table lessons.slots drop column source, drop column is_withdrawn_by_hand;
drop table lessons.schedule_exceptions, lessons.schedules;
drop function lessons.guard_schedule();
alter table lessons.teaching_rules drop column horizon_days;
