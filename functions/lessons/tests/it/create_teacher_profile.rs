//! `POST /api/v1/teachers/profiles`.

use serde_json::{Value, json};

use crate::given;

pub(crate) const PATH: &str = "/api/v1/teachers/profiles";

fn card(user: &local::testkit::Client) -> Value {
    json!({ "user_id": user.id(), "display_name": "R. Vale", "bio": "Blues", "experience_years": 6 })
}

#[tokio::test]
async fn a_teacher_makes_their_own_and_an_admin_anybodys_who_teaches() {
    let practice = given::practice().await;
    let made = practice.teacher.post(PATH, card(&practice.teacher)).await;
    made.assert_status(201);
    let made = made.json();
    assert_eq!(made["user_id"], practice.teacher.id().to_string());
    assert_eq!((&made["display_name"], &made["bio"]), (&json!("R. Vale"), &json!("Blues")));
    assert_eq!((&made["experience_years"], &made["is_approved"]), (&json!(6), &json!(false)));

    let other = practice.another_teacher().await;
    let shortest = json!({ "user_id": other.id(), "display_name": "Jo" });
    let made = practice.admin.post(PATH, shortest).await;
    made.assert_status(201);
    assert_eq!((made.json()["bio"].clone(), made.json()["experience_years"].clone()), (json!(""), json!(0)));
}

#[tokio::test]
async fn nobody_makes_anothers_and_nobody_is_made_a_teacher_by_it() {
    let practice = given::practice().await;
    let (teacher, student) = (&practice.teacher, &practice.student);
    let refused = student.post(PATH, card(teacher)).await;
    refused.assert_error(403, "FORBIDDEN", "Only admin or owner can create profile");
    student.post(PATH, card(student)).await.assert_error(403, "FORBIDDEN", "only a teacher has a profile");
    practice.admin.post(PATH, card(student)).await.assert_status(403);
    let unknown = json!({ "user_id": uuid::Uuid::new_v4(), "display_name": "Nobody" });
    practice.admin.post(PATH, unknown).await.assert_status(403);
    practice.stack.anonymous().post(PATH, card(teacher)).await.assert_status(401);
    assert_eq!(given::value::<i64>(&practice.db, "select count(*) from lessons.teachers").await, 0);
}

#[tokio::test]
async fn of_two_at_once_one_is_made() {
    let practice = given::practice().await;
    let calls =
        (0..2).map(|_| async { practice.teacher.post(PATH, card(&practice.teacher)).await }).collect();
    assert_eq!(given::at_once(calls).await, [201, 409]);
    let again = practice.admin.post(PATH, card(&practice.teacher)).await;
    again.assert_error(409, "CONFLICT", "Teacher profile already exists for user");
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let practice = given::practice().await;
    let bad = json!({ "user_id": "x", "display_name": "R", "bio": "b".repeat(5001), "experience_years": 81 });
    let refused = practice.teacher.post(PATH, bad).await;
    refused.assert_invalid(&["/bio", "/display_name", "/experience_years", "/user_id"]);
}
