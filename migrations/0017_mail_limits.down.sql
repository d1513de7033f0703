drop trigger admit_mail on platform.outbox;
drop function platform.admit_mail();
drop table platform.mails_held_back;
alter table platform.outbox drop column receiver;
delete from identity.export_exclusions where table_name = 'platform.outbox' and column_name = 'receiver';
