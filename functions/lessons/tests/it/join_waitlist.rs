//! `POST /api/v1/scheduling/waitlist`.

use local::testkit::{Answer, Client};
use serde_json::json;
use uuid::Uuid;

use crate::given::{self, in_hours};

pub(crate) const WAITLIST: &str = "/api/v1/scheduling/waitlist";

/// Waits for an hour of a teacher between two moments, in hours from now.
pub(crate) async fn wait(student: &Client, teacher: Uuid, package: &str, (from, to): (i64, i64)) -> Answer {
    let entry = json!({
        "teacher_id": teacher, "package_id": package, "from": in_hours(from), "to": in_hours(to), "minutes": 60,
    });
    student.post(WAITLIST, entry).await
}

#[tokio::test]
async fn a_student_waits_for_a_teachers_time() {
    let practice = given::practice().await;
    let (package, teacher) = (practice.package(2).await, practice.teacher.id());
    let entry = wait(&practice.student, teacher, &package, (24, 72)).await;
    entry.assert_status(201);
    let entry = entry.json();
    assert_eq!((&entry["status"], &entry["minutes"]), (&json!("waiting"), &json!(60)));
    assert_eq!((&entry["teacher_id"], &entry["package_id"]), (&json!(teacher), &json!(package)));
    assert_eq!((&entry["from"], &entry["to"]), (&json!(in_hours(24)), &json!(in_hours(72))));
    assert_eq!((&entry["booking_id"], &entry["offered_at"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn what_cannot_be_waited_for_says_why() {
    let practice = given::practice().await;
    let (package, teacher) = (practice.package(2).await, practice.teacher.id());
    let student = &practice.student;
    let nobody = wait(student, student.id(), &package, (24, 72)).await;
    nobody.assert_error(404, "NOT_FOUND", "Teacher not found");
    let unknown = wait(student, Uuid::new_v4(), &package, (24, 72)).await;
    unknown.assert_error(404, "NOT_FOUND", "Teacher not found");
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 1).await;
    for package in [theirs, Uuid::new_v4().to_string()] {
        let refused = wait(student, teacher, &package, (24, 72)).await;
        refused.assert_error(404, "NOT_FOUND", "Package not found");
    }
    let why = "a lesson must fit between from and to, which lie 62 days apart at most";
    wait(student, teacher, &package, (24, 24)).await.assert_error(422, "UNPROCESSABLE", why);
    wait(student, teacher, &package, (24, 24 + 63 * 24)).await.assert_error(422, "UNPROCESSABLE", why);
    let behind = wait(student, teacher, &package, (-24, -2)).await;
    behind.assert_error(422, "UNPROCESSABLE", "What is waited for lies behind");
    for bad in [json!({}), json!({ "teacher_id": "x" })] {
        student.post(WAITLIST, bad).await.assert_status(400);
    }
    practice.stack.anonymous().post(WAITLIST, json!({})).await.assert_status(401);
    // A teacher who is no student waits for nothing.
    practice.another_teacher().await.post(WAITLIST, json!({})).await.assert_status(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_twice_for_one_thing_or_for_more_than_ten() {
    let practice = given::practice().await;
    let (package, teacher) = (practice.package(2).await, practice.teacher.id());
    let calls = (0..4).map(|_| wait(&practice.student, teacher, &package, (24, 72))).collect();
    let mut statuses = given::at_once(calls).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    let again = wait(&practice.student, teacher, &package, (24, 72)).await;
    again.assert_error(409, "CONFLICT", "You wait for this already");
    let calls = (1..13).map(|hour| wait(&practice.student, teacher, &package, (24 + hour, 72))).collect();
    let statuses = given::at_once(calls).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 9);
    let more = wait(&practice.student, teacher, &package, (40, 72)).await;
    more.assert_error(409, "CONFLICT", "You wait for 10 times, which is as many as you may");
}
