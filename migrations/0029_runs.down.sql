drop function platform.is_written(text, uuid);
delete from identity.export_exclusions where table_name = 'platform.runs';
drop table platform.run_events;
drop table platform.runs;
