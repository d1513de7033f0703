//! The portal in Chromium, as people use it.

use std::process::Command;

use local::project;
use local::testkit::{Client, Stack};
use serde_json::json;
use tokio_postgres::Client as Database;

const PASSWORD: &str = "a long pass phrase";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and .ci/web's packages: `.ci/run web` installs both and runs it"]
async fn people_use_the_portal_by_keyboard() {
    let stack = Stack::builder().takes_payments().start().await;
    let db = stack.db().await;
    let admin = stack.admin().await;
    let student = person(&admin, &db, "Sam Student", "student").await;
    let teacher = person(&admin, &db, "Ada Teacher", "teacher").await;
    person(&admin, &db, "Alan Admin", "admin").await;
    person(&admin, &db, "Bea Buyer", "student").await;
    let leaver = person(&admin, &db, "Leo Leaver", "student").await;
    let leaves = format!("update identity.users set deletion_requested_at = now() where id = '{leaver}'");
    assert_eq!(db.execute(&leaves, &[]).await.unwrap(), 1);
    let plan = json!({
        "title": "Eight lessons", "description": "For a term.", "lessons_total": 8, "duration_days": 90,
        "price_amount": "280.00", "price_currency": "EUR",
    });
    admin.post("/api/v1/admin/plans", plan).await.assert_status(201);
    let links = links_of_somebody_new(&stack, &admin).await;
    let card = json!({ "user_id": teacher, "display_name": "Ada Teacher" });
    let card = admin.post("/api/v1/teachers/profiles", card).await;
    let approval = format!("/api/v1/teachers/profiles/{}", card.str("id"));
    admin.patch(&approval, json!({ "is_approved": true })).await.assert_status(200);
    let package =
        json!({ "student_id": student, "lessons_total": 8, "expires_at": at(&db, "90 days").await });
    admin.post("/api/v1/billing/packages", package).await.assert_status(201);
    // Times of this week and the next, and three at weekly distance.
    for days in (3..9).chain([20, 27, 34]) {
        offer(&admin, &db, &teacher, &format!("{days} days")).await;
    }
    begun(&db, &student, &teacher).await;
    bought(&db, &student).await;

    let pictures = project::target().join("web");
    std::fs::create_dir_all(&pictures).unwrap();
    let people = json!({
        "password": PASSWORD, "student": "sam@example.org", "teacher": "ada@example.org", "admin": "alan@example.org",
        "buyer": "bea@example.org", "leaver": "leo@example.org", "links": links,
    });
    let mut browser = Command::new("node");
    browser
        .arg(project::root().join(".ci/web/portal.mjs"))
        .arg(stack.url())
        .arg(pictures)
        .arg(people.to_string());
    let output = tokio::task::spawn_blocking(move || browser.output()).await.unwrap().expect("node runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}

/// Somebody with a password and a role; their id. Registered by the admin, whom no limit stops.
async fn person(admin: &Client, db: &Database, name: &str, role: &str) -> String {
    let email = format!("{}@example.org", name.split(' ').next().unwrap().to_lowercase());
    let new = json!({
        "email": email, "password": PASSWORD, "display_name": name, "timezone": "Europe/Berlin", "locale": "en",
    });
    let made = admin.post("/api/v1/identity/auth/register", new).await;
    made.assert_status(201);
    let proof = "update identity.emails set verified_at = now() where email = $1";
    assert_eq!(db.execute(proof, &[&email]).await.unwrap(), 1);
    let roles = format!("update identity.users set roles = '{{{role}}}' where email = $1");
    assert_eq!(db.execute(&roles, &[&email]).await.unwrap(), 1);
    made.str("id")
}

/// The tokens of the two mails to somebody who registered and forgot the password: by the page that each link opens.
async fn links_of_somebody_new(stack: &Stack, admin: &Client) -> serde_json::Value {
    let new = json!({ "email": "eve@example.org", "password": PASSWORD, "locale": "en", "timezone": "Europe/Berlin" });
    admin.post("/api/v1/identity/auth/register", new).await.assert_status(201);
    let forgotten = json!({ "email": "eve@example.org" });
    stack.anonymous().post("/api/v1/identity/password/forgot", forgotten).await.assert_status(202);
    stack.deliver_mail().await;
    let mails = stack.mails().await;
    let token = |page: &str| {
        let text = mails.iter().filter(|mail| mail.to.contains("eve@"));
        let found = text.filter_map(|mail| mail.text.split_once(&format!("/{page}#token="))).next();
        found
            .unwrap_or_else(|| panic!("no mail leads to {page}"))
            .1
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    json!({ "verify": token("verify-email"), "reset": token("reset-password") })
}

/// The full hour that lies so far ahead, as the API takes it.
async fn at(db: &Database, ahead: &str) -> String {
    let sql = format!(
        "select to_char(date_trunc('hour', now() + interval '{ahead}') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    );
    db.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn offer(admin: &Client, db: &Database, teacher: &str, ahead: &str) {
    let end = at(db, &format!("{ahead} 1 hour")).await;
    let slot = json!({ "teacher_id": teacher, "start_at": at(db, ahead).await, "end_at": end });
    admin.post("/api/v1/scheduling/slots", slot).await.assert_status(201);
}

/// Lessons of the months before, and one that began an hour ago, with their package.
async fn begun(db: &Database, student: &str, teacher: &str) {
    let sql = format!(
        "with package as (
             insert into lessons.packages (id, student_id, expires_at) values (gen_random_uuid(), '{student}', now() + interval '1 day')
             returning id
         ), granted as (
             insert into lessons.package_entries (id, package_id, kind, lessons)
             select gen_random_uuid(), id, 'grant', 10 from package
         ), past as (
             select number, now() - interval '1 hour' - (number * 17 || ' days')::interval as start from generate_series(0, 9) as number
         )
         insert into lessons.bookings (id, student_id, teacher_id, package_id, state, starts_at, ends_at, blocked_until,
                                       free_cancel_until, confirmed_at, calendar_uid, lesson_id, lesson_state, topic,
                                       lesson_created_at, lesson_updated_at)
         select gen_random_uuid(), '{student}', '{teacher}', id, 'confirmed', start, start + interval '1 hour',
                start + interval '1 hour', start - interval '1 day', now(), gen_random_uuid(), gen_random_uuid(),
                case number when 0 then 'scheduled' when 6 then 'no_show' else 'completed' end,
                case number when 1 then 'Past tenses' when 2 then 'Small talk' end, now(), now()
         from package cross join past"
    );
    db.batch_execute(&sql).await.unwrap();
    db.batch_execute(
        "insert into lessons.package_entries (id, package_id, kind, booking_id)
         select gen_random_uuid(), package_id, kind, id
         from lessons.bookings cross join unnest('{hold,book,use}'::text[]) with ordinality as line (kind, place)
         where kind <> 'use' or lesson_state <> 'scheduled'
         order by place",
    )
    .await
    .unwrap();
}

/// A purchase whose transfer has not come yet.
async fn bought(db: &Database, student: &str) {
    let sql = format!(
        "with plan as (
             insert into lessons.plans (id, title, lessons_total, duration_days, price_minor, currency, is_active)
             values (gen_random_uuid(), 'By transfer', 8, 90, 8000, 'GBP', false)
             returning *
         ), package as (
             insert into lessons.packages (id, student_id, state, expires_at, plan_id, price_minor, currency, duration_days)
             select gen_random_uuid(), '{student}', 'pending', now() + interval '90 days', id, price_minor, currency, duration_days
             from plan
             returning *
         )
         insert into lessons.payments (id, package_id, student_id, amount_minor, currency, lessons, provider, request_key)
         select gen_random_uuid(), id, student_id, price_minor, currency, 8, 'manual', 'bought' from package"
    );
    db.batch_execute(&sql).await.unwrap();
}
