//! `GET /api/v1/scheduling/teachers/{teacher_id}/schedule`.

use serde_json::{Value, json};

use crate::given::{self, schedule_of};

fn interval(start: &str, end: &str) -> Value {
    json!({ "start_at": start, "end_at": end })
}

#[tokio::test]
async fn a_clock_change_does_not_move_the_afternoon() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    let hours = json!({ "timezone": "America/New_York", "windows": [{ "weekday": 6, "from": "13:00", "until": "18:00" }] });
    practice.teacher.put(&path, hours).await.assert_status(200);
    for (from, to, offered) in [
        ("2027-03-07", "2027-03-08", interval("2027-03-07T18:00:00Z", "2027-03-07T23:00:00Z")),
        ("2027-03-14", "2027-03-15", interval("2027-03-14T17:00:00Z", "2027-03-14T22:00:00Z")),
        ("2027-11-07", "2027-11-08", interval("2027-11-07T18:00:00Z", "2027-11-07T23:00:00Z")),
    ] {
        let read =
            practice.teacher.get(&format!("{path}?from={from}T00:00:00Z&to={to}T00:00:00Z")).await.json();
        assert_eq!(read["offered"], json!([offered]));
    }
    // To the second.
    let read = practice
        .teacher
        .get(&format!("{path}?from=2027-03-07T19:00:01Z&to=2027-03-14T17:00:01Z"))
        .await
        .json();
    assert_eq!(
        read["offered"],
        json!([
            interval("2027-03-07T19:00:01Z", "2027-03-07T23:00:00Z"),
            interval("2027-03-14T17:00:00Z", "2027-03-14T17:00:01Z")
        ])
    );
    assert_eq!(
        (&read["timezone"], &read["windows"][0]["from"]),
        (&json!("America/New_York"), &json!("13:00"))
    );
}

#[tokio::test]
async fn exceptions_come_before_the_week_and_time_off_before_both() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    let windows: Vec<Value> =
        (0..7).map(|weekday| json!({ "weekday": weekday, "from": "09:00", "until": "12:00" })).collect();
    let hours = json!({ "timezone": "Europe/Berlin", "windows": windows });
    practice.teacher.put(&path, hours).await.assert_status(200);
    let exceptions = format!("{path}/exceptions");
    for exception in [
        json!({ "date": "2099-07-02" }),
        json!({ "date": "2099-07-03", "hours": [{ "from": "22:00", "until": "01:00" }, { "from": "14:00", "until": "15:00" }] }),
        json!({ "start_at": "2099-07-05T08:00:00Z", "end_at": "2099-07-05T08:30:00Z" }),
    ] {
        practice.teacher.post(&exceptions, exception).await.assert_status(201);
    }
    let read =
        practice.teacher.get(&format!("{path}?from=2099-07-01T00:00:00Z&to=2099-07-06T00:00:00Z")).await;
    assert_eq!(read.header("etag"), Some("\"4\""));
    let read = read.json();
    assert_eq!(
        read["offered"],
        json!([
            interval("2099-07-01T07:00:00Z", "2099-07-01T10:00:00Z"),
            interval("2099-07-03T12:00:00Z", "2099-07-03T13:00:00Z"),
            interval("2099-07-03T20:00:00Z", "2099-07-03T23:00:00Z"),
            interval("2099-07-04T07:00:00Z", "2099-07-04T10:00:00Z"),
            interval("2099-07-05T07:00:00Z", "2099-07-05T08:00:00Z"),
            interval("2099-07-05T08:30:00Z", "2099-07-05T10:00:00Z"),
        ])
    );
    let listed = &read["exceptions"];
    assert_eq!((&listed[0]["date"], &listed[0]["hours"]), (&json!("2099-07-02"), &json!([])));
    assert_eq!((&listed[2]["date"], &listed[2]["end_at"]), (&Value::Null, &json!("2099-07-05T08:30:00Z")));
}

#[tokio::test]
async fn hours_are_their_teachers_and_admins() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    let empty = practice.teacher.get(&path).await;
    empty.assert_status(200);
    let json = empty.json();
    assert_eq!((&json["version"], &json["windows"], &json["offered"]), (&json!(0), &json!([]), &json!([])));
    practice.admin.get(&path).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    practice.teacher.put(&path, given::daily(&[("09:00", "12:00")])).await.assert_status(200);
    practice.admin.get(&path).await.assert_status(200);
    for nobody in [&practice.another_teacher().await, &practice.student] {
        nobody.get(&path).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    }
    practice.student.get(&schedule_of(&practice.student)).await.assert_status(404);
    practice.stack.anonymous().get(&path).await.assert_status(401);
    practice.teacher.get(&format!("{path}?from=9999-12-31T23:59:59Z")).await.assert_invalid(&["/from"]);
    for (range, status) in [
        ("from=2027-01-01T00:00:00Z&to=2027-03-04T00:00:00Z", 200),
        ("from=2027-01-01T00:00:00Z&to=2027-03-04T00:00:01Z", 400),
        ("from=2027-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", 400),
    ] {
        let answer = practice.teacher.get(&format!("{path}?{range}")).await;
        answer.assert_status(status);
        if status == 400 {
            answer.assert_invalid(&["/to"]);
        }
    }
}
