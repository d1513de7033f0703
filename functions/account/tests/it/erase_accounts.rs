//! The job `erase-accounts`.

use futures_util::future::join_all;
use local::testkit::fakes::IdentityProvider;
use local::testkit::{Client, Stack};
use serde_json::json;
use tokio_postgres::Client as Database;

use crate::rights::{acts, begin, count, run, stack};

/// Moves the person's request so many days back.
async fn asked_days_ago(db: &Database, person: &Client, days: i32) {
    begin(person).await;
    let day =
        format!("date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '{days} days'");
    let sql = format!("update identity.users set deletion_requested_at = {day} where id = '{}'", person.id());
    assert_eq!(run(db, &sql).await, 1);
}

#[tokio::test]
async fn whose_days_of_grace_are_over_is_erased_and_nobody_else() {
    let stack = stack().await;
    let (alice, bob, carol, db) = (stack.user(), stack.user(), stack.user(), stack.db().await);
    asked_days_ago(&db, &alice, 15).await;
    // The first moment of the day that is 14 days back: the grace ends during today.
    asked_days_ago(&db, &bob, 14).await;
    begin(&carol).await;
    assert_eq!(stack.invoke("erase-accounts", json!({})).await, json!({"people": 1}));
    assert_eq!(count(&db, &format!("identity.users where id = '{}'", alice.id())).await, 0);
    assert_eq!(count(&db, "identity.users").await, 2);
    assert_eq!(acts(&db, alice.id()).await, ["user.erased"]);
    assert_eq!(
        count(&db, "identity.audit_log where action = 'user.erased' and actor_id is null and payload = '{}'")
            .await,
        1
    );
    assert_eq!(stack.invoke("erase-accounts", json!({})).await, json!({"people": 0}));
}

#[tokio::test]
async fn the_day_that_was_told_is_the_day_of_the_erasure() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    asked_days_ago(&db, &alice, 14).await;
    run(&db, "update identity.users set deletion_requested_at = deletion_requested_at - interval '1 second'")
        .await;
    let told = alice.delete("/api/v1/me").json(&json!({})).await.str("erased_on");
    let today: String = crate::rights::value(&db, "select ((now() at time zone 'UTC')::date)::text").await;
    assert_eq!(told, today);
    assert_eq!(stack.invoke("erase-accounts", json!({})).await, json!({"people": 1}));
}

#[tokio::test]
async fn one_who_cannot_be_erased_does_not_keep_the_others() {
    let stack = stack().await;
    let people: Vec<_> = (0..3).map(|_| stack.user()).collect();
    let db = stack.db().await;
    for (days, person) in (16..).zip(&people) {
        asked_days_ago(&db, person, days).await;
    }
    // Whoever is longest due is tried first.
    let kept = people[2].id();
    run(&db, "create table public.keepsakes (user_id uuid references identity.users (id))").await;
    run(&db, &format!("insert into public.keepsakes values ('{kept}')")).await;
    assert!(stack.try_invoke("erase-accounts", json!({})).await.is_err(), "an alarm hears of it");
    assert_eq!(count(&db, "identity.users").await, 1);
    assert_eq!(count(&db, &format!("identity.users where id = '{kept}'")).await, 1);
    assert!(acts(&db, kept).await.is_empty(), "nothing is recorded that did not happen");
    run(&db, "drop table public.keepsakes").await;
    assert_eq!(stack.invoke("erase-accounts", json!({})).await, json!({"people": 1}));
}

#[tokio::test]
async fn of_two_runs_at_once_each_person_has_one() {
    let stack = stack().await;
    let db = stack.db().await;
    for _ in 0..8 {
        asked_days_ago(&db, &stack.user(), 20).await;
    }
    let runs = join_all((0..3).map(|_| stack.invoke("erase-accounts", json!({})))).await;
    assert_eq!(runs.iter().filter_map(|run| run["people"].as_u64()).sum::<u64>(), 8, "{runs:?}");
    assert_eq!(count(&db, "identity.users").await, 0);
    assert_eq!(count(&db, "identity.audit_log where action = 'user.erased'").await, 8);
}

#[tokio::test]
async fn who_comes_back_with_an_outside_token_starts_anew() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    asked_days_ago(&db, &alice, 20).await;
    run(&db, "update identity.users set display_name = 'Alice', roles = '{student,teacher}'").await;
    stack.invoke("erase-accounts", json!({})).await;
    let profile = alice.patch("/api/v1/me", json!({})).await;
    profile.assert_status(200);
    assert_eq!(profile.str("display_name"), "Mock User");
    assert_eq!(
        count(&db, "identity.users where roles = '{student}' and deletion_requested_at is null").await,
        1
    );
}

#[tokio::test]
async fn who_was_erased_does_not_come_back_by_a_token_that_is_still_good() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    asked_days_ago(&db, &alice, 20).await;
    // Signing in works until the erasure.
    let sign_in = format!(
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
         values (gen_random_uuid(), '{}', 'token', 'password', now() + interval '1 day', now() + interval '1 day')",
        alice.id()
    );
    run(&db, &sign_in).await;
    let sign_in = crate::rights::value(&db, "select id from identity.sign_ins").await;
    let late = alice.bearer(&crate::rights::access_token(&stack, alice.id(), sign_in, 0));
    late.patch("/api/v1/me", json!({})).await.assert_status(200);
    stack.invoke("erase-accounts", json!({})).await;
    for read in ["/api/v1/me", "/api/v1/identity/sessions", "/api/v1/sessions"] {
        late.get(read).await.assert_error(401, "UNAUTHORIZED", "invalid or expired access token");
    }
    for call in [
        late.patch("/api/v1/me", json!({})),
        late.delete("/api/v1/me").json(&json!({})),
        late.request("POST", "/api/v1/me/export"),
    ] {
        call.await.assert_error(401, "UNAUTHORIZED", "invalid or expired access token");
    }
    assert_eq!(count(&db, "identity.users").await, 0);
}

#[tokio::test]
async fn a_ban_outlives_its_account() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    asked_days_ago(&db, &alice, 20).await;
    run(&db, "update identity.users set deactivated_at = now()").await;
    stack.invoke("erase-accounts", json!({})).await;
    assert_eq!(count(&db, "identity.users").await, 0);
    for call in [
        alice.get("/api/v1/me"),
        alice.patch("/api/v1/me", json!({})),
        alice.delete("/api/v1/me").json(&json!({})),
        alice.request("POST", "/api/v1/me/export"),
    ] {
        call.await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    }
    assert_eq!(count(&db, "identity.users").await, 0);
}

#[tokio::test]
async fn an_outside_token_from_before_an_erasure_opens_nothing() {
    let provider = IdentityProvider::start().await;
    let stack = Stack::builder()
        .env("AUTH_MODE", "supabase")
        .env("MOCK_AUTH_ENABLED", "")
        .env("SUPABASE_URL", provider.url())
        .env("SUPABASE_ANON_KEY", "public")
        .start()
        .await;
    let (alice, db) = (uuid::Uuid::new_v4(), stack.db().await);
    let before = stack.anonymous().bearer(&provider.token(alice));
    before.patch("/api/v1/me", json!({})).await.assert_status(200);
    run(&db, "update identity.users set deletion_requested_at = now() - interval '20 days'").await;
    stack.invoke("erase-accounts", json!({})).await;
    for call in
        [before.get("/api/v1/me"), before.patch("/api/v1/me", json!({})), before.get("/api/v1/scenes")]
    {
        call.await.assert_error(401, "UNAUTHORIZED", "invalid or expired access token");
    }
    assert_eq!(count(&db, "identity.users").await, 0);
    // One from after it is of somebody new.
    run(&db, "update identity.erased_people set erased_at = now() - interval '1 minute'").await;
    let after = stack.anonymous().bearer(&provider.token(alice));
    after.patch("/api/v1/me", json!({})).await.assert_status(200);
}
