//! `PATCH /api/v1/teachers/profiles/{profile_id}`.

use serde_json::json;

use crate::{create_teacher_profile::PATH, given};

#[tokio::test]
async fn its_teacher_changes_it_and_only_an_admin_approves_it() {
    let practice = given::practice().await;
    let (teacher, admin) = (&practice.teacher, &practice.admin);
    let new = json!({ "user_id": teacher.id(), "display_name": "R. Vale" });
    let card = teacher.post(PATH, new).await.str("id");
    let path = format!("{PATH}/{card}");

    let changed = teacher.patch(&path, json!({ "bio": "Blues", "experience_years": 7 })).await;
    changed.assert_status(200);
    assert_eq!(
        (changed.json()["bio"].clone(), changed.json()["experience_years"].clone()),
        (json!("Blues"), json!(7))
    );
    assert_eq!(changed.str("display_name"), "R. Vale", "what is absent stays");
    let unchanged = teacher.patch(&path, json!({ "bio": null })).await;
    assert_eq!(unchanged.json(), changed.json(), "null leaves it as it is, and so its time");

    let refused = teacher.patch(&path, json!({ "is_approved": true })).await;
    refused.assert_error(403, "FORBIDDEN", "Only admin can approve teacher profile");
    let approved = admin.patch(&path, json!({ "is_approved": true })).await;
    assert_eq!(approved.json()["is_approved"], true);
    let renamed = teacher.patch(&path, json!({ "display_name": "Robin Vale" })).await;
    assert_eq!(renamed.json()["is_approved"], true);
}

#[tokio::test]
async fn anothers_is_404_also_when_everybody_sees_it() {
    let practice = given::practice().await;
    let new = json!({ "user_id": practice.teacher.id(), "display_name": "R. Vale" });
    let card = practice.teacher.post(PATH, new).await.str("id");
    let path = format!("{PATH}/{card}");
    practice.admin.patch(&path, json!({ "is_approved": true })).await.assert_status(200);
    for other in [practice.another_teacher().await, practice.student.clone()] {
        let refused = other.patch(&path, json!({ "bio": "mine" })).await;
        refused.assert_error(404, "NOT_FOUND", "Teacher profile not found");
    }
    practice.stack.anonymous().patch(&path, json!({})).await.assert_status(401);
    practice.teacher.patch(&path, json!({ "display_name": "" })).await.assert_invalid(&["/display_name"]);
}
