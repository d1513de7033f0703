//! Show the holder of a link that resets a password what the reset is about, without using the link up.

use account::mail_link::{self, LinkToken, Purpose};
use account::mailbox;
use account::optional_caller::MaybeUser;
use account::way_in::{self, WayIn};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/password/reset/preview", preview))
}

/// What a reset by this link does.
#[answer]
struct ResetPreview {
    /// Whether the address was never proven, so that its reader begins with a new, empty account, and whoever registered it
    /// keeps what they have without the address. Not for somebody who is signed in to that account.
    starts_anew: bool,
    /// The accounts elsewhere that open the account, to choose from: those that are not kept end. None for a new account.
    ways_in: Vec<WayIn>,
}

async fn preview(
    _: OwnSignIn,
    db: AccountsDb,
    MaybeUser(caller): MaybeUser,
    Json(link): Json<LinkToken>,
) -> Result<Json<ResetPreview>> {
    let tx = db.begin_service().await?;
    let opened = mail_link::look(&tx, Purpose::ResetPassword, &link.token).await?;
    let mailbox = mailbox::lock(&tx, opened.user_id).await?.ok_or_else(mail_link::refused)?;
    let starts_anew = !mailbox.is_verified && caller.is_none_or(|caller| caller.id != mailbox.user_id);
    let ways_in = match starts_anew {
        // They are a stranger's.
        true => Vec::new(),
        false => way_in::list(&tx, mailbox.user_id).await?.items,
    };
    let ways_in = ways_in.into_iter().filter(|way| way.id.is_some()).collect();
    Ok(Json(ResetPreview { starts_anew, ways_in }))
}
