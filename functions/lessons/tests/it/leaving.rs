//! People who leave: what was theirs alone goes, what another has a part in goes on without them.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, Practice};

async fn erase(practice: &Practice, person: Uuid) {
    let erased = format!("delete from identity.users where id = '{person}'");
    assert_eq!(given::run(&practice.db, &erased).await, 1);
}

#[tokio::test]
async fn a_teachers_leaving_cancels_and_returns_and_keeps_the_students_history() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let (past, lesson) = practice.begun(30, &package).await;
    practice.teacher.post(&format!("/api/v1/lessons/{lesson}/complete"), json!({})).await.assert_status(200);
    let note = json!({ "notes": "Listen first." });
    practice.teacher.patch(&format!("/api/v1/lessons/{lesson}"), note).await.assert_status(200);
    let ahead = practice.booked(100, &package).await;
    let held = practice.hold(&practice.slot(200).await, &package).await.str("id");
    erase(&practice, practice.teacher.id()).await;

    let read = async |booking: &str| practice.student.get(&format!("/api/v1/booking/{booking}")).await.json();
    let ahead = read(&ahead).await;
    assert_eq!((&ahead["status"], &ahead["canceled_as"]), (&json!("canceled"), &json!("system")));
    assert_eq!(
        (&ahead["refund_returned"], &ahead["teacher_id"], &ahead["slot_id"]),
        (&json!(true), &json!(null), &json!(null))
    );
    assert_eq!(read(&held).await["status"], "canceled");
    assert_eq!(read(&past).await["teacher_id"], json!(null));
    let lessons = practice.student.get("/api/v1/lessons/my?status=completed").await.json();
    assert_eq!((&lessons["total"], &lessons["items"][0]["notes"]), (&json!(1), &json!("Listen first.")));
    assert_eq!(practice.balance(&package).await, (5, 4, 0), "what took place is used, the rest is there");
    assert_eq!(given::ids(&practice.stack.anonymous(), given::OPEN).await, [""; 0]);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_students_leaving_frees_the_teachers_time_and_keeps_the_sums() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let (past, lesson) = practice.begun(30, &package).await;
    practice.teacher.post(&format!("/api/v1/lessons/{lesson}/complete"), json!({})).await.assert_status(200);
    let about = json!({ "topic": "Mia's solo", "notes": "Mia should listen." });
    practice.teacher.patch(&format!("/api/v1/lessons/{lesson}"), about).await.assert_status(200);
    let ahead = practice.booked(100, &package).await;
    let slot = practice.student.get(&format!("/api/v1/booking/{ahead}")).await.str("slot_id");
    erase(&practice, practice.student.id()).await;

    let lessons = practice.teacher.get("/api/v1/lessons/my").await.json();
    assert_eq!(lessons["total"], 2, "the teacher's history is whole");
    let kept = practice.teacher.get(&format!("/api/v1/booking/{past}")).await.json();
    assert_eq!((&kept["student_id"], &kept["lesson_status"]), (&json!(null), &json!("completed")));
    let about: i64 = given::value(
        &practice.db,
        "select count(*) from lessons.bookings where num_nonnulls(topic, notes, cancellation_reason) > 0",
    )
    .await;
    assert_eq!(about, 0, "nothing that was written about them is left");
    let open = given::ids(&practice.stack.anonymous(), given::OPEN).await;
    assert!(open.contains(&slot), "the time is open again");
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn an_export_shows_ones_own_side() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let booking = practice.booked(100, &package).await;
    given::cancel(&practice.student, &booking).await.assert_status(200);
    practice.hold(&practice.slot(120).await, &package).await.assert_status(200);
    let owner = practice.stack.owner().await;
    owner.batch_execute("begin; set local role praxis_service").await.unwrap();
    for (person, others) in [
        (&practice.student, [&practice.teacher, &practice.admin]),
        (&practice.teacher, [&practice.student, &practice.admin]),
        (&practice.admin, [&practice.student, &practice.teacher]),
    ] {
        let sql =
            format!("select source || ' ' || record::text from identity.export_person('{}')", person.id());
        let rows: Vec<String> = owner.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(rows.iter().any(|row| row.starts_with("lessons.")), "{rows:?}");
        for row in &rows {
            for other in others {
                assert!(!row.contains(&other.id().to_string()), "another's id in {row}");
            }
        }
    }
}
