//! Exports: everything that is held on a person, as zip archives that the link of a mail leads to.

pub mod archive;

use serde_json::json;
use shared::audit::{self, Act};
use shared::jobs::{self, Done, FailedJob, Failure, Job, NewJob};
use shared::opaque_token::OpaqueToken;
use shared::outbox::{self, Message};
use shared::prelude::*;
use shared::settings;

use crate::mail_link;
use archive::{Archiver, Contents, Exclusion, Record, Table};
use shared::recipient::{self, Recipient};

text_enum! {
    /// Where an export is in its life.
    pub enum ExportStatus {
        /// Asked for; a mail follows when it is ready.
        Pending = "pending",
        /// The mail with the link is on its way.
        Ready = "ready",
        /// It could not be made, and a mail says so; it may be asked for again.
        Failed = "failed",
    }
}

/// A person's request for all that is held on them.
#[row]
pub struct Export {
    /// The export.
    pub export_id: Uuid,
    /// Where it is in its life.
    pub status: ExportStatus,
    /// When it was asked for.
    pub requested_at: Time,
}

/// One archive of an export, ready to be handed out.
#[derive(FromRow)]
pub struct Part {
    /// The export.
    pub export_id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// When the archive was made.
    pub finished_at: Time,
    /// The zip.
    pub archive: Vec<u8>,
}

/// What making one is called among the jobs.
pub const JOB: &str = "account.export";

/// Asks for an export. One that is waiting, or is ready and younger than an hour, is given instead of a second one.
pub async fn request(tx: &Tx, user: &User) -> Result<Export> {
    match insert(tx, user).await? {
        Some(asked) => {
            let act = act("export.requested", Some(user.id), user.id, asked.export.export_id);
            tokio::try_join!(biased; audit::record(tx, act), put_in(tx, user, &asked))?;
            Ok(asked.export)
        }
        None => {
            let asked = newest(tx, user).await?;
            // Its job is there, unless the person called it off.
            if matches!(asked.export.status, ExportStatus::Pending) {
                put_in(tx, user, &asked).await?;
            }
            Ok(asked.export)
        }
    }
}

/// An export that somebody asked for, and how many seconds it waits: whose last one failed has an hour to go by.
#[derive(FromRow)]
struct Asked {
    #[flatten]
    export: Export,
    wait_seconds: f64,
}

/// Puts in the job that makes an export, if it is not there.
async fn put_in(tx: &Tx, user: &User, asked: &Asked) -> Result<()> {
    let (subject, wait_seconds) = (Some(asked.export.export_id), asked.wait_seconds);
    let parameters = &json!({});
    jobs::enqueue(tx, &NewJob { kind: JOB, user_id: user.id, subject, parameters, wait_seconds }).await?;
    Ok(())
}

/// Of two at once, the second waits here for the first.
async fn insert(tx: &Tx, user: &User) -> Result<Option<Asked>> {
    tx.find(
        "insert into identity.exports as export (id, user_id)
         select $1, $2
         where not exists (select from identity.exports
                           where user_id = $2
                             and (status = 'pending'
                                  or status = 'ready' and requested_at > now() - interval '1 hour'))
         on conflict do nothing
         returning id as export_id, status, requested_at,
                   (select coalesce(greatest(max(extract(epoch from finished_at + interval '1 hour' - now())), 0), 0)::float8
                    from identity.exports where user_id = $2 and status = 'failed') as wait_seconds",
        &[&Uuid::now_v7(), &user.id],
    )
    .await
}

async fn newest(tx: &Tx, user: &User) -> Result<Asked> {
    tx.one(
        "select id as export_id, status, requested_at,
                (select coalesce(greatest(max(extract(epoch from finished_at + interval '1 hour' - now())), 0), 0)::float8
                 from identity.exports where user_id = $1 and status = 'failed') as wait_seconds
         from identity.exports
         where user_id = $1 and status <> 'failed'
         order by requested_at desc
         limit 1",
        &[&user.id],
    )
    .await
}

/// Ends an export whose job failed for good, and tells the log, the audit log and, where mail reaches them, the person.
pub async fn give_up(tx: &Tx, job: &FailedJob) -> Result<()> {
    let (user_id, Some(export_id)) = (job.user_id, job.subject) else { return Ok(()) };
    let sql = "update identity.exports
               set status = 'failed', finished_at = now(), expires_at = now() + interval '7 days'
               where id = $1 and user_id = $2 and status = 'pending'";
    if tx.execute(sql, &[&export_id, &user_id]).await? == 0 {
        return Ok(());
    }
    tracing::error!(%export_id, "export given up");
    let act = act("export.failed", None, user_id, export_id);
    let ((), recipient) = tokio::try_join!(biased; audit::record(tx, act), recipient::find(tx, user_id))?;
    if let Some(Recipient { email, locale, .. }) = recipient {
        mail_link::send_notice(tx, user_id, "export_failed", &email, &locale).await?;
    }
    Ok(())
}

/// Makes an export, in one transaction with the job's end: the archives are stored and their mail put in, or neither.
pub async fn make(job: Job) -> Result<Done, Failure> {
    let export_id = job.subject().ok_or_else(|| internal("an export's job has no export"))?;
    let claimed = Claimed { export_id, user_id: job.user_id() };
    Box::pin(job.finish(async |tx| {
        build(tx, &claimed).await?;
        Ok(json!({ "message": "The link is on its way." }))
    }))
    .await
}

/// The export that a job makes.
struct Claimed {
    export_id: Uuid,
    user_id: Uuid,
}

async fn build(tx: &Tx, claimed: &Claimed) -> Result<()> {
    let recipient = recipient::find(tx, claimed.user_id).await?;
    let recipient = recipient.ok_or_else(|| internal("nobody to mail an export to"))?;
    let token = OpaqueToken::generate()?;
    store_parts(tx, claimed, &link(&token)).await?;
    let Expiry { expires_at } = finish(tx, claimed, &token).await?;
    let message = Message {
        topic: "mail",
        dedup_key: &format!("export_ready:{}", claimed.export_id),
        user_id: Some(claimed.user_id),
        payload: json!({
            "template": "export_ready",
            "to": recipient.email,
            "locale": recipient.locale,
            "link": link(&token),
            "expires_at": expires_at,
        }),
    };
    outbox::enqueue(tx, &message).await
}

/// Stores everything that is held on the person, as it is at one moment, part by part: the records come by a cursor, and
/// each part leaves memory when it is full.
async fn store_parts(tx: &Tx, claimed: &Claimed, link: &str) -> Result<()> {
    let (_, tables, exclusions) =
        tokio::try_join!(biased; open_records(tx, claimed.user_id), tables(tx), exclusions(tx))?;
    let contents = Contents { user_id: claimed.user_id, made_at: jiff::Timestamp::now(), tables, exclusions };
    let (mut archiver, mut count) = (Archiver::new(contents.made_at)?, 0);
    loop {
        let records = next_records(tx).await?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            if let Some(full) = archiver.add(record)? {
                count += 1;
                insert_part(tx, claimed, count, &full).await?;
            }
        }
    }
    let (full, last) = archiver.finish()?;
    for part in full.into_iter().chain([last]) {
        count += 1;
        insert_part(tx, claimed, count, &part).await?;
    }
    for number in 1..=count {
        let StoredPart { archive } = find_stored(tx, claimed, number).await?;
        let (place, total) = (usize::try_from(number)?, usize::try_from(count)?);
        let archive = archive::with_readme(archive, &contents, link, place, total)?;
        update_part(tx, claimed, number, &archive).await?;
    }
    Ok(())
}

async fn open_records(tx: &Tx, user_id: Uuid) -> Result<u64> {
    let sql = "declare records no scroll cursor for
               select source, record::text as record from identity.export_person($1)";
    tx.execute(sql, &[&user_id]).await
}

/// The next records of the cursor; none at its end.
async fn next_records(tx: &Tx) -> Result<Vec<Record>> {
    tx.list("fetch 100 from records", &[]).await
}

async fn tables(tx: &Tx) -> Result<Vec<Table>> {
    tx.list(
        "select schema_name || '.' || table_name as name, description from identity.personal_tables()
         union all
         select 'identity.audit_log', obj_description('identity.audit_log'::regclass, 'pg_class')",
        &[],
    )
    .await
}

async fn exclusions(tx: &Tx) -> Result<Vec<Exclusion>> {
    let sql = "select table_name, column_name, reason from identity.export_exclusions order by 1, 2";
    tx.list(sql, &[]).await
}

#[derive(FromRow)]
struct Expiry {
    expires_at: Time,
}

/// Also one that was given up, when its job is tried again.
async fn finish(tx: &Tx, claimed: &Claimed, token: &OpaqueToken) -> Result<Expiry> {
    tx.one(
        "update identity.exports
         set status = 'ready', token_hash = $2, finished_at = now(), expires_at = now() + interval '7 days'
         where id = $1 and user_id = $3 and status <> 'ready'
         returning expires_at",
        &[&claimed.export_id, &token.hash(), &claimed.user_id],
    )
    .await
}

async fn insert_part(tx: &Tx, claimed: &Claimed, part_no: i16, archive: &[u8]) -> Result<u64> {
    tx.execute(
        "insert into identity.export_parts (export_id, user_id, part_no, archive) values ($1, $2, $3, $4)",
        &[&claimed.export_id, &claimed.user_id, &part_no, &archive],
    )
    .await
}

#[derive(FromRow)]
struct StoredPart {
    archive: Vec<u8>,
}

async fn find_stored(tx: &Tx, claimed: &Claimed, part_no: i16) -> Result<StoredPart> {
    let sql = "select archive from identity.export_parts where export_id = $1 and part_no = $2";
    tx.one(sql, &[&claimed.export_id, &part_no]).await
}

async fn update_part(tx: &Tx, claimed: &Claimed, part_no: i16, archive: &[u8]) -> Result<u64> {
    let sql = "update identity.export_parts set archive = $3 where export_id = $1 and part_no = $2";
    tx.execute(sql, &[&claimed.export_id, &part_no, &archive]).await
}

/// Where the first archive is: at the API itself, if its address is known, because that needs no page.
fn link(token: &OpaqueToken) -> String {
    let secret = token.reveal();
    match settings::find("API_URL") {
        Some(api) => format!("{}/api/v1/exports/{secret}", api.trim_end_matches('/')),
        None => format!("{}/exports/{secret}", settings::app_url()),
    }
}

/// Ends the person's archives: their links are in a mailbox or with somebody whom the account has just been closed to.
pub async fn end_all(tx: &Tx, user_id: Uuid) -> Result<()> {
    let sql = "delete from identity.exports where user_id = $1 and status = 'ready'";
    tx.execute(sql, &[&user_id]).await?;
    Ok(())
}

/// The secret of a link; 404 for a text that cannot be one.
pub fn secret(text: &str) -> Result<OpaqueToken> {
    OpaqueToken::parse(text).ok_or_else(missing)
}

/// One archive by the secret of its link, with an act for each day on which the export was downloaded. 404 for an unknown
/// secret, after a week, beyond the last part, and while the person is deactivated. Must be a transaction of the service,
/// because whoever has the link is not signed in.
pub async fn part(tx: &Tx, secret: &OpaqueToken, number: i64) -> Result<Part> {
    let part: Part = find_part(tx, secret, number).await?.ok_or_else(missing)?;
    if is_first_today(tx, &part).await? {
        audit::record(tx, act("export.downloaded", None, part.user_id, part.export_id)).await?;
    }
    Ok(part)
}

fn missing() -> shared::error::Error {
    not_found("export not found").by_rule("export_link")
}

/// Of two downloads at once, the second waits here and finds the day noted.
async fn is_first_today(tx: &Tx, part: &Part) -> Result<bool> {
    let noted = tx
        .execute(
            "update identity.exports set downloaded_on = (now() at time zone 'UTC')::date
             where id = $1 and downloaded_on is distinct from (now() at time zone 'UTC')::date",
            &[&part.export_id],
        )
        .await?;
    Ok(noted == 1)
}

async fn find_part(tx: &Tx, token: &OpaqueToken, number: i64) -> Result<Option<Part>> {
    tx.find(
        "select export.id as export_id, export.user_id, finished_at, archive
         from identity.exports as export
         join identity.export_parts as part on part.export_id = export.id
         where token_hash = $1 and status = 'ready' and expires_at > now() and part_no = $2
           and not exists (select from identity.users where id = export.user_id and deactivated_at is not null)",
        &[&token.hash(), &number],
    )
    .await
}

fn act(action: &str, actor: Option<Uuid>, user_id: Uuid, export_id: Uuid) -> Act<'_> {
    let payload = json!({ "export_id": export_id });
    Act { actor, action, entity_type: "user", entity_id: Some(user_id), payload }
}
