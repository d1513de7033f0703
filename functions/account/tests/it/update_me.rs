//! update-me.

use local::testkit;
use serde_json::{Value, json};
use uuid::Uuid;

const ME: &str = "/api/v1/me";

#[tokio::test]
async fn given_fields_change_and_absent_ones_stay() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let all =
        json!({ "display_name": "爱丽丝", "locale": "en-GB", "timezone": "Asia/Shanghai", "unknown": [1] });
    let answer = alice.patch(ME, all).await;
    answer.assert_status(200);
    let profile = answer.json();
    assert_eq!(profile["display_name"], "爱丽丝");
    assert_eq!(
        (profile["locale"].as_str(), profile["timezone"].as_str()),
        (Some("en-GB"), Some("Asia/Shanghai"))
    );
    assert_eq!(profile, alice.get(ME).await.json());

    let answer = alice.patch(ME, json!({ "timezone": "Europe/Berlin" })).await;
    let mut wanted = profile.clone();
    wanted["timezone"] = "Europe/Berlin".into();
    assert_eq!(answer.json(), wanted);
    alice.patch(ME, json!({})).await.assert_status(200);
    assert_eq!(alice.get(ME).await.json(), wanted);
}

#[tokio::test]
async fn who_comes_for_the_first_time_is_on_record_once() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    alice.get(ME).await.assert_status(200);
    for _ in 0..2 {
        alice.patch(ME, json!({})).await.assert_status(200);
    }
    let sql = "select actor_id, entity_id, payload from identity.audit_log where action = 'user.registered'";
    let acts = stack.db().await.query(sql, &[]).await.expect("the audit log");
    let acts: Vec<(Uuid, String, Value)> =
        acts.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(acts, [(alice.id(), alice.id().to_string(), json!({ "roles": ["student"] }))]);
}

#[tokio::test]
async fn null_removes_the_name_and_nothing_else() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let answer = alice.patch(ME, json!({ "display_name": null })).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["display_name"], Value::Null);
    assert_eq!(alice.get(ME).await.json()["display_name"], Value::Null, "no stand-in comes back");
    let nulls = json!({ "locale": null, "timezone": null });
    alice.patch(ME, nulls).await.assert_invalid(&["/locale", "/timezone"]);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let bad = json!({ "display_name": "  ", "locale": "zh_CN", "timezone": 8 });
    alice.patch(ME, bad).await.assert_invalid(&["/display_name", "/locale", "/timezone"]);
    for (field, value) in [
        ("display_name", json!("")),
        ("display_name", json!("x".repeat(121))),
        ("display_name", json!("a\u{0}b")),
        ("display_name", json!(7)),
        ("locale", json!("")),
        ("locale", json!("de-CH-abcdefgh-abcdefgh-abcdefgh-abcde")),
        ("display_name", json!("\u{200b}\u{2800}")),
        ("display_name", json!("Ada\u{202e}")),
        ("display_name", json!("A\nda")),
        ("timezone", json!("")),
        ("timezone", json!("Europe/Berlin\u{0}")),
        ("timezone", json!("x".repeat(65))),
    ] {
        alice.patch(ME, json!({ field: value })).await.assert_invalid(&[&format!("/{field}")]);
    }
    alice.patch(ME, json!([])).await.assert_invalid(&[""]);
    alice.request("PATCH", ME).await.assert_invalid(&[""]);
    alice
        .request("PATCH", ME)
        .header("content-type", "application/json")
        .body("{")
        .await
        .assert_invalid(&[""]);
    assert_eq!(alice.get(ME).await.json()["created_at"], Value::Null, "a refused change makes no row");
}

#[tokio::test]
async fn a_time_zone_is_an_iana_name() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    for zone in ["Mars/Olympus", "UTC+8", "europe/berlin"] {
        let answer = alice.patch(ME, json!({ "timezone": zone })).await;
        answer.assert_error(400, "VALIDATION_ERROR", "Input should be an IANA time zone name");
        answer.assert_invalid(&["/timezone"]);
        assert_eq!(answer.json()["errors"][0]["code"], "timezone");
    }
    assert_eq!(alice.get(ME).await.json()["created_at"], Value::Null, "a refused change makes no row");
}

#[tokio::test]
async fn a_name_may_have_120_characters_of_any_script() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    for name in ["名".repeat(120), "👩‍💻 می‌خواهم ❤️".to_owned()] {
        assert_eq!(alice.patch(ME, json!({ "display_name": name })).await.str("display_name"), name);
    }
}

#[tokio::test]
async fn two_first_changes_at_once_both_count() {
    let stack = testkit::stack().await;
    for _ in 0..5 {
        let alice = stack.user();
        let (one, other) = tokio::join!(
            alice.patch(ME, json!({ "locale": "en" })).into_future(),
            alice.patch(ME, json!({ "timezone": "Asia/Tokyo" })).into_future(),
        );
        one.assert_status(200);
        other.assert_status(200);
        let profile = alice.get(ME).await.json();
        assert_eq!(
            (profile["locale"].as_str(), profile["timezone"].as_str()),
            (Some("en"), Some("Asia/Tokyo"))
        );
    }
}

#[tokio::test]
async fn nobody_changes_another_s() {
    let stack = testkit::stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    alice.patch(ME, json!({ "display_name": "Alice" })).await.assert_status(200);
    bob.patch(ME, json!({ "display_name": "Bob", "user_id": alice.id() })).await.assert_status(200);
    assert_eq!(alice.get(ME).await.str("display_name"), "Alice");

    // The same below the API: the policy lets nobody see or change another's row.
    let owner = stack.owner().await;
    let claims = format!("begin; set local role praxis_request; set local praxis.user_id = '{}'", bob.id());
    owner.batch_execute(&claims).await.unwrap();
    let seen = owner.query("select id from identity.users", &[]).await.unwrap();
    assert_eq!(seen.iter().map(|row| row.get::<_, uuid::Uuid>(0)).collect::<Vec<_>>(), [bob.id()]);
    let changed =
        owner.execute("update identity.users set display_name = 'x' where id = $1", &[&alice.id()]).await;
    assert_eq!(changed.unwrap(), 0);
}

#[tokio::test]
async fn without_a_token_nothing_changes() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().patch(ME, json!({ "display_name": "x" })).await;
    answer.assert_status(401);
    assert_eq!(answer.str("error_code"), "UNAUTHORIZED");
}

#[tokio::test]
async fn without_a_database_it_is_unavailable() {
    let mut stack = testkit::Stack::builder().own_server().start().await;
    let alice = stack.user();
    stack.stop_postgres().await;
    let answer = alice.patch(ME, json!({ "locale": "en" })).await;
    answer.assert_error(503, "UNAVAILABLE", "database unavailable");
}
