//! Ask for everything that is held on the caller: a mail follows with the link to an archive.

use account::export::{self, Export};
use account::recent_proof::{OptionalProof, RecentProof};
use shared::prelude::*;
use shared::{identity, jobs, recipient};

fn main() {
    serve(
        post("/api/v1/me/export", request)
            .or(409, "There is no address to mail the link to, or it is not verified yet"),
    )
}

async fn request(
    db: AccountsDb,
    user: User,
    recent: RecentProof,
    OptionalProof(password): OptionalProof,
) -> Result<Accepted<Export>> {
    recent.must_be_fresh(&db, &user, password.as_ref()).await?;
    let tx = db.begin(&user).await?;
    let ((), recipient) =
        tokio::try_join!(biased; identity::ensure(&tx, &user), recipient::find(&tx, user.id))?;
    let recipient = recipient.ok_or_else(|| conflict("there is no e-mail address to send the link to"))?;
    if !recipient.is_verified {
        return Err(conflict("verify your e-mail address first"));
    }
    let export = export::request(&tx, &user).await?;
    tx.commit().await?;
    jobs::nudge(export::JOB).await;
    Ok(Accepted(export))
}
