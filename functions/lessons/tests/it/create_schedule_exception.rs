//! `POST /api/v1/scheduling/teachers/{teacher_id}/schedule/exceptions`.

use serde_json::json;

use crate::given::{self, daily, date_in, on_day, schedule_of, time, times};

#[tokio::test]
async fn a_closed_date_other_hours_and_time_off_change_the_slots_at_once() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    practice.teacher.put(&path, daily(&[("09:00", "12:00")])).await.assert_status(200);
    let path = format!("{path}/exceptions");
    let closed = practice.teacher.post(&path, json!({ "date": date_in(2) })).await;
    closed.assert_status(201);
    let json = closed.json();
    assert_eq!((&json["date"], &json["hours"]), (&json!(date_in(2)), &json!([])));
    let counts = |json: &serde_json::Value| {
        ["made", "withdrawn"].map(|name| json["changes"][name].as_array().unwrap().len())
    };
    assert_eq!(counts(&json), [0, 1]);
    let other = json!({ "date": date_in(3), "hours": [{ "from": "15:00", "until": "16:00" }] });
    let json = practice.admin.post(&path, other).await.json();
    assert_eq!((times(&json["changes"]["made"]), counts(&json)), (vec![time(3, "15:00", "16:00")], [1, 1]));
    let off = json!({ "start_at": on_day(4, "10:00"), "end_at": on_day(5, "10:30") });
    let json = practice.teacher.post(&path, off).await.json();
    assert_eq!(times(&json["changes"]["made"]), [time(4, "09:00", "10:00"), time(5, "10:30", "12:00")]);
    assert_eq!(counts(&json), [2, 2]);
    let refused = practice.teacher.post(&path, json!({ "date": date_in(2) })).await;
    refused.assert_error(409, "CONFLICT", "the date has an exception already");
    let calls =
        (0..4).map(|_| async { practice.teacher.post(&path, json!({ "date": date_in(6) })).await }).collect();
    assert_eq!(given::at_once(calls).await, [201, 409, 409, 409]);
    assert_eq!(practice.teacher.get(&schedule_of(&practice.teacher)).await.json()["version"], 5);
}

#[tokio::test]
async fn what_is_neither_a_date_nor_time_off_is_refused() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    practice.teacher.put(&path, daily(&[])).await.assert_status(200);
    let path = format!("{path}/exceptions");
    let hour = |from: &str, until: &str| json!({ "from": from, "until": until });
    for (body, paths) in [
        (json!({}), ["/date"]),
        (json!({ "date": date_in(2), "start_at": on_day(2, "09:00") }), ["/date"]),
        (json!({ "start_at": on_day(2, "09:00") }), ["/date"]),
        (json!({ "date": "tomorrow" }), ["/date"]),
        (
            json!({ "start_at": on_day(2, "09:00"), "end_at": on_day(2, "10:00"), "hours": [hour("09:00", "10:00")] }),
            ["/hours"],
        ),
        (
            json!({ "date": date_in(2), "hours": [hour("09:00", "11:00"), hour("10:00", "12:00")] }),
            ["/hours/1"],
        ),
        (json!({ "date": date_in(2), "hours": vec![hour("09:00", "11:00"); 13] }), ["/hours"]),
    ] {
        practice.teacher.post(&path, body).await.assert_invalid(&paths);
    }
    for (days, why) in [(0, "end_at must be after start_at"), (367, "time off has 366 days at most")] {
        let off = json!({ "start_at": on_day(1, "09:00"), "end_at": on_day(1 + days, "09:00") });
        practice.teacher.post(&path, off).await.assert_error(422, "UNPROCESSABLE", why);
    }
    let many = format!(
        "insert into lessons.schedule_exceptions (id, teacher_id, on_date, windows)
         select gen_random_uuid(), '{}', current_date + day, '[]' from generate_series(500, 899) as day",
        practice.teacher.id()
    );
    assert_eq!(given::run(&practice.db, &many).await, 400);
    practice.teacher.post(&path, json!({ "date": date_in(2) })).await.assert_status(422);
}

#[tokio::test]
async fn exceptions_are_of_ones_own_hours() {
    let practice = given::practice().await;
    let path = format!("{}/exceptions", schedule_of(&practice.teacher));
    let closed = json!({ "date": date_in(2) });
    // Without hours, there is nothing to except from.
    practice.teacher.post(&path, closed.clone()).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    practice.teacher.put(&schedule_of(&practice.teacher), daily(&[])).await.assert_status(200);
    for nobody in [&practice.another_teacher().await, &practice.student] {
        nobody.post(&path, closed.clone()).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    }
    practice.stack.anonymous().post(&path, closed.clone()).await.assert_status(401);
    practice.teacher.post(&path, closed).await.assert_status(201);
}
