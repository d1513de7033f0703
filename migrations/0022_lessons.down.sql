delete from identity.export_exclusions where table_name = 'lessons.calendar_feeds';
drop trigger release_lessons on identity.users;
drop schema lessons cascade;
drop function identity.request_has_role(text);

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
               (select pg_catalog.string_agg(format('held.%I = $1', named), ' or ')
                from pg_catalog.unnest(personal.person_columns) as named) as is_theirs,
               (select coalesce(pg_catalog.array_agg(hidden.column_name), '{}')
                from identity.export_exclusions as hidden
                where hidden.table_name = personal.schema_name || '.' || personal.table_name) as hidden,
               (select pg_catalog.string_agg(format('held.%I', key.attname), ', ' order by place)
                from pg_catalog.pg_index as index
                cross join lateral pg_catalog.generate_subscripts(index.indkey, 1) as place
                join pg_catalog.pg_attribute as key
                    on key.attrelid = index.indrelid and key.attnum = index.indkey[place]
                where index.indisprimary and index.indrelid
                    = format('%I.%I', personal.schema_name, personal.table_name)::pg_catalog.regclass)
               as ordered
        from identity.personal_tables() as personal
    loop
        continue when '' = any (one.hidden);
        return query execute format(
            'select %L::text, to_jsonb(held) - $2 from %I.%I as held where %s order by %s',
            one.schema_name || '.' || one.table_name, one.schema_name, one.table_name, one.is_theirs,
            coalesce(one.ordered, '1'))
            using person, one.hidden;
    end loop;
    -- The log has no references, so that it outlives the people.
    return query
        select 'identity.audit_log', pg_catalog.to_jsonb(act) from identity.audit_log as act
        where act.actor_id = person or (act.entity_type = 'user' and act.entity_id = person::pg_catalog.text)
            or act.payload ->> 'user_id' = person::pg_catalog.text
        order by act.occurred_at, act.id;
end
$$;
drop table identity.export_sides;
