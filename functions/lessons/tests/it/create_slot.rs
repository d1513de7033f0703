//! `POST /api/v1/scheduling/slots`.

use serde_json::json;

use crate::given::{self, SLOTS, in_hours, in_minutes};

#[tokio::test]
async fn an_admin_publishes_a_teachers_time_in_utc() {
    let practice = given::practice().await;
    let slot = json!({ "teacher_id": practice.teacher.id(), "start_at": "2099-03-10T17:00:00+02:00",
                       "end_at": "2099-03-10 18:00" });
    let made = practice.admin.post(SLOTS, slot).await;
    made.assert_status(201);
    let slot = made.json();
    assert_eq!(
        (&slot["start_at"], &slot["end_at"]),
        (&json!("2099-03-10T15:00:00Z"), &json!("2099-03-10T18:00:00Z")),
        "what has no offset is UTC"
    );
    assert_eq!(
        (&slot["status"], &slot["created_by_admin_id"]),
        (&json!("open"), &json!(practice.admin.id()))
    );
    assert_eq!(slot["teacher_id"], practice.teacher.id().to_string());
}

#[tokio::test]
async fn two_slots_of_a_teacher_do_not_overlap() {
    let practice = given::practice().await;
    let at = |start, end| json!({ "teacher_id": practice.teacher.id(), "start_at": in_minutes(start), "end_at": in_minutes(end) });
    practice.admin.post(SLOTS, at(1200, 1260)).await.assert_status(201);
    for (start, end) in [(1200, 1260), (1140, 1201), (1259, 1300), (1210, 1220), (1100, 1400)] {
        let refused = practice.admin.post(SLOTS, at(start, end)).await;
        refused.assert_error(409, "CONFLICT", "the teacher has a slot at that time already");
    }
    practice.admin.post(SLOTS, at(1260, 1320)).await.assert_status(201);
    practice.admin.post(SLOTS, at(1140, 1200)).await.assert_status(201);
    let other = practice.another_teacher().await;
    practice.slot_of(&other, in_minutes(1200), in_minutes(1260)).await;
    let calls = (0..5).map(|_| async { practice.admin.post(SLOTS, at(2000, 2060)).await }).collect();
    assert_eq!(given::at_once(calls).await, [201, 409, 409, 409, 409]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_words() {
    let practice = given::practice().await;
    let (teacher, student) = (practice.teacher.id(), practice.student.id());
    for (person, start, end, why) in [
        (teacher, in_hours(5), in_hours(5), "Slot end_at must be after start_at"),
        (teacher, in_hours(5), in_hours(4), "Slot end_at must be after start_at"),
        (teacher, in_hours(-2), in_hours(2), "Slot start_at must be in the future"),
        (teacher, in_hours(5), in_hours(30), "a slot has 24 hours at most"),
        (student, in_hours(5), in_hours(6), "teacher_id is nobody who teaches"),
        (uuid::Uuid::new_v4(), in_hours(5), in_hours(6), "teacher_id is nobody who teaches"),
    ] {
        let slot = json!({ "teacher_id": person, "start_at": start, "end_at": end });
        practice.admin.post(SLOTS, slot).await.assert_error(422, "UNPROCESSABLE", why);
    }
    let bad = json!({ "teacher_id": 7, "start_at": "2099-03-10", "end_at": "tomorrow" });
    practice.admin.post(SLOTS, bad).await.assert_invalid(&["/end_at", "/start_at", "/teacher_id"]);
}

#[tokio::test]
async fn only_an_admin_publishes() {
    let practice = given::practice().await;
    let slot = json!({ "teacher_id": practice.teacher.id(), "start_at": in_hours(5), "end_at": in_hours(6) });
    given::assert_for_admins(&practice, async |caller| caller.post(SLOTS, slot.clone()).await).await;
    assert_eq!(given::value::<i64>(&practice.db, "select count(*) from lessons.slots").await, 0);
}
