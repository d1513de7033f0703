-- A row that no request has made says no language: `und` is BCP 47's "undetermined". Programs put the language of the
-- person's request, or the setting DEFAULT_LOCALE, in its place.
alter table identity.users alter column locale set default 'und';

-- As before, and without characters that turn the direction of what stands beside a name; a name of which nothing is seen is
-- none. `shared::value::name_within` is the same rule for names that come with a token.
create or replace function identity.supabase_name(metadata jsonb) returns text
    language sql immutable
    set search_path = pg_catalog, pg_temp
as $$
    select case when name ~ '[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]'
                then name else 'User' end
    from (select coalesce(btrim(left(btrim(regexp_replace(
                     case jsonb_typeof(metadata -> 'full_name') when 'string' then metadata ->> 'full_name' end,
                     '[[:cntrl:]\u2028-\u202e\u2066-\u2069]', '', 'g')), 120)), '') as name) as cleaned
$$;
