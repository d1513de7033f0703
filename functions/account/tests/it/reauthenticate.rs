//! reauthenticate, and where a fresh proof is asked for.

use local::testkit::{self, Answer, Client, Stack};
use serde_json::json;
use uuid::Uuid;

use crate::people::{MIA, PASSWORD, acts, app, assert_limited, browser, refresh, register, run, value};

async fn reauthenticate(caller: &Client, password: &str) -> Answer {
    caller.post("/api/v1/identity/auth/reauthenticate", json!({ "password": password })).await
}

/// Every sign-in is a day old.
async fn age(stack: &Stack) {
    run(stack, "update identity.sign_ins set authenticated_at = now() - interval '1 day'").await;
}

#[track_caller]
fn assert_asked(answer: &Answer) {
    answer.assert_error(
        403,
        "PROOF_REQUIRED",
        "prove again who you are: sign in again, or give your password",
    );
}

#[tokio::test]
async fn a_browser_is_fresh_at_once_and_an_app_with_its_next_token() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let (browser, app) = (browser(&stack, MIA).await, app(&stack, MIA).await);
    age(&stack).await;
    let pair = refresh(&stack, &app.refresh_token).await;
    let old = stack.anonymous().bearer(&pair.str("access_token"));
    let export = |caller: &Client| caller.request("POST", "/api/v1/me/export").into_future();
    assert_asked(&export(&browser).await);
    assert_asked(&export(&old).await);

    reauthenticate(&browser, PASSWORD).await.assert_status(204);
    export(&browser).await.assert_status(202);
    assert_asked(&export(&old).await);
    reauthenticate(&old, PASSWORD).await.assert_status(204);
    let pair = refresh(&stack, &pair.str("refresh_token")).await;
    export(&stack.anonymous().bearer(&pair.str("access_token"))).await.assert_status(202);
    assert_eq!(acts(&stack, "user.reauthenticated").await, 2);
}

#[tokio::test]
async fn a_wrong_password_makes_nobody_fresh() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    age(&stack).await;
    for _ in 0..5 {
        reauthenticate(&app.client, "Wr0ngPass").await.assert_error(403, "FORBIDDEN", "wrong password");
    }
    assert_limited(&reauthenticate(&app.client, PASSWORD).await, 15 * 60);
    let sql = "select count(*) from identity.sign_ins where authenticated_at > now() - interval '1 hour'";
    assert_eq!(value::<i64>(&stack, sql).await, 0);
    app.client.post("/api/v1/identity/auth/reauthenticate", json!({})).await.assert_invalid(&["/password"]);
    reauthenticate(&stack.anonymous(), PASSWORD).await.assert_status(401);
    let elsewhere = reauthenticate(&stack.user(), PASSWORD).await;
    elsewhere.assert_error(409, "CONFLICT", "this is no sign-in of ours: sign in again");
}

#[tokio::test]
async fn a_stolen_session_does_not_lock_the_person_out_of_changes() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let thief = app(&stack, MIA).await;
    // From many networks: five failures each would else be all.
    let wrong = json!({ "current_password": "Wr0ngPass", "new_password": "An0ther phrase" });
    for _ in 0..20 {
        let answer = thief.client.post("/api/v1/identity/password/change", wrong.clone()).await;
        answer.assert_error(403, "FORBIDDEN", "wrong password");
        let network = "delete from identity.rate_limits where cardinality(hits) < 6 and expires_at < now() + interval '16 minutes'";
        run(&stack, network).await;
    }
    assert_limited(&thief.client.post("/api/v1/identity/password/change", wrong).await, 3600);
    // The person signs in anew, which the thief cannot, and throws the thief out.
    let mia = app(&stack, MIA).await;
    let change = json!({ "current_password": PASSWORD, "new_password": "An0ther phrase" });
    mia.client.post("/api/v1/identity/password/change", change).await.assert_status(204);
    thief.client.get("/api/v1/me").await.assert_status(401);
}

#[tokio::test]
async fn roles_and_deactivation_ask_an_admin_for_a_fresh_proof() {
    let stack = testkit::stack().await;
    let (id, ada) = (register(&stack, MIA).await, register(&stack, "ada@example.org").await);
    run(&stack, "update identity.emails set verified_at = now()").await;
    run(&stack, &format!("update identity.users set roles = '{{student,admin}}' where id = '{id}'")).await;
    let admin = browser(&stack, MIA).await;
    age(&stack).await;
    let path = format!("/api/v1/admin/users/{ada}");
    for change in [json!({ "role": "coach" }), json!({ "roles": ["coach"] }), json!({ "is_active": false })] {
        assert_asked(&admin.patch(&path, change).await);
    }
    let new = json!({ "email": "ben@example.org", "password": PASSWORD, "role": "coach" });
    assert_asked(&admin.post("/api/v1/identity/auth/register", new).await);
    assert_eq!(
        value::<i64>(&stack, "select count(*) from identity.users where 'coach' = any (roles)").await,
        0
    );
    // What needs no proof goes on.
    admin.patch(&path, json!({})).await.assert_status(200);
    admin.get("/api/v1/admin/users").await.assert_status(200);
    let wrong = admin.patch(&path, json!({ "role": "coach", "password": "Wr0ngPass" })).await;
    wrong.assert_error(403, "FORBIDDEN", "wrong password");
    admin.patch(&path, json!({ "role": "coach", "password": PASSWORD })).await.assert_status(200);
    reauthenticate(&admin, PASSWORD).await.assert_status(204);
    admin.patch(&path, json!({ "is_active": false })).await.assert_status(200);
}

#[tokio::test]
async fn an_ended_sign_in_is_not_made_fresh() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let id: Uuid = value(&stack, "select id from identity.sign_ins").await;
    run(
        &stack,
        &format!(
            "update identity.sign_ins set revoked_at = now(), revoked_because = 'revoked' where id = '{id}'"
        ),
    )
    .await;
    reauthenticate(&app.client, PASSWORD).await.assert_status(401);
}
