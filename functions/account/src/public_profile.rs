//! The public profile: what a person shows of themselves on their own page.

mod web_address;

use std::collections::BTreeMap;

use shared::identity;
use shared::prelude::*;

pub use web_address::{SocialLinks, WebAddress};

/// The caller as their page shows them.
#[row]
pub struct UserPublic {
    /// The person's id.
    pub id: Uuid,
    /// The address that they sign in with, else the one that their identity provider gave.
    pub email: String,
    /// True: somebody who was deactivated sees nothing.
    pub is_active: bool,
    /// Whether they have the role `admin`.
    pub is_superuser: bool,
    /// The name in full.
    pub full_name: Option<String>,
    /// The name that the page shows; until the profile is first written, what Praxis calls the person.
    pub name: Option<String>,
    /// About the person, for the assistant.
    pub about: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// What the business is called.
    pub business_name: Option<String>,
    /// A line below the name.
    pub tagline: Option<String>,
    /// About the person, for readers.
    pub bio: Option<String>,
    /// Telephone number, as written.
    pub phone: Option<String>,
    /// Where their web site is.
    pub website: Option<String>,
    /// Where else they are: from a place's name to an address.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub social_links: Option<serde_json::Value>,
    /// Whether they have gone through the set-up.
    pub setup_completed: bool,
    /// The kind of profile.
    pub profile_type: Option<String>,
    /// Questions and answers, for the assistant.
    pub faqs: Option<String>,
}

/// Changes of a public profile; absent fields stay as they are, null removes. An `email` is not among them: it is
/// passed over like every unknown field, and changes by proof of the new address
/// (`POST /api/v1/identity/email/change`).
#[input]
#[derive(Serialize)]
pub struct PublicProfilePatch {
    /// The name in full.
    pub full_name: Change<Option<Name<0, 255>>>,
    /// The name that the page shows.
    pub name: Change<Option<Name<0, 255>>>,
    /// About the person, for the assistant.
    pub about: Change<Option<Text<0, 10_000>>>,
    /// Where their picture is; empty removes it.
    pub avatar_url: Change<Option<WebAddress<2048>>>,
    /// What the business is called.
    pub business_name: Change<Option<Name<0, 255>>>,
    /// A line below the name.
    pub tagline: Change<Option<Name<0, 500>>>,
    /// About the person, for readers.
    pub bio: Change<Option<Text<0, 10_000>>>,
    /// Telephone number, as written.
    pub phone: Change<Option<Text<0, 50>>>,
    /// Where their web site is; empty removes it.
    pub website: Change<Option<WebAddress<500>>>,
    /// Where else they are: from a place's name to an address. It takes the place of the whole object.
    pub social_links: Change<Option<SocialLinks>>,
    /// Whether they have gone through the set-up.
    pub setup_completed: Change<Flag>,
    /// The kind of profile.
    pub profile_type: Change<Option<Text<0, 50>>>,
    /// Questions and answers, for the assistant.
    pub faqs: Change<Option<Text<0, 10_000>>>,
}

/// The caller's public profile. Somebody who has not written anything yet has the one that they would start with.
pub async fn get(tx: &Tx, user: &User) -> Result<UserPublic> {
    let (email, name) = identity::introduction(user);
    tx.one(
        "select person.id, coalesce(e.email, u.email, person.email) as email, u.deactivated_at is null as is_active,
                coalesce('admin' = any (u.roles), false) as is_superuser, p.full_name,
                -- Null as soon as the person removed it, here or there.
                case when p.user_id is not null then p.name when u.id is not null then u.display_name
                     else person.name end as name,
                p.about, p.avatar_url, p.business_name, p.tagline, p.bio, p.phone, p.website, p.social_links,
                coalesce(p.setup_completed, false) as setup_completed, p.profile_type, p.faqs
         from (select $1::uuid as id, $2::text as email, $3::text as name) as person
              left join identity.users u on u.id = person.id
              left join identity.emails e on e.user_id = person.id
              left join identity.public_profiles p on p.user_id = person.id",
        &[&user.id, &email, &name],
    )
    .await
}

/// Makes the caller's public profile if it is missing, with the name that [`get`] showed before. The person's row must
/// exist.
pub async fn ensure(tx: &Tx, user: &User) -> Result<()> {
    tx.execute(
        "insert into identity.public_profiles (user_id, name)
         select id, display_name from identity.users where id = $1
         on conflict (user_id) do nothing",
        &[&user.id],
    )
    .await?;
    Ok(())
}

/// Changes the caller's public profile, which must exist.
pub async fn update(tx: &Tx, user: &User, patch: &PublicProfilePatch) -> Result<()> {
    // The JSON has what the body has: what it lacks keeps the row's value, and a null becomes one.
    tx.execute(
        "update identity.public_profiles as p
         set (full_name, name, about, avatar_url, business_name, tagline, bio, phone, website, social_links,
              setup_completed, profile_type, faqs, updated_at)
           = (select n.full_name, n.name, n.about, n.avatar_url, n.business_name, n.tagline, n.bio, n.phone, n.website,
                     n.social_links, n.setup_completed, n.profile_type, n.faqs, now()
              from jsonb_populate_record(p, $2) as n)
         where p.user_id = $1",
        &[&user.id, &serde_json::to_value(patch)?],
    )
    .await?;
    Ok(())
}
