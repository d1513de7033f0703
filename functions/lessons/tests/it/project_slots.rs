//! The job `project-slots`.

use serde_json::{Value, json};

use crate::given::{self, OPEN, daily, schedule_of};

#[tokio::test]
async fn the_days_that_come_into_reach_get_their_slots_once() {
    let practice = given::practice().await;
    practice
        .teacher
        .put(&schedule_of(&practice.teacher), daily(&[("09:00", "12:00")]))
        .await
        .assert_status(200);
    let run = || practice.stack.invoke("project-slots", json!({}));
    assert_eq!(run().await, json!({ "teachers": 1, "made": 0, "withdrawn": 0 }));
    given::run(&practice.db, "update lessons.teaching_rules set horizon_days = 14").await;
    let (one, two) = tokio::join!(run(), run());
    assert_eq!(one["made"].as_i64().unwrap() + two["made"].as_i64().unwrap(), 4, "{one} {two}");
    assert_eq!(run().await, json!({ "teachers": 1, "made": 0, "withdrawn": 0 }));
    let doubled: i64 = given::value(
        &practice.db,
        "select count(*) - count(distinct starts_at) from lessons.slots where withdrawn_at is null",
    )
    .await;
    assert_eq!(doubled, 0);
}

#[tokio::test]
async fn nobody_offers_hours_who_does_not_teach_any_more() {
    let practice = given::practice().await;
    let other = practice.another_teacher().await;
    for teacher in [&practice.teacher, &other] {
        teacher.put(&schedule_of(teacher), daily(&[("09:00", "12:00")])).await.assert_status(200);
    }
    let sql =
        format!("update identity.users set roles = '{{student}}' where id = '{}'", practice.teacher.id());
    given::run(&practice.db, &sql).await;
    let ran = practice.stack.invoke("project-slots", json!({})).await;
    assert_eq!((&ran["teachers"], &ran["made"]), (&json!(2), &json!(0)));
    assert!(ran["withdrawn"].as_i64().unwrap() >= 10, "{ran}");
    let page = practice.student.get(&format!("{OPEN}?limit=100")).await.json();
    let theirs = |slot: &Value| slot["teacher_id"] == json!(other.id());
    assert!(page["total"].as_i64().unwrap() >= 10 && page["items"].as_array().unwrap().iter().all(theirs));
}
