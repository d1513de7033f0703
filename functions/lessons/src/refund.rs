//! Money that goes back. A refund stands in the database before a provider hears of it, and has its id as the provider's key:
//! whatever breaks, it is done once. Unused lessons go back with the money, in proportion (`lessons.settle_payment`).

use serde_json::json;
use shared::error::Error;
use shared::prelude::*;

use crate::admin_action;
use crate::money::{self, Currency, Decimal};
use crate::payment::{self, Locked, Payment, PaymentStatus, Provider};
use crate::stripe::{self, Failure, Stripe};

text_enum! {
    /// Where a refund is in its life.
    pub enum RefundStatus {
        /// The provider has not taken it on yet.
        Requested = "requested",
        /// It is on its way.
        Pending = "pending",
        /// It arrived.
        Succeeded = "succeeded",
        /// It did not arrive, or was refused: the money is still here.
        Failed = "failed",
    }
}

/// How much goes back, and why.
#[input]
pub struct NewRefund {
    /// How much, in the payment's currency; all that is left of it if nothing is said.
    pub amount: Option<Decimal>,
    /// Why.
    pub reason: Option<Text<0, 512>>,
}

/// A refund.
#[row]
pub struct Refund {
    /// Its id.
    pub id: Uuid,
    /// How much, as a decimal number of the currency's decimals.
    #[read(|row| money::of_row(row, "amount_minor"))]
    pub amount: String,
    /// How much, in the currency's smallest unit.
    #[serde(skip)]
    #[schemars(skip)]
    pub amount_minor: i64,
    /// Where it is in its life.
    #[read(|row| row.get("state"))]
    pub status: RefundStatus,
    /// When it was asked for.
    pub created_at: Time,
}

/// A refund with its payment.
#[answer]
pub struct Refunded {
    /// The refund.
    pub refund: Refund,
    /// The payment, as it is now.
    pub payment: Payment,
}

/// What a provider has to be asked for.
#[derive(FromRow)]
pub struct Due {
    /// The refund.
    pub id: Uuid,
    /// Its payment.
    pub payment_id: Uuid,
    /// The payment at the provider.
    pub intent_id: Option<String>,
    /// How much, in the currency's smallest unit.
    pub amount_minor: i64,
    /// The currency's code.
    pub currency: String,
}

/// Asks for a refund of a locked payment, or finds the one of this key; gives its id. 422 for more than is left.
pub async fn begin(tx: &Tx, admin: &User, locked: &Locked, new: &NewRefund, key: &str) -> Result<Uuid> {
    let payment = &locked.payment;
    let currency = Currency::parse(&payment.currency).ok_or_else(|| internal("no currency"))?;
    let wanted = new.amount.as_ref().map(|amount| amount.minor(currency, "/amount")).transpose()?;
    let (before, requested) =
        tokio::try_join!(biased; find(tx, payment.id, key), sum_requested(tx, payment.id))?;
    if let Some(before) = before {
        return match wanted {
            Some(wanted) if wanted != before.amount_minor => {
                Err(conflict("the idempotency key was used for another request"))
            }
            _ => Ok(before.id),
        };
    }
    if !matches!(payment.status, PaymentStatus::Succeeded | PaymentStatus::PartiallyRefunded) {
        return Err(unprocessable("Payment has no money to give back"));
    }
    if payment.is_disputed {
        return Err(unprocessable("Payment is disputed: its money is with the bank"));
    }
    let rest = locked.amount_minor - locked.refunded_minor - requested;
    let amount = wanted.unwrap_or(rest);
    if amount > rest || amount == 0 {
        let rest = currency.write(rest);
        return Err(unprocessable(format!("Of the payment {rest} {} is left", payment.currency)));
    }
    let id = Uuid::now_v7();
    let reason = new.reason.as_ref().map(Text::as_str).filter(|reason| !reason.is_empty());
    let state = match payment.provider_name {
        Provider::Manual => RefundStatus::Succeeded,
        Provider::Stripe => RefundStatus::Requested,
    };
    let done = json!({ "refund_id": id, "amount": currency.write(amount), "currency": payment.currency });
    let ((), (), ()) = tokio::try_join!(
        biased;
        insert(tx, (id, payment.id), amount, state, reason, key),
        payment::settle(tx, payment.id),
        admin_action::note(tx, admin, "payment.refund", ("payment", Some(payment.id)), &done),
    )?;
    Ok(id)
}

async fn find(tx: &Tx, payment_id: Uuid, key: &str) -> Result<Option<Refund>> {
    tx.find(
        "select refund.id, refund.amount_minor, refund.state, refund.created_at, payment.currency
         from lessons.payment_refunds as refund join lessons.payments as payment on payment.id = refund.payment_id
         where refund.payment_id = $1 and refund.request_key = $2",
        &[&payment_id, &key],
    )
    .await
}

/// What a provider may have given back already, although it has not said so.
async fn sum_requested(tx: &Tx, payment_id: Uuid) -> Result<i64> {
    #[derive(FromRow)]
    struct Requested {
        sum: i64,
    }
    let sql = "select coalesce(sum(amount_minor), 0)::int8 as sum from lessons.payment_refunds
               where payment_id = $1 and state = 'requested'";
    Ok(tx.one::<Requested>(sql, &[&payment_id]).await?.sum)
}

async fn insert(
    tx: &Tx,
    (id, payment_id): (Uuid, Uuid),
    amount: i64,
    state: RefundStatus,
    reason: Option<&str>,
    key: &str,
) -> Result<()> {
    let sql = "insert into lessons.payment_refunds (id, payment_id, amount_minor, state, reason, request_key)
               values ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, &[&id, &payment_id, &amount, &state, &reason, &key]).await.map(drop)
}

/// What a provider has to be asked for: a refund that it has not taken on.
pub async fn find_due(tx: &Tx, refund_id: Uuid) -> Result<Option<Due>> {
    tx.find(
        "select refund.id, refund.payment_id, payment.intent_id, refund.amount_minor, payment.currency
         from lessons.payment_refunds as refund join lessons.payments as payment on payment.id = refund.payment_id
         where refund.id = $1 and refund.state = 'requested'",
        &[&refund_id],
    )
    .await
}

/// Refunds that a provider was asked for more than an hour ago and has not answered, the oldest first.
pub async fn list_due(tx: &Tx) -> Result<Vec<Due>> {
    tx.list(
        "select refund.id, refund.payment_id, payment.intent_id, refund.amount_minor, payment.currency
         from lessons.payment_refunds as refund join lessons.payments as payment on payment.id = refund.payment_id
         where refund.state = 'requested' and refund.created_at <= now() - interval '1 hour'
         order by refund.created_at, refund.id limit 50",
        &[],
    )
    .await
}

/// What a provider made of a refund: its id there, and where it is.
pub struct Taken {
    provider_refund: Option<String>,
    status: RefundStatus,
}

impl Due {
    /// Asks Stripe for it. A refusal is an answer; an error is when nobody knows.
    pub async fn ask(&self, stripe: &Stripe) -> Result<Taken> {
        let amount =
            Currency::parse(&self.currency).and_then(|currency| stripe::amount(currency, self.amount_minor));
        let refused = Taken { provider_refund: None, status: RefundStatus::Failed };
        let (Some(amount), Some(intent)) = (amount, &self.intent_id) else { return Ok(refused) };
        match stripe.refund((self.payment_id, self.id), intent, amount).await {
            Ok(refund) => Ok(Taken {
                provider_refund: refund["id"].as_str().map(str::to_owned),
                status: match refund["status"].as_str() {
                    Some("succeeded") => RefundStatus::Succeeded,
                    Some("failed" | "canceled") => RefundStatus::Failed,
                    _ => RefundStatus::Pending,
                },
            }),
            Err(Failure::Refused(why)) => {
                tracing::warn!(refund = %self.id, why, "the payment provider refused a refund");
                Ok(refused)
            }
            Err(failure @ Failure::Unknown(_)) => Err(Error::from(failure)),
        }
    }
}

/// Keeps what a provider made of a refund, unless an event was faster, and settles its payment.
pub async fn finish(tx: &Tx, due: &Due, taken: &Taken) -> Result<()> {
    let (_, ()) = tokio::try_join!(biased; keep(tx, due, taken), payment::settle(tx, due.payment_id))?;
    Ok(())
}

async fn keep(tx: &Tx, due: &Due, taken: &Taken) -> Result<u64> {
    let sql = "update lessons.payment_refunds set state = $2, provider_refund = $3, updated_at = now()
               where id = $1 and state = 'requested'";
    tx.execute(sql, &[&due.id, &taken.status, &taken.provider_refund]).await
}

/// A refund with its payment.
pub async fn get(tx: &Tx, refund_id: Uuid, payment_id: Uuid) -> Result<Refunded> {
    let (refund, payment) = tokio::try_join!(biased; read(tx, refund_id), payment::get(tx, payment_id))?;
    Ok(Refunded { refund, payment })
}

async fn read(tx: &Tx, refund_id: Uuid) -> Result<Refund> {
    tx.one(
        "select refund.id, refund.amount_minor, refund.state, refund.created_at, payment.currency
         from lessons.payment_refunds as refund join lessons.payments as payment on payment.id = refund.payment_id
         where refund.id = $1",
        &[&refund_id],
    )
    .await
}
