//! `GET /api/v1/calendar/{token}`.

use serde_json::json;

use crate::{create_calendar_feed, given};

#[tokio::test]
async fn a_calendar_reads_ones_own_lessons_each_as_one_entry() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    let url = practice.student.post(create_calendar_feed::PATH, json!({})).await.str("url");
    let secret = url.rsplit('/').next().unwrap().to_owned();
    let path = format!("/api/v1/calendar/{secret}");
    let read = async || {
        let file = practice.stack.anonymous().get(&path).await;
        file.assert_status(200);
        assert_eq!(file.header("content-type"), Some("text/calendar; charset=utf-8"));
        file.text()
    };
    assert!(!read().await.contains("BEGIN:VEVENT"), "nobody without lessons is unknown");
    let booking = practice.booked(100, &package).await;
    practice.hold(&practice.slot(300).await, &package).await.assert_status(200);
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 1).await;
    given::hold(&other, &practice.slot(310).await, &theirs).await.assert_status(200);
    let moved = given::reschedule(&practice.student, &booking, &practice.slot(200).await).await.str("id");
    let text = read().await;
    assert_eq!(
        (text.matches("BEGIN:VEVENT").count(), text.matches("SEQUENCE:1\r\n").count()),
        (1, 1),
        "{text}"
    );
    // A program that asks every hour gets what it has not.
    let ask = async |tag: &str| practice.stack.anonymous().get(&path).header("if-none-match", tag).await;
    let tag = ask("\"older\"").await.header("etag").expect("a tag").to_owned();
    let same = ask(&tag).await;
    assert_eq!((same.status(), same.text().len(), same.header("etag")), (304, 0, Some(tag.as_str())));
    assert_eq!(same.header("cache-control"), Some("private, no-cache"));
    given::cancel(&practice.teacher, &moved).await.assert_status(200);
    assert_eq!(ask(&tag).await.status(), 200);
    let text = read().await;
    assert!(text.contains("STATUS:CANCELLED\r\n") && text.contains("SEQUENCE:2\r\n"), "{text}");
    // A program may leave the ending out.
    let bare = path.trim_end_matches(".ics");
    practice.stack.anonymous().get(bare).await.assert_status(200);

    for unknown in ["x", &"A".repeat(43)] {
        let refused = practice.stack.anonymous().get(&format!("/api/v1/calendar/{unknown}.ics")).await;
        refused.assert_error(404, "NOT_FOUND", "calendar not found");
    }
    let secret = secret.trim_end_matches(".ics");
    for line in practice.stack.lines() {
        assert!(!line.line.contains(secret), "a secret in the log: {line:?}");
    }
    let locked =
        format!("update identity.users set deactivated_at = now() where id = '{}'", practice.student.id());
    given::run(&practice.db, &locked).await;
    practice.stack.anonymous().get(&path).await.assert_status(404);
}
