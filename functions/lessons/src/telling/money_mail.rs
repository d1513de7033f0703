//! Mails about money: what was paid, what did not come, what went back.

use serde_json::{Value, json};
use shared::prelude::*;

use crate::money;

#[derive(FromRow)]
struct Receipt {
    #[read(|row| money::of_row(row, "amount_minor"))]
    amount: String,
    currency: String,
    lessons: i32,
    ends_on: String,
    is_time_lost: bool,
}

/// The mail for a package that was paid for, which says so where a time that was held along was lost. None where its student has
/// left.
pub(super) async fn receipt(tx: &Tx, package_id: Uuid) -> Result<Option<Value>> {
    let found: Option<Receipt> = tx
        .find(
            "select payment.amount_minor, payment.currency, payment.lessons,
                    to_char(package.expires_at at time zone student.timezone, 'YYYY-MM-DD') as ends_on,
                    exists (select from lessons.bookings
                            where package_id = package.id and created_at < payment.paid_at and lesson_id is null) as is_time_lost
             from lessons.payments as payment
             join lessons.packages as package on package.id = payment.package_id
             join identity.users as student on student.id = package.student_id
             where package.id = $1 and payment.lessons is not null and payment.paid_at is not null",
            &[&package_id],
        )
        .await?;
    Ok(found.map(|receipt| {
        json!({
            "template": "package_paid", "amount": receipt.amount, "currency": receipt.currency, "lessons": receipt.lessons,
            "ends_on": receipt.ends_on, "is_time_lost": receipt.is_time_lost,
        })
    }))
}

#[derive(FromRow)]
struct Amounts {
    #[read(|row| money::of_row(row, "amount_minor"))]
    amount: String,
    #[read(|row| money::of_row(row, "refunded_minor"))]
    refunded: String,
    currency: String,
}

/// The mail for a payment that failed or went back. What came of one that succeeds, its package tells.
pub(super) async fn payment(tx: &Tx, payment_id: Uuid, to: &str) -> Result<Option<Value>> {
    let template = match to {
        "failed" => "payment_failed",
        "refunded" | "partially_refunded" => "payment_refunded",
        _ => return Ok(None),
    };
    let found: Option<Amounts> = tx
        .find(
            "select amount_minor, refunded_minor, currency from lessons.payments where id = $1",
            &[&payment_id],
        )
        .await?;
    Ok(found.map(|found| {
        let amount = if template == "payment_failed" { found.amount } else { found.refunded };
        json!({ "template": template, "amount": amount, "currency": found.currency })
    }))
}
