//! `GET /api/v1/notifications/delivery/metrics`.

use serde_json::json;

use crate::{create_notification, given};

const PATH: &str = "/api/v1/notifications/delivery/metrics";

#[tokio::test]
async fn it_counts_by_state_and_by_retries() {
    let practice = given::practice().await;
    let none = practice.admin.get(PATH).await;
    none.assert_status(200);
    assert_eq!(none.json()["outbox_total"], 0);
    for _ in 0..3 {
        let new = json!({ "user_id": practice.student.id(), "title": "Hello", "body": "b" });
        practice.admin.post(create_notification::PATH, new).await.assert_status(201);
    }
    let sql = "update lessons.notifications set status = 'sent', sent_at = now()
               where id = (select id from lessons.notifications limit 1)";
    given::run(&practice.db, sql).await;
    let events = "insert into lessons.events (id, event_type, aggregate_type, aggregate_id, status, retries, processed_at)
                  select gen_random_uuid(), 'a.b', 'booking', gen_random_uuid(), status, retries,
                         case status when 'processed' then now() end
                  from (values ('pending', 0), ('processed', 0), ('failed', 2), ('failed', 5), ('failed', 9)) as e (status, retries)";
    given::run(&practice.db, events).await;
    let counted = practice.admin.get(PATH).await.json();
    assert_eq!(
        counted,
        json!({ "notifications_total": 3, "notifications_pending": 2, "notifications_sent": 1, "notifications_failed": 0,
                "outbox_total": 5, "outbox_pending": 1, "outbox_processed": 1, "outbox_failed": 3,
                "outbox_retryable_failed": 1, "outbox_dead_letter": 2, "max_retries": 5 })
    );
    let more = practice.admin.get(&format!("{PATH}?max_retries=7")).await.json();
    assert_eq!((&more["outbox_dead_letter"], &more["max_retries"]), (&json!(1), &json!(7)));
    practice.admin.get(&format!("{PATH}?max_retries=0")).await.assert_invalid(&["/max_retries"]);
    given::assert_for_admins(&practice, async |caller| caller.get(PATH).await).await;
}
