//! Where mail to a person goes.

use uuid::Uuid;

use crate::auth;
use crate::database::{FromRow, Tx};
use crate::error::{Result, internal};

/// A person's address and the language they are written to in.
#[derive(FromRow)]
pub struct Recipient {
    /// The address.
    pub email: String,
    /// Whether mail with what is theirs alone may go there: it is proven, or comes from the identity provider.
    pub is_verified: bool,
    /// Whether word of the account may go there unasked: somebody has proven that the mailbox is the person's, here or, if
    /// it says so, at their identity provider.
    pub takes_notices: bool,
    /// BCP 47.
    pub locale: String,
}

/// Where mail to the person goes: the address that they sign in with here, else their identity provider's, if it gave
/// one. Works in their own transaction and in the service's.
pub async fn find(tx: &Tx, user_id: Uuid) -> Result<Option<Recipient>> {
    tx.find(
        "select coalesce(own.email, person.email) as email,
                own.email is null or own.verified_at is not null as is_verified,
                case when own.email is null then $2 else own.verified_at is not null end as takes_notices, locale
         from identity.users as person
         left join identity.emails as own on own.user_id = person.id
         where person.id = $1 and coalesce(own.email, person.email) not like '%@local.user'",
        &[&user_id, &auth::providers_prove_addresses().map_err(internal)?],
    )
    .await
}
