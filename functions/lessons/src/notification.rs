//! What people are told, and whether it has gone out.

use shared::error::Error;
use shared::prelude::*;

text_enum! {
    /// Whether a notification has gone out.
    pub enum NotificationStatus {
        /// Not yet.
        Pending = "pending",
        /// It has.
        Sent = "sent",
        /// It could not.
        Failed = "failed",
    }
}

/// Something that a person is told.
#[row]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// Who is told.
    pub user_id: Uuid,
    /// By what way.
    pub channel: String,
    /// What it is about.
    pub title: String,
    /// What it says.
    pub body: String,
    /// Whether it has gone out.
    pub status: NotificationStatus,
    /// When it went out.
    pub sent_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What a new notification is made from.
#[input]
pub struct NewNotification {
    /// Who is told.
    pub user_id: Uuid,
    /// By what way; `email` if nothing is said.
    pub channel: Option<Name<1, 32>>,
    /// What it is about.
    pub title: Name<1, 255>,
    /// What it says.
    pub body: Text<1, 20000>,
}

/// Whether a notification has gone out.
#[input]
pub struct NotificationPatch {
    /// Whether it has.
    pub status: NotificationStatus,
}

/// The notification of a path.
#[input]
pub struct NotificationPath {
    /// The notification's id.
    pub notification_id: Uuid,
}

/// How many failures make an event dead.
#[input]
pub struct DeliveryQuery {
    /// At most so many attempts.
    #[default]
    pub max_retries: Int<1, 100, 5>,
}

/// How telling people goes.
#[row]
pub struct DeliveryMetrics {
    /// All notifications.
    pub notifications_total: i64,
    /// Those that wait.
    pub notifications_pending: i64,
    /// Those that went out.
    pub notifications_sent: i64,
    /// Those that could not.
    pub notifications_failed: i64,
    /// All events that are kept.
    pub outbox_total: i64,
    /// Those that wait.
    pub outbox_pending: i64,
    /// Those that people were told of.
    pub outbox_processed: i64,
    /// Those that failed.
    pub outbox_failed: i64,
    /// Those of them that are tried again.
    pub outbox_retryable_failed: i64,
    /// Those that are not.
    pub outbox_dead_letter: i64,
    /// As asked.
    pub max_retries: i32,
}

/// Stores a notification, as an admin for anybody, as a teacher for somebody whom they have a lesson with; 404 otherwise.
pub async fn insert(tx: &Tx, author: &User, new: &NewNotification) -> Result<Notification> {
    let made = tx
        .find(
            "insert into lessons.notifications (id, user_id, author_id, channel, title, body)
             select $1, $2, $3, $4, $5, $6
             where identity.request_has_role('admin') or lessons.teaches($2)
             returning id, user_id, channel, title, body, status, sent_at, created_at, updated_at",
            &[
                &Uuid::now_v7(),
                &new.user_id,
                &author.id,
                &new.channel.as_ref().map_or("email", Name::as_str),
                &new.title.as_str(),
                &new.body.as_str(),
            ],
        )
        .await
        .on_constraint("notifications_user_id_fkey", nobody)?;
    made.ok_or_else(nobody)
}

fn nobody() -> Error {
    not_found("user not found")
}

/// A page of what a person is told, the newest first.
pub async fn list(tx: &Tx, user: &User, paging: Paging) -> Result<Page<Notification>> {
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.notifications where user_id = $1),
             page as (
                 select id, user_id, channel, title, body, status, sent_at, created_at, updated_at
                 from lessons.notifications where user_id = $1
                 order by created_at desc, id desc
                 limit $2 offset $3
             )
             select * from counted left join page on true
             order by created_at desc, id desc",
            &[&user.id, &paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Notes whether a notification of the caller's, or for an admin anybody's, has gone out; 404 otherwise.
pub async fn set_status(tx: &Tx, notification_id: Uuid, status: NotificationStatus) -> Result<Notification> {
    let found = tx
        .find(
            "update lessons.notifications
             set status = $2, sent_at = case when $2 = 'sent' then now() end, updated_at = now()
             where id = $1
             returning id, user_id, channel, title, body, status, sent_at, created_at, updated_at",
            &[&notification_id, &status],
        )
        .await?;
    found.ok_or_else(|| not_found("Notification not found"))
}

/// How telling people goes, as an admin sees it.
pub async fn delivery(tx: &Tx, max_retries: i64) -> Result<DeliveryMetrics> {
    tx.one(
        "select told.*, outbox.*, $1::int8::int4 as max_retries
         from (
             select count(*) as notifications_total,
                    count(*) filter (where status = 'pending') as notifications_pending,
                    count(*) filter (where status = 'sent') as notifications_sent,
                    count(*) filter (where status = 'failed') as notifications_failed
             from lessons.notifications
         ) as told
         cross join (
             select count(*) as outbox_total,
                    count(*) filter (where status = 'pending') as outbox_pending,
                    count(*) filter (where status = 'processed') as outbox_processed,
                    count(*) filter (where status = 'failed') as outbox_failed,
                    count(*) filter (where status = 'failed' and retries < $1) as outbox_retryable_failed,
                    count(*) filter (where status = 'failed' and retries >= $1) as outbox_dead_letter
             from lessons.events
         ) as outbox",
        &[&max_retries],
    )
    .await
}
