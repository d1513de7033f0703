do $$
declare
    described text;
begin
    for described in
        select format('%I.%I', schema_name, table_name) from identity.personal_tables()
        union all select 'identity.audit_log'
    loop
        execute 'comment on table ' || described || ' is null';
    end loop;
end
$$;
drop table identity.export_parts;
drop table identity.exports;
drop function identity.export_person(uuid);
drop table identity.export_exclusions;
drop function identity.personal_tables();
