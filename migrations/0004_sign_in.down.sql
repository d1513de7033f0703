drop function identity.open_request(uuid, uuid);
drop table identity.oidc_attempts;
drop table identity.mail_tokens;
drop table identity.refresh_tokens;
drop table identity.sign_ins;
drop table identity.external_accounts;
drop table identity.passwords;
drop table identity.emails;
drop trigger keep_an_admin_on_update on identity.users;
drop function identity.keep_an_admin();
revoke insert (id, email, display_name, locale, timezone) on identity.users from authenticated;
grant insert on identity.users to authenticated;
grant update (email) on identity.users to authenticated;
drop index identity.users_newest;
drop index identity.users_admins;
drop index identity.users_coaches;
drop index identity.users_educators;
drop index identity.users_teachers;
alter table identity.users
    drop roles,
    drop deactivated_at,
    drop deletion_requested_at,
    drop last_login_at,
    drop organization_id;
