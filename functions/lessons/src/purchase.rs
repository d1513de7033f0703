//! Buying a package: it waits for its payment, and a provider is asked for the page where that is paid.
//!
//! The package and the payment stand in the database before the provider hears of them, so that it never tells of a payment
//! that nobody knows. The same `Idempotency-Key` is the same purchase, and the provider gets the payment's id as its own.

use shared::error::Error;
use shared::prelude::*;

use crate::booking::Booking;
use crate::hold::{self, NewHold};
use crate::money::Currency;
use crate::package::{self, Package};
use crate::payment::{self, Payment, Provider};
use crate::plan::{self, Plan};
use crate::stripe::{self, Checkout, Session, Stripe, Told};

/// What somebody buys.
#[input]
pub struct NewPurchase {
    /// The plan.
    pub plan_id: Uuid,
    /// By whom the money comes; Stripe where there is an account, else by hand.
    pub provider_name: Option<Provider>,
    /// A slot that is held along, until the page where the package is paid ends. When the money comes in time, the hold
    /// becomes a lesson by itself; otherwise the lesson stays in the package.
    pub slot_id: Option<Uuid>,
    /// When the lesson begins, if not with the slot.
    pub start_at: Option<Time>,
    /// When the lesson ends, if not with the slot.
    pub end_at: Option<Time>,
}

/// A purchase.
#[answer]
pub struct Purchase {
    /// What was bought, as it is for sale now.
    pub plan: Plan,
    /// The package, which can be used when its money has come.
    pub package: Package,
    /// The payment. While it can be paid, `checkout_url` says where.
    pub payment: Payment,
    /// What was held along, if anything was.
    pub booking: Option<Booking>,
}

/// What a provider is asked to let somebody pay.
#[derive(FromRow)]
pub struct Due {
    /// The payment.
    pub id: Uuid,
    /// How much, in the currency's smallest unit.
    pub amount_minor: i64,
    /// The currency's code.
    pub currency: String,
    /// What was bought.
    pub title: String,
    /// Until when a time is held along, if a page can end then.
    pub hold_expires_at: Option<Time>,
}

/// How long a time is held along with a purchase, in minutes. A page to pay on lives half an hour at least (Stripe, Checkout
/// Sessions, `expires_at`); it ends with the hold, and asking for it may take a while.
const HOLD_MINUTES: i64 = 35;

impl NewPurchase {
    /// By whom the money comes; 503 for a provider without an account, 422 for a price that it cannot charge exactly.
    pub fn provider(&self, stripe: &Stripe, plan: &Plan) -> Result<Provider> {
        let usual = if stripe.is_configured() { Provider::Stripe } else { Provider::Manual };
        let provider = self.provider_name.unwrap_or(usual);
        if provider == Provider::Stripe {
            if !stripe.is_configured() {
                return Err(unavailable("payments by Stripe are not configured", 3600));
            }
            let currency = Currency::parse(&plan.price_currency);
            if currency.and_then(|currency| stripe::amount(currency, plan.price_minor)).is_none() {
                return Err(unprocessable("Stripe cannot charge this price exactly"));
            }
        }
        Ok(provider)
    }
}

/// Begins a purchase, or finds the one of this key; gives its payment. 404 for a plan that is not for sale, 409 for a key that
/// was another purchase's, and when 20 payments wait already.
pub async fn begin(tx: &Tx, plan_id: Uuid, provider: Provider, key: &str) -> Result<Uuid> {
    #[derive(FromRow)]
    struct Begun {
        payment: Option<Uuid>,
    }
    let begun =
        tx.one::<Begun>("select lessons.purchase($1, $2, $3) as payment", &[&plan_id, &provider, &key]).await;
    let begun =
        begun.on_constraint("payments_once", other_request).on_constraint("payments_waiting", || {
            conflict("20 payments wait, which is as many as there may be")
        })?;
    begun.payment.ok_or_else(plan::missing)
}

/// Holds the wanted time along with a purchase that has just begun, or finds it where the purchase is a repetition. 422 where
/// nobody knows when the money comes, 409 for a repetition with another time.
pub async fn hold_along(
    tx: &Tx,
    student: &User,
    new: &NewPurchase,
    (payment_id, provider): (Uuid, Provider),
) -> Result<Option<Booking>> {
    let Some(slot_id) = new.slot_id else {
        return if new.start_at.is_none() && new.end_at.is_none() { Ok(None) } else { Err(no_slot()) };
    };
    if provider == Provider::Manual {
        return Err(unprocessable("A time is held along only where the package is paid at once"));
    }
    let begun = find_begun(tx, payment_id).await?;
    if !begun.is_new {
        let held = find_held(tx, begun.package_id, slot_id).await?;
        return held.map(Some).ok_or_else(other_request);
    }
    let NewPurchase { start_at, end_at, .. } = *new;
    let wish = NewHold { slot_id, package_id: begun.package_id, start_at, end_at };
    let (offer, package) = hold::look(tx, student, &wish).await?;
    let place = hold::place_unpaid(student, &wish, offer, package)?;
    hold::keep(tx, &place, HOLD_MINUTES).await.map(Some)
}

fn no_slot() -> Error {
    invalid_field("/slot_id", "missing", "start_at and end_at are a part of a slot")
}

fn other_request() -> Error {
    conflict("the idempotency key was used for another request")
}

#[derive(FromRow)]
struct BegunPurchase {
    package_id: Uuid,
    is_new: bool,
}

/// What a purchase of the caller's began; `is_new` if it was this transaction that began it.
async fn find_begun(tx: &Tx, payment_id: Uuid) -> Result<BegunPurchase> {
    let sql = "select package_id, created_at = now() as is_new from lessons.payments where id = $1";
    tx.one(sql, &[&payment_id]).await
}

async fn find_held(tx: &Tx, package_id: Uuid, slot_id: Uuid) -> Result<Option<Booking>> {
    tx.find(
        "select * from lessons.booking_view where package_id = $1 and slot_id = $2 order by created_at, id limit 1",
        &[&package_id, &slot_id],
    )
    .await
}

/// What a provider has to be asked for: a payment that waits and has no page yet.
pub async fn find_due(tx: &Tx, payment_id: Uuid) -> Result<Option<Due>> {
    tx.find(
        "select payment.id, payment.amount_minor, payment.currency, plan.title,
                -- A page that is asked for late cannot end with the hold, and lives as long as any other.
                (select max(hold_expires_at) from lessons.bookings
                 where package_id = package.id and state = 'hold'
                   and hold_expires_at > now() + interval '31 minutes') as hold_expires_at
         from lessons.payments as payment
         join lessons.packages as package on package.id = payment.package_id
         join lessons.plans as plan on plan.id = package.plan_id
         where payment.id = $1 and payment.provider = 'stripe' and payment.state = 'pending' and payment.session_id is null",
        &[&payment_id],
    )
    .await
}

impl Due {
    /// Asks Stripe for the page where it is paid.
    pub async fn ask(&self, stripe: &Stripe) -> Result<Session> {
        let currency = Currency::parse(&self.currency).ok_or_else(|| internal("no currency"))?;
        let checkout = Checkout {
            payment_id: self.id,
            title: &self.title,
            amount_minor: self.amount_minor,
            currency,
            ends_at: self.hold_expires_at,
        };
        Ok(stripe.create_session(&checkout).await?)
    }
}

/// Keeps where a payment is paid.
pub async fn keep_session(tx: &Tx, payment_id: Uuid, session: &Session) -> Result<()> {
    let sql = "select lessons.keep_session($1, $2, $3)";
    tx.execute(sql, &[&payment_id, &session.id, &session.url]).await.map(drop)
}

/// A purchase of the caller's, by its payment.
pub async fn get(tx: &Tx, plan: Plan, payment_id: Uuid, booking: Option<Booking>) -> Result<Purchase> {
    let payment = payment::get(tx, payment_id).await?;
    let package = package::get(tx, payment.package_id).await?;
    Ok(Purchase { plan, package, payment, booking })
}

/// Keeps what a provider told, and applies it, in one transaction and once; gives what became of it.
pub async fn receive(tx: &Tx, told: &Told) -> Result<String> {
    #[derive(FromRow)]
    struct Received {
        state: String,
    }
    let is_ours = stripe::livemode().map_err(internal)? == told.livemode;
    let verdict = if is_ours { told.verdict } else { told.verdict.or(Some("mismatched")) };
    let received: Received = tx
        .one(
            "select lessons.receive_event('stripe', $1, $2, $3, $4, $5, $6) as state",
            &[&told.event, &told.kind, &told.livemode, &told.at, &told.said, &verdict],
        )
        .await?;
    Ok(received.state)
}

/// A payment of a provider that has waited for more than an hour.
#[derive(FromRow)]
pub struct Waiting {
    /// Our payment.
    pub id: Uuid,
    /// The page where it is paid; none if the provider's answer never came.
    pub session_id: Option<String>,
    /// The currency's code.
    pub currency: String,
    /// Whether a page that nobody knows of must have ended: none lives longer than a day.
    pub is_over: bool,
}

/// Payments of a provider that have waited for more than an hour, those first that were looked at longest ago.
pub async fn list_waiting(tx: &Tx) -> Result<Vec<Waiting>> {
    tx.list(
        "select id, session_id, currency, created_at <= now() - interval '25 hours' as is_over
         from lessons.payments
         where provider = 'stripe' and state in ('pending', 'processing') and created_at <= now() - interval '1 hour'
         order by updated_at, id limit 100",
        &[],
    )
    .await
}

/// Notes that a payment was looked at, so that the next look begins with others.
pub async fn note_look(tx: &Tx, payment_id: Uuid) -> Result<u64> {
    tx.execute("update lessons.payments set updated_at = now() where id = $1", &[&payment_id]).await
}

/// Applies again what failed; gives how much of it is applied now.
pub async fn replay(tx: &Tx) -> Result<i64> {
    #[derive(FromRow)]
    struct Replayed {
        count: i64,
    }
    let sql = "select count(*) filter (where lessons.apply_event(id) = 'applied') as count
               from (select id from lessons.payment_events where state in ('received', 'failed')
                     order by received_at, id limit 100) as failed";
    Ok(tx.one::<Replayed>(sql, &[]).await?.count)
}

impl Waiting {
    /// What Stripe says of it now; none while somebody may still pay.
    pub async fn ask(&self, stripe: &Stripe) -> Result<Option<Told>> {
        let Some(session) = &self.session_id else {
            return Ok(self.is_over.then(|| Told::of_lost_page(self.id, &self.currency)));
        };
        let session = stripe.session(session).await?;
        Ok(Told::of_session(&session))
    }
}

impl Told {
    /// With the payment of ours that it is about, where only Stripe knows that.
    pub async fn complete(self, stripe: &Stripe) -> Result<Told> {
        let Some(intent) = self.unknown_intent().filter(|_| stripe.is_configured()) else { return Ok(self) };
        match stripe.intent(intent).await {
            Ok(intent) => Ok(self.with_intent(&intent)),
            // Another account's, or none any more: not ours.
            Err(stripe::Failure::Refused(_)) => Ok(self),
            // Told again, it will be known.
            Err(failure @ stripe::Failure::Unknown(_)) => {
                Err(unavailable("the payment provider does not answer", 60)
                    .because(Error::from(failure).message().to_owned()))
            }
        }
    }
}
