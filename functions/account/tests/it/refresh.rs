//! refresh.

use local::testkit::{self, Stack};
use serde_json::json;
use shared::opaque_token::OpaqueToken;

use crate::people::{
    ME, MIA, REFRESH, acts, app, assert_kept_as_hash, assert_limited, assert_not_logged, refresh, register,
    run, value,
};

const REFUSED: &str = "invalid or expired refresh token";

#[tokio::test]
async fn a_token_gives_the_next_pair_and_the_sign_in_goes_on() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let first = app(&stack, MIA).await.refresh_token;
    run(&stack, "update identity.sign_ins set idle_expires_at = now() + interval '1 day'").await;
    let answer = refresh(&stack, &first).await;
    answer.assert_status(200);
    assert_eq!((&answer.json()["token_type"], &answer.json()["expires_in"]), (&json!("bearer"), &json!(900)));
    let second = answer.str("refresh_token");
    assert_ne!(first, second);
    let me = stack.anonymous().bearer(&answer.str("access_token")).get(ME).await;
    assert_eq!(me.str("id"), id.to_string());
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.sign_ins").await, 1);
    let idle = "select idle_expires_at > now() + interval '29 days' from identity.sign_ins";
    assert!(value::<bool>(&stack, idle).await, "use prolongs it");
    for token in [&first, &second] {
        assert_kept_as_hash(&stack, "refresh_tokens.token_hash", token).await;
    }
    refresh(&stack, &second).await.assert_status(200);
    assert_not_logged(&stack, &[&first, &second, &answer.str("access_token")]).await;
}

#[tokio::test]
async fn a_retry_within_ten_seconds_gets_the_same_token() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let first = app(&stack, MIA).await.refresh_token;
    let second = refresh(&stack, &first).await.str("refresh_token");
    let again = refresh(&stack, &first).await;
    again.assert_status(200);
    assert_eq!(again.str("refresh_token"), second);
    stack.anonymous().bearer(&again.str("access_token")).get(ME).await.assert_status(200);
    refresh(&stack, &second).await.assert_status(200);
    assert_eq!(acts(&stack, "refresh_token.reused").await, 0);
}

#[tokio::test]
async fn of_two_at_once_one_wins_and_both_get_the_same_token() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let mut token = app(&stack, MIA).await.refresh_token;
    for _ in 0..5 {
        let (one, other) = tokio::join!(refresh(&stack, &token), refresh(&stack, &token));
        one.assert_status(200);
        other.assert_status(200);
        assert_eq!(one.str("refresh_token"), other.str("refresh_token"));
        token = one.str("refresh_token");
    }
    let current = "select count(*) from identity.refresh_tokens where replaced_at is null";
    assert_eq!(value::<i64>(&stack, current).await, 1);
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.refresh_tokens").await, 6);
}

#[tokio::test]
async fn an_old_token_that_comes_back_ends_the_sign_in_and_no_other() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let (stolen, other) = (app(&stack, MIA).await.refresh_token, app(&stack, MIA).await.refresh_token);
    let second = refresh(&stack, &stolen).await.str("refresh_token");
    let third = refresh(&stack, &second).await.str("refresh_token");
    run(&stack, "update identity.refresh_tokens set replaced_at = replaced_at - interval '10 seconds'").await;
    refresh(&stack, &stolen).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    // Whoever has the newest one is signed out too, be it the thief or the person.
    for token in [&third, &second, &stolen] {
        refresh(&stack, token).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    }
    refresh(&stack, &other).await.assert_status(200);
    let because =
        "select string_agg(revoked_because, ' ') from identity.sign_ins where revoked_at is not null";
    assert_eq!(value::<String>(&stack, because).await, "reuse");
    assert_eq!(acts(&stack, "refresh_token.reused").await, 1, "once, not for each try");
    let told = format!(
        "select count(*) from identity.audit_log where action = 'refresh_token.reused' and actor_id is null
         and entity_type = 'sign_in' and payload = '{{\"user_id\": \"{id}\"}}'"
    );
    assert_eq!(value::<i64>(&stack, &told).await, 1);
}

#[tokio::test]
async fn the_person_and_the_log_hear_of_a_token_that_came_back() {
    for (is_proven, mails) in [(false, 0), (true, 1)] {
        let stack = testkit::stack().await;
        register(&stack, MIA).await;
        if is_proven {
            run(&stack, "update identity.emails set verified_at = now()").await;
        }
        let stolen = app(&stack, MIA).await.refresh_token;
        refresh(&stack, &stolen).await.assert_status(200);
        run(&stack, "update identity.refresh_tokens set replaced_at = replaced_at - interval '10 seconds'")
            .await;
        for _ in 0..2 {
            refresh(&stack, &stolen).await.assert_error(401, "UNAUTHORIZED", REFUSED);
        }
        let told =
            "select count(*) from platform.outbox where payload ->> 'template' = 'refresh_token_reused'";
        assert_eq!(value::<i64>(&stack, told).await, mails, "only where somebody has proven the address");
        let lines = stack.lines();
        let alarms = lines.iter().filter(|line| line.line.contains("\"message\":\"refresh token reused\""));
        assert_eq!(alarms.count(), 1, "an alarm counts this line: {lines:?}");
    }
}

#[tokio::test]
async fn a_token_that_was_exchanged_long_ago_is_like_one_that_never_was() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let old = app(&stack, MIA).await.refresh_token;
    let next = refresh(&stack, &old).await.str("refresh_token");
    run(&stack, "update identity.refresh_tokens set replaced_at = replaced_at - interval '25 hours'").await;
    stack.invoke("purge-expired", json!({})).await;
    refresh(&stack, &old).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    refresh(&stack, &next).await.assert_status(200);
}

#[tokio::test]
async fn no_use_and_no_end_are_ends() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let token = app(&stack, MIA).await.refresh_token;
    run(&stack, "update identity.sign_ins set idle_expires_at = now()").await;
    refresh(&stack, &token).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    let almost = "update identity.sign_ins set expires_at = now() + interval '1 hour', idle_expires_at = now() + interval '1 hour'";
    run(&stack, almost).await;
    let token = refresh(&stack, &token).await.str("refresh_token");
    let capped = "select idle_expires_at = expires_at from identity.sign_ins";
    assert!(value::<bool>(&stack, capped).await, "use never goes beyond the end");
    run(&stack, "update identity.sign_ins set expires_at = now(), idle_expires_at = now()").await;
    refresh(&stack, &token).await.assert_error(401, "UNAUTHORIZED", REFUSED);
}

#[tokio::test]
async fn a_deactivated_person_gets_nothing_and_an_erased_one_neither() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let token = app(&stack, MIA).await.refresh_token;
    run(&stack, "update identity.users set deactivated_at = now()").await;
    refresh(&stack, &token).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    run(&stack, "update identity.users set deactivated_at = null").await;
    refresh(&stack, &token).await.assert_status(200);
    run(&stack, &format!("delete from identity.users where id = '{id}'")).await;
    refresh(&stack, &token).await.assert_error(401, "UNAUTHORIZED", REFUSED);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    app(&stack, MIA).await;
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "eyJhbGciOiJub25lIn0.e30."] {
        refresh(&stack, token).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    }
    stack.anonymous().post(REFRESH, json!({})).await.assert_invalid(&["/refresh_token"]);
    stack.anonymous().post(REFRESH, json!({ "refresh_token": 1 })).await.assert_invalid(&["/refresh_token"]);
}

#[tokio::test]
async fn a_sign_in_is_refreshed_twenty_times_a_minute_and_others_as_before() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (token, other) = (app(&stack, MIA).await.refresh_token, app(&stack, MIA).await.refresh_token);
    for _ in 0..20 {
        refresh(&stack, &token).await.assert_status(200);
    }
    assert_limited(&refresh(&stack, &token).await, 60);
    // The same network: a school has one.
    refresh(&stack, &other).await.assert_status(200);
}

#[tokio::test]
async fn without_keys_it_is_503_and_the_token_stays_good() {
    let stack =
        Stack::builder().env("AUTH_KEYS_FILE", "").env("AUTH_JWKS_SECRET_ARN", "arn:public").start().await;
    let id = register(&stack, MIA).await;
    let token = OpaqueToken::generate().expect("a token");
    let sql = "with sign_in as (
                   insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
                   values (gen_random_uuid(), $1, 'token', 'password', now() + interval '1 day',
                           now() + interval '1 day')
                   returning id, user_id
               )
               insert into identity.refresh_tokens (token_hash, sign_in_id, user_id)
               select $2, id, user_id from sign_in";
    stack.db().await.execute(sql, &[&id, &token.hash()]).await.expect("a sign-in");
    let answer = refresh(&stack, &token.reveal()).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in is not configured");
    assert!(answer.header("retry-after").is_some());
    let unused = "select replaced_at is null from identity.refresh_tokens";
    assert!(value::<bool>(&stack, unused).await);
}
