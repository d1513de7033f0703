alter table identity.idempotency_keys alter column body type jsonb using body::jsonb;
