drop table platform.outbox;
revoke usage on schema platform from authenticated;
