//! `DELETE /api/v1/scheduling/waitlist/{entry_id}`.

use uuid::Uuid;

use crate::given::{self, ids};
use crate::join_waitlist::{WAITLIST, wait};

#[tokio::test]
async fn who_leaves_waits_no_longer() {
    let practice = given::practice().await;
    let (package, teacher) = (practice.package(2).await, practice.teacher.id());
    let entry = wait(&practice.student, teacher, &package, (24, 72)).await.str("id");
    let path = format!("{WAITLIST}/{entry}");
    let other = practice.another_student().await;
    for caller in [&other, &practice.admin] {
        caller.delete(&path).await.assert_error(404, "NOT_FOUND", "Nobody waits for that");
    }
    practice.stack.anonymous().delete(&path).await.assert_status(401);
    let calls = tokio::join!(practice.student.delete(&path), practice.student.delete(&path));
    let mut statuses = [calls.0.status(), calls.1.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404]);
    assert!(ids(&practice.student, WAITLIST).await.is_empty());
    practice.student.delete(&format!("{WAITLIST}/{}", Uuid::new_v4())).await.assert_status(404);
}
