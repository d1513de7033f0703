drop index identity.refresh_tokens_replaced_at;
revoke delete on identity.audit_log from praxis_definer;
set local role praxis_definer;
drop function identity.forget_old_acts(integer, bigint);
reset role;
alter table identity.exports drop column downloaded_on;
