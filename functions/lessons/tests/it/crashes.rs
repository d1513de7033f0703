//! Processes that die: between two steps of one call, and at any moment while several people are at work. Whoever was not
//! answered asks again, and what stands at the end is what somebody was told or may read, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use futures_util::future::{join, join_all};
use local::{
    lambda::InvokeError,
    testkit::{Answer, Client, fakes::Trouble},
};
use serde_json::json;
use tokio_postgres::Client as Database;

use crate::given::{self, Numbers, Practice, Shop, buy, cancel, confirm, hold, refund, reschedule};

/// What the stand-in's page costs, in cents.
const PRICE: i64 = 8000;

/// Where a program is stopped: a statement waits there, for as long as the test wants.
struct Stop<'a> {
    practice: &'a Practice,
}

impl<'a> Stop<'a> {
    /// Lets a change of a table wait, like an `insert on lessons.package_entries`.
    async fn at(practice: &'a Practice, change: &str) -> Self {
        Self::at_some(practice, change, "true").await
    }

    /// Lets some changes of a table wait.
    async fn at_some(practice: &'a Practice, change: &str, which: &str) -> Self {
        let sql = format!(
            "create function lessons.stop() returns trigger language plpgsql as
             $$begin perform pg_advisory_xact_lock(4711); return new; end$$;
             create trigger a_stop before {change} for each row when ({which}) execute function lessons.stop();
             select pg_advisory_lock(4711)"
        );
        practice.db.batch_execute(&sql).await.expect("a place to stop at");
        Self { practice }
    }

    /// Waits until somebody has come here, kills the function that it is, and lets what it had sent to the server go on.
    async fn and_kill(self, function: &str) {
        let somebody = "exists (select from pg_locks join pg_database on pg_database.oid = database
                                where datname = current_database() and locktype = 'advisory' and objid = 4711 and not granted)";
        wait_until(&self.practice.db, somebody).await;
        self.practice.stack.lambda().crash(function);
        let sql = "select pg_advisory_unlock(4711)";
        self.practice.db.batch_execute(sql).await.expect("the lock is ours");
        settled(&self.practice.db).await;
        let sql = "drop function lessons.stop cascade";
        self.practice.db.batch_execute(sql).await.expect("the trigger is gone");
    }
}

async fn wait_until(db: &Database, condition: &str) {
    let sql = format!("select {condition}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !given::value::<bool>(db, &sql).await {
        assert!(tokio::time::Instant::now() < deadline, "never: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the server has noticed of everybody who is dead that they are.
async fn settled(db: &Database) {
    let nobody = "not exists (select from pg_stat_activity
                              where datname = current_database() and pid <> pg_backend_pid()
                                and backend_type = 'client backend' and xact_start is not null)";
    wait_until(db, nobody).await;
}

/// What the gateway answers for a process that died.
fn assert_died(answer: &Answer) {
    answer.assert_error(502, "UPSTREAM_UNAVAILABLE", "the service failed to answer");
}

/// The live bookings that are in each other's way.
async fn overlaps(db: &Database) -> i64 {
    let sql =
        "select count(*) from lessons.bookings as one join lessons.bookings as other on one.id < other.id
               where one.state in ('hold', 'confirmed') and other.state in ('hold', 'confirmed')
                 and (one.teacher_id = other.teacher_id or one.student_id = other.student_id)
                 and tstzrange(one.starts_at, one.ends_at) && tstzrange(other.starts_at, other.ends_at)";
    given::value(db, sql).await
}

async fn assert_check_finds_nothing(practice: &Practice) {
    let found = practice.stack.invoke("check-ledgers", json!({})).await;
    assert_eq!((&found["packages_wrong"], &found["payments_wrong"]), (&json!(0), &json!(0)));
    practice.assert_ledgers().await;
    assert_eq!(overlaps(&practice.db).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_not_finished_was_not_begun() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    let slots = [practice.slot(100).await, practice.slot(120).await];
    let student = &practice.student;
    let live = "select count(*) from lessons.bookings where state in ('hold', 'confirmed')";

    // The lines come after the booking and before the event, in one flight with both.
    let stop = Stop::at(&practice, "insert on lessons.package_entries").await;
    let (dead, ()) = join(hold(student, &slots[0], &package), stop.and_kill("hold-slot")).await;
    assert_died(&dead);
    // Whether the flight's end had left before the death decides; there is no half of it.
    let held: i64 = given::value(&practice.db, live).await;
    assert_eq!(practice.balance(&package).await, (9, 9, held));
    assert_check_finds_nothing(&practice).await;
    let booking = match held {
        0 => hold(student, &slots[0], &package).await.assert_status(200).str("id"),
        _ => given::ids(student, "/api/v1/booking/my").await.remove(0),
    };

    let stop = Stop::at(&practice, "insert on lessons.package_entries").await;
    let (dead, ()) = join(confirm(student, &booking), stop.and_kill("confirm-booking")).await;
    assert_died(&dead);
    assert_check_finds_nothing(&practice).await;
    assert_eq!(confirm(student, &booking).await.assert_status(200).str("status"), "confirmed");
    assert_eq!(practice.balance(&package).await, (9, 8, 0));

    let stop = Stop::at(&practice, "insert on lessons.package_entries").await;
    let (dead, ()) =
        join(reschedule(student, &booking, &slots[1]), stop.and_kill("reschedule-booking")).await;
    assert_died(&dead);
    assert_eq!(given::value::<i64>(&practice.db, live).await, 1, "the old lesson or the new one");
    assert_check_finds_nothing(&practice).await;
    let moved = reschedule(student, &booking, &slots[1]).await.assert_status(200).str("id");
    assert_eq!(practice.balance(&package).await, (9, 8, 0));

    let stop = Stop::at(&practice, "insert on lessons.package_entries").await;
    let (dead, ()) = join(cancel(student, &moved), stop.and_kill("cancel-booking")).await;
    assert_died(&dead);
    assert_check_finds_nothing(&practice).await;
    assert_eq!(cancel(student, &moved).await.assert_status(200).str("status"), "canceled");
    assert_eq!(practice.balance(&package).await, (9, 9, 0));
    assert_check_finds_nothing(&practice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_died_before_its_page_was_kept_goes_on_with_that_page() {
    let shop = given::shop().await;
    let plan = shop.practice.plan(8, "80.00", "EUR").await;
    let buy = || buy(&shop.practice.student, &plan, "one");
    shop.stripe.then([Trouble::Silence]);
    let killed = async {
        shop.stripe.wait_for_silence(1).await;
        shop.practice.stack.lambda().crash("purchase-package");
    };
    let (dead, ()) = join(buy(), killed).await;
    assert_died(&dead);
    let (payments, pages) =
        ("select count(*) from lessons.payments", "select count(session_id) from lessons.payments");
    assert_eq!(given::value::<i64>(&shop.practice.db, payments).await, 1, "stored before Stripe was asked");
    assert_eq!(given::value::<i64>(&shop.practice.db, pages).await, 0, "nobody here knows the page");

    // Stripe may even tell of the page before it is asked for again.
    let bought = buy().await;
    let payment = bought.assert_status(201).json()["payment"].clone();
    let session = shop.stripe.session_of(payment["id"].as_str().expect("an id"));
    assert_eq!(payment["checkout_url"], shop.stripe.session(&session)["url"]);
    assert_eq!(given::value::<i64>(&shop.practice.db, payments).await, 1);
    let keys: BTreeSet<_> = shop.stripe.calls().into_iter().map(|call| call.key).collect();
    assert_eq!((shop.stripe.calls().len(), keys.len()), (2, 1), "one page, asked for twice");
    assert_eq!(shop.tell(&shop.stripe.pay(&session, "paid")).await, "applied");
    let package = bought.json()["package"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(shop.practice.balance(&package).await, (8, 8, 0));
    assert_check_finds_nothing(&shop.practice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_died_without_its_answer_gives_back_once() {
    let shop = given::shop().await;
    let admin = &shop.practice.admin;
    // Whoever asked asks again; or nobody does, and the job finds it.
    for (round, is_asked_again) in [true, false].into_iter().enumerate() {
        let bought = shop.paid().await;
        let give_back = || refund(admin, &bought.payment, json!({ "amount": "20" }), "one");
        shop.stripe.then([Trouble::Silence]);
        let killed = async {
            shop.stripe.wait_for_silence(u32::try_from(round).expect("few") + 1).await;
            shop.practice.stack.lambda().crash("refund-payment");
        };
        let (dead, ()) = join(give_back(), killed).await;
        assert_died(&dead);
        assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 8, PRICE));
        if is_asked_again {
            assert_eq!(give_back().await.assert_status(200).json()["refund"]["status"], "succeeded");
        } else {
            let sql = "update lessons.payment_refunds set created_at = now() - interval '61 minutes'";
            given::run(&shop.practice.db, sql).await;
            assert_eq!(shop.practice.stack.invoke("reconcile-payments", json!({})).await["refunds"], 1);
        }
        let wanted = ("partially_refunded".to_owned(), "active".to_owned(), 8, 6, 6000);
        assert_eq!(shop.known(&bought).await, wanted);
        assert_eq!(shop.stripe.refunds().len(), round + 1, "each once");
    }
    assert_check_finds_nothing(&shop.practice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_died_before_its_answer_is_told_again_and_acts_once() {
    let shop = given::shop().await;
    for change in [
        "insert on lessons.payment_events",
        "insert on lessons.money_entries",
        "insert on lessons.package_entries",
    ] {
        let bought = shop.bought().await;
        let paid = shop.stripe.pay(&bought.session, "paid");
        let stop = Stop::at(&shop.practice, change).await;
        let (dead, ()) = join(shop.try_tell(&paid), stop.and_kill("receive-stripe-event")).await;
        assert_died(&dead);
        for _ in 0..2 {
            assert_eq!(shop.tell(&paid).await, "applied", "{change}");
        }
        let wanted = ("succeeded".to_owned(), "active".to_owned(), 8, 8, PRICE);
        assert_eq!(shop.known(&bought).await, wanted, "{change}");
        assert_eq!(shop.practice.lines(&bought.package).await, ["grant"], "{change}");
        assert_eq!(shop.practice.ledger(&bought.payment).await, [PRICE], "{change}");
    }
    assert_check_finds_nothing(&shop.practice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_dead_job_had_told_is_not_told_again() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let mut last = String::new();
    for hours in [100, 120, 140] {
        last = practice.booked(hours, &package).await;
    }
    let events = practice.events().await.len();
    // In the middle of one of the first, with the package's told; in the last, with the others told and their mails sent;
    // and when everybody is told, and only that is to be noted.
    for (change, which) in [
        ("insert on lessons.notifications", "new.title = 'Booking confirmed'"),
        ("insert on lessons.notifications", &format!("new.body like '%{last}%'")),
        ("update on lessons.notifications", "true"),
    ] {
        practice.stack.deliver_mail().await;
        let stop = Stop::at_some(&practice, change, which).await;
        let (dead, ()) =
            join(practice.stack.try_invoke("tell-people", json!({})), stop.and_kill("tell-people")).await;
        dead.expect_err("killed");
    }
    practice.stack.invoke("tell-people", json!({})).await;
    practice.stack.deliver_mail().await;
    practice.stack.invoke("tell-people", json!({})).await;
    let open = "select count(*) from lessons.events where status <> 'processed'";
    assert_eq!((given::value::<i64>(&practice.db, open).await, practice.events().await.len()), (0, events));
    for person in [&practice.student, &practice.teacher] {
        let told = practice.stack.mails().await;
        let address = format!("{}@example.org", person.id());
        assert_eq!(told.iter().filter(|mail| mail.to == address).count(), 3, "{address}");
        let told = person.get("/api/v1/notifications/my").await.json();
        let items = told["items"].as_array().expect("items");
        let confirmed = items.iter().filter(|item| item["title"] == "Booking confirmed");
        assert_eq!(confirmed.count(), 3, "{told}");
        assert!(items.iter().all(|item| item["status"] == "sent"), "{told}");
    }
}

/// What a history goes on with, and what its people were told.
#[derive(Default)]
struct Memory {
    /// Bookings, by who holds them.
    bookings: Vec<(usize, String)>,
    packages: Vec<(usize, String)>,
    payments: Vec<String>,
    /// Told that they are lessons.
    confirmed: BTreeSet<String>,
    canceled: BTreeSet<String>,
    /// Old and new ones.
    moved: BTreeMap<String, String>,
    /// What somebody tried to call off or to move, whatever they heard of it.
    touched: BTreeSet<String>,
}

/// Several people at work, while processes die.
struct History<'a> {
    shop: &'a Shop,
    students: Vec<Client>,
    slots: Vec<String>,
    plan: String,
    memory: Mutex<Memory>,
}

impl History<'_> {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nobody panics with it")
    }

    /// Lets something be done by a function that may die meanwhile.
    async fn risk<T>(&self, numbers: &mut Numbers, function: &str, done: impl Future<Output = T>) -> T {
        let is_doomed = numbers.below(3) == 0;
        // A call takes about so long; its start, if it is the first one, longer.
        let moment = Duration::from_micros(u64::try_from(numbers.below(30_000)).expect("few"));
        let killed = async {
            if is_doomed {
                tokio::time::sleep(moment).await;
                self.shop.practice.stack.lambda().crash(function);
            }
        };
        join(done, killed).await.0
    }

    /// Calls a function that may die meanwhile; none if it did.
    async fn ask(
        &self,
        numbers: &mut Numbers,
        function: &str,
        call: impl Future<Output = Answer>,
    ) -> Option<Answer> {
        let answer = self.risk(numbers, function, call).await;
        match answer.status() {
            502 => {
                assert_died(&answer);
                None
            }
            status => {
                assert!([200, 201, 409, 422].contains(&status), "{answer}");
                Some(answer)
            }
        }
    }

    /// The same, until somebody answers.
    async fn insist(&self, numbers: &mut Numbers, function: &str, call: impl AsyncFn() -> Answer) -> Answer {
        loop {
            if let Some(answer) = self.ask(numbers, function, call()).await {
                return answer;
            }
        }
    }

    fn some_booking(&self, numbers: &mut Numbers, of: Option<usize>) -> Option<String> {
        let memory = self.memory();
        let theirs: Vec<_> =
            memory.bookings.iter().filter(|(whose, _)| of.is_none_or(|one| one == *whose)).collect();
        (!theirs.is_empty()).then(|| theirs[numbers.below(theirs.len())].1.clone())
    }

    async fn call_off(&self, numbers: &mut Numbers, caller: &Client, booking: &str) {
        self.memory().touched.insert(booking.to_owned());
        let answer = self.ask(numbers, "cancel-booking", cancel(caller, booking)).await;
        if answer.is_some_and(|answer| answer.status() == 200) {
            self.memory().canceled.insert(booking.to_owned());
        }
    }

    async fn move_on(&self, numbers: &mut Numbers, caller: &Client, booking: &str) {
        self.memory().touched.insert(booking.to_owned());
        let slot = &self.slots[numbers.below(self.slots.len())];
        let answer = self.ask(numbers, "reschedule-booking", reschedule(caller, booking, slot)).await;
        if let Some(answer) = answer.filter(|answer| answer.status() == 200) {
            let new = answer.str("id");
            let mut memory = self.memory();
            let known = memory.bookings.iter().find(|(_, known)| known == booking);
            let whose = known.expect("a booking that somebody knows").0;
            if answer.str("status") == "confirmed" {
                memory.confirmed.insert(new.clone());
            }
            memory.moved.insert(booking.to_owned(), new.clone());
            memory.bookings.push((whose, new));
        }
    }

    async fn study(&self, who: usize, mut numbers: Numbers) {
        let (student, numbers) = (&self.students[who], &mut numbers);
        for step in 0..30 {
            match numbers.below(10) {
                0..=3 => {
                    let slot = &self.slots[numbers.below(self.slots.len())];
                    let package = {
                        let memory = self.memory();
                        let own: Vec<_> = memory.packages.iter().filter(|(whose, _)| *whose == who).collect();
                        own[numbers.below(own.len())].1.clone()
                    };
                    let held = self.ask(numbers, "hold-slot", hold(student, slot, &package)).await;
                    if let Some(held) = held.filter(|held| held.status() == 200) {
                        self.memory().bookings.push((who, held.str("id")));
                    }
                }
                4 | 5 => {
                    let Some(booking) = self.some_booking(numbers, Some(who)) else { continue };
                    let told = self.ask(numbers, "confirm-booking", confirm(student, &booking)).await;
                    if told.is_some_and(|told| told.status() == 200) {
                        self.memory().confirmed.insert(booking);
                    }
                }
                6 => {
                    let Some(booking) = self.some_booking(numbers, Some(who)) else { continue };
                    self.call_off(numbers, student, &booking).await;
                }
                7 => {
                    let Some(booking) = self.some_booking(numbers, Some(who)) else { continue };
                    self.move_on(numbers, student, &booking).await;
                }
                8 => self.purchase(numbers, who, &format!("{who}-{step}")).await,
                _ => {
                    let lapsed = format!(
                        "update lessons.bookings set hold_expires_at = now() - interval '1 minute'
                         where student_id = '{}' and state = 'hold'",
                        student.id()
                    );
                    given::run(&self.shop.practice.db, &lapsed).await;
                }
            }
        }
    }

    /// Somebody buys, with a key that is used until there is an answer, or given up; and pays, which Stripe tells until it is
    /// heard, and perhaps once more.
    async fn purchase(&self, numbers: &mut Numbers, who: usize, key: &str) {
        let (student, stripe) = (&self.students[who], &self.shop.stripe);
        if numbers.below(4) == 0 {
            drop(self.ask(numbers, "purchase-package", buy(student, &self.plan, key)).await);
            return;
        }
        let bought =
            self.insist(numbers, "purchase-package", async || buy(student, &self.plan, key).await).await;
        let bought = bought.assert_status(201).json();
        let id = |what: &str| bought[what]["id"].as_str().expect("an id").to_owned();
        let (package, payment) = (id("package"), id("payment"));
        let paid = stripe.pay(&stripe.session_of(&payment), "paid");
        for _ in 0..=numbers.below(2) {
            let heard =
                self.insist(numbers, "receive-stripe-event", async || self.shop.try_tell(&paid).await).await;
            assert_eq!(heard.assert_status(200).str("state"), "applied");
        }
        let mut memory = self.memory();
        memory.packages.push((who, package));
        memory.payments.push(payment);
    }

    async fn administer(&self, mut numbers: Numbers) {
        let (practice, numbers) = (&self.shop.practice, &mut numbers);
        for step in 0..30 {
            match numbers.below(4) {
                0 => {
                    let Some(booking) = self.some_booking(numbers, None) else { continue };
                    self.call_off(numbers, &practice.admin, &booking).await;
                }
                1 => {
                    let Some(booking) = self.some_booking(numbers, None) else { continue };
                    self.move_on(numbers, &practice.admin, &booking).await;
                }
                2 => {
                    let call = async { practice.admin.post("/api/v1/booking/holds/expire", json!({})).await };
                    drop(self.ask(numbers, "expire-holds", call).await);
                }
                _ => {
                    let payment = {
                        let payments = &self.memory().payments;
                        if payments.is_empty() {
                            continue;
                        }
                        payments[numbers.below(payments.len())].clone()
                    };
                    let amount = ["10", "25.50", "80"][numbers.below(3)];
                    let key = format!("refund-{step}");
                    let call =
                        async || refund(&practice.admin, &payment, json!({ "amount": amount }), &key).await;
                    if numbers.below(3) == 0 {
                        drop(self.ask(numbers, "refund-payment", call()).await);
                    } else {
                        drop(self.insist(numbers, "refund-payment", call).await);
                    }
                }
            }
        }
    }

    async fn run_jobs(&self, mut numbers: Numbers) {
        for _ in 0..20 {
            let jobs = ["end-holds", "tell-people", "tell-people", "reconcile-payments", "remind-lessons"];
            let job = jobs[numbers.below(jobs.len())];
            let run = self.shop.practice.stack.try_invoke(job, json!({}));
            match self.risk(&mut numbers, job, run).await {
                Ok(_) | Err(InvokeError::Crashed(_) | InvokeError::Init { .. }) => {}
                Err(error) => panic!("{job}: {error}"),
            }
        }
    }

    /// Time passes, and the jobs run without anybody dying.
    async fn come_to_rest(&self) {
        let practice = &self.shop.practice;
        settled(&practice.db).await;
        let later =
            "update lessons.bookings set hold_expires_at = now() - interval '1 minute' where state = 'hold';
                     update lessons.payment_refunds set created_at = now() - interval '61 minutes';
                     update lessons.payments set created_at = now() - interval '26 hours';
                     update lessons.events set due_at = now()";
        practice.db.batch_execute(later).await.expect("time passes");
        // Pages on which nobody paid end, and Stripe's word of it is lost.
        let open =
            "select session_id from lessons.payments where state = 'pending' and session_id is not null";
        for row in practice.db.query(open, &[]).await.expect("payments") {
            drop(self.shop.stripe.expire(row.get(0)));
        }
        for job in ["end-holds", "reconcile-payments", "tell-people"] {
            practice.stack.invoke(job, json!({})).await;
        }
        for (what, sql) in [
            ("holds", "select count(*) from lessons.bookings where state = 'hold'"),
            ("refunds", "select count(*) from lessons.payment_refunds where state = 'requested'"),
            ("payments", "select count(*) from lessons.payments where state in ('pending', 'processing')"),
            ("what Stripe told", "select count(*) from lessons.payment_events where state <> 'applied'"),
            ("what is to be told", "select count(*) from lessons.events where status <> 'processed'"),
        ] {
            assert_eq!(given::value::<i64>(&practice.db, sql).await, 0, "{what} that are left over");
        }
    }

    /// What somebody was told is so, unless somebody tried to change it.
    async fn assert_promises(&self) {
        let practice = &self.shop.practice;
        let sql = "select id::text, state, rescheduled_from::text from lessons.bookings";
        let rows = practice.db.query(sql, &[]).await.expect("bookings");
        let stands: BTreeMap<String, (String, Option<String>)> =
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
        let memory = self.memory();
        for (_, booking) in &memory.bookings {
            assert!(stands.contains_key(booking), "{booking} is gone");
        }
        for booking in memory.confirmed.difference(&memory.touched) {
            assert_eq!(stands[booking].0, "confirmed", "{booking}");
        }
        for booking in &memory.canceled {
            assert_eq!(stands[booking].0, "canceled", "{booking}");
        }
        for (old, new) in &memory.moved {
            assert_eq!(stands[old].0, "canceled", "{old}");
            assert_eq!(stands[new].1.as_ref(), Some(old), "{new}");
        }
    }

    /// Here and at Stripe is the same money, and each lesson that it bought once.
    async fn assert_money(&self) {
        let practice = &self.shop.practice;
        let mut back: BTreeMap<String, i64> = BTreeMap::new();
        for refund in self.shop.stripe.refunds() {
            let payment = refund["metadata"]["payment_id"].as_str().expect("ours").to_owned();
            *back.entry(payment).or_default() += refund["amount"].as_i64().expect("an amount");
        }
        let payments = self.memory().payments.clone();
        for payment in &payments {
            let given_back = back.remove(payment).unwrap_or_default();
            let lines = practice.ledger(payment).await;
            assert_eq!(lines.iter().sum::<i64>(), PRICE - given_back, "{payment}: {lines:?}");
            let grants = format!(
                "select coalesce(sum(lessons), 0) from lessons.package_entries
                 where payment_id = '{payment}' and kind = 'grant'"
            );
            assert_eq!(given::value::<i64>(&practice.db, &grants).await, 8, "{payment}");
        }
        assert!(back.is_empty(), "given back of what nobody paid: {back:?}");
        let others = "select count(*) from lessons.money_entries where payment_id::text <> all ($1)";
        let others: i64 = practice.db.query_one(others, &[&payments]).await.expect("a count").get(0);
        assert_eq!(others, 0, "money of nobody's payment");
    }
}

/// Says by which numbers a history went that failed; `SEED` gives them again.
struct Seed(u64);

impl Seed {
    fn of_now() -> Self {
        let given = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
        let now = jiff::Timestamp::now().as_microsecond().unsigned_abs();
        Self(given.unwrap_or(now))
    }

    fn numbers(&self, whose: u64) -> Numbers {
        // Never nothing, which would stay so.
        Numbers((self.0 ^ (whose + 1) << 40) | 1)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history of SEED={}", self.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_history_with_dying_processes_the_ledgers_agree_and_promises_hold() {
    let shop = given::shop().await;
    let seed = Seed::of_now();
    let practice = &shop.practice;
    let plan = practice.plan(8, "80.00", "EUR").await;
    let other = practice.another_teacher().await;
    let (mut students, mut slots, mut memory) = (Vec::new(), Vec::new(), Memory::default());
    for who in 0..3 {
        let student = practice.another_student().await;
        memory.packages.push((who, practice.package_of(&student, 4).await));
        students.push(student);
    }
    for hours in 0..6 {
        slots.push(practice.slot(100 + hours).await);
        let (from, until) = (given::in_minutes(6030 + 60 * hours), given::in_minutes(6090 + 60 * hours));
        slots.push(practice.slot_of(&other, from, until).await);
    }
    let history = History { shop: &shop, students, slots, plan, memory: Mutex::new(memory) };
    let studying = (0..3).map(|who| history.study(who, seed.numbers(u64::try_from(who).expect("few"))));
    tokio::join!(
        join_all(studying),
        history.administer(seed.numbers(10)),
        history.run_jobs(seed.numbers(11)),
    );
    let died = practice.stack.lines().iter().filter(|line| line.line.contains("signal: 9")).count();
    {
        let memory = history.memory();
        let happened = [died, memory.confirmed.len(), memory.touched.len(), memory.payments.len()];
        assert!(happened.iter().all(|count| *count > 0), "nothing to look at: {happened:?}");
    }
    history.come_to_rest().await;
    history.assert_promises().await;
    history.assert_money().await;
    assert_check_finds_nothing(practice).await;
}
