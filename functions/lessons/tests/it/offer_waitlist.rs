//! The job `offer-waitlist`.

use serde_json::{Value, json};

use crate::given::{self, Practice, cancel, confirm, ids, in_hours, run, value};
use crate::join_waitlist::{WAITLIST, wait};

async fn offer(practice: &Practice) -> Value {
    practice.stack.invoke("offer-waitlist", json!({})).await
}

#[tokio::test]
async fn the_first_who_waits_gets_a_hold_and_a_word_of_it() {
    let practice = given::practice().await;
    let teacher = practice.teacher.id();
    // The only time is another's.
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 1).await;
    let slot = practice.slot(100).await;
    let taken = given::hold(&other, &slot, &theirs).await.str("id");
    confirm(&other, &taken).await.assert_status(200);
    let package = practice.package(2).await;
    let first = wait(&practice.student, teacher, &package, (48, 200)).await.str("id");
    let second = practice.another_student().await;
    let seconds = practice.package_of(&second, 2).await;
    wait(&second, teacher, &seconds, (48, 200)).await.assert_status(201);
    assert_eq!(offer(&practice).await, json!({ "offered": 0, "passed_over": 0 }));

    cancel(&practice.teacher, &taken).await.assert_status(200);
    assert_eq!(offer(&practice).await["offered"], 1);
    let entry = practice.student.get(WAITLIST).await.json()["items"][0].clone();
    assert_eq!((&entry["id"], &entry["status"]), (&json!(first), &json!("offered")));
    let booking = entry["booking_id"].as_str().unwrap();
    let held = practice.student.get(&format!("/api/v1/booking/{booking}")).await;
    assert_eq!((held.str("status"), held.str("start_at")), ("hold".to_owned(), in_hours(100)));
    let minutes: f64 = value(
        &practice.db,
        "select (extract(epoch from hold_expires_at - now()) / 60)::float8 from lessons.bookings where state = 'hold'",
    )
    .await;
    assert!((29.0..=30.0).contains(&minutes), "{minutes}");
    assert_eq!(practice.balance(&package).await, (2, 2, 1));
    practice.stack.invoke("tell-people", json!({})).await;
    let mail: Value = value(
        &practice.db,
        "select payload from platform.outbox where payload ->> 'template' = 'time_offered'",
    )
    .await;
    assert_eq!(mail["zone"], "Europe/Berlin");
    assert_eq!(
        ids(&practice.student, "/api/v1/notifications/my").await.len(),
        2,
        "the package, and the time"
    );
    // Nothing is left for the second, until the first lets it go.
    assert_eq!(offer(&practice).await["offered"], 0);
    run(&practice.db, "update lessons.bookings set hold_expires_at = now() where state = 'hold'").await;
    let entry = practice.student.get(WAITLIST).await.json()["items"][0].clone();
    assert_eq!(entry["status"], "over");
    assert_eq!(offer(&practice).await["offered"], 1);
    let entry = second.get(WAITLIST).await.json()["items"][0].clone();
    let booking = entry["booking_id"].as_str().unwrap().to_owned();
    confirm(&second, &booking).await.assert_status(200);
    assert_eq!(second.get(WAITLIST).await.json()["items"][0]["status"], "done");
    assert_eq!(offer(&practice).await["offered"], 0);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn who_cannot_take_a_time_is_passed_over() {
    let practice = given::practice().await;
    let teacher = practice.teacher.id();
    // Without a lesson left; frozen; ended before the lesson; busy then; who wants a longer time; who is leaving.
    let mut people = Vec::new();
    for _ in 0..6 {
        let student = practice.another_student().await;
        let package = practice.package_of(&student, 1).await;
        wait(&student, teacher, &package, (48, 200)).await.assert_status(201);
        people.push((student, package));
    }
    let elsewhere = practice.another_teacher().await;
    let same_time = practice.slot_of(&elsewhere, in_hours(100), in_hours(101)).await;
    let more = practice.package_of(&people[3].0, 1).await;
    given::hold(&people[3].0, &same_time, &more).await.assert_status(200);
    let unused = practice.slot(300).await;
    given::hold(&people[0].0, &unused, &people[0].1).await.assert_status(200);
    for sql in [
        format!("update lessons.packages set frozen_at = now() where id = '{}'", people[1].1),
        format!(
            "update lessons.packages set expires_at = now() + interval '3 days' where id = '{}'",
            people[2].1
        ),
        format!("update lessons.waitlist set minutes = 90 where student_id = '{}'", people[4].0.id()),
        format!("update identity.users set deletion_requested_at = now() where id = '{}'", people[5].0.id()),
    ] {
        assert_eq!(run(&practice.db, &sql).await, 1);
    }
    practice.slot(100).await;
    assert_eq!(offer(&practice).await, json!({ "offered": 0, "passed_over": 0 }));
    // Time that is kept back, or too soon for the teacher, is no time.
    let last = practice.another_student().await;
    let package = practice.package_of(&last, 1).await;
    wait(&last, teacher, &package, (48, 200)).await.assert_status(201);
    run(&practice.db, "update lessons.slots set blocked_at = now()").await;
    assert_eq!(offer(&practice).await["offered"], 0);
    run(&practice.db, "update lessons.slots set blocked_at = null").await;
    let rules = format!(
        "insert into lessons.teaching_rules (teacher_id, notice_minutes) values ('{teacher}', 20160)"
    );
    run(&practice.db, &rules).await;
    assert_eq!(offer(&practice).await["offered"], 0);
    run(&practice.db, "update lessons.teaching_rules set notice_minutes = 0").await;
    assert_eq!(offer(&practice).await["offered"], 1);
    assert_eq!(last.get(WAITLIST).await.json()["items"][0]["status"], "offered");
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_part_of_a_longer_time_is_offered_where_it_is_wanted() {
    let practice = given::practice().await;
    let (package, teacher) = (practice.package(1).await, practice.teacher.id());
    practice.slot_of(&practice.teacher, in_hours(100), in_hours(110)).await;
    wait(&practice.student, teacher, &package, (103, 200)).await.assert_status(201);
    assert_eq!(offer(&practice).await["offered"], 1);
    let page = practice.student.get("/api/v1/booking/my").await.json();
    let booking = &page["items"][0];
    assert_eq!((&booking["start_at"], &booking["end_at"]), (&json!(in_hours(103)), &json!(in_hours(104))));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_offer_one_time_to_one() {
    let practice = given::practice().await;
    let teacher = practice.teacher.id();
    let mut students = Vec::new();
    for _ in 0..4 {
        let student = practice.another_student().await;
        let package = practice.package_of(&student, 1).await;
        wait(&student, teacher, &package, (48, 200)).await.assert_status(201);
        students.push(student);
    }
    practice.slot(100).await;
    practice.slot(150).await;
    for _ in 0..4 {
        tokio::join!(offer(&practice), offer(&practice), offer(&practice));
    }
    let holds: i64 = value(&practice.db, "select count(*) from lessons.bookings where state = 'hold'").await;
    assert_eq!(holds, 2);
    let mut offered = Vec::new();
    for student in &students {
        offered.push(student.get(WAITLIST).await.json()["items"][0]["status"] == "offered");
    }
    assert_eq!(offered, [true, true, false, false], "who waits longest is first");
    practice.assert_ledgers().await;
}
