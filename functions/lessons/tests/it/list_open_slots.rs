//! `GET /api/v1/scheduling/slots/open`.

use serde_json::{Value, json};

use crate::given::{self, HOLD, OPEN, in_hours, in_minutes};

#[tokio::test]
async fn anybody_sees_what_is_ahead_and_free_the_next_first() {
    let practice = given::practice().await;
    let (late, soon, other) =
        (practice.slot(30).await, practice.slot(20).await, practice.another_teacher().await);
    let others = practice.slot_of(&other, in_hours(25), in_hours(26)).await;
    let past = practice.slot(10).await;
    let sql = format!(
        "update lessons.slots set starts_at = now() - interval '2 hours', ends_at = now() - interval '1 hour' where id = '{past}'"
    );
    given::run(&practice.db, &sql).await;
    let nobody = practice.stack.anonymous();
    assert_eq!(given::ids(&nobody, OPEN).await, [soon.clone(), others.clone(), late.clone()]);
    let of_one = format!("{OPEN}?teacher_id={}", practice.teacher.id());
    assert_eq!(given::ids(&nobody, &of_one).await, [soon.clone(), late.clone()]);
    let page = nobody.get(&format!("{OPEN}?limit=1&offset=1")).await.json();
    assert_eq!((&page["total"], &page["items"][0]["id"]), (&json!(3), &json!(others)));
    // To the second: the first counts, the last does not.
    let range = format!("{OPEN}?from={}&to={}", in_hours(20), in_hours(30));
    assert_eq!(given::ids(&nobody, &range).await, [soon, others]);

    let package = practice.package(2).await;
    let held = practice.hold(&late, &package).await;
    held.assert_status(200);
    assert!(!given::ids(&nobody, OPEN).await.contains(&late));
    given::lapse(&practice.db, &held.str("id")).await;
    assert!(given::ids(&nobody, OPEN).await.contains(&late), "it reads as free before any sweep");
    nobody.get(&format!("{OPEN}?from=now")).await.assert_invalid(&["/from"]);
}

#[tokio::test]
async fn what_is_left_of_a_slot_is_offered_with_the_teachers_break_and_can_be_held() {
    let practice = given::practice().await;
    let rules = format!(
        "insert into lessons.teaching_rules (teacher_id, break_minutes) values ('{}', 30)",
        practice.teacher.id()
    );
    given::run(&practice.db, &rules).await;
    let slot = practice.slot_of(&practice.teacher, in_minutes(1200), in_minutes(1440)).await;
    let package = practice.package(9).await;
    let part = |start, end| json!({ "slot_id": slot, "package_id": package, "start_at": in_minutes(start), "end_at": in_minutes(end) });
    practice.student.post(HOLD, part(1300, 1345)).await.assert_status(200);
    let free = |page: &Value| page["items"][0]["free"].clone();
    let page = practice.stack.anonymous().get(OPEN).await.json();
    let at = |start, end| json!({ "start_at": in_minutes(start), "end_at": in_minutes(end) });
    // 30 minutes are kept before the lesson for the break of the one before, and 30 after it.
    assert_eq!(free(&page), json!([at(1200, 1270), at(1375, 1440)]));

    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 3).await;
    let part = |start, end| json!({ "slot_id": slot, "package_id": theirs, "start_at": in_minutes(start), "end_at": in_minutes(end) });
    for (start, end) in [(1255, 1285), (1225, 1271), (1346, 1375), (1374, 1420), (1300, 1345)] {
        other.post(HOLD, part(start, end)).await.assert_error(409, "CONFLICT", "Slot is not available");
    }
    for (start, end) in [(1225, 1270), (1375, 1420)] {
        other.post(HOLD, part(start, end)).await.assert_status(200);
    }
    // Ten minutes would be left at the end, which is no lesson, and none before the first.
    let page = practice.stack.anonymous().get(OPEN).await.json();
    assert_eq!(page["total"], 0, "{page}");
}

#[tokio::test]
async fn a_teacher_who_wants_to_know_ahead_offers_nothing_sooner() {
    let practice = given::practice().await;
    let rules = format!(
        "insert into lessons.teaching_rules (teacher_id, notice_minutes) values ('{}', 1440)",
        practice.teacher.id()
    );
    given::run(&practice.db, &rules).await;
    let (soon, late) = (practice.slot(20).await, practice.slot(26).await);
    assert_eq!(given::ids(&practice.stack.anonymous(), OPEN).await, std::slice::from_ref(&late));
    let package = practice.package(2).await;
    let refused = practice.hold(&soon, &package).await;
    refused.assert_error(422, "UNPROCESSABLE", "The teacher wants to know 1440 minutes ahead");
    practice.hold(&late, &package).await.assert_status(200);
}

#[tokio::test]
async fn of_a_slot_that_has_begun_the_rest_is_offered_by_its_quarters() {
    let practice = given::practice().await;
    let slot = practice.slot(5).await;
    let begun = |ends: &str| {
        format!(
            "update lessons.slots set starts_at = now() - interval '50 minutes', ends_at = now() + interval '{ends}'
             where id = '{slot}'"
        )
    };
    // Ten minutes from now a quarter begins; a quarter is left then, or less.
    given::run(&practice.db, &begun("24 minutes")).await;
    assert_eq!(practice.stack.anonymous().get(OPEN).await.json()["total"], 0);
    given::run(&practice.db, &begun("100 minutes")).await;
    let page = practice.stack.anonymous().get(OPEN).await.json();
    let moment =
        |value: &Value| value.as_str().expect("a moment").parse::<jiff::Timestamp>().expect("a moment");
    let (free, begins) = (&page["items"][0]["free"][0], moment(&page["items"][0]["start_at"]));
    assert_eq!(moment(&free["start_at"]).duration_since(begins), jiff::SignedDuration::from_mins(60));
    let package = practice.package(1).await;
    let part = json!({ "slot_id": slot, "package_id": package, "start_at": free["start_at"], "end_at": free["end_at"] });
    practice.student.post(HOLD, part).await.assert_status(200);
}
