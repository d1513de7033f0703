//! `DELETE /api/v1/scheduling/teachers/{teacher_id}/schedule/exceptions/{exception_id}`.

use serde_json::json;

use crate::given::{self, daily, date_in, schedule_of, time, times};

#[tokio::test]
async fn the_date_is_as_its_weekday_is_again() {
    let practice = given::practice().await;
    let path = schedule_of(&practice.teacher);
    practice.teacher.put(&path, daily(&[("09:00", "12:00")])).await.assert_status(200);
    let made =
        practice.teacher.post(&format!("{path}/exceptions"), json!({ "date": date_in(2) })).await.str("id");
    let exception = format!("{path}/exceptions/{made}");
    for nobody in [&practice.another_teacher().await, &practice.student] {
        nobody.delete(&exception).await.assert_error(404, "NOT_FOUND", "Schedule not found");
    }
    practice.stack.anonymous().delete(&exception).await.assert_status(401);
    let calls = (0..3).map(|_| async { practice.teacher.delete(&exception).await }).collect();
    assert_eq!(given::at_once(calls).await, [200, 404, 404]);
    practice.teacher.delete(&exception).await.assert_error(404, "NOT_FOUND", "Exception not found");
    assert_eq!(practice.teacher.get(&path).await.json()["version"], 3, "what failed changed nothing");
    let off = json!({ "date": date_in(3), "hours": [{ "from": "10:00", "until": "11:00" }] });
    let made = practice.teacher.post(&format!("{path}/exceptions"), off).await.str("id");
    let back = practice.admin.delete(&format!("{path}/exceptions/{made}")).await;
    assert_eq!((back.status(), times(&back.json()["made"])), (200, vec![time(3, "09:00", "12:00")]));
}
