//! Whether the counters are what their ledgers say: looked at every night, because nothing else may make them differ.

use shared::prelude::*;

/// What a look at the ledgers found.
#[row]
pub struct LedgerCheck {
    /// Packages whose counters are not the sums of their lines.
    pub packages_wrong: i64,
    /// Payments whose lines in the money's ledger are not what came and went.
    pub payments_wrong: i64,
    /// When it looked.
    pub checked_at: Time,
}

/// Looks at all ledgers, and keeps what it found.
pub async fn check(tx: &Tx) -> Result<LedgerCheck> {
    tx.one(
        "insert into lessons.ledger_checks (id, packages_wrong, payments_wrong)
         values ($1, (
             select count(*) from lessons.packages as package
             left join (
                 select package_id,
                        coalesce(sum(lessons) filter (where kind = 'grant'), 0) as granted,
                        coalesce(sum(case kind when 'hold' then lessons when 'release' then -lessons
                                               when 'book' then -lessons end), 0) as held,
                        coalesce(sum(case kind when 'book' then lessons when 'return' then -lessons
                                               when 'use' then -lessons end), 0) as booked,
                        coalesce(sum(lessons) filter (where kind = 'use'), 0) as used,
                        coalesce(sum(lessons) filter (where kind = 'revoke'), 0) as revoked
                 from lessons.package_entries group by package_id
             ) as ledger on ledger.package_id = package.id
             where (package.granted, package.held, package.booked, package.used, package.revoked)
                   is distinct from (coalesce(ledger.granted, 0), coalesce(ledger.held, 0), coalesce(ledger.booked, 0),
                                     coalesce(ledger.used, 0), coalesce(ledger.revoked, 0))
         ), (
             select count(*) from lessons.payments as payment
             left join (
                 select payment_id, coalesce(sum(amount_minor) filter (where kind = 'charge'), 0) as charged,
                        coalesce(sum(amount_minor) filter (where kind = 'refund'), 0) as refunded,
                        coalesce(sum(amount_minor) filter (where kind = 'dispute'), 0) as disputed
                 from lessons.money_entries group by payment_id
             ) as ledger on ledger.payment_id = payment.id
             where coalesce(ledger.charged, 0) <> case when payment.paid_at is not null then payment.amount_minor else 0 end
                or coalesce(ledger.refunded, 0) <> -payment.refunded_minor
                or coalesce(ledger.disputed, 0) <> -(select coalesce(sum(amount_minor), 0) from lessons.payment_disputes
                                                     where payment_id = payment.id and state in ('open', 'lost'))
         ))
         returning packages_wrong, payments_wrong, checked_at",
        &[&Uuid::now_v7()],
    )
    .await
}
