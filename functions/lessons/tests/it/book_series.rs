//! `POST /api/v1/booking/series`.

use futures_util::future::join_all;
use local::testkit::{Answer, Client};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given::{self, Practice, balance, cancel, hold, ids, in_hours, reschedule};

const SERIES: &str = "/api/v1/booking/series";
/// A lesson in two days, then weekly.
const FIRST: i64 = 48;
const WEEK: i64 = 7 * 24;

async fn book(student: &Client, slot: &str, package: &str, more: Value) -> Answer {
    let mut series = json!({ "slot_id": slot, "package_id": package, "timezone": "UTC" });
    series.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    student.post(SERIES, series).await
}

/// The teacher's time in so many weeks, the first week being the first.
async fn weeks(practice: &Practice, which: impl IntoIterator<Item = i64>) -> Vec<String> {
    let mut slots = Vec::new();
    for week in which {
        slots.push(practice.slot(FIRST + week * WEEK).await);
    }
    slots
}

fn obstacles(answer: &Answer) -> Vec<Value> {
    let occurrences = answer.json()["occurrences"].as_array().expect("occurrences").clone();
    occurrences.iter().map(|one| one["obstacle"].clone()).collect()
}

#[tokio::test]
async fn a_series_is_lessons_at_one_wall_time() {
    let practice = given::practice().await;
    let (slots, package) = (weeks(&practice, 0..3).await, practice.package(4).await);
    let dry = book(&practice.student, &slots[0], &package, json!({ "count": 3, "dry_run": true })).await;
    dry.assert_status(200);
    assert_eq!(dry.json()["series_id"], json!(null));
    assert_eq!(obstacles(&dry), [json!(null), json!(null), json!(null)]);
    assert_eq!(practice.balance(&package).await, (4, 4, 0), "a dry run books nothing");

    let booked = book(&practice.student, &slots[0], &package, json!({ "count": 3 })).await;
    booked.assert_status(200);
    let series = booked.json();
    for (week, (occurrence, slot)) in (0..).zip(series["occurrences"].as_array().unwrap().iter().zip(&slots))
    {
        let booking = &occurrence["booking"];
        assert_eq!(occurrence["start_at"], json!(in_hours(FIRST + week * WEEK)));
        assert_eq!(booking["start_at"], occurrence["start_at"]);
        assert_eq!((&booking["status"], &booking["slot_id"]), (&json!("confirmed"), &json!(slot)));
        assert_eq!(booking["series_id"], series["series_id"]);
        assert_eq!(booking["free_cancel_until"], json!(in_hours(FIRST + week * WEEK - 24)));
        assert_eq!(occurrence["clocks_changed"], json!(false));
    }
    assert_eq!(practice.balance(&package).await, (4, 1, 0));
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "book", "hold", "book", "hold", "book"]);
    practice.assert_ledgers().await;
    let id = booked.str("series_id");
    assert_eq!(ids(&practice.student, &format!("/api/v1/booking/my?series_id={id}")).await.len(), 3);
    assert_eq!(ids(&practice.teacher, &format!("/api/v1/booking/my?series_id={id}")).await.len(), 3);
    let events = practice.events().await;
    assert_eq!(events.iter().filter(|kind| *kind == "booking.series.confirmed").count(), 1);
    assert_eq!(events.iter().filter(|kind| *kind == "lesson.created").count(), 3);

    // Each is a lesson like any other, and stays one of the series when it is moved.
    let lesson = series["occurrences"][1]["booking"]["id"].as_str().unwrap();
    let elsewhere = practice.slot(FIRST + WEEK + 5).await;
    let moved = reschedule(&practice.student, lesson, &elsewhere).await;
    moved.assert_status(200);
    assert_eq!(moved.json()["series_id"], series["series_id"]);
    cancel(&practice.student, &moved.str("id")).await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (4, 2, 0));
}

#[tokio::test]
async fn all_or_nothing_or_what_can_be_had() {
    let practice = given::practice().await;
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 5).await;
    // The third week is another's, the fourth is not offered.
    let slots = weeks(&practice, [0, 1, 2, 4]).await;
    let package = practice.package(5).await;
    hold(&other, &slots[2], &theirs).await.assert_status(200);

    let refused = book(&practice.student, &slots[0], &package, json!({ "count": 5 })).await;
    refused.assert_status(409);
    assert!(refused.str("message").starts_with("Lesson 3, on "), "{refused}");
    assert!(refused.str("message").ends_with("Slot is not available"), "{refused}");
    assert_eq!(practice.balance(&package).await, (5, 5, 0));

    let expected = [json!(null), json!(null), json!("taken"), json!("not_offered"), json!(null)];
    let dry = json!({ "count": 5, "dry_run": true });
    assert_eq!(obstacles(&book(&practice.student, &slots[0], &package, dry).await), expected);
    let booked = book(&practice.student, &slots[0], &package, json!({ "count": 5, "skip": true })).await;
    booked.assert_status(200);
    assert_eq!(obstacles(&booked), expected);
    assert_eq!(practice.balance(&package).await, (5, 2, 0));
    practice.assert_ledgers().await;

    // Again: the student is busy at each of them.
    let again = book(&practice.student, &slots[0], &package, json!({ "count": 2, "skip": true })).await;
    again.assert_error(409, "CONFLICT", "None of the times can be booked");
}

#[tokio::test]
async fn a_series_takes_as_many_lessons_as_there_are_and_as_long_as_the_package_lasts() {
    let practice = given::practice().await;
    let (slots, package) = (weeks(&practice, 0..4).await, practice.package(2).await);
    let dry = json!({ "count": 4, "dry_run": true });
    let found = obstacles(&book(&practice.student, &slots[0], &package, dry.clone()).await);
    assert_eq!(found, [json!(null), json!(null), json!("no_lesson"), json!("no_lesson")]);
    let ends =
        format!("update lessons.packages set expires_at = now() + interval '5 days' where id = '{package}'");
    given::run(&practice.db, &ends).await;
    let found = obstacles(&book(&practice.student, &slots[0], &package, dry).await);
    assert_eq!(found, [json!(null), json!("after_package"), json!("after_package"), json!("after_package")]);
    let refused = book(&practice.student, &slots[0], &package, json!({ "count": 2 })).await;
    refused.assert_status(409);
    assert!(refused.str("message").ends_with("The lesson begins after the package has ended"), "{refused}");
    let booked = book(&practice.student, &slots[0], &package, json!({ "count": 4, "skip": true })).await;
    booked.assert_status(200);
    assert_eq!(practice.balance(&package).await, (2, 1, 0));
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn what_cannot_be_a_series_says_why() {
    let practice = given::practice().await;
    let (slots, package) = (weeks(&practice, 0..2).await, practice.package(2).await);
    let unknown = Uuid::new_v4().to_string();
    let two = json!({ "count": 2 });
    let student = &practice.student;
    book(student, &unknown, &package, two.clone()).await.assert_error(404, "NOT_FOUND", "Slot not found");
    book(student, &slots[0], &unknown, two.clone()).await.assert_error(404, "NOT_FOUND", "Package not found");
    let other = practice.another_student().await;
    book(&other, &slots[0], &package, two.clone()).await.assert_error(404, "NOT_FOUND", "Package not found");
    for bad in [
        json!({ "count": 1 }),
        json!({ "count": 27 }),
        json!({}),
        json!({ "count": 2, "every_weeks": 5 }),
        json!({ "count": 2, "timezone": "Mars/Olympus" }),
    ] {
        book(student, &slots[0], &package, bad).await.assert_status(400);
    }
    let part = json!({ "count": 2, "start_at": in_hours(FIRST - 1) });
    let sentence = "start_at and end_at must lie in the slot";
    book(student, &slots[0], &package, part).await.assert_error(422, "UNPROCESSABLE", sentence);
    let own = practice.package_of(&practice.teacher, 2).await;
    let sentence = "Nobody takes lessons with themselves";
    book(&practice.teacher, &slots[0], &own, two.clone()).await.assert_error(422, "UNPROCESSABLE", sentence);
    given::run(&practice.db, "update lessons.packages set frozen_at = now()").await;
    book(student, &slots[0], &package, two.clone()).await.assert_error(
        422,
        "UNPROCESSABLE",
        "Package is not active",
    );
    practice.stack.anonymous().post(SERIES, two.clone()).await.assert_status(401);
    let admin = book(&practice.admin, &slots[0], &package, two).await;
    assert!([403, 404].contains(&admin.status()), "{admin}");
}

#[tokio::test]
async fn a_repetition_with_its_key_books_once() {
    let practice = given::practice().await;
    let (slots, package) = (weeks(&practice, 0..2).await, practice.package(4).await);
    let series = json!({ "slot_id": slots[0], "package_id": package, "timezone": "UTC", "count": 2 });
    let call = || practice.student.post(SERIES, series.clone()).header("idempotency-key", "once");
    let (first, second) = tokio::join!(call(), call());
    first.assert_status(200);
    assert_eq!(first.text(), second.text());
    assert_eq!(call().await.text(), first.text());
    assert_eq!(practice.balance(&package).await, (4, 2, 0));
}

#[tokio::test]
async fn two_series_at_once_never_share_a_lesson_and_never_wait_in_a_circle() {
    let practice = given::practice().await;
    let slots = weeks(&practice, 0..4).await;
    let mut students = Vec::new();
    for _ in 0..6 {
        let student = practice.another_student().await;
        let package = practice.package_of(&student, 4).await;
        students.push((student, package));
    }
    // Half begin with the first week and half with the second; those of one kind want all or nothing.
    let calls = students.iter().enumerate().map(|(index, (student, package))| {
        let (slot, count) = if index % 2 == 0 { (&slots[0], 4) } else { (&slots[1], 3) };
        book(student, slot, package, json!({ "count": count, "skip": index % 3 == 0 }))
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status())), "{answers:?}");
    assert!(answers.iter().any(|answer| answer.status() == 200));
    let booked: i64 =
        given::value(&practice.db, "select count(*) from lessons.bookings where state = 'confirmed'").await;
    let distinct: i64 = given::value(
        &practice.db,
        "select count(distinct starts_at) from lessons.bookings where state = 'confirmed'",
    )
    .await;
    assert_eq!(booked, distinct);
    let mut spent = 0;
    for (student, package) in &students {
        let (total, left, held) = balance(student, package).await;
        assert_eq!(held, 0);
        spent += total - left;
    }
    assert_eq!(spent, booked);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn both_are_told_of_all_lessons_in_one_mail() {
    let practice = given::practice().await;
    let (slots, package) = (weeks(&practice, 0..3).await, practice.package(3).await);
    book(&practice.student, &slots[0], &package, json!({ "count": 3 })).await.assert_status(200);
    practice.stack.invoke("tell-people", json!({})).await;
    let mails = practice
        .db
        .query(
            "select payload from platform.outbox where topic = 'mail' and payload ->> 'template' = 'series_confirmed'",
            &[],
        )
        .await
        .expect("mails");
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let mail: Value = mail.get(0);
        assert_eq!(mail["lessons"].as_array().unwrap().len(), 3, "{mail}");
        let text = mail["calendar"]["text"].as_str().unwrap();
        assert_eq!(mail["calendar"]["method"], "PUBLISH");
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 3);
        assert!(text.contains("METHOD:PUBLISH\r\n"), "{text}");
    }
}
