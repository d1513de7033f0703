//! update-public-profile.

use local::testkit;
use serde_json::{Value, json};

const PROFILE: &str = "/api/v1/users/me";

#[tokio::test]
async fn given_fields_change_and_absent_ones_stay() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    let before = mia.get(PROFILE).await.json();
    let all = json!({
        "full_name": "Mia Lee", "name": "米娅", "about": "audits", "avatar_url": "https://a.example/mia.png",
        "business_name": "Mia Audits", "tagline": "", "bio": "b", "phone": "+49 30 1", "website": "http://mia.example",
        "social_links": { "x": "https://x.example/mia", "blog": "https://mia.example/blog" },
        "setup_completed": true, "profile_type": "auditor", "faqs": "Q: ?\nA: !",
    });
    let answer = mia.patch(PROFILE, all.clone()).await;
    answer.assert_status(200);
    let profile = answer.json();
    for (field, value) in all.as_object().unwrap() {
        assert_eq!(&profile[field], value, "{field}");
    }
    for field in ["id", "email", "is_active", "is_superuser"] {
        assert_eq!(profile[field], before[field], "{field}");
    }
    assert_eq!(mia.get(PROFILE).await.json(), profile);

    let answer = mia.patch(PROFILE, json!({ "bio": "c", "setup_completed": false })).await;
    let mut wanted = profile.clone();
    wanted["bio"] = "c".into();
    wanted["setup_completed"] = false.into();
    assert_eq!(answer.json(), wanted);
    assert_eq!(mia.patch(PROFILE, json!({})).await.json(), wanted);
    let answer = mia.patch(PROFILE, json!({ "social_links": { "y": "https://y.example" } })).await;
    assert_eq!(answer.json()["social_links"], json!({ "y": "https://y.example" }), "the object as a whole");
}

#[tokio::test]
async fn the_first_write_keeps_what_was_shown_before_it() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    let before = mia.get(PROFILE).await.json();
    assert_eq!(mia.patch(PROFILE, json!({})).await.json(), before);
    // From now on the page's name is its own.
    mia.patch("/api/v1/me", json!({ "display_name": "Mia" })).await.assert_status(200);
    assert_eq!(mia.get(PROFILE).await.str("name"), "Mock User");
}

#[tokio::test]
async fn null_removes_and_an_empty_address_too() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    let fields = [
        "full_name",
        "name",
        "about",
        "avatar_url",
        "business_name",
        "tagline",
        "bio",
        "phone",
        "website",
        "profile_type",
        "faqs",
    ];
    let (mut texts, mut nulls) = (json!({}), json!({ "social_links": null }));
    for field in fields {
        texts[field] =
            if matches!(field, "avatar_url" | "website") { "https://a.example" } else { "x" }.into();
        nulls[field] = Value::Null;
    }
    texts["social_links"] = json!({ "x": "https://x.example" });
    mia.patch(PROFILE, texts.clone()).await.assert_status(200);
    let empty =
        json!({ "avatar_url": "", "website": "", "social_links": { "x": "https://x.example", "y": "" } });
    let answer = mia.patch(PROFILE, empty).await.json();
    assert_eq!((&answer["avatar_url"], &answer["website"]), (&Value::Null, &Value::Null));
    assert_eq!(answer["social_links"], json!({ "x": "https://x.example" }));

    mia.patch(PROFILE, texts).await.assert_status(200);
    let answer = mia.patch(PROFILE, nulls).await.json();
    for field in fields.into_iter().chain(["social_links"]) {
        assert_eq!(answer[field], Value::Null, "{field}");
    }
    let sql = "select social_links is null from identity.public_profiles";
    assert!(stack.db().await.query_one(sql, &[]).await.unwrap().get::<_, bool>(0), "SQL's null, not JSON's");
}

#[tokio::test]
async fn every_limit_holds_to_the_character() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    for (field, limit) in [
        ("full_name", 255),
        ("name", 255),
        ("about", 10_000),
        ("business_name", 255),
        ("tagline", 500),
        ("bio", 10_000),
        ("phone", 50),
        ("profile_type", 50),
        ("faqs", 10_000),
    ] {
        let text = "名".repeat(limit);
        assert_eq!(mia.patch(PROFILE, json!({ field: text })).await.str(field), text);
        let answer = mia.patch(PROFILE, json!({ field: format!("{text}名") })).await;
        answer.assert_invalid(&[&format!("/{field}")]);
    }
    for (field, limit) in [("avatar_url", 2048), ("website", 500)] {
        let address = format!("https://a.example/{:x<1$}", "", limit - 18);
        assert_eq!(mia.patch(PROFILE, json!({ field: address })).await.str(field), address);
        let answer = mia.patch(PROFILE, json!({ field: format!("{address}x") })).await;
        answer.assert_invalid(&[&format!("/{field}")]);
    }
    let links = |count: usize| -> Value {
        (0..count).map(|index| (format!("{index:0>50}"), "https://a.example".to_owned())).collect()
    };
    mia.patch(PROFILE, json!({ "social_links": links(20) })).await.assert_status(200);
    mia.patch(PROFILE, json!({ "social_links": links(21) })).await.assert_invalid(&["/social_links"]);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_changes() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    let bad = json!({
        "name": 7, "bio": "\u{0}", "tagline": "  ", "avatar_url": "javascript:alert(1)", "website": "mia.example",
        "setup_completed": "maybe", "phone": [],
        "social_links": { "x": "javascript:alert(1)", "y": 7, "": "https://a.example", "z/": "https://ok.example" },
    });
    mia.patch(PROFILE, bad).await.assert_invalid(&[
        "/name",
        "/bio",
        "/tagline",
        "/avatar_url",
        "/website",
        "/setup_completed",
        "/phone",
        "/social_links/x",
        "/social_links/y",
        "/social_links/",
    ]);
    mia.patch(PROFILE, json!({ "setup_completed": null })).await.assert_invalid(&["/setup_completed"]);
    for links in [json!([]), json!("x"), json!({ "k".repeat(51): "https://a.example" })] {
        let answer = mia.patch(PROFILE, json!({ "social_links": links })).await;
        answer.assert_status(400);
    }
    mia.patch(PROFILE, json!([])).await.assert_invalid(&[""]);
    let rows = stack.db().await.query("select from identity.public_profiles", &[]).await.unwrap();
    assert!(rows.is_empty(), "a refused change makes no row");
}

#[tokio::test]
async fn an_address_beyond_ascii_is_told_how_to_be_written() {
    let stack = testkit::stack().await;
    let mia = stack.user();
    for address in ["https://müller.example/", "https://a.example/über", "https://a.example:65536/"] {
        let answer = mia.patch(PROFILE, json!({ "website": address })).await;
        answer.assert_invalid(&["/website"]);
        let sentence = answer.str("message");
        assert!(sentence.contains("in ASCII: other letters as punycode"), "{sentence}");
    }
    for address in
        ["https://xn--mller-kva.example/", "https://a.example/%C3%BCber", "https://a.example:65535/"]
    {
        assert_eq!(mia.patch(PROFILE, json!({ "website": address })).await.str("website"), address);
    }
}

#[tokio::test]
async fn rights_and_address_are_not_part_of_it() {
    let stack = testkit::stack().await;
    let (mia, ben) = (stack.user(), stack.user());
    let before = mia.get(PROFILE).await.json();
    let grab = json!({
        "id": ben.id(), "user_id": ben.id(), "email": "boss@example.org", "is_superuser": true, "is_active": false,
        "roles": ["admin"], "created_at": null,
    });
    let answer = mia.patch(PROFILE, grab).await;
    answer.assert_status(200);
    assert_eq!(answer.json(), before);
    assert_eq!(ben.get(PROFILE).await.str("name"), "Mock User");
}

#[tokio::test]
async fn two_first_changes_at_once_both_count() {
    let stack = testkit::stack().await;
    for _ in 0..5 {
        let mia = stack.user();
        let (one, other) = tokio::join!(
            mia.patch(PROFILE, json!({ "bio": "b" })).into_future(),
            mia.patch(PROFILE, json!({ "about": "a" })).into_future(),
        );
        one.assert_status(200);
        other.assert_status(200);
        let profile = mia.get(PROFILE).await.json();
        assert_eq!((&profile["bio"], &profile["about"]), (&json!("b"), &json!("a")));
    }
}

#[tokio::test]
async fn nobody_changes_another_s() {
    let stack = testkit::stack().await;
    let (mia, ben) = (stack.user(), stack.user());
    mia.patch(PROFILE, json!({ "bio": "of Mia" })).await.assert_status(200);
    ben.patch(PROFILE, json!({ "bio": "of Ben" })).await.assert_status(200);
    stack.anonymous().patch(PROFILE, json!({ "bio": "x" })).await.assert_status(401);
    assert_eq!(mia.get(PROFILE).await.str("bio"), "of Mia");

    // The same below the API: the policy lets nobody see or change another's row.
    let owner = stack.owner().await;
    let claims = format!("begin; set local role praxis_request; set local praxis.user_id = '{}'", ben.id());
    owner.batch_execute(&claims).await.unwrap();
    let seen = owner.query("select bio from identity.public_profiles", &[]).await.unwrap();
    assert_eq!(seen.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), ["of Ben"]);
    let sql = "update identity.public_profiles set bio = 'x' where user_id = $1";
    assert_eq!(owner.execute(sql, &[&mia.id()]).await.unwrap(), 0);
}
