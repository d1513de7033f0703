//! What tests start from: people with roles, slots and packages, made through the API where it can make them.

use futures_util::future::join_all;
use jiff::Timestamp;
use local::testkit::{Answer, Client, Stack, fakes};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

pub(crate) const SLOTS: &str = "/api/v1/scheduling/slots";
pub(crate) const OPEN: &str = "/api/v1/scheduling/slots/open";
pub(crate) const HOLD: &str = "/api/v1/booking/hold";
pub(crate) const PACKAGES: &str = "/api/v1/billing/packages";

pub(crate) const PLANS: &str = "/api/v1/billing/plans";
pub(crate) const ADMIN_PLANS: &str = "/api/v1/admin/plans";
pub(crate) const PAYMENTS: &str = "/api/v1/billing/payments";

/// A practice with an admin, a teacher and a student.
pub(crate) struct Practice {
    pub(crate) stack: Stack,
    pub(crate) db: Database,
    pub(crate) admin: Client,
    pub(crate) teacher: Client,
    pub(crate) student: Client,
}

/// A practice with an admin, a teacher and a student.
pub(crate) async fn practice() -> Practice {
    of(local::testkit::stack().await).await
}

/// The same on a stack of one's own.
pub(crate) async fn of(stack: Stack) -> Practice {
    let (db, admin) = (stack.db().await, stack.admin().await);
    let teacher = person(&stack, &db, "{student,teacher}").await;
    let student = person(&stack, &db, "{student}").await;
    Practice { stack, db, admin, teacher, student }
}

/// What signs the stand-in's events, and what did before.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_now";
pub(crate) const WEBHOOK: &str = "/api/v1/billing/webhooks/stripe";

/// A practice with an account at a stand-in for Stripe.
pub(crate) struct Shop {
    pub(crate) practice: Practice,
    pub(crate) stripe: fakes::Stripe,
}

/// Something that was bought: its package, its payment, and the page where it is paid.
pub(crate) struct Bought {
    pub(crate) package: String,
    pub(crate) payment: String,
    pub(crate) session: String,
}

/// A practice with an account at a stand-in for Stripe.
pub(crate) async fn shop() -> Shop {
    let stripe = fakes::Stripe::start(WEBHOOK_SECRET).await;
    let stack = Stack::builder()
        .env("STRIPE_API_URL", stripe.url())
        .env("STRIPE_SECRET_KEY", "sk_test_key")
        .env("STRIPE_WEBHOOK_SECRET", format!("{WEBHOOK_SECRET}, whsec_before"));
    Shop { practice: of(stack.start().await).await, stripe }
}

impl Shop {
    /// The student buys eight lessons for 80.00 EUR.
    pub(crate) async fn bought(&self) -> Bought {
        let plan = self.practice.plan(8, "80.00", "EUR").await;
        self.bought_of(&plan).await
    }

    /// The student buys a plan.
    pub(crate) async fn bought_of(&self, plan: &str) -> Bought {
        let purchase = buy(&self.practice.student, plan, &Uuid::new_v4().to_string()).await;
        purchase.assert_status(201);
        let purchase = purchase.json();
        let id = |what: &str| purchase[what]["id"].as_str().expect("an id").to_owned();
        let payment = id("payment");
        Bought { package: id("package"), session: self.stripe.session_of(&payment), payment }
    }

    /// Tells of an event, and gives what became of it.
    pub(crate) async fn tell(&self, event: &Value) -> String {
        let told = self.try_tell(event).await;
        told.assert_status(200);
        told.str("state")
    }

    /// Tells of an event.
    pub(crate) async fn try_tell(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = self.stripe.sign(&body);
        let call = self.practice.stack.anonymous().request("POST", WEBHOOK).body(body);
        call.header("stripe-signature", &signature).await
    }

    /// A purchase whose money came.
    pub(crate) async fn paid(&self) -> Bought {
        let bought = self.bought().await;
        assert_eq!(self.tell(&self.stripe.pay(&bought.session, "paid")).await, "applied");
        bought
    }

    /// What is known of a purchase: the payment's state, the package's, total and left of its lessons, and the money's ledger.
    pub(crate) async fn known(&self, bought: &Bought) -> (String, String, i64, i64, i64) {
        let payment =
            self.practice.student.get(&format!("{PAYMENTS}/{}", bought.payment)).await.str("status");
        let status = format!("select state from lessons.packages where id = '{}'", bought.package);
        let status: String = value(&self.practice.db, &status).await;
        let (total, left, _) = self.practice.balance(&bought.package).await;
        (payment, status, total, left, self.practice.ledger(&bought.payment).await.iter().sum())
    }
}

/// A student buys a plan.
pub(crate) async fn buy(student: &Client, plan: &str, key: &str) -> Answer {
    let call = student.post("/api/v1/billing/packages/purchase", json!({ "plan_id": plan }));
    call.header("idempotency-key", key).await
}

/// An admin gives money back.
pub(crate) async fn refund(admin: &Client, payment: &str, body: Value, key: &str) -> Answer {
    admin.post(&format!("{PAYMENTS}/{payment}/refund"), body).header("idempotency-key", key).await
}

/// A person with roles.
pub(crate) async fn person(stack: &Stack, db: &Database, roles: &str) -> Client {
    let person = stack.user();
    let id = person.id();
    let sql = format!(
        "insert into identity.users (id, email, display_name, locale, timezone, roles)
         values ('{id}', '{id}@example.org', 'Person {id}', 'en', 'Europe/Berlin', '{roles}')"
    );
    assert_eq!(run(db, &sql).await, 1);
    person
}

impl Practice {
    /// Somebody else who learns.
    pub(crate) async fn another_student(&self) -> Client {
        person(&self.stack, &self.db, "{student}").await
    }

    /// Somebody else who teaches.
    pub(crate) async fn another_teacher(&self) -> Client {
        person(&self.stack, &self.db, "{teacher}").await
    }

    /// A slot of an hour of the teacher that begins in so many hours, on the hour.
    pub(crate) async fn slot(&self, hours: i64) -> String {
        self.slot_of(&self.teacher, in_hours(hours), in_hours(hours + 1)).await
    }

    /// A slot of a teacher.
    pub(crate) async fn slot_of(&self, teacher: &Client, start: String, end: String) -> String {
        let slot = json!({ "teacher_id": teacher.id(), "start_at": start, "end_at": end });
        let made = self.admin.post(SLOTS, slot).await;
        made.assert_status(201);
        made.str("id")
    }

    /// A package of the student that ends in 90 days.
    pub(crate) async fn package(&self, lessons: i64) -> String {
        self.package_of(&self.student, lessons).await
    }

    /// A package of a student.
    pub(crate) async fn package_of(&self, student: &Client, lessons: i64) -> String {
        let package =
            json!({ "student_id": student.id(), "lessons_total": lessons, "expires_at": in_hours(90 * 24) });
        let made = self.admin.post(PACKAGES, package).await;
        made.assert_status(201);
        made.str("id")
    }

    /// A plan of so many lessons for 45 days.
    pub(crate) async fn plan(&self, lessons: i64, amount: &str, currency: &str) -> String {
        let plan = json!({
            "title": format!("standard-{lessons}"), "lessons_total": lessons, "duration_days": 45, "price_amount": amount,
            "price_currency": currency,
        });
        let made = self.admin.post(ADMIN_PLANS, plan).await;
        made.assert_status(201);
        made.str("id")
    }

    /// A payment in euros that the student notes for a package.
    pub(crate) async fn noted_payment(&self, package: &str, amount: &str) -> String {
        let new = json!({ "package_id": package, "amount": amount, "currency": "EUR" });
        let made = self.student.post(PAYMENTS, new).await;
        made.assert_status(201);
        made.str("id")
    }

    /// What the admin says of a payment.
    pub(crate) async fn note(&self, payment: &str, status: &str) -> Answer {
        self.admin.patch(&format!("{PAYMENTS}/{payment}/status"), json!({ "status": status })).await
    }

    /// The lines of the money's ledger about a payment, the first first.
    pub(crate) async fn ledger(&self, payment: &str) -> Vec<i64> {
        let sql =
            "select amount_minor from lessons.money_entries where payment_id = $1 order by created_at, kind";
        let payment: Uuid = payment.parse().expect("an id");
        self.db.query(sql, &[&payment]).await.expect("lines").iter().map(|row| row.get(0)).collect()
    }

    /// A hold of the student.
    pub(crate) async fn hold(&self, slot: &str, package: &str) -> Answer {
        hold(&self.student, slot, package).await
    }

    /// A lesson of the student that begins in so many hours: the id of its booking.
    pub(crate) async fn booked(&self, hours: i64, package: &str) -> String {
        let slot = self.slot(hours).await;
        let booking = self.hold(&slot, package).await;
        booking.assert_status(200);
        let booking = booking.str("id");
        confirm(&self.student, &booking).await.assert_status(200);
        booking
    }

    /// A lesson of the student that began so many hours ago: the ids of its booking and of its lesson.
    pub(crate) async fn begun(&self, hours_ago: i64, package: &str) -> (String, String) {
        let booking = self.booked(400 + hours_ago, package).await;
        let ago = format!("date_trunc('hour', now()) - interval '{hours_ago} hours'");
        let sql = format!(
            "update lessons.bookings
             set starts_at = {ago}, ends_at = {ago} + interval '1 hour', blocked_until = {ago} + interval '1 hour',
                 free_cancel_until = {ago} - interval '24 hours'
             where id = '{booking}'"
        );
        assert_eq!(run(&self.db, &sql).await, 1);
        let lesson: Uuid =
            value(&self.db, &format!("select lesson_id from lessons.bookings where id = '{booking}'")).await;
        (booking, lesson.to_string())
    }

    /// Total, left and held of a package, as its student reads them.
    pub(crate) async fn balance(&self, package: &str) -> (i64, i64, i64) {
        balance(&self.student, package).await
    }

    /// What the lines of a package say, the first first.
    pub(crate) async fn lines(&self, package: &str) -> Vec<String> {
        let page = self.student.get(&format!("{PACKAGES}/{package}/entries?limit=100")).await;
        page.assert_status(200);
        let kinds = |item: &Value| item["kind"].as_str().expect("a kind").to_owned();
        page.json()["items"].as_array().expect("items").iter().map(kinds).collect()
    }

    /// The kinds of events so far, the first first.
    pub(crate) async fn events(&self) -> Vec<String> {
        let sql = "select event_type from lessons.events order by occurred_at, id";
        self.db.query(sql, &[]).await.expect("events").iter().map(|row| row.get(0)).collect()
    }

    /// Asserts that every package's counters are the sums of its lines.
    pub(crate) async fn assert_ledgers(&self) {
        let wrong: i64 = value(
            &self.db,
            "select count(*) from lessons.packages as package
             cross join lateral (
                 select coalesce(sum(lessons) filter (where kind = 'grant'), 0) as granted,
                        coalesce(sum(case kind when 'hold' then lessons when 'release' then -lessons
                                               when 'book' then -lessons end), 0) as held,
                        coalesce(sum(case kind when 'book' then lessons when 'return' then -lessons
                                               when 'use' then -lessons end), 0) as booked,
                        coalesce(sum(lessons) filter (where kind = 'use'), 0) as used,
                        coalesce(sum(lessons) filter (where kind = 'revoke'), 0) as revoked
                 from lessons.package_entries where package_id = package.id
             ) as ledger
             where (package.granted, package.held, package.booked, package.used, package.revoked)
                   is distinct from (ledger.granted, ledger.held, ledger.booked, ledger.used, ledger.revoked)
                -- What waits for its money has nothing to keep.
                or package.held <> (select count(*) from lessons.bookings
                                    where package_id = package.id and state = 'hold' and package.state <> 'pending')
                or package.booked <> (select count(*) from lessons.bookings
                                      where package_id = package.id and state = 'confirmed' and lesson_state = 'scheduled')",
        )
        .await;
        assert_eq!(wrong, 0, "packages whose counters are not the sums of their lines");
    }
}

/// A moment in so many hours, on the hour, as the API writes it.
pub(crate) fn in_hours(hours: i64) -> String {
    in_minutes(hours * 60)
}

/// A moment so many minutes after the last full hour, as the API writes it.
pub(crate) fn in_minutes(minutes: i64) -> String {
    let hour = Timestamp::now().as_second() / 3600 * 3600;
    Timestamp::from_second(hour + minutes * 60).expect("a moment").to_string()
}

pub(crate) async fn hold(student: &Client, slot: &str, package: &str) -> Answer {
    student.post(HOLD, json!({ "slot_id": slot, "package_id": package })).await
}

pub(crate) async fn confirm(caller: &Client, booking: &str) -> Answer {
    caller.post(&format!("/api/v1/booking/{booking}/confirm"), json!({})).await
}

pub(crate) async fn cancel(caller: &Client, booking: &str) -> Answer {
    caller.post(&format!("/api/v1/booking/{booking}/cancel"), json!({})).await
}

pub(crate) async fn reschedule(caller: &Client, booking: &str, slot: &str) -> Answer {
    caller.post(&format!("/api/v1/booking/{booking}/reschedule"), json!({ "new_slot_id": slot })).await
}

pub(crate) async fn balance(student: &Client, package: &str) -> (i64, i64, i64) {
    let page = student.get(&format!("{PACKAGES}/students/{}?limit=100", student.id())).await;
    page.assert_status(200);
    let page = page.json();
    let items = page["items"].as_array().expect("items");
    let item = items.iter().find(|item| item["id"] == package).expect("the package");
    let number = |name: &str| item[name].as_i64().expect("a number");
    (number("lessons_total"), number("lessons_left"), number("lessons_held"))
}

/// The ids of a list's page.
pub(crate) async fn ids(caller: &Client, path: &str) -> Vec<String> {
    let page = caller.get(path).await;
    page.assert_status(200);
    let items = page.json()["items"].as_array().expect("items").clone();
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// Lets a hold's time be over.
pub(crate) async fn lapse(db: &Database, booking: &str) {
    let sql = format!(
        "update lessons.bookings set hold_expires_at = now() - interval '2 minutes' where id = '{booking}'"
    );
    assert_eq!(run(db, &sql).await, 1);
}

/// Moves a booking so that its lesson begins in so many minutes from now.
pub(crate) async fn begins_in(db: &Database, booking: &str, minutes: i64) {
    let start = format!("now() + interval '{minutes} minutes'");
    let sql = format!(
        "update lessons.bookings
         set starts_at = {start}, ends_at = {start} + interval '1 hour', blocked_until = {start} + interval '1 hour',
             free_cancel_until = {start} - interval '24 hours'
         where id = '{booking}'"
    );
    assert_eq!(run(db, &sql).await, 1);
}

/// One value of one row.
pub(crate) async fn value<T: tokio_postgres::types::FromSqlOwned>(db: &Database, sql: &str) -> T {
    db.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

pub(crate) async fn run(db: &Database, sql: &str) -> u64 {
    db.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// A wall time in UTC on the day that comes in so many days, as the API writes it.
pub(crate) fn on_day(days: i64, time: &str) -> String {
    format!("{}T{time}:00Z", date_in(days))
}

/// The day that comes in so many days, in UTC.
pub(crate) fn date_in(days: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + days * 86_400).expect("a moment").to_string()[..10]
        .to_owned()
}

/// The path of somebody's weekly hours.
pub(crate) fn schedule_of(teacher: &Client) -> String {
    format!("/api/v1/scheduling/teachers/{}/schedule", teacher.id())
}

/// Hours in UTC that are the same on every day.
pub(crate) fn daily(hours: &[(&str, &str)]) -> Value {
    let window = |weekday: i64| move |(from, until): &(&str, &str)| json!({ "weekday": weekday, "from": from, "until": until });
    let windows: Vec<Value> = (0..7).flat_map(|weekday| hours.iter().map(window(weekday))).collect();
    json!({ "timezone": "UTC", "windows": windows, "horizon_days": 10 })
}

/// The times in a list of an answer, as `start end` without the dates' years and the seconds.
pub(crate) fn times(list: &Value) -> Vec<String> {
    let short = |item: &Value, name: &str| item[name].as_str().expect("a moment")[5..16].to_owned();
    let both = |item: &Value| format!("{} {}", short(item, "start_at"), short(item, "end_at"));
    list.as_array().expect("a list").iter().map(both).collect()
}

/// A part of a day in UTC as [`times`] writes it.
pub(crate) fn time(days: i64, from: &str, until: &str) -> String {
    format!("{} {}", &on_day(days, from)[5..16], &on_day(days, until)[5..16])
}

/// The statuses of answers that were asked for at once, sorted.
pub(crate) async fn at_once(calls: Vec<impl Future<Output = Answer>>) -> Vec<u16> {
    let mut statuses: Vec<u16> = join_all(calls).await.iter().map(Answer::status).collect();
    statuses.sort_unstable();
    statuses
}

/// Asserts that a route of admins refuses everybody else.
pub(crate) async fn assert_for_admins(practice: &Practice, call: impl AsyncFn(&Client) -> Answer) {
    for nobody in [&practice.student, &practice.teacher] {
        call(nobody).await.assert_error(403, "FORBIDDEN", "this needs the role admin");
    }
    call(&practice.stack.anonymous()).await.assert_status(401);
}

/// A sequence of numbers that a seed decides (Marsaglia's xorshift).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).expect("few")).expect("less than few")
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }
}
