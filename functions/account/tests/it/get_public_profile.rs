//! get-public-profile.

use local::testkit;
use serde_json::{Value, json};

const PROFILE: &str = "/api/v1/users/me";

#[tokio::test]
async fn somebody_who_has_written_nothing_has_an_empty_profile_and_no_row() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    let answer = mia.get(PROFILE).await;
    answer.assert_status(200);
    let wanted = json!({
        "id": mia.id(), "email": format!("{}@mock.local", mia.id()), "is_active": true, "is_superuser": false,
        "full_name": null, "name": "Mock User", "about": null, "avatar_url": null, "business_name": null,
        "tagline": null, "bio": null, "phone": null, "website": null, "social_links": null,
        "setup_completed": false, "profile_type": null, "faqs": null,
    });
    assert_eq!(answer.json(), wanted);
    for table in ["users", "public_profiles"] {
        let sql = format!("select from identity.{table}");
        assert!(stack.db().await.query(&sql, &[]).await.unwrap().is_empty(), "a read writes nothing");
    }
}

#[tokio::test]
async fn the_name_is_what_praxis_calls_the_person_until_the_profile_is_written() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    mia.patch("/api/v1/me", json!({ "display_name": "Mia" })).await.assert_status(200);
    assert_eq!(mia.get(PROFILE).await.str("name"), "Mia");
    mia.patch("/api/v1/me", json!({ "display_name": null })).await.assert_status(200);
    assert_eq!(mia.get(PROFILE).await.json()["name"], Value::Null);
}

#[tokio::test]
async fn the_address_of_the_sign_in_and_the_role_are_shown() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let sql = "insert into identity.emails (email, user_id) values ('admin@example.org', $1)";
    stack.db().await.execute(sql, &[&admin.id()]).await.unwrap();
    let profile = admin.get(PROFILE).await.json();
    assert_eq!((&profile["email"], &profile["is_superuser"]), (&json!("admin@example.org"), &json!(true)));
}

#[tokio::test]
async fn everybody_sees_their_own() {
    let stack = testkit::stack().await;
    let (mia, ben) = (stack.user(), stack.user());
    mia.patch(PROFILE, json!({ "bio": "of Mia" })).await.assert_status(200);
    assert_eq!(mia.get(PROFILE).await.str("bio"), "of Mia");
    let bens = ben.get(PROFILE).await.json();
    assert_eq!((&bens["bio"], &bens["id"]), (&Value::Null, &json!(ben.id())));
}

#[tokio::test]
async fn without_a_token_or_an_active_account_there_is_no_profile() {
    let stack = testkit::stack().await;
    stack.anonymous().get(PROFILE).await.assert_status(401);
    let mia = stack.user();
    let sql = "insert into identity.users (id, deactivated_at) values ($1, now())";
    stack.db().await.execute(sql, &[&mia.id()]).await.unwrap();
    mia.get(PROFILE).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
}
