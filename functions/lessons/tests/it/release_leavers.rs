//! The job `release-leavers`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn a_teachers_lessons_are_called_off_returned_and_told_before_anything_is_erased() {
    for leaving in ["deletion_requested_at = now()", "deactivated_at = now()", "roles = '{student}'"] {
        let practice = given::practice().await;
        let package = practice.package(5).await;
        let (ahead, (past, _)) = (practice.booked(100, &package).await, practice.begun(30, &package).await);
        practice.slot(150).await;
        let run = || practice.stack.invoke("release-leavers", json!({}));
        assert_eq!(run().await, json!({ "people": 0, "bookings": 0 }));
        let sql = format!("update identity.users set {leaving} where id = '{}'", practice.teacher.id());
        given::run(&practice.db, &sql).await;
        let (one, two) = tokio::join!(run(), run());
        assert_eq!(one["bookings"].as_i64().unwrap() + two["bookings"].as_i64().unwrap(), 1, "{leaving}");
        assert_eq!(run().await, json!({ "people": 0, "bookings": 0 }));
        let read =
            async |booking: &str| practice.student.get(&format!("/api/v1/booking/{booking}")).await.json();
        let ahead = read(&ahead).await;
        assert_eq!((&ahead["status"], &ahead["canceled_as"]), (&json!("canceled"), &json!("system")));
        assert_eq!(
            (&ahead["refund_returned"], &read(&past).await["status"]),
            (&json!(true), &json!("confirmed"))
        );
        assert_eq!(practice.balance(&package).await, (5, 4, 0));
        assert_eq!(given::ids(&practice.stack.anonymous(), given::OPEN).await, [""; 0]);
        practice.stack.invoke("tell-people", json!({})).await;
        let told = practice.student.get("/api/v1/notifications/my").await.json();
        assert!(
            told["items"].as_array().unwrap().iter().any(|item| item["title"] == "Booking canceled"),
            "{told}"
        );
        practice.assert_ledgers().await;
    }
}

#[tokio::test]
async fn a_students_lessons_are_called_off_too() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let ahead = practice.booked(100, &package).await;
    practice.hold(&practice.slot(120).await, &package).await.assert_status(200);
    let sql = format!(
        "update identity.users set deletion_requested_at = now() where id = '{}'",
        practice.student.id()
    );
    given::run(&practice.db, &sql).await;
    assert_eq!(
        practice.stack.invoke("release-leavers", json!({})).await,
        json!({ "people": 1, "bookings": 2 })
    );
    let read = practice.teacher.get(&format!("/api/v1/booking/{ahead}")).await;
    assert_eq!(read.str("status"), "canceled");
    assert_eq!(
        given::ids(&practice.stack.anonymous(), given::OPEN).await.len(),
        2,
        "both times are open again"
    );
    practice.assert_ledgers().await;
}
