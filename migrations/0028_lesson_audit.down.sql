drop trigger audit_refund on lessons.payment_refunds;
drop trigger audit_changed_payment on lessons.payments;
drop trigger audit_noted_payment on lessons.payments;
drop trigger audit_package on lessons.package_entries;
drop function lessons.audit_refund(), lessons.audit_payment(), lessons.audit_package();

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
        select 'identity.audit_log', to_jsonb(act) from identity.audit_log as act
        where act.actor_id = person or (act.entity_type = 'user' and act.entity_id = person::pg_catalog.text)
            or act.payload ->> 'user_id' = person::pg_catalog.text
        order by act.occurred_at, act.id;
end
$$;
