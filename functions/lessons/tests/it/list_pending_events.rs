//! `GET /api/v1/audit/outbox/pending`.

use serde_json::json;

use crate::given;

const PATH: &str = "/api/v1/audit/outbox/pending";

#[tokio::test]
async fn what_waits_is_listed_the_oldest_first_with_the_people_that_it_concerns() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let booking = practice.booked(100, &package).await;
    let events = practice.admin.get(PATH).await;
    events.assert_status(200);
    let events = events.json();
    let kinds: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["billing.package.created", "booking.hold.created", "booking.confirmed", "lesson.created"]
    );
    let confirmed = &events[2];
    assert_eq!(
        (&confirmed["aggregate_type"], &confirmed["aggregate_id"]),
        (&json!("booking"), &json!(booking))
    );
    assert_eq!(confirmed["payload"]["student_id"], practice.student.id().to_string());
    assert_eq!((&confirmed["status"], &confirmed["retries"]), (&json!("pending"), &json!(0)));
    assert_eq!(practice.admin.get(&format!("{PATH}?limit=1")).await.json().as_array().unwrap().len(), 1);
    practice.admin.get(&format!("{PATH}?limit=-1")).await.assert_invalid(&["/limit"]);
    given::assert_for_admins(&practice, async |caller| caller.get(PATH).await).await;
}
