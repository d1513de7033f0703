//! What an admin looks at: how the practice does, and what needs attention. Money is summed by currency, from its ledger.

use serde_json::json;
use shared::prelude::*;

use crate::admin_action;
use crate::money;

/// What came and went in one currency.
#[row]
pub struct Revenue {
    /// The currency's code.
    pub currency: String,
    /// What came.
    #[read(|row| money::of_row(row, "succeeded_minor"))]
    pub succeeded_amount: String,
    /// What was given back.
    #[read(|row| money::of_row(row, "refunded_minor"))]
    pub refunded_amount: String,
    /// What banks took back, or hold while a payment is disputed.
    #[read(|row| money::of_row(row, "disputed_minor"))]
    pub disputed_amount: String,
    /// What is left: the sum of the ledger.
    #[read(|row| money::of_row(row, "net_minor"))]
    pub net_amount: String,
}

/// How many there are, of everything.
#[row]
pub struct Counts {
    /// People.
    pub users_total: i64,
    /// Those who learn.
    pub users_students: i64,
    /// Those who teach.
    pub users_teachers: i64,
    /// Those who run the practice.
    pub users_admins: i64,
    /// Bookings.
    pub bookings_total: i64,
    /// Those that are held.
    pub bookings_hold: i64,
    /// Those that take place.
    pub bookings_confirmed: i64,
    /// Those that were called off.
    pub bookings_canceled: i64,
    /// Those that were not confirmed in time.
    pub bookings_expired: i64,
    /// Lessons.
    pub lessons_total: i64,
    /// Those to come, and those that nobody has marked.
    pub lessons_scheduled: i64,
    /// Those that took place.
    pub lessons_completed: i64,
    /// Those that the student missed.
    pub lessons_no_show: i64,
    /// Those that were called off.
    pub lessons_canceled: i64,
    /// Payments.
    pub payments_total: i64,
    /// Those that wait.
    pub payments_pending: i64,
    /// Those whose money is on its way.
    pub payments_processing: i64,
    /// Those whose money came.
    pub payments_succeeded: i64,
    /// Those that failed.
    pub payments_failed: i64,
    /// Those that nobody paid in time.
    pub payments_expired: i64,
    /// Those of which a part went back.
    pub payments_partially_refunded: i64,
    /// Those that went back.
    pub payments_refunded: i64,
    /// Packages.
    pub packages_total: i64,
    /// Those that wait for their payment.
    pub packages_pending: i64,
    /// Those that can be used.
    pub packages_active: i64,
    /// Those whose time is over.
    pub packages_expired: i64,
    /// Those that were taken back.
    pub packages_canceled: i64,
}

/// How the practice does.
#[answer]
pub struct Kpi {
    /// When it was counted.
    pub generated_at: Time,
    /// How many there are.
    #[serde(flatten)]
    pub counts: Counts,
    /// What came, of the only currency; null where there are several, `0` where nothing came.
    pub payments_succeeded_amount: Option<String>,
    /// What was given back, likewise.
    pub payments_refunded_amount: Option<String>,
    /// What is left, likewise.
    pub payments_net_amount: Option<String>,
    /// The money, by currency.
    pub revenue: Vec<Revenue>,
}

/// How many failures make an event dead.
#[input]
pub struct OperationsQuery {
    /// At most so many attempts.
    #[default]
    pub max_retries: Int<1, 100, 5>,
}

/// What needs attention.
#[row]
pub struct Operations {
    /// When it was counted.
    pub generated_at: Time,
    /// As asked.
    pub max_retries: i32,
    /// Events that nobody was told of yet.
    pub outbox_pending: i64,
    /// Events that failed and are tried again.
    pub outbox_failed_retryable: i64,
    /// Events that failed and are not.
    pub outbox_failed_dead_letter: i64,
    /// Notifications that could not go out.
    pub notifications_failed: i64,
    /// Holds whose time is over and that no job has swept.
    pub stale_booking_holds: i64,
    /// Packages whose time is over and that no job has swept.
    pub overdue_active_packages: i64,
    /// Lessons that ended more than a day ago and that nobody has marked.
    pub unfinished_lessons: i64,
    /// A provider's payments that have waited for more than two hours.
    pub stuck_payments: i64,
    /// Refunds that a provider was asked for more than two hours ago and has not answered.
    pub stuck_refunds: i64,
    /// Payments that a bank disputes at the moment.
    pub disputed_payments: i64,
    /// What a provider told and does not fit the payment that it is about.
    pub mismatched_payment_events: i64,
    /// What a provider told and could not be applied.
    pub failed_payment_events: i64,
    /// Counters that were not what their ledgers say, at the last look; null before the first.
    pub ledger_mismatches: Option<i64>,
    /// When that was.
    pub ledgers_checked_at: Option<Time>,
}

/// Counts everything, as an admin, and notes that somebody looked.
pub async fn kpi(tx: &Tx, admin: &User) -> Result<Kpi> {
    let now = Time(jiff::Timestamp::now());
    let seen = json!({ "generated_at": now });
    let (counts, revenue, ()) = tokio::try_join!(
        biased;
        count(tx),
        sum(tx),
        admin_action::note(tx, admin, "admin.kpi.view", ("kpi_overview", None), &seen),
    )?;
    let only = |amount: fn(&Revenue) -> &String| match revenue.as_slice() {
        [] => Some("0".to_owned()),
        [one] => Some(amount(one).clone()),
        _ => None,
    };
    Ok(Kpi {
        generated_at: now,
        counts,
        payments_succeeded_amount: only(|one| &one.succeeded_amount),
        payments_refunded_amount: only(|one| &one.refunded_amount),
        payments_net_amount: only(|one| &one.net_amount),
        revenue,
    })
}

async fn count(tx: &Tx) -> Result<Counts> {
    tx.one(
        "select * from lessons.count_people()
         cross join (
             select count(*) as bookings_total,
                    count(*) filter (where state = 'hold' and hold_expires_at > now()) as bookings_hold,
                    count(*) filter (where state = 'confirmed') as bookings_confirmed,
                    count(*) filter (where state = 'canceled') as bookings_canceled,
                    count(*) filter (where state = 'expired' or state = 'hold' and hold_expires_at <= now()) as bookings_expired,
                    count(lesson_id) as lessons_total,
                    count(*) filter (where lesson_state = 'scheduled') as lessons_scheduled,
                    count(*) filter (where lesson_state = 'completed') as lessons_completed,
                    count(*) filter (where lesson_state = 'no_show') as lessons_no_show,
                    count(*) filter (where lesson_state = 'canceled') as lessons_canceled
             from lessons.bookings
         ) as bookings
         cross join (
             select count(*) as payments_total,
                    count(*) filter (where state = 'pending') as payments_pending,
                    count(*) filter (where state = 'processing') as payments_processing,
                    count(*) filter (where state = 'succeeded') as payments_succeeded,
                    count(*) filter (where state = 'failed') as payments_failed,
                    count(*) filter (where state = 'expired') as payments_expired,
                    count(*) filter (where state = 'partially_refunded') as payments_partially_refunded,
                    count(*) filter (where state = 'refunded') as payments_refunded
             from lessons.payments
         ) as payments
         cross join (
             select count(*) as packages_total,
                    count(*) filter (where state = 'pending') as packages_pending,
                    count(*) filter (where state = 'active' and expires_at > now()) as packages_active,
                    count(*) filter (where state = 'expired' or state = 'active' and expires_at <= now()) as packages_expired,
                    count(*) filter (where state = 'canceled') as packages_canceled
             from lessons.packages
         ) as packages",
        &[],
    )
    .await
}

async fn sum(tx: &Tx) -> Result<Vec<Revenue>> {
    tx.list(
        "select currency, coalesce(sum(amount_minor) filter (where kind = 'charge'), 0)::int8 as succeeded_minor,
                coalesce(-sum(amount_minor) filter (where kind = 'refund'), 0)::int8 as refunded_minor,
                coalesce(-sum(amount_minor) filter (where kind = 'dispute'), 0)::int8 as disputed_minor,
                sum(amount_minor)::int8 as net_minor
         from lessons.money_entries group by currency order by currency",
        &[],
    )
    .await
}

/// Counts what needs attention, as an admin, and notes that somebody looked.
pub async fn operations(tx: &Tx, admin: &User, max_retries: i64) -> Result<Operations> {
    let now = Time(jiff::Timestamp::now());
    let seen = json!({ "generated_at": now, "max_retries": max_retries });
    let (operations, ()) = tokio::try_join!(
        biased;
        attend(tx, now, max_retries),
        admin_action::note(tx, admin, "admin.ops.view", ("operations_overview", None), &seen),
    )?;
    Ok(operations)
}

async fn attend(tx: &Tx, now: Time, max_retries: i64) -> Result<Operations> {
    tx.one(
        "select $1 as generated_at, $2::int8::int4 as max_retries, outbox.*,
                (select count(*) from lessons.notifications where status = 'failed') as notifications_failed,
                (select count(*) from lessons.bookings where state = 'hold' and hold_expires_at <= $1) as stale_booking_holds,
                (select count(*) from lessons.packages where state = 'active' and expires_at <= $1) as overdue_active_packages,
                (select count(*) from lessons.bookings
                 where lesson_state = 'scheduled' and ends_at <= $1 - interval '1 day') as unfinished_lessons,
                (select count(*) from lessons.payments
                 where state in ('pending', 'processing') and provider <> 'manual'
                   and created_at <= $1 - interval '2 hours') as stuck_payments,
                (select count(*) from lessons.payment_refunds
                 where state = 'requested' and created_at <= $1 - interval '2 hours') as stuck_refunds,
                (select count(*) from lessons.payments where is_disputed) as disputed_payments,
                (select count(*) from lessons.payment_events where state = 'mismatched') as mismatched_payment_events,
                (select count(*) from lessons.payment_events where state in ('received', 'failed')) as failed_payment_events,
                ledgers.mismatches as ledger_mismatches, ledgers.checked_at as ledgers_checked_at
         from (
             select count(*) filter (where status = 'pending') as outbox_pending,
                    count(*) filter (where status = 'failed' and retries < $2) as outbox_failed_retryable,
                    count(*) filter (where status = 'failed' and retries >= $2) as outbox_failed_dead_letter
             from lessons.events
         ) as outbox
         left join (
             select packages_wrong + payments_wrong as mismatches, checked_at
             from lessons.ledger_checks order by checked_at desc limit 1
         ) as ledgers on true",
        &[&now, &max_retries],
    )
    .await
}
