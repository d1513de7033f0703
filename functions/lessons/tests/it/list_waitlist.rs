//! `GET /api/v1/scheduling/waitlist`.

use serde_json::json;

use crate::given::{self, ids, run};
use crate::join_waitlist::{WAITLIST, wait};

#[tokio::test]
async fn a_student_sees_their_own_waiting_and_what_became_of_it() {
    let practice = given::practice().await;
    let (package, teacher) = (practice.package(2).await, practice.teacher.id());
    let first = wait(&practice.student, teacher, &package, (24, 72)).await.str("id");
    let second = wait(&practice.student, teacher, &package, (30, 72)).await.str("id");
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 1).await;
    wait(&other, teacher, &theirs, (24, 72)).await.assert_status(201);
    assert_eq!(ids(&practice.student, WAITLIST).await, [second, first.clone()]);
    assert!(ids(&practice.admin, WAITLIST).await.is_empty(), "an admin has a list of their own");
    let profile = json!({ "user_id": teacher, "display_name": "R. Vale" });
    let card = practice.admin.post("/api/v1/teachers/profiles", profile).await.str("id");
    let approval = json!({ "is_approved": true });
    practice.admin.patch(&format!("/api/v1/teachers/profiles/{card}"), approval).await.assert_status(200);
    let page = practice.student.get(&format!("{WAITLIST}?limit=1")).await.json();
    assert_eq!(page["items"][0]["teacher_name"], "R. Vale");
    assert_eq!((&page["total"], &page["items"].as_array().unwrap().len()), (&json!(2), &1));

    let sql = format!(
        "update lessons.waitlist set wanted_from = now() - interval '9 days', wanted_until = now() + interval '59 minutes'
         where id = '{first}'"
    );
    assert_eq!(run(&practice.db, &sql).await, 1);
    let page = practice.student.get(WAITLIST).await.json();
    assert_eq!(page["items"][1]["status"], "over", "no lesson fits any more");
    practice.stack.anonymous().get(WAITLIST).await.assert_status(401);
    practice.another_teacher().await.get(WAITLIST).await.assert_status(403);
}
