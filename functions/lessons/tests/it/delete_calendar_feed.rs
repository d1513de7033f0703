//! `DELETE /api/v1/calendar/feeds/{feed_id}`.

use serde_json::json;

use crate::{create_calendar_feed::PATH, given};

#[tokio::test]
async fn an_ended_address_opens_nothing_any_more() {
    let practice = given::practice().await;
    let made = practice.student.post(PATH, json!({})).await;
    let (id, url) = (made.str("id"), made.str("url"));
    let read = format!("/api/v1/calendar/{}", url.rsplit('/').next().unwrap());
    practice.stack.anonymous().get(&read).await.assert_status(200);
    let path = format!("{PATH}/{id}");
    practice.teacher.delete(&path).await.assert_error(404, "NOT_FOUND", "calendar not found");
    practice.stack.anonymous().delete(&path).await.assert_status(401);
    practice.student.delete(&path).await.assert_status(204);
    practice.student.delete(&path).await.assert_error(404, "NOT_FOUND", "calendar not found");
    practice.stack.anonymous().get(&read).await.assert_error(404, "NOT_FOUND", "calendar not found");
}
