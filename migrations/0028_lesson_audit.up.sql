-- The audit log says what staff did to packages and payments, by what stores it: no route can forget it. What a job
-- or a provider does has no actor, and is on record elsewhere.

create function lessons.audit_package() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if identity.request_user_id() is null then
        return null;
    end if;
    insert into identity.audit_log (id, actor_id, action, entity_type, entity_id, payload)
    values (gen_random_uuid(), identity.request_user_id(),
            case new.kind when 'grant' then 'package.granted' when 'revoke' then 'package.revoked'
                          when 'extend' then 'package.extended' else 'package.canceled' end,
            'package', new.package_id::pg_catalog.text,
            jsonb_build_object('user_id', new.student_id, 'lessons', new.lessons));
    return null;
end
$$;
create trigger audit_package after insert on lessons.package_entries
    for each row when (new.kind in ('grant', 'revoke', 'extend', 'cancel') and new.payment_id is null)
    execute function lessons.audit_package();

create function lessons.audit_payment() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if identity.request_user_id() is null then
        return null;
    end if;
    insert into identity.audit_log (id, actor_id, action, entity_type, entity_id, payload)
    values (gen_random_uuid(), identity.request_user_id(),
            case tg_op when 'INSERT' then 'payment.noted' else 'payment.status_changed' end, 'payment', new.id::pg_catalog.text,
            jsonb_build_object('user_id', new.student_id, 'package_id', new.package_id, 'status', new.state));
    return null;
end
$$;
create trigger audit_noted_payment after insert on lessons.payments
    for each row when (new.lessons is null)
    execute function lessons.audit_payment();
create trigger audit_changed_payment after update of state on lessons.payments
    for each row when (old.state <> new.state)
    execute function lessons.audit_payment();

create function lessons.audit_refund() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if identity.request_user_id() is null then
        return null;
    end if;
    insert into identity.audit_log (id, actor_id, action, entity_type, entity_id, payload)
    select gen_random_uuid(), identity.request_user_id(), 'payment.refund_requested', 'payment', payment.id::pg_catalog.text,
           jsonb_build_object('user_id', payment.student_id, 'refund_id', new.id, 'amount_minor', new.amount_minor,
                              'currency', payment.currency)
    from lessons.payments as payment where payment.id = new.payment_id;
    return null;
end
$$;
create trigger audit_refund after insert on lessons.payment_refunds
    for each row execute function lessons.audit_refund();

revoke execute on function lessons.audit_package(), lessons.audit_payment(), lessons.audit_refund() from public;
grant create on schema lessons to praxis_definer;
alter function lessons.audit_package() owner to praxis_definer;
alter function lessons.audit_payment() owner to praxis_definer;
alter function lessons.audit_refund() owner to praxis_definer;
revoke create on schema lessons from praxis_definer;

-- Who else did something to a person's things is the other's to know, and so is to whose a person did something.
create or replace function identity.export_person(person uuid) returns table (source text, record jsonb)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    one pg_catalog.record;
begin
    for one in
        select personal.schema_name, personal.table_name,
               (select string_agg(format('row_held.%I = $1', named), ' or ')
                from unnest(personal.person_columns) as named) as is_theirs,
               (select coalesce(array_agg(hidden.column_name), '{}')
                from identity.export_exclusions as hidden
                where hidden.table_name = personal.schema_name || '.' || personal.table_name) as hidden,
               -- In a row of two people, what is the other's.
               coalesce((select 'case ' || string_agg(format('when row_held.%I = $1 then %L::text[]', person_column, hidden_columns), ' ')
                                || ' else ''{}'' end'
                         from identity.export_sides as side
                         where side.table_name = personal.schema_name || '.' || personal.table_name), '''{}''::text[]') as others,
               (select string_agg(format('row_held.%I', key.attname), ', ' order by place)
                from pg_index as index
                cross join lateral generate_subscripts(index.indkey, 1) as place
                join pg_attribute as key
                    on key.attrelid = index.indrelid and key.attnum = index.indkey[place]
                where index.indisprimary and index.indrelid
                    = format('%I.%I', personal.schema_name, personal.table_name)::pg_catalog.regclass)
               as ordered
        from identity.personal_tables() as personal
    loop
        continue when '' = any (one.hidden);
        return query execute format(
            'select %L::text, to_jsonb(row_held) - $2 - %s from %I.%I as row_held where %s order by %s',
            one.schema_name || '.' || one.table_name, one.others, one.schema_name, one.table_name, one.is_theirs,
            coalesce(one.ordered, '1'))
            using person, one.hidden;
    end loop;
    -- The log has no references, so that it outlives the people.
    return query
        select 'identity.audit_log',
               case when act.actor_id = person
                    then jsonb_set(to_jsonb(act), '{payload}',
                                   act.payload - case when act.payload ->> 'user_id' = person::pg_catalog.text then ''
                                                      else 'user_id' end)
                    else to_jsonb(act) - case when act.actor_id is null then '' else 'actor_id' end end
        from identity.audit_log as act
        where act.actor_id = person or (act.entity_type = 'user' and act.entity_id = person::pg_catalog.text)
            or act.payload ->> 'user_id' = person::pg_catalog.text
        order by act.occurred_at, act.id;
end
$$;
