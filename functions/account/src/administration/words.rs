//! Accounts by words in their names and addresses, through the index of trigrams.

use shared::keyset::KeysetPaging;
use shared::prelude::*;

use super::{UserAccount, UserFilter};

/// The first accounts of a list with a filter by words. Names and addresses that people gave stand in one table, addresses
/// that they sign in with in another, and each has an index of its own: so each is asked for its newest, and the newest of
/// both are the answer. An index finds a few too many, which the words themselves then sort out.
pub(super) async fn list(
    tx: &Tx,
    filter: &UserFilter,
    paging: &KeysetPaging<UserAccount>,
    words: &str,
) -> Result<Vec<UserAccount>> {
    tx.list(
        "with found as (
             (select u.id, u.created_at
              from identity.users u left join identity.emails e on e.user_id = u.id
              where identity.trigrams(coalesce(u.display_name, '') || chr(10) || coalesce(u.email, ''))
                        @@ identity.trigram_query($1)
                and (strpos(lower(coalesce(e.email, u.email)), lower($1)) > 0
                     or strpos(lower(u.display_name), lower($1)) > 0)
                and ($2::text is null or $2 = any (u.roles))
                and ($3::boolean is null or (u.deactivated_at is null) = $3)
                and ($4::timestamptz is null or (u.created_at, u.id) < ($4, $5))
              order by u.created_at desc, u.id desc
              limit $6)
             union
             (select u.id, u.created_at
              from identity.emails e join identity.users u on u.id = e.user_id
              where identity.trigrams(e.email) @@ identity.trigram_query($1)
                and strpos(lower(e.email), lower($1)) > 0
                and ($2::text is null or $2 = any (u.roles))
                and ($3::boolean is null or (u.deactivated_at is null) = $3)
                and ($4::timestamptz is null or (u.created_at, u.id) < ($4, $5))
              order by u.created_at desc, u.id desc
              limit $6)
         )
         select u.id, coalesce(e.email, u.email) as email, u.display_name as name, u.roles,
                u.deactivated_at is null as is_active, e.verified_at is not null as email_verified,
                u.organization_id, u.created_at, u.last_login_at as last_login,
                (select x.provider from identity.external_accounts x where x.user_id = u.id
                 order by x.last_login_at desc limit 1) as sso_provider
         from found join identity.users u on u.id = found.id left join identity.emails e on e.user_id = u.id
         order by u.created_at desc, u.id desc
         limit $6",
        &[&words, &filter.role, &filter.is_active, &paging.after_time(), &paging.after_id(), &paging.rows()],
    )
    .await
}
