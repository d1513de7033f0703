//! Accounts elsewhere, and the people here whom they belong to.

use serde_json::json;
use shared::audit::{self, Act};
use shared::database::Parameter;
use shared::prelude::*;

use super::failure::{Failure, Reason};
use super::{Identity, Provider};
use crate::email::Email;
use crate::mail_link;
use crate::{mailbox, program, takeover, way_in};

/// A person and the account that they came by.
#[derive(FromRow)]
pub struct Known {
    /// The person here.
    pub user_id: Uuid,
    /// The row of the account elsewhere.
    pub account_id: Uuid,
}

/// The address's holder.
#[derive(FromRow)]
struct Holder {
    user_id: Uuid,
    /// Whether they ever showed that the mailbox is theirs.
    is_verified: bool,
    is_deactivated: bool,
    /// Whether they have an account at the same provider already.
    has_another: bool,
}

/// The person whom an outside account belongs to: by the provider's id if it was here before, else by an address for which
/// the provider speaks, else somebody new. 409 if the address is another account's and the provider does not speak for it,
/// or knows that account under another id: an address may have changed hands there. 403 if new people are not let in, and
/// for an address of somebody who is deactivated. Roles are given once, at the start.
///
/// Where the account of the address never proved it, the address goes to a new person and nothing else does: whoever made
/// that account may have mistyped it, or planted it to wait for its owner (Sudhodanan and Paverd, "Pre-hijacked accounts",
/// USENIX Security 2022, section 4). Only `caller`, signed in to that account, is its person.
pub async fn sign_in(tx: &Tx, identity: &Identity, caller: Option<&User>, from: &Client) -> Result<Known> {
    if let ((), Some(known)) = tokio::try_join!(biased; lock(tx, identity), find_known(tx, identity))? {
        return Ok(known);
    }
    let Some(email) = &identity.email else { return Box::pin(register(tx, identity, from)).await };
    match find_holder(tx, identity).await? {
        None => Box::pin(register(tx, identity, from)).await,
        Some(_) if !identity.is_authoritative => Err(address_taken()),
        Some(holder) if holder.is_deactivated => Err(forbidden("the account is deactivated")),
        Some(holder) if !holder.is_verified && caller.is_none_or(|caller| caller.id != holder.user_id) => {
            take_over(tx, identity, email, holder.user_id, from).await
        }
        Some(holder) if holder.is_verified && holder.has_another => Err(address_taken()),
        Some(Holder { user_id, .. }) => {
            mailbox::verify(tx, user_id).await?;
            let account_id = add(tx, user_id, identity).await?;
            Ok(Known { user_id, account_id })
        }
    }
}

/// Waits for another first sign-in of the same outside account, so that two at once make one person.
pub(super) async fn lock(tx: &Tx, identity: &Identity) -> Result<()> {
    tx.execute(
        "select pg_advisory_xact_lock(hashtextextended('identity.external_accounts ' || $1 || ' ' || $2, 0))",
        &[&identity.provider, &identity.subject],
    )
    .await?;
    Ok(())
}

/// The person who came with this account before; what the provider says of both is brought up to date.
pub(super) async fn find_known(tx: &Tx, identity: &Identity) -> Result<Option<Known>> {
    tx.find(
        "with account as (
             update identity.external_accounts set last_login_at = now(), email = $3
             where provider = $1 and subject = $2
             returning user_id, id
         ), person as (
             update identity.users set organization_id = $4, updated_at = now()
             where id = (select user_id from account) and organization_id is distinct from coalesce($4, organization_id)
         )
         select user_id, id as account_id from account",
        &[&identity.provider, &identity.subject, &identity.email, &identity.organization_id],
    )
    .await
}

async fn find_holder(tx: &Tx, identity: &Identity) -> Result<Option<Holder>> {
    tx.find(
        "select user_id, verified_at is not null as is_verified,
                exists (select from identity.users where id = user_id and deactivated_at is not null) as is_deactivated,
                exists (select from identity.external_accounts as other
                        where other.user_id = emails.user_id and other.provider = $2) as has_another
         from identity.emails
         where email = $1
         for update of emails",
        &[&identity.email, &identity.provider],
    )
    .await
}

/// Makes a person with this account. The address may have become somebody's a moment ago: 409. One for which the provider
/// does not speak gets the link that proves it; until somebody follows it, whoever proves the address in another way gets it.
async fn register(tx: &Tx, identity: &Identity, from: &Client) -> Result<Known> {
    must_be_let_in(identity)?;
    let user_id = Uuid::now_v7();
    let program = from.user_agent.as_deref().and_then(program::name);
    let act = act("user.registered", user_id, identity);
    let ((), (), (), account_id) = tokio::try_join!(biased;
        insert_person(tx, user_id, identity, from),
        insert_email(tx, user_id, identity, program.as_deref()),
        audit::record(tx, act),
        link(tx, user_id, identity),
    )?;
    if let (Some(email), false) = (&identity.email, identity.is_authoritative) {
        mail_link::send_verification(tx, user_id, email, &from.locale).await?;
    }
    Ok(Known { user_id, account_id })
}

/// Makes a person with this account, and with the address that its holder never proved.
async fn take_over(
    tx: &Tx,
    identity: &Identity,
    email: &Email,
    holder: Uuid,
    from: &Client,
) -> Result<Known> {
    must_be_let_in(identity)?;
    let user_id = Uuid::now_v7();
    insert_person(tx, user_id, identity, from).await?;
    takeover::move_address(tx, holder, user_id, email.as_str()).await?;
    let act = act("user.registered", user_id, identity);
    let ((), account_id) = tokio::try_join!(biased; audit::record(tx, act), link(tx, user_id, identity))?;
    Ok(Known { user_id, account_id })
}

fn must_be_let_in(identity: &Identity) -> Result<()> {
    if identity.may_sign_up() {
        return Ok(());
    }
    let failure = Failure::new(Reason::NotLetIn, "the account's domain is not of SIGN_UP_DOMAINS");
    Err(forbidden("new accounts of this e-mail domain are not let in").because(failure))
}

async fn insert_person(tx: &Tx, user_id: Uuid, identity: &Identity, from: &Client) -> Result<()> {
    tx.execute(
        "insert into identity.users (id, email, display_name, roles, organization_id, locale)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            &user_id,
            &identity.email,
            &identity.name,
            &vec![identity.role.as_str().to_owned()],
            &identity.organization_id,
            &from.locale,
        ],
    )
    .await?;
    Ok(())
}

async fn insert_email(tx: &Tx, user_id: Uuid, identity: &Identity, program: Option<&str>) -> Result<()> {
    tx.execute(
        "insert into identity.emails (email, user_id, verified_at, registered_with)
         select $1, $2, case when $3 then now() end, $4 where $1 is not null",
        &[&identity.email, &user_id, &identity.is_authoritative, &program],
    )
    .await
    .on_constraint("emails_pkey", address_taken)?;
    Ok(())
}

/// Gives somebody who is here another way in, and tells them by mail.
pub(super) async fn add(tx: &Tx, user_id: Uuid, identity: &Identity) -> Result<Uuid> {
    let account_id = link(tx, user_id, identity).await?;
    way_in::tell(tx, user_id, "way_in_added", identity.provider).await?;
    Ok(account_id)
}

async fn link(tx: &Tx, user_id: Uuid, identity: &Identity) -> Result<Uuid> {
    let account_id = Uuid::now_v7();
    let insert = "with person as (
             update identity.users set organization_id = $5, updated_at = now()
             where id = $3 and organization_id is distinct from coalesce($5, organization_id)
         )
         insert into identity.external_accounts (provider, subject, user_id, email, id) values ($1, $2, $3, $4, $6)";
    let parameters: &[&dyn Parameter] = &[
        &identity.provider,
        &identity.subject,
        &user_id,
        &identity.email,
        &identity.organization_id,
        &account_id,
    ];
    let act = act("external_account.linked", user_id, identity);
    tokio::try_join!(biased; tx.execute(insert, parameters), audit::record(tx, act))?;
    Ok(account_id)
}

fn act(action: &'static str, user_id: Uuid, identity: &Identity) -> Act<'static> {
    let payload = json!({ "method": identity.provider });
    Act { actor: Some(user_id), action, entity_type: "user", entity_id: Some(user_id), payload }
}

#[track_caller]
fn address_taken() -> shared::error::Error {
    conflict("an account with this e-mail address exists already")
}

impl Provider {
    /// The provider that a row names.
    pub(crate) fn of(name: &str) -> Result<Provider> {
        match name {
            "google" => Ok(Provider::Google),
            "clever" => Ok(Provider::Clever),
            _ => Err(internal("a row names an unknown provider")),
        }
    }
}
