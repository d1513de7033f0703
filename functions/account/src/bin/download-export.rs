//! Download an archive of an export by the secret of its link, which is all that a mail's reader has.
//!
//! Send `Accept: application/zip`, which clients that were generated from this description do not by themselves: for `*/*` or
//! `application/json` first the archive would arrive damaged, so it is 406.
//! `curl -H 'Accept: application/zip' -o export.zip "$link"`, or in a script
//! `fetch(link, { headers: { Accept: "application/zip" } }).then((answer) => answer.blob())`.

use account::accept::TakesZip;
use account::export;
use shared::prelude::*;
use shared::reply::ZipDownload;

fn main() {
    serve(get("/api/v1/exports/{token}", download).or(404, "export not found"))
}

/// Which archive.
#[input]
struct Link {
    /// The secret of the link.
    token: String,
}

/// Which part of it.
#[input]
struct Which {
    /// The number of the part, of an export that is larger than one answer.
    #[default]
    part: Int<1, 1000>,
}

async fn download(
    _: TakesZip,
    db: AccountsDb,
    Path(link): Path<Link>,
    Query(which): Query<Which>,
) -> Result<ZipDownload> {
    let secret = export::secret(&link.token)?;
    let tx = db.begin_service().await?;
    let part = export::part(&tx, &secret, which.part.get()).await?;
    tx.commit().await?;
    let day = part.finished_at.0.strftime("%Y-%m-%d");
    let filename = match which.part.get() {
        1 => format!("praxis-{day}.zip"),
        number => format!("praxis-{day}-{number}.zip"),
    };
    Ok(ZipDownload { filename, bytes: part.archive })
}
