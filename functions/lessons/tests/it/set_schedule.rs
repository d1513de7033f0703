//! `PUT /api/v1/scheduling/teachers/{teacher_id}/schedule`.

use serde_json::{Value, json};

use crate::given::{self, HOLD, OPEN, Practice, SLOTS, daily, on_day, schedule_of, time, times};

/// The teacher sets hours; what the change did.
async fn set(practice: &Practice, hours: &[(&str, &str)]) -> Value {
    let set = practice.teacher.put(&schedule_of(&practice.teacher), daily(hours)).await;
    set.assert_status(200);
    set.json()["changes"].clone()
}

/// The open slot that has a moment.
async fn slot_at(practice: &Practice, moment: &str) -> String {
    let page =
        practice.student.get(&format!("{OPEN}?limit=100&teacher_id={}", practice.teacher.id())).await.json();
    let has = |slot: &&Value| {
        slot["start_at"].as_str().expect("a text") <= moment
            && moment < slot["end_at"].as_str().expect("a text")
    };
    let found = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(has)
        .unwrap_or_else(|| panic!("{moment}: {page}"));
    found["id"].as_str().expect("a text").to_owned()
}

/// The student holds a part of the slot that has its start, and gives the hold up.
async fn can_be_held(practice: &Practice, package: &str, start: &str, end: &str) {
    let slot = slot_at(practice, start).await;
    let hold = json!({ "slot_id": slot, "package_id": package, "start_at": start, "end_at": end });
    let held = practice.student.post(HOLD, hold).await;
    held.assert_status(200);
    given::cancel(&practice.student, &held.str("id")).await.assert_status(200);
}

#[tokio::test]
async fn hours_make_slots_in_which_every_lesson_of_them_can_be_held() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    let changes = set(&practice, &[("12:00", "15:00"), ("09:00", "12:00")]).await;
    // Windows that touch are one slot.
    let made = times(&changes["made"]);
    assert!(made.len() >= 9 && made.contains(&time(2, "09:00", "15:00")), "{made:?}");
    can_be_held(&practice, &package, &on_day(2, "11:15"), &on_day(2, "12:45")).await;
    let again = set(&practice, &[("12:00", "15:00"), ("09:00", "12:00")]).await;
    assert_eq!(
        again,
        json!({ "made": [], "withdrawn": [], "cut": [], "outside": [] }),
        "a repeat changes nothing"
    );

    let changes = set(&practice, &[("22:30", "02:00")]).await;
    assert_eq!(changes["withdrawn"].as_array().unwrap().len(), made.len());
    can_be_held(&practice, &package, &on_day(2, "23:30"), &on_day(3, "00:30")).await;
    set(&practice, &[("00:00", "24:00")]).await;
    can_be_held(&practice, &package, &on_day(2, "23:00"), &on_day(3, "00:00")).await;
    let closed = practice
        .teacher
        .put(&schedule_of(&practice.teacher), json!({ "timezone": "UTC", "windows": [] }))
        .await;
    closed.assert_status(200);
    assert!(given::ids(&practice.student, OPEN).await.is_empty());
}

#[tokio::test]
async fn a_lesson_outside_the_new_hours_stays_and_nothing_else_does() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    set(&practice, &[("09:00", "17:00")]).await;
    let slot = slot_at(&practice, &on_day(2, "10:00")).await;
    let hold = json!({ "slot_id": slot, "package_id": package, "start_at": on_day(2, "10:00"), "end_at": on_day(2, "11:00") });
    let booking = practice.student.post(HOLD, hold).await.str("id");
    given::confirm(&practice.student, &booking).await.assert_status(200);
    let changes = set(&practice, &[("10:30", "12:00")]).await;
    assert_eq!(times(&changes["cut"]), [time(2, "10:00", "12:00")]);
    assert_eq!(
        changes["outside"],
        json!([{ "booking_id": booking, "start_at": on_day(2, "10:00"), "end_at": on_day(2, "11:00"), "status": "confirmed" }])
    );
    assert!(!changes["withdrawn"].as_array().unwrap().contains(&json!(slot)));
    let page = practice
        .student
        .get(&format!("{OPEN}?from={}&to={}", on_day(2, "00:00"), on_day(3, "00:00")))
        .await
        .json();
    assert_eq!(
        page["items"][0]["free"],
        json!([{ "start_at": on_day(2, "11:00"), "end_at": on_day(2, "12:00") }])
    );
    assert_eq!(practice.student.get(&format!("/api/v1/booking/{booking}")).await.str("status"), "confirmed");
    // Called off, it leaves the slot to the hours.
    given::cancel(&practice.teacher, &booking).await.assert_status(200);
    let changes = set(&practice, &[("10:30", "12:00")]).await;
    assert_eq!((&changes["withdrawn"], &changes["outside"]), (&json!([slot]), &json!([])));
    assert_eq!(times(&changes["made"]), [time(2, "10:30", "12:00")]);
}

#[tokio::test]
async fn what_hands_have_made_or_taken_away_stays() {
    let practice = given::practice().await;
    practice.slot_of(&practice.teacher, on_day(2, "10:00"), on_day(2, "11:00")).await;
    let made = times(&set(&practice, &[("09:00", "12:00")]).await["made"]);
    for part in [time(2, "09:00", "10:00"), time(2, "11:00", "12:00"), time(3, "09:00", "12:00")] {
        assert!(made.contains(&part), "{part}: {made:?}");
    }
    let (off, moved) =
        (slot_at(&practice, &on_day(3, "09:00")).await, slot_at(&practice, &on_day(4, "09:00")).await);
    practice.teacher.delete(&format!("{SLOTS}/{off}")).await.assert_status(204);
    let to = json!({ "start_at": on_day(4, "10:00"), "end_at": on_day(4, "13:00") });
    let answer = practice.teacher.patch(&format!("{SLOTS}/{moved}"), to).await;
    assert_eq!((answer.status(), answer.str("source")), (200, "hand".to_owned()));
    let blocked = slot_at(&practice, &on_day(5, "09:00")).await;
    practice
        .teacher
        .patch(&format!("{SLOTS}/{blocked}"), json!({ "is_blocked": true }))
        .await
        .assert_status(200);
    let changes = set(&practice, &[("09:00", "12:00")]).await;
    assert_eq!(changes, json!({ "made": [], "withdrawn": [], "cut": [], "outside": [] }));
    let changes = set(&practice, &[]).await;
    let withdrawn = changes["withdrawn"].as_array().unwrap();
    assert!([&off, &moved, &blocked].iter().all(|slot| !withdrawn.contains(&json!(slot))), "{withdrawn:?}");
}

#[tokio::test]
async fn a_version_that_was_changed_since_is_not_changed() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    let put = async |tag: &str| {
        practice.teacher.put(&path, daily(&[("09:00", "12:00")])).header("If-Match", tag).await
    };
    let etag = async || practice.teacher.get(&path).await.header("etag").map(str::to_owned);
    assert_eq!(etag().await.unwrap(), "\"0\"");
    put("\"1\"").await.assert_error(412, "PRECONDITION_FAILED", "it was changed since: read it again");
    let first = put("\"0\"").await;
    assert_eq!(
        (first.status(), first.header("etag"), first.json()["version"].clone()),
        (200, Some("\"1\""), json!(1))
    );
    put("\"0\"").await.assert_status(412);
    let calls = (0..4).map(|_| put("\"1\"")).collect();
    assert_eq!(given::at_once(calls).await, [200, 412, 412, 412]);
    put("*").await.assert_status(200);
    assert_eq!(etag().await.unwrap(), "\"3\"");
    let slots: i64 = given::value(
        &practice.db,
        "select count(*) from lessons.slots where withdrawn_at is null and ends_at > now() + interval '1 day'",
    )
    .await;
    assert!(slots >= 9, "{slots}");
}

#[tokio::test]
async fn what_are_no_hours_is_refused_with_its_place() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    let put = async |windows: Value| {
        practice.teacher.put(&path, json!({ "timezone": "Europe/Berlin", "windows": windows })).await
    };
    let window =
        |weekday: i64, from: &str, until: &str| json!({ "weekday": weekday, "from": from, "until": until });
    put(json!([window(0, "09:00", "17:00"), window(0, "10:00", "16:00")]))
        .await
        .assert_invalid(&["/windows/1"]);
    put(json!([window(0, "00:30", "03:00"), window(6, "22:30", "01:00")]))
        .await
        .assert_invalid(&["/windows/1"]);
    let bad = json!([window(7, "09:00", "9"), { "weekday": 1, "from": "25:00" }]);
    put(bad).await.assert_invalid(&[
        "/windows/0/until",
        "/windows/0/weekday",
        "/windows/1/from",
        "/windows/1/until",
    ]);
    put(json!(vec![window(0, "09:00", "10:00"); 85])).await.assert_invalid(&["/windows"]);
    let body = json!({ "timezone": "Mars/Olympus", "windows": [], "break_minutes": -1, "horizon_days": 181 });
    practice.teacher.put(&path, body).await.assert_invalid(&["/break_minutes", "/horizon_days", "/timezone"]);
}

#[tokio::test]
async fn hours_are_their_teachers_and_admins() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    let body = daily(&[("09:00", "12:00")]);
    for nobody in [&practice.another_teacher().await, &practice.student] {
        nobody.put(&path, body.clone()).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    }
    practice.stack.anonymous().put(&path, body.clone()).await.assert_status(401);
    practice.admin.put(&path, body.clone()).await.assert_status(200);
    // Nobody has hours who does not teach.
    let path = schedule_of(&practice.student);
    for caller in [&practice.student, &practice.admin] {
        caller.put(&path, body.clone()).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_new_hours_at_once_leave_no_lesson_unseen() {
    let practice = given::practice().await;
    let package = practice.package(40).await;
    for round in 0..15 {
        set(&practice, &[("09:00", "12:00")]).await;
        let slot = slot_at(&practice, &on_day(2, "09:00")).await;
        let (held, changes) =
            tokio::join!(practice.hold(&slot, &package), set(&practice, &[("15:00", "16:00")]));
        let is_withdrawn = changes["withdrawn"].as_array().unwrap().contains(&json!(slot));
        let is_outside = !changes["outside"].as_array().unwrap().is_empty();
        match held.status() {
            200 => assert!(!is_withdrawn && is_outside, "round {round}: {changes}"),
            404 | 409 => assert!(is_withdrawn && !is_outside, "round {round}: {changes}"),
            _ => panic!("round {round}: {held:?}"),
        }
        if held.status() == 200 {
            given::cancel(&practice.student, &held.str("id")).await.assert_status(200);
        }
    }
}
