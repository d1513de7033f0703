//! Payments: facts about money, and the states that follow from them. `lessons.settle_payment` draws the conclusions, for
//! payments of a provider and for those that are noted by hand alike.

use serde_json::json;
use shared::error::Error;
use shared::identity;
use shared::prelude::*;

use crate::event::{self, Event};
use crate::money::{self, Currency, Decimal};
use crate::package::{self, PackageStatus};

text_enum! {
    /// Where a payment is in its life.
    pub enum PaymentStatus {
        /// Nothing has come.
        Pending = "pending",
        /// The person has paid, and the money is on its way.
        Processing = "processing",
        /// The money came.
        Succeeded = "succeeded",
        /// The money came, and a part of it went back.
        PartiallyRefunded = "partially_refunded",
        /// The money came, and all of it went back.
        Refunded = "refunded",
        /// It did not come. It still may.
        Failed = "failed",
        /// Nobody paid in time. The money still may come.
        Expired = "expired",
    }
}

text_enum! {
    /// What somebody may note by hand.
    pub enum NotedStatus {
        /// Nothing has come after all.
        Pending = "pending",
        /// The money came.
        Succeeded = "succeeded",
        /// It did not come.
        Failed = "failed",
        /// All of it went back.
        Refunded = "refunded",
    }
}

text_enum! {
    /// By whom the money comes.
    pub enum Provider {
        /// By transfer or in cash: an admin notes it.
        Manual = "manual",
        /// By Stripe.
        Stripe = "stripe",
    }
}

/// A payment.
#[row]
pub struct Payment {
    /// Its id.
    pub id: Uuid,
    /// The package that it is for.
    pub package_id: Uuid,
    /// How much, as a decimal number of the currency's decimals.
    #[read(|row| money::of_row(row, "amount_minor"))]
    pub amount: String,
    /// The currency's code.
    pub currency: String,
    /// Where it is in its life.
    pub status: PaymentStatus,
    /// By whom the money comes.
    pub provider_name: Provider,
    /// What the payer or an admin calls it.
    pub external_reference: Option<String>,
    /// When the money came.
    pub paid_at: Option<Time>,
    /// How much of it went back.
    #[read(|row| money::of_row(row, "refunded_minor"))]
    pub refunded_amount: String,
    /// Whether the payer's bank disputes it at the moment.
    pub is_disputed: bool,
    /// Where it is paid, while it can be.
    pub checkout_url: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What a payment that is noted by hand is made from.
#[input]
pub struct NewPayment {
    /// The package that it is for.
    pub package_id: Uuid,
    /// How much.
    pub amount: Decimal,
    /// In which currency; US dollars if nothing is said.
    pub currency: Option<Currency>,
    /// What the payer or an admin calls it.
    pub external_reference: Option<Text<0, 128>>,
}

/// Where a payment that is noted by hand goes.
#[input]
pub struct PaymentPatch {
    /// Its new state.
    pub status: NotedStatus,
}

/// The payment of a path.
#[input]
pub struct PaymentPath {
    /// The payment's id.
    pub payment_id: Uuid,
}

/// A payment under the lock of an admin who changes it.
#[derive(FromRow)]
pub struct Locked {
    /// As callers see it.
    #[flatten]
    pub payment: Payment,
    /// How much, in the currency's smallest unit.
    pub amount_minor: i64,
    /// How much of it went back.
    pub refunded_minor: i64,
}

/// A payment of the caller's, or for an admin anybody's; 404 otherwise.
pub async fn get(tx: &Tx, payment_id: Uuid) -> Result<Payment> {
    tx.find("select * from lessons.payment_view where id = $1", &[&payment_id]).await?.ok_or_else(missing)
}

/// A page of a student's payments, the newest first: the caller's own, or for an admin anybody's; 404 otherwise.
pub async fn list(tx: &Tx, user: &User, student_id: Uuid, paging: Paging) -> Result<Page<Payment>> {
    if student_id != user.id && !identity::has_role(tx, Role::Admin).await? {
        return Err(not_found("user not found"));
    }
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.payments where student_id = $1),
             page as (
                 select * from lessons.payment_view where student_id = $1
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

/// Notes a payment for a package of the caller's, or for an admin anybody's, in one flight that ends the transaction. 422 if
/// the package cannot be used any more or not yet.
pub async fn insert(tx: Tx, new: &NewPayment) -> Result<Payment> {
    let currency = new.currency.or_else(|| Currency::parse("USD"));
    let currency = currency.ok_or_else(|| internal("ISO 4217 has no dollars"))?;
    let amount = new.amount.minor(currency, "/amount")?;
    let package = package::get(&tx, new.package_id).await?;
    match package.status {
        PackageStatus::Active => {}
        PackageStatus::Expired => return Err(unprocessable("Package is expired")),
        PackageStatus::Pending | PackageStatus::Canceled => {
            return Err(unprocessable("Package is not active"));
        }
    }
    let student_id = package.student_id.ok_or_else(|| not_found("Package not found"))?;
    let (id, reference) = (Uuid::now_v7(), new.external_reference.as_ref().map(Text::as_str));
    let reference = reference.filter(|reference| !reference.is_empty());
    let created = Event::of_billing("billing.payment.created", id, Some(student_id))
        .with(json!({ "payment_id": id, "package_id": package.id }));
    tx.commit_with(async |tx| {
        let (_, (), payment) = tokio::try_join!(
            biased;
            store(tx, id, (package.id, student_id), (amount, currency), reference),
            event::record(tx, &created),
            get(tx, id),
        )?;
        Ok(payment)
    })
    .await
}

async fn store(
    tx: &Tx,
    id: Uuid,
    (package_id, student_id): (Uuid, Uuid),
    (amount, currency): (i64, Currency),
    reference: Option<&str>,
) -> Result<u64> {
    tx.execute(
        "insert into lessons.payments (id, package_id, student_id, amount_minor, currency, external_reference)
         values ($1, $2, $3, $4, $5, $6)",
        &[&id, &package_id, &student_id, &amount, &currency.code(), &reference],
    )
    .await
}

/// Locks a payment and its package, as an admin, and gives it; 404 if there is none.
pub async fn lock(tx: &Tx, payment_id: Uuid) -> Result<Locked> {
    let (_, locked) = tokio::try_join!(biased; lock_rows(tx, payment_id), read(tx, payment_id))?;
    locked.ok_or_else(missing)
}

async fn lock_rows(tx: &Tx, payment_id: Uuid) -> Result<u64> {
    tx.execute("select lessons.lock_payment($1)", &[&payment_id]).await
}

async fn read(tx: &Tx, payment_id: Uuid) -> Result<Option<Locked>> {
    tx.find("select * from lessons.payment_view where id = $1", &[&payment_id]).await
}

/// Moves a locked payment that is noted by hand, in one flight that ends the transaction. The same state again changes
/// nothing; 422 for a way that does not exist, and for a payment of a provider, whose word counts.
pub async fn note(tx: Tx, locked: &Locked, status: NotedStatus) -> Result<Payment> {
    let (payment, from, to) = (&locked.payment, locked.payment.status.as_str(), status.as_str());
    if from == to {
        return get(&tx, payment.id).await;
    }
    if payment.provider_name != Provider::Manual {
        return Err(unprocessable("A provider's payment is not moved by hand"));
    }
    let exists = matches!(
        (from, to),
        ("pending" | "failed", "succeeded")
            | ("pending", "failed")
            | ("failed", "pending")
            | ("succeeded" | "partially_refunded", "refunded")
    );
    if !exists {
        return Err(unprocessable(format!("Invalid payment status transition: {from} -> {to}")));
    }
    tx.commit_with(async |tx| {
        let (_, (), payment) = tokio::try_join!(
            biased;
            change_facts(tx, locked, status),
            settle(tx, payment.id),
            get(tx, payment.id),
        )?;
        Ok(payment)
    })
    .await
}

async fn change_facts(tx: &Tx, locked: &Locked, status: NotedStatus) -> Result<u64> {
    let (id, rest) = (locked.payment.id, locked.amount_minor - locked.refunded_minor);
    if status == NotedStatus::Refunded {
        let sql = "insert into lessons.payment_refunds (id, payment_id, amount_minor, state)
                   values ($1, $2, $3, 'succeeded')";
        return tx.execute(sql, &[&Uuid::now_v7(), &id, &rest]).await;
    }
    tx.execute(
        "update lessons.payments
         set paid_at = case when $2 = 'succeeded' then coalesce(paid_at, now()) end,
             failed_at = case when $2 = 'failed' then now() end, updated_at = now()
         where id = $1",
        &[&id, &status],
    )
    .await
}

/// Draws the conclusions of a payment's facts: its state, the ledger's lines, the lessons. Does nothing when they are drawn.
pub async fn settle(tx: &Tx, payment_id: Uuid) -> Result<()> {
    tx.execute("select lessons.settle_payment($1)", &[&payment_id]).await.map(drop)
}

/// A payment that is not there for the caller.
pub fn missing() -> Error {
    not_found("Payment not found")
}
