//! Accounts elsewhere, and the people here whom they belong to.

use serde_json::json;
use shared::audit::{self, Act};
use shared::database::Parameter;
use shared::prelude::*;
use shared::settings;

use super::failure::{Failure, Reason};
use super::{Identity, Provider};
use crate::mail_link::{self, Purpose};
use crate::sign_in;

/// The language in which people are written to until they choose one.
const LOCALE: &str = "en";

/// The address's holder.
#[derive(FromRow)]
struct Holder {
    user_id: Uuid,
    /// Whether they ever showed that the mailbox is theirs.
    is_verified: bool,
    /// Whether they have an account at the same provider already.
    has_another: bool,
}

/// The person whom an outside account belongs to: by the provider's id if it was here before, else by an address that
/// the provider has verified, else somebody new. 409 if the address is another account's and the provider does not say
/// that it is verified, or knows that account under another id: an address may have changed hands there. 403 if new people of this address's domain are not let in. Roles are given once, at the start.
pub async fn sign_in(tx: &Tx, identity: &Identity) -> Result<Uuid> {
    if let ((), Some(user_id)) = tokio::try_join!(biased; lock(tx, identity), find_known(tx, identity))? {
        return Ok(user_id);
    }
    let holder = match &identity.email {
        Some(_) => find_holder(tx, identity).await?,
        None => None,
    };
    match holder {
        None => register(tx, identity).await,
        Some(holder) if identity.is_email_verified && !holder.is_verified => {
            // Nobody ever showed that the mailbox is theirs, and now its owner stands here. Whoever made the account may
            // have planted it, to sit in it together with them: what opens it falls away (Sudhodanan and Paverd,
            // "Pre-hijacked accounts", USENIX Security 2022, section 4: classic-federated merge, unexpired session,
            // trojan identifier, unexpired e-mail change).
            tokio::try_join!(biased;
                // Boxed: rare, and three statements large.
                Box::pin(sign_in::close_ways_in(tx, holder.user_id)),
                verify_email(tx, holder.user_id),
                link(tx, holder.user_id, identity),
            )?;
            Ok(holder.user_id)
        }
        Some(holder) if identity.is_email_verified && !holder.has_another => {
            link(tx, holder.user_id, identity).await?;
            Ok(holder.user_id)
        }
        Some(_) => Err(address_taken()),
    }
}

/// Waits for another first sign-in of the same outside account, so that two at once make one person.
async fn lock(tx: &Tx, identity: &Identity) -> Result<()> {
    tx.execute(
        "select pg_advisory_xact_lock(hashtextextended('identity.external_accounts ' || $1 || ' ' || $2, 0))",
        &[&identity.provider, &identity.subject],
    )
    .await?;
    Ok(())
}

/// The person who came with this account before; what the provider says of both is brought up to date.
async fn find_known(tx: &Tx, identity: &Identity) -> Result<Option<Uuid>> {
    #[derive(FromRow)]
    struct Known {
        user_id: Uuid,
    }
    let known: Option<Known> = tx
        .find(
            "with account as (
                 update identity.external_accounts set last_login_at = now(), email = $3
                 where provider = $1 and subject = $2
                 returning user_id
             ), person as (
                 update identity.users set organization_id = $4, updated_at = now()
                 where id = (select user_id from account) and organization_id is distinct from coalesce($4, organization_id)
             )
             select user_id from account",
            &[&identity.provider, &identity.subject, &identity.email, &identity.organization_id],
        )
        .await?;
    Ok(known.map(|known| known.user_id))
}

async fn find_holder(tx: &Tx, identity: &Identity) -> Result<Option<Holder>> {
    tx.find(
        "select user_id, verified_at is not null as is_verified,
                exists (select from identity.external_accounts as other
                        where other.user_id = emails.user_id and other.provider = $2) as has_another
         from identity.emails
         where email = $1
         for update of emails",
        &[&identity.email, &identity.provider],
    )
    .await
}

/// Makes a person with this account. The address may have become somebody's a moment ago: 409. One that the provider has
/// not verified gets the link that does: until somebody follows it, whoever proves the address in another way takes it for
/// planted, and unlinks this account.
async fn register(tx: &Tx, identity: &Identity) -> Result<Uuid> {
    if !may_sign_up(identity) {
        let failure = Failure::new(Reason::NotLetIn, "the e-mail domain is not of SIGN_UP_DOMAINS");
        return Err(forbidden("new accounts of this e-mail domain are not let in").because(failure));
    }
    let user_id = Uuid::now_v7();
    let act = act("user.registered", user_id, identity);
    tokio::try_join!(biased;
        insert_person(tx, user_id, identity),
        insert_email(tx, user_id, identity),
        audit::record(tx, act),
        link(tx, user_id, identity),
    )?;
    if let (Some(email), false) = (&identity.email, identity.is_email_verified) {
        mail_link::send(tx, user_id, Purpose::VerifyEmail, email, LOCALE).await?;
    }
    Ok(user_id)
}

/// `SIGN_UP_DOMAINS` is about Google, where anybody has an account; who comes from Clever was let in by their school.
fn may_sign_up(identity: &Identity) -> bool {
    let (Provider::Google, Some(domains)) = (identity.provider, settings::find("SIGN_UP_DOMAINS")) else {
        return true;
    };
    let domain = identity.email.as_ref().and_then(|email| email.as_str().rsplit('@').next());
    identity.is_email_verified
        && domain
            .is_some_and(|domain| domains.split(',').any(|known| known.trim().eq_ignore_ascii_case(domain)))
}

async fn insert_person(tx: &Tx, user_id: Uuid, identity: &Identity) -> Result<()> {
    tx.execute(
        "insert into identity.users (id, email, display_name, roles, organization_id, locale)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            &user_id,
            &identity.email,
            &identity.name,
            &vec![identity.role.as_str().to_owned()],
            &identity.organization_id,
            &LOCALE,
        ],
    )
    .await?;
    Ok(())
}

async fn insert_email(tx: &Tx, user_id: Uuid, identity: &Identity) -> Result<()> {
    tx.execute(
        "insert into identity.emails (email, user_id, verified_at)
         select $1, $2, case when $3 then now() end where $1 is not null",
        &[&identity.email, &user_id, &identity.is_email_verified],
    )
    .await
    .on_constraint("emails_pkey", address_taken)?;
    Ok(())
}

/// Gives the person another way in.
async fn link(tx: &Tx, user_id: Uuid, identity: &Identity) -> Result<()> {
    let insert = "with person as (
             update identity.users set organization_id = $5, updated_at = now()
             where id = $3 and organization_id is distinct from coalesce($5, organization_id)
         )
         insert into identity.external_accounts (provider, subject, user_id, email) values ($1, $2, $3, $4)";
    let parameters: &[&dyn Parameter] =
        &[&identity.provider, &identity.subject, &user_id, &identity.email, &identity.organization_id];
    let act = act("external_account.linked", user_id, identity);
    tokio::try_join!(biased; tx.execute(insert, parameters), audit::record(tx, act))?;
    Ok(())
}

async fn verify_email(tx: &Tx, user_id: Uuid) -> Result<()> {
    let update = "update identity.emails set verified_at = now() where user_id = $1";
    let act = Act {
        actor: Some(user_id),
        action: "email.verified",
        entity_type: "user",
        entity_id: Some(user_id),
        payload: json!({}),
    };
    let parameters: &[&dyn Parameter] = &[&user_id];
    tokio::try_join!(biased; tx.execute(update, parameters), audit::record(tx, act))?;
    Ok(())
}

fn act(action: &'static str, user_id: Uuid, identity: &Identity) -> Act<'static> {
    let payload = json!({ "method": identity.provider });
    Act { actor: Some(user_id), action, entity_type: "user", entity_id: Some(user_id), payload }
}

#[track_caller]
fn address_taken() -> shared::error::Error {
    conflict("an account with this e-mail address exists already")
}
