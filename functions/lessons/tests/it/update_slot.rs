//! `PATCH /api/v1/scheduling/slots/{slot_id}`.

use serde_json::{Value, json};

use crate::given::{self, HOLD, OPEN, SLOTS, in_hours, in_minutes};

#[tokio::test]
async fn a_teacher_keeps_a_time_back_and_offers_it_again() {
    let practice = given::practice().await;
    let slot = practice.slot(30).await;
    let path = format!("{SLOTS}/{slot}");
    let blocked = practice.teacher.patch(&path, json!({ "is_blocked": true, "reason": "Rehearsal" })).await;
    blocked.assert_status(200);
    let json = blocked.json();
    assert_eq!((&json["status"], &json["blocked_reason"]), (&json!("blocked"), &json!("Rehearsal")));
    assert!(given::ids(&practice.student, OPEN).await.is_empty());
    let package = practice.package(1).await;
    // A student does not see it.
    practice.hold(&slot, &package).await.assert_error(404, "NOT_FOUND", "Slot not found");
    let again = practice.admin.patch(&path, json!({ "is_blocked": true })).await.json();
    assert_eq!((&again["blocked_reason"], &again["blocked_at"]), (&Value::Null, &json["blocked_at"]));
    let open = practice.teacher.patch(&path, json!({ "is_blocked": false })).await.json();
    assert_eq!((&open["status"], &open["blocked_at"]), (&json!("open"), &Value::Null));
    practice.hold(&slot, &package).await.assert_status(200);
    for bad in [json!({ "reason": "Why?" }), json!({ "is_blocked": false, "reason": "Why?" })] {
        practice.teacher.patch(&path, bad).await.assert_invalid(&["/reason"]);
    }
}

#[tokio::test]
async fn a_slot_moves_while_nobody_has_booked_in_it() {
    let practice = given::practice().await;
    let (slot, other) = (practice.slot(30).await, practice.slot(40).await);
    let path = format!("{SLOTS}/{slot}");
    let moved =
        practice.teacher.patch(&path, json!({ "start_at": in_hours(29), "end_at": in_hours(32) })).await;
    moved.assert_status(200);
    let json = moved.json();
    assert_eq!((&json["start_at"], &json["end_at"]), (&json!(in_hours(29)), &json!(in_hours(32))));
    assert_eq!((&json["status"], &json["source"]), (&json!("open"), &json!("hand")));
    for (start, end, status, why) in [
        (29, 29, 422, "Slot end_at must be after start_at"),
        (-1, 32, 422, "Slot start_at must be in the future"),
        (29, 54, 422, "a slot has 24 hours at most"),
        (29, 41, 409, "the teacher has a slot at that time already"),
    ] {
        let refused = practice
            .teacher
            .patch(&path, json!({ "start_at": in_hours(start), "end_at": in_hours(end) }))
            .await;
        assert_eq!((refused.status(), refused.str("message")), (status, why.to_owned()));
    }
    let same = practice.teacher.patch(&path, json!({})).await;
    assert_eq!((same.status(), same.json()), (200, json), "what is not said stays");
    // It may touch the other one.
    practice.teacher.patch(&path, json!({ "end_at": in_hours(40) })).await.assert_status(200);
    practice
        .admin
        .patch(&format!("{SLOTS}/{other}"), json!({ "end_at": in_hours(42) }))
        .await
        .assert_status(200);
}

#[tokio::test]
async fn what_somebody_has_booked_stays() {
    let practice = given::practice().await;
    let slot = practice.slot_of(&practice.teacher, in_hours(30), in_hours(34)).await;
    let path = format!("{SLOTS}/{slot}");
    let package = practice.package(2).await;
    let part =
        json!({ "slot_id": slot, "package_id": package, "start_at": in_hours(31), "end_at": in_hours(32) });
    let held = practice.student.post(HOLD, part).await;
    held.assert_status(200);
    let changes = [
        json!({ "is_blocked": true }),
        json!({ "end_at": in_hours(33) }),
        json!({ "start_at": in_hours(31) }),
    ];
    for change in &changes {
        let refused = practice.teacher.patch(&path, change.clone()).await;
        refused.assert_error(409, "CONFLICT", "Somebody has a lesson or a hold in the slot");
    }
    practice.teacher.patch(&path, json!({ "is_blocked": false })).await.assert_status(200);
    // From its moment on, a hold is none, whatever has been swept.
    given::lapse(&practice.db, &held.str("id")).await;
    practice.teacher.patch(&path, changes[1].clone()).await.assert_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hold_and_a_change_at_once_one_wins() {
    let practice = given::practice().await;
    let package = practice.package(40).await;
    for round in 0..20 {
        let slot = practice
            .slot_of(&practice.teacher, in_minutes(3000 + 60 * round), in_minutes(3060 + 60 * round))
            .await;
        let path = format!("{SLOTS}/{slot}");
        let change = async {
            match round % 3 {
                0 => practice.teacher.patch(&path, json!({ "is_blocked": true })).await,
                1 => practice.teacher.patch(&path, json!({ "end_at": in_minutes(3030 + 60 * round) })).await,
                _ => practice.teacher.delete(&path).await,
            }
        };
        let (held, changed) = tokio::join!(practice.hold(&slot, &package), change);
        let both = (held.status(), changed.status());
        assert!(
            matches!(both, (200, 409) | (404 | 409, 200 | 204)) || both == (200, 200) && round % 3 == 1,
            "round {round}: {both:?}"
        );
        if both == (200, 200) {
            // The change came first, and the hold was for the slot as it then was.
            assert_eq!(held.str("end_at"), in_minutes(3030 + 60 * round));
        }
        if held.status() == 200 {
            given::cancel(&practice.student, &held.str("id")).await.assert_status(200);
        }
    }
}

#[tokio::test]
async fn anothers_time_is_not_found() {
    let practice = given::practice().await;
    let slot = practice.slot(30).await;
    let path = format!("{SLOTS}/{slot}");
    let other = practice.another_teacher().await;
    for nobody in [&other, &practice.student] {
        nobody.patch(&path, json!({ "is_blocked": true })).await.assert_error(
            404,
            "NOT_FOUND",
            "Slot not found",
        );
    }
    practice.stack.anonymous().patch(&path, json!({ "is_blocked": true })).await.assert_status(401);
    practice
        .teacher
        .patch(&path, json!({ "is_blocked": "?", "start_at": 7 }))
        .await
        .assert_invalid(&["/is_blocked", "/start_at"]);
}
