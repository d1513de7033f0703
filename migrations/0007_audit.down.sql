drop table identity.audit_log;
