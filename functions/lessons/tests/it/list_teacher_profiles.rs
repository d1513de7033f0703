//! `GET /api/v1/teachers/profiles`.

use serde_json::json;

use crate::{create_teacher_profile::PATH, given};

#[tokio::test]
async fn anybody_sees_the_approved_ones_the_newest_first() {
    let practice = given::practice().await;
    let mut cards = Vec::new();
    for number in 0..3 {
        let teacher = practice.another_teacher().await;
        let new = json!({ "user_id": teacher.id(), "display_name": format!("Teacher {number}") });
        cards.push(teacher.post(PATH, new).await.str("id"));
    }
    for card in &cards[..2] {
        let approved = practice.admin.patch(&format!("{PATH}/{card}"), json!({ "is_approved": true })).await;
        approved.assert_status(200);
    }
    let nobody = practice.stack.anonymous();
    assert_eq!(given::ids(&nobody, PATH).await, [cards[1].clone(), cards[0].clone()]);
    let page = nobody.get(&format!("{PATH}?limit=1&offset=1")).await.json();
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(page["items"][0]["id"], cards[0]);
    nobody.get(&format!("{PATH}?limit=101")).await.assert_invalid(&["/limit"]);
}
