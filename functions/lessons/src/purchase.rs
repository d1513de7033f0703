//! Buying a package: it waits for its payment, and a provider is asked for the page where that is paid.
//!
//! The package and the payment stand in the database before the provider hears of them, so that it never tells of a payment
//! that nobody knows. The same `Idempotency-Key` is the same purchase, and the provider gets the payment's id as its own.

use shared::error::Error;
use shared::prelude::*;

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
}

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
    let begun = begun
        .on_constraint("payments_once", || conflict("the idempotency key was used for another request"))
        .on_constraint("payments_waiting", || {
            conflict("20 payments wait, which is as many as there may be")
        })?;
    begun.payment.ok_or_else(plan::missing)
}

/// What a provider has to be asked for: a payment that waits and has no page yet.
pub async fn find_due(tx: &Tx, payment_id: Uuid) -> Result<Option<Due>> {
    tx.find(
        "select payment.id, payment.amount_minor, payment.currency, plan.title
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
        let checkout =
            Checkout { payment_id: self.id, title: &self.title, amount_minor: self.amount_minor, currency };
        Ok(stripe.create_session(&checkout).await?)
    }
}

/// Keeps where a payment is paid.
pub async fn keep_session(tx: &Tx, payment_id: Uuid, session: &Session) -> Result<()> {
    let sql = "select lessons.keep_session($1, $2, $3)";
    tx.execute(sql, &[&payment_id, &session.id, &session.url]).await.map(drop)
}

/// A purchase of the caller's, by its payment.
pub async fn get(tx: &Tx, plan: Plan, payment_id: Uuid) -> Result<Purchase> {
    let payment = payment::get(tx, payment_id).await?;
    let package = package::get(tx, payment.package_id).await?;
    Ok(Purchase { plan, package, payment })
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
