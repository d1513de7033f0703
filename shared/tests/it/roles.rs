//! The parameters that let one role in.

use local::testkit::{Client, Stack};
use serde_json::json;

use crate::probe;

const ROLES: [&str; 5] = ["student", "teacher", "educator", "coach", "admin"];

async fn give(stack: &Stack, person: &Client, roles: &[&str]) {
    let sql = "insert into identity.users (id, roles) values ($1, $2)
               on conflict (id) do update set roles = excluded.roles";
    stack.db().await.execute(sql, &[&person.id(), &roles]).await.expect("roles");
}

/// The person comes in at the doors of `roles`, and at no other.
async fn assert_let_in(person: &Client, roles: &[&str]) {
    for role in ROLES {
        let answer = person.get(&format!("/roles/{role}")).await;
        if roles.contains(&role) {
            answer.assert_status(200);
            assert_eq!(answer.json(), json!({ "person": person.id() }));
        } else {
            answer.assert_error(403, "FORBIDDEN", &format!("this needs the role {role}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_its_own_door_and_no_other() {
    let stack = probe().start().await;
    for role in ROLES {
        let person = stack.user();
        give(&stack, &person, &[role]).await;
        assert_let_in(&person, &[role]).await;
    }
    let person = stack.user();
    give(&stack, &person, &["student", "teacher", "coach"]).await;
    assert_let_in(&person, &["student", "teacher", "coach"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_counts_from_the_next_request_on_and_until_it_is_taken_away() {
    let stack = probe().start().await;
    // The database lets nobody take the last admin away.
    give(&stack, &stack.user(), &["admin"]).await;
    let person = stack.user();
    give(&stack, &person, &["student"]).await;
    for role in ["teacher", "educator", "coach", "admin"] {
        let path = format!("/roles/{role}");
        person.get(&path).await.assert_status(403);
        give(&stack, &person, &["student", role]).await;
        person.get(&path).await.assert_status(200);
        give(&stack, &person, &["student"]).await;
        person.get(&path).await.assert_error(403, "FORBIDDEN", &format!("this needs the role {role}"));
    }
    give(&stack, &person, &["teacher"]).await;
    person.get("/roles/student").await.assert_error(403, "FORBIDDEN", "this needs the role student");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_row_no_token_or_no_access_has_no_role() {
    let stack = probe().start().await;
    assert_let_in(&stack.user(), &[]).await;
    let person = stack.user();
    give(&stack, &person, &["teacher"]).await;
    let sql = "update identity.users set deactivated_at = now() where id = $1";
    stack.db().await.execute(sql, &[&person.id()]).await.expect("a deactivation");
    for role in ROLES {
        let path = format!("/roles/{role}");
        let answer = stack.anonymous().get(&path).await;
        answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
        person.get(&path).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    }
}
