//! `GET /api/v1/calendar/feeds`.

use serde_json::json;

use crate::{create_calendar_feed::PATH, given};

#[tokio::test]
async fn ones_own_without_their_secrets_the_newest_first() {
    let practice = given::practice().await;
    let mut made = Vec::new();
    for _ in 0..2 {
        made.insert(0, practice.student.post(PATH, json!({})).await.str("id"));
    }
    let listed = practice.student.get(PATH).await;
    listed.assert_status(200);
    let ids: Vec<_> = listed
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| feed["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, made);
    assert!(!listed.text().contains("url"));
    assert_eq!(practice.teacher.get(PATH).await.json(), json!([]));
    practice.stack.anonymous().get(PATH).await.assert_status(401);
}
