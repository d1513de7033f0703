//! `GET /api/v1/admin/actions`.

use serde_json::json;

use crate::{create_admin_action::PATH, given};

#[tokio::test]
async fn an_admin_reads_everybodys_the_newest_first() {
    let practice = given::practice().await;
    let mut lines = Vec::new();
    for caller in [&practice.admin, &practice.stack.admin().await] {
        let line = caller.post(PATH, json!({ "action": "note", "target_type": "slot" })).await;
        lines.insert(0, line.str("id"));
    }
    assert_eq!(given::ids(&practice.admin, PATH).await, lines);
    let page = practice.admin.get(&format!("{PATH}?limit=1&offset=1")).await.json();
    assert_eq!((&page["total"], &page["items"][0]["id"]), (&json!(2), &json!(lines[1])));
    given::assert_for_admins(&practice, async |caller| caller.get(PATH).await).await;
}
