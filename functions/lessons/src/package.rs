//! A package of lessons and its lines. The counters change with the lines, in the database, and with nothing else.

use jiff::Timestamp;
use serde_json::json;
use shared::error::Error;
use shared::identity;
use shared::prelude::*;

use crate::admin_action;
use crate::event::{self, Event};
use crate::money;

text_enum! {
    /// Where a package is in its life.
    pub enum PackageStatus {
        /// Its payment has not come yet.
        Pending = "pending",
        /// Lessons can be booked with it, while some are left.
        Active = "active",
        /// Its time is over.
        Expired = "expired",
        /// It was taken back.
        Canceled = "canceled",
    }
}

text_enum! {
    /// What a line of a package says.
    pub enum EntryKind {
        /// Lessons came in.
        Grant = "grant",
        /// A hold keeps one.
        Hold = "hold",
        /// A hold gave it back.
        Release = "release",
        /// A hold became a lesson.
        Book = "book",
        /// A lesson that was called off came back.
        Return = "return",
        /// A lesson took place, or was called off too late.
        Use = "use",
        /// Lessons were taken back.
        Revoke = "revoke",
        /// It lasts longer.
        Extend = "extend",
        /// It was called off.
        Cancel = "cancel",
    }
}

/// A package.
#[row]
pub struct Package {
    /// Its id.
    pub id: Uuid,
    /// Whose it is; null if they have left.
    pub student_id: Option<Uuid>,
    /// How many lessons it has had.
    pub lessons_total: i32,
    /// How many are not booked, used or taken back.
    pub lessons_left: i32,
    /// How many of these are held at the moment.
    pub lessons_held: i32,
    /// A lesson begins before this moment.
    pub expires_at: Time,
    /// Where it is in its life.
    pub status: PackageStatus,
    /// Whether nothing new is booked, because its payment is disputed.
    pub is_frozen: bool,
    /// The plan that was bought; null for one that an admin gave.
    pub plan_id: Option<Uuid>,
    /// What it cost when it was bought, as a decimal number of the currency's decimals.
    #[read(price)]
    pub price_amount: Option<String>,
    /// The currency's code.
    #[read(|row| row.get("currency"))]
    pub price_currency: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What a new package is made from.
#[input]
pub struct NewPackage {
    /// Whose it is.
    pub student_id: Uuid,
    /// How many lessons.
    pub lessons_total: Int<1, 1000>,
    /// A lesson begins before this moment.
    pub expires_at: Time,
}

/// A line of a package.
#[row]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub kind: EntryKind,
    /// How many lessons.
    pub lessons: i32,
    /// The booking that it is about.
    pub booking_id: Option<Uuid>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Until when the package lasts since then, if the line says so.
    pub package_ends: Option<Time>,
    /// When it was written.
    pub created_at: Time,
}

/// The person of a path.
#[input]
pub struct StudentPath {
    /// Who learns.
    pub student_id: Uuid,
}

/// The package of a path.
#[input]
pub struct PackagePath {
    /// The package's id.
    pub package_id: Uuid,
}

/// Which rows a list shows: all.
#[input]
pub struct Everything {}

impl Package {
    /// 422 unless it can pay for a lesson that begins at `start`.
    pub fn must_pay_for(&self, start: Time, now: Timestamp) -> Result<()> {
        let free = self.free(now)?;
        self.must_last_until(start)?;
        if free < 1 {
            return Err(none_left());
        }
        Ok(())
    }

    /// How many lessons can be booked with it. 422 if it cannot be used.
    pub fn free(&self, now: Timestamp) -> Result<i32> {
        match self.status {
            PackageStatus::Pending | PackageStatus::Canceled => {
                return Err(unprocessable("Package is not active"));
            }
            PackageStatus::Expired => return Err(unprocessable("Package is expired")),
            PackageStatus::Active => {}
        }
        if self.is_frozen {
            return Err(unprocessable("Package is not active"));
        }
        if self.expires_at.0 <= now {
            return Err(unprocessable("Package is expired"));
        }
        Ok(self.lessons_left - self.lessons_held)
    }

    /// 422 unless a lesson that begins at `start` does so before it ends.
    pub fn must_last_until(&self, start: Time) -> Result<()> {
        if self.expires_at <= start {
            return Err(unprocessable("The lesson begins after the package has ended"));
        }
        Ok(())
    }
}

fn price(row: &Row) -> Result<Option<String>> {
    match (row.get::<Option<String>>("currency")?, row.get::<Option<i64>>("price_minor")?) {
        (Some(currency), Some(minor)) => Ok(Some(money::write(&currency, minor))),
        _ => Ok(None),
    }
}

fn none_left() -> Error {
    unprocessable("No lessons left in package")
}

/// It cannot be used for a lesson at that time.
pub fn unusable() -> Error {
    unprocessable("Package is inactive or expired")
}

/// The person's package, if it is theirs.
pub async fn find_own(tx: &Tx, user: &User, package_id: Uuid) -> Result<Option<Package>> {
    let sql = "select * from lessons.package_view where id = $1 and student_id = $2";
    tx.find(sql, &[&package_id, &user.id]).await
}

/// A package of the caller's, or for an admin anybody's; 404 otherwise.
pub async fn get(tx: &Tx, package_id: Uuid) -> Result<Package> {
    let found = tx.find("select * from lessons.package_view where id = $1", &[&package_id]).await?;
    found.ok_or_else(|| not_found("Package not found"))
}

/// Gives a person lessons, as an admin. 404 if there is no such person. One flight that ends the transaction.
pub async fn insert(tx: Tx, admin: &User, new: &NewPackage) -> Result<Package> {
    if new.expires_at.0 <= Timestamp::now() {
        return Err(unprocessable("Package expiration must be in the future"));
    }
    let (id, lessons) = (Uuid::now_v7(), i32::try_from(new.lessons_total.get())?);
    let created = Event::of_billing("billing.package.created", id, Some(new.student_id))
        .with(json!({ "package_id": id, "lessons_total": lessons }));
    tx.commit_with(async |tx| {
        let (stored, granted, told, package) = tokio::join!(
            biased;
            store(tx, id, admin, new),
            grant(tx, id, lessons),
            event::record(tx, &created),
            get(tx, id),
        );
        stored?;
        granted?;
        told?;
        package
    })
    .await
}

async fn store(tx: &Tx, id: Uuid, admin: &User, new: &NewPackage) -> Result<u64> {
    let sql = "insert into lessons.packages (id, student_id, expires_at, created_by) values ($1, $2, $3, $4)";
    let stored = tx.execute(sql, &[&id, &new.student_id, &new.expires_at, &admin.id]).await;
    stored.on_constraint("packages_student_id_fkey", || not_found("user not found"))
}

async fn grant(tx: &Tx, package_id: Uuid, lessons: i32) -> Result<u64> {
    let sql =
        "insert into lessons.package_entries (id, package_id, kind, lessons) values ($1, $2, 'grant', $3)";
    tx.execute(sql, &[&Uuid::now_v7(), &package_id, &lessons]).await
}

/// A page of a student's packages, the newest first: the caller's own, or for an admin anybody's; 404 otherwise.
pub async fn list(tx: &Tx, user: &User, student_id: Uuid, paging: Paging) -> Result<Page<Package>> {
    if student_id != user.id && !identity::has_role(tx, Role::Admin).await? {
        return Err(not_found("user not found"));
    }
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.package_view where student_id = $1),
             page as (
                 select * from lessons.package_view where student_id = $1
                 order by created_at desc, id desc
                 limit $2 offset $3
             )
             select * from counted left join page on true
             order by created_at desc, id desc",
            &[&student_id, &paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// A page of a package's lines, the first first.
pub async fn list_entries(tx: &Tx, package_id: Uuid, paging: Paging) -> Result<Page<Entry>> {
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.package_entries where package_id = $1),
             page as (
                 select id, kind, lessons, booking_id, reason, package_ends, created_at
                 from lessons.package_entries where package_id = $1
                 order by created_at, id
                 limit $2 offset $3
             )
             select * from counted left join page on true
             order by created_at, id",
            &[&package_id, &paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Writes a line about one lesson of a booking, which moves the counters. 422 if no lesson is left for it, or if the package
/// cannot be used for a lesson at that time.
pub async fn enter(tx: &Tx, package_id: Uuid, kind: EntryKind, booking_id: Uuid) -> Result<()> {
    let sql =
        "insert into lessons.package_entries (id, package_id, kind, booking_id) values ($1, $2, $3, $4)";
    let entered = tx.execute(sql, &[&Uuid::now_v7(), &package_id, &kind, &booking_id]).await;
    let entered = entered.on_constraint("packages_usable", unusable);
    entered.on_constraint("packages_lessons_left", none_left).map(drop)
}

/// Gives a booking's lesson back, and lets the package last until `ends` at least.
pub async fn return_until(tx: &Tx, package_id: Uuid, booking_id: Uuid, ends: Time) -> Result<()> {
    let sql = "insert into lessons.package_entries (id, package_id, kind, booking_id, package_ends)
               values ($1, $2, 'return', $3, $4)";
    tx.execute(sql, &[&Uuid::now_v7(), &package_id, &booking_id, &ends]).await.map(drop)
}

text_enum! {
    /// What an admin does to a package.
    pub enum Adjustment {
        /// More lessons.
        Grant = "grant",
        /// Fewer lessons.
        Revoke = "revoke",
        /// It lasts longer.
        Extend = "extend",
        /// It ends, its holds with it, and what is left is taken back. Lessons that are booked take place.
        Cancel = "cancel",
    }
}

/// What an admin does to a package, and why.
#[input]
pub struct Adjust {
    /// What is done.
    pub action: Adjustment,
    /// How many lessons, of a grant and of what is taken back.
    pub lessons: Option<Int<1, 1000>>,
    /// Until when it lasts, of an extension.
    pub expires_at: Option<Time>,
    /// Why. The student reads it too.
    pub reason: Name<1, 512>,
}

/// Does it, as an admin, in one flight that ends the transaction. 422 where there is nothing to do it to.
pub async fn adjust(tx: Tx, admin: &User, package_id: Uuid, adjust: &Adjust) -> Result<Package> {
    let (needs_lessons, needs_end) = match adjust.action {
        Adjustment::Grant | Adjustment::Revoke => (true, false),
        Adjustment::Extend => (false, true),
        Adjustment::Cancel => (false, false),
    };
    if adjust.lessons.is_some() != needs_lessons {
        let sentence = "Lessons are granted and taken back by their number, and by nothing else";
        return Err(invalid_field("/lessons", "lessons", sentence));
    }
    if adjust.expires_at.is_some() != needs_end {
        let sentence = "A package is extended to a moment, and only that has one";
        return Err(invalid_field("/expires_at", "expires_at", sentence));
    }
    let done = json!({ "action": adjust.action, "lessons": adjust.lessons, "expires_at": adjust.expires_at, "reason": adjust.reason });
    tx.commit_with(async |tx| {
        let (adjusted, noted, package) = tokio::join!(
            biased;
            write_adjustment(tx, package_id, adjust),
            admin_action::note(tx, admin, "package.adjust", ("package", Some(package_id)), &done),
            get(tx, package_id),
        );
        adjusted?;
        noted?;
        package
    })
    .await
}

async fn write_adjustment(tx: &Tx, package_id: Uuid, adjust: &Adjust) -> Result<u64> {
    let lessons = adjust.lessons.map(|lessons| i32::try_from(lessons.get())).transpose()?;
    let sql = "select lessons.adjust_package($1, $2, $3, $4, $5)";
    let reason = adjust.reason.as_str();
    let adjusted =
        tx.execute(sql, &[&package_id, &adjust.action, &lessons, &adjust.expires_at, &reason]).await;
    adjusted
        .on_constraint("packages_adjustable", || unprocessable("Package is not active"))
        .on_constraint("packages_later_end", || unprocessable("Package would not last longer"))
        .on_constraint("packages_lessons_left", none_left)
}

/// Ends packages whose time is over, a thousand at most; gives their number.
pub async fn expire(tx: &Tx) -> Result<i64> {
    #[derive(FromRow)]
    struct Expired {
        count: i64,
    }
    Ok(tx.one::<Expired>("select lessons.expire_packages() as count", &[]).await?.count)
}
