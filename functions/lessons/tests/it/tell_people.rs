//! The job `tell-people`.

use local::testkit::{Client, Mail};
use serde_json::json;

use crate::given::{self, Practice, cancel, reschedule};

/// Sets a person's language and zone.
async fn prefers(practice: &Practice, person: &Client, locale: &str, zone: &str) {
    let sql = format!(
        "update identity.users set locale = '{locale}', timezone = '{zone}' where id = '{}'",
        person.id()
    );
    assert_eq!(given::run(&practice.db, &sql).await, 1);
}

/// Tells everybody, sends the mails, and gives those that are new, the first first.
async fn mails(practice: &Practice, before: usize) -> Vec<Mail> {
    practice.stack.invoke("tell-people", json!({})).await;
    practice.stack.deliver_mail().await;
    practice.stack.invoke("tell-people", json!({})).await;
    let mut mails = practice.stack.mails().await;
    mails.truncate(mails.len() - before);
    mails.reverse();
    mails
}

fn of<'a>(mails: &'a [Mail], person: &Client) -> Vec<&'a Mail> {
    mails.iter().filter(|mail| mail.to == format!("{}@example.org", person.id())).collect()
}

/// A line of the calendar that goes along with a mail.
fn calendar(mail: &Mail, name: &str) -> String {
    let line = mail.calendar.lines().find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("{name} in {:?}", mail.calendar)).trim_end().to_owned()
}

#[tokio::test]
async fn each_hears_in_their_language_and_zone_and_calendars_keep_one_entry() {
    let practice = given::practice().await;
    prefers(&practice, &practice.student, "de", "Europe/Berlin").await;
    prefers(&practice, &practice.teacher, "en", "America/New_York").await;
    let package = practice.package(5).await;
    let booking = practice.booked(100, &package).await;
    // The United States have changed their clocks by then, Europe has not.
    let at = format!(
        "update lessons.bookings
         set starts_at = '2027-03-20T14:00Z', ends_at = '2027-03-20T15:00Z', blocked_until = '2027-03-20T15:00Z',
             free_cancel_until = '2027-03-19T14:00Z'
         where id = '{booking}'"
    );
    given::run(&practice.db, &at).await;
    let first = mails(&practice, 0).await;
    assert_eq!(first.len(), 2, "one for each side");
    let (german, english) = (of(&first, &practice.student)[0], of(&first, &practice.teacher)[0]);
    assert_eq!(german.subject, "Ihr Unterricht am 20. März 2027, 15:00 Uhr");
    assert!(
        german.text.contains("Samstag, 20. März 2027, 15:00 bis 16:00 Uhr (Europe/Berlin)"),
        "{}",
        german.text
    );
    assert_eq!(english.subject, "Your lesson on 20 March 2027, 10:00");
    assert!(english.text.contains("from 10:00 to 11:00 (America/New_York)"), "{}", english.text);
    assert_eq!(calendar(german, "METHOD:"), "METHOD:REQUEST");
    assert_eq!(
        (calendar(german, "SEQUENCE:"), calendar(german, "DTSTART:")),
        ("SEQUENCE:0".to_owned(), "DTSTART:20270320T140000Z".to_owned())
    );
    let uid = calendar(german, "UID:");
    assert_eq!(calendar(english, "UID:"), uid);

    let moved = reschedule(&practice.student, &booking, &practice.slot(200).await).await.str("id");
    let second = mails(&practice, 2).await;
    let german = of(&second, &practice.student)[0];
    assert_eq!(
        (second.len(), calendar(german, "UID:"), calendar(german, "SEQUENCE:")),
        (2, uid.clone(), "SEQUENCE:1".to_owned())
    );
    assert!(
        german.text.contains("verschoben") && german.text.contains("20. März 2027, 15:00 Uhr"),
        "{}",
        german.text
    );
    let again = reschedule(&practice.teacher, &moved, &practice.slot(220).await).await.str("id");
    let third = mails(&practice, 4).await;
    assert_eq!(calendar(of(&third, &practice.student)[0], "SEQUENCE:"), "SEQUENCE:2");
    assert!(of(&third, &practice.student)[0].text.contains("Die Lehrkraft"));

    cancel(&practice.admin, &again).await.assert_status(200);
    let last = mails(&practice, 6).await;
    let (german, english) = (of(&last, &practice.student)[0], of(&last, &practice.teacher)[0]);
    for mail in [german, english] {
        assert_eq!(
            (calendar(mail, "METHOD:"), calendar(mail, "STATUS:")),
            ("METHOD:CANCEL".to_owned(), "STATUS:CANCELLED".to_owned())
        );
        assert_eq!(
            (calendar(mail, "UID:"), calendar(mail, "SEQUENCE:")),
            (uid.clone(), "SEQUENCE:3".to_owned())
        );
    }
    assert!(german.text.contains("Die Stunde ist wieder in Ihrem Paket."), "{}", german.text);
    assert!(
        !english.text.contains("package"),
        "what the student has back is none of the teacher's: {}",
        english.text
    );
    let file = practice.student.get(&format!("/api/v1/booking/{again}/calendar.ics")).await.text();
    assert!(file.contains(&uid) && file.contains("SEQUENCE:3"), "{file}");
}

#[tokio::test]
async fn everybody_is_told_once_however_often_and_by_how_many_jobs() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    for hours in [100, 110, 120] {
        practice.booked(hours, &package).await;
    }
    let run = || practice.stack.invoke("tell-people", json!({}));
    let (one, two, three) = tokio::join!(run(), run(), run());
    let told: i64 = [one, two, three].iter().map(|told| told["told"].as_i64().unwrap()).sum();
    assert_eq!(told, 10, "one of the package, three of each lesson");
    assert_eq!(run().await, json!({ "told": 0, "failed": 0 }));
    let mine = practice.student.get("/api/v1/notifications/my").await.json();
    assert_eq!(mine["total"], 4);
    let titles: Vec<_> = mine["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["title"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(titles.iter().filter(|title| *title == "Booking confirmed").count(), 3);
    practice.stack.deliver_mail().await;
    assert_eq!(practice.stack.mails().await.len(), 6);
    run().await;
    let mine = practice.student.get("/api/v1/notifications/my").await.json();
    assert!(mine["items"].as_array().unwrap().iter().all(|item| item["status"] == "sent"), "{mine}");
    assert_eq!(practice.admin.get("/api/v1/audit/outbox/pending").await.json(), json!([]));
}

#[tokio::test]
async fn a_hold_that_was_given_up_and_a_lesson_that_is_no_more_are_not_told_of() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let held = practice.hold(&practice.slot(100).await, &package).await.str("id");
    cancel(&practice.student, &held).await.assert_status(200);
    let booking = practice.booked(120, &package).await;
    cancel(&practice.student, &booking).await.assert_status(200);
    let mails = mails(&practice, 0).await;
    let subjects: Vec<_> = of(&mails, &practice.student).iter().map(|mail| mail.subject.clone()).collect();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert!(subjects[0].ends_with("was called off"), "{subjects:?}");
}

#[tokio::test]
async fn one_that_cannot_be_told_keeps_no_other_and_comes_again() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let (bad, good) = (practice.booked(100, &package).await, practice.booked(120, &package).await);
    let refuse = format!(
        "create function lessons.refuse() returns trigger language plpgsql as $$begin raise 'not now'; end$$;
         create trigger refuse before insert on lessons.notifications for each row
             when (new.body like '%{bad}%') execute function lessons.refuse()"
    );
    practice.db.batch_execute(&refuse).await.unwrap();
    let told = practice.stack.invoke("tell-people", json!({})).await;
    assert_eq!(told["failed"], 1, "{told}");
    practice.stack.deliver_mail().await;
    assert_eq!(practice.stack.mails().await.len(), 2, "the other lesson's");
    let metrics = practice.admin.get("/api/v1/notifications/delivery/metrics").await.json();
    assert_eq!((&metrics["outbox_retryable_failed"], &metrics["outbox_dead_letter"]), (&json!(1), &json!(0)));
    practice
        .db
        .batch_execute("drop function lessons.refuse cascade; update lessons.events set due_at = now()")
        .await
        .unwrap();
    practice.stack.invoke("tell-people", json!({})).await;
    practice.stack.deliver_mail().await;
    assert_eq!(practice.stack.mails().await.len(), 4);
    assert_ne!(bad, good);
}
