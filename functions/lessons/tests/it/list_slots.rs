//! `GET /api/v1/admin/slots`.

use serde_json::{Value, json};

use crate::given::{self, HOLD, in_hours, in_minutes};

const PATH: &str = "/api/v1/admin/slots";

#[tokio::test]
async fn an_admin_reads_every_slot_with_what_became_of_it() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    let other = practice.another_teacher().await;
    let over = practice.slot(9).await;
    let sql = format!(
        "update lessons.slots set starts_at = now() - interval '2 hours', ends_at = now() - interval '1 hour' where id = '{over}'"
    );
    given::run(&practice.db, &sql).await;
    let withdrawn = practice.slot(10).await;
    practice.teacher.delete(&format!("{}/{withdrawn}", given::SLOTS)).await.assert_status(204);
    let open = practice.slot(20).await;
    let held = practice.slot(30).await;
    practice.hold(&held, &package).await.assert_status(200);
    let blocked = practice.slot_of(&other, in_hours(35), in_hours(36)).await;
    let patch = json!({ "is_blocked": true, "reason": "Holiday" });
    practice.admin.patch(&format!("{}/{blocked}", given::SLOTS), patch).await.assert_status(200);
    let booked = practice.slot(40).await;
    let booking = practice.hold(&booked, &package).await.str("id");
    given::confirm(&practice.student, &booking).await.assert_status(200);
    let partly = practice.slot_of(&practice.teacher, in_hours(50), in_hours(52)).await;
    let part = json!({ "slot_id": partly, "package_id": package, "start_at": in_minutes(3010), "end_at": in_minutes(3110) });
    practice.student.post(HOLD, part).await.assert_status(200);

    let page = practice.admin.get(PATH).await;
    page.assert_status(200);
    let page = page.json();
    let of = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let items: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|item| (of(item, "id"), of(item, "status"))).collect();
    let expected = [
        (&over, "canceled"),
        (&withdrawn, "canceled"),
        (&open, "open"),
        (&held, "hold"),
        (&blocked, "blocked"),
        (&booked, "booked"),
        // Ten minutes before and after are no lesson.
        (&partly, "hold"),
    ];
    assert_eq!(items, expected.map(|(id, status)| (id.clone(), status.to_owned())));
    assert_eq!(
        (&page["items"][4]["blocked_reason"], &page["items"][4]["source"]),
        (&json!("Holiday"), &json!("hand"))
    );
    for (query, expected) in [
        ("status=open".to_owned(), vec![&open]),
        ("status=canceled".to_owned(), vec![&over, &withdrawn]),
        ("status=hold&limit=1&offset=1".to_owned(), vec![&partly]),
        (format!("teacher_id={}", other.id()), vec![&blocked]),
        (format!("from={}&to={}", in_hours(20), in_hours(35)), vec![&open, &held]),
    ] {
        assert_eq!(
            given::ids(&practice.admin, &format!("{PATH}?{query}")).await,
            expected.into_iter().cloned().collect::<Vec<_>>(),
            "{query}"
        );
    }
    practice.admin.get(&format!("{PATH}?status=free")).await.assert_invalid(&["/status"]);
    given::assert_for_admins(&practice, async |caller| caller.get(PATH).await).await;
}
