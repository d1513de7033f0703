//! `POST /api/v1/admin/slots/bulk-create`.

use serde_json::{Value, json};

use crate::given::{self, OPEN, Practice, times};

const PATH: &str = "/api/v1/admin/slots/bulk-create";

fn slots(practice: &Practice, more: Value) -> Value {
    let mut body = json!({
        "teacher_id": practice.teacher.id(), "timezone": "Europe/Berlin", "from_date": "2099-03-23",
        "to_date": "2099-04-05", "weekdays": [0, 6], "hours": [{ "from": "09:00", "until": "10:30" }],
    });
    let more = more.as_object().expect("fields").clone();
    body.as_object_mut().expect("an object").extend(more);
    body
}

#[tokio::test]
async fn wall_times_become_slots_and_what_does_not_says_why() {
    let practice = given::practice().await;
    practice.slot_of(&practice.teacher, "2099-03-30T07:30:00Z".into(), "2099-03-30T08:00:00Z".into()).await;
    let hours = json!([{ "from": "09:00", "until": "10:30" }, { "from": "02:15", "until": "02:45" }]);
    let expected = ["03-23T08:00 03-23T09:30", "03-29T07:00 03-29T08:30", "04-05T07:00 04-05T08:30"];
    for dry_run in [true, false] {
        let batch =
            practice.admin.post(PATH, slots(&practice, json!({ "hours": hours, "dry_run": dry_run }))).await;
        batch.assert_status(200);
        let batch = batch.json();
        assert_eq!(batch["dry_run"], dry_run);
        let made = times(&batch["made"]);
        assert!(expected.iter().all(|time| made.contains(&(*time).to_owned())), "{made:?}");
        assert_eq!(made.len(), 6, "{made:?}");
        assert!(batch["made"].as_array().unwrap().iter().all(|slot| slot["id"].is_null() == dry_run));
        let skipped = json!([
            // The clocks go from two to three.
            { "date": "2099-03-29", "start_at": null, "end_at": null, "reason": "clock_change" },
            { "date": "2099-03-30", "start_at": "2099-03-30T07:00:00Z", "end_at": "2099-03-30T08:30:00Z",
              "reason": "overlaps" },
        ]);
        assert_eq!(batch["skipped"], skipped);
        let open = practice.student.get(OPEN).await.json()["total"].clone();
        assert_eq!(open, if dry_run { 1 } else { 7 });
    }
    let again = practice.admin.post(PATH, slots(&practice, json!({ "hours": hours }))).await.json();
    assert_eq!(again["made"], json!([]));
    assert_eq!(again["skipped"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn hours_are_cut_into_slots_and_the_past_is_none() {
    let practice = given::practice().await;
    let cut = json!({ "slot_minutes": 40, "to_date": "2099-03-23" });
    let batch = practice.admin.post(PATH, slots(&practice, cut)).await.json();
    assert_eq!(times(&batch["made"]), ["03-23T08:00 03-23T08:40", "03-23T08:40 03-23T09:20"]);
    let past = json!({ "from_date": "2020-03-02", "to_date": "2020-03-02" });
    let batch = practice.admin.post(PATH, slots(&practice, past)).await.json();
    assert_eq!((&batch["made"], &batch["skipped"][0]["reason"]), (&json!([]), &json!("in_past")));
    let day = json!({ "from_date": "2099-10-25", "to_date": "2099-10-25", "hours": [{ "from": "00:00", "until": "24:00" }] });
    let batch = practice.admin.post(PATH, slots(&practice, day)).await.json();
    assert_eq!(batch["skipped"][0]["reason"], "too_long", "the day has 25 hours");
}

#[tokio::test]
async fn what_cannot_be_is_refused_whole() {
    let practice = given::practice().await;
    for (more, paths) in [
        (json!({ "to_date": "2099-03-22" }), ["/to_date"]),
        (json!({ "to_date": "2100-03-25" }), ["/to_date"]),
        (
            json!({ "hours": [{ "from": "09:00", "until": "11:00" }, { "from": "10:00", "until": "12:00" }] }),
            ["/hours/1"],
        ),
        (json!({ "slot_minutes": 14 }), ["/slot_minutes"]),
        (json!({ "weekdays": [7] }), ["/weekdays/0"]),
        (json!({ "timezone": "Berlin" }), ["/timezone"]),
    ] {
        practice.admin.post(PATH, slots(&practice, more)).await.assert_invalid(&paths);
    }
    let many = json!({ "weekdays": [0, 1, 2, 3, 4, 5, 6], "to_date": "2099-12-31", "slot_minutes": 15 });
    let refused = practice.admin.post(PATH, slots(&practice, many)).await;
    refused.assert_error(422, "UNPROCESSABLE", "these are more than 1000 slots");
    let nobody = json!({ "teacher_id": practice.student.id() });
    let refused = practice.admin.post(PATH, slots(&practice, nobody)).await;
    refused.assert_error(422, "UNPROCESSABLE", "teacher_id is nobody who teaches");
    assert_eq!(given::value::<i64>(&practice.db, "select count(*) from lessons.slots").await, 0);
    given::assert_for_admins(&practice, async |caller| caller.post(PATH, slots(&practice, json!({}))).await)
        .await;
}
