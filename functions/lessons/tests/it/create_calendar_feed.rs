//! `POST /api/v1/calendar/feeds`.

use serde_json::json;

use crate::given;

pub(crate) const PATH: &str = "/api/v1/calendar/feeds";

#[tokio::test]
async fn the_address_is_told_once_and_there_are_five_at_most() {
    let practice = given::practice().await;
    let make = || practice.student.post(PATH, json!({}));
    let made = make().await;
    made.assert_status(201);
    assert!(made.str("url").contains("/api/v1/calendar/") && made.str("url").ends_with(".ics"));
    let secret = made.str("url").rsplit('/').next().unwrap().trim_end_matches(".ics").to_owned();
    let kept: String =
        given::value(&practice.db, "select row_to_json(f)::text from lessons.calendar_feeds as f").await;
    assert!(!kept.contains(&secret));
    for _ in 0..3 {
        make().await.assert_status(201);
    }
    let calls = (0..3).map(|_| async { make().await }).collect();
    assert_eq!(given::at_once(calls).await, [201, 409, 409]);
    let sixth = make().await;
    sixth.assert_error(409, "CONFLICT", "You have 5 addresses, which is as many as you may");
    practice.teacher.post(PATH, json!({})).await.assert_status(201);
    practice.stack.anonymous().post(PATH, json!({})).await.assert_status(401);
}
