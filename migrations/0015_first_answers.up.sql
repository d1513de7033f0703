-- A repeated request gets the first answer's bytes: `json` keeps a text as it is, `jsonb` sorts its members.
alter table identity.idempotency_keys alter column body type json using body::json;
