alter table identity.users alter column locale set default 'zh-CN';

create or replace function identity.supabase_name(metadata jsonb) returns text
    language sql immutable
    set search_path = ''
as $$
    select coalesce(nullif(btrim(left(btrim(regexp_replace(text, '[[:cntrl:]]', '', 'g')), 120)), ''), 'User')
    from (select case jsonb_typeof(metadata -> 'full_name') when 'string' then metadata ->> 'full_name' end) as name (text)
$$;
