-- The people who came by the mirror stay. With its function goes the trigger on `auth.users`, which the migrating role
-- need not own.
drop function identity.mirror_supabase();
drop function identity.mirror_supabase_change() cascade;
drop function identity.mirror_supabase_user(uuid, text, jsonb);
drop function identity.supabase_name(jsonb);
drop function identity.supabase_email(uuid, text);
