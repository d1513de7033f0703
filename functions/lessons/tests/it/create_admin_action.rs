//! `POST /api/v1/admin/actions`.

use serde_json::{Value, json};

use crate::given;

pub(crate) const PATH: &str = "/api/v1/admin/actions";

fn action(payload: Value) -> Value {
    json!({ "action": "slot.note", "target_type": "slot", "target_id": "7", "payload": payload })
}

#[tokio::test]
async fn an_admin_writes_a_line_in_their_own_name() {
    let practice = given::practice().await;
    let made = practice.admin.post(PATH, action(json!({ "why": "swap" }))).await;
    made.assert_status(201);
    assert_eq!(
        (made.str("admin_id"), made.str("action")),
        (practice.admin.id().to_string(), "slot.note".to_owned())
    );
    assert_eq!(made.json()["payload"], json!({ "why": "swap" }));
    let least = json!({ "action": "a", "target_type": "b" });
    let made = practice.admin.post(PATH, least).await.json();
    assert_eq!((&made["payload"], &made["target_id"]), (&json!({}), &json!(null)));
    for bad in [json!([1]), json!("x"), json!({ "long": "x".repeat(20_001) })] {
        practice.admin.post(PATH, action(bad)).await.assert_invalid(&["/payload"]);
    }
    let bad = json!({ "action": "", "target_type": "t".repeat(129) });
    practice.admin.post(PATH, bad).await.assert_invalid(&["/action", "/target_type"]);
    given::assert_for_admins(&practice, async |caller| caller.post(PATH, action(json!({}))).await).await;
}
