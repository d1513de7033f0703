//! `GET /api/v1/scenes`.

use local::testkit::{Client, stack};
use serde_json::{Value, json};

use crate::{
    given,
    shape::{assert_keys, assert_needs_token},
};

const PATH: &str = "/api/v1/scenes";

async fn ids(user: &Client, query: &str) -> Vec<String> {
    let answer = user.get(&format!("{PATH}{query}")).await;
    answer.assert_status(200);
    let page = answer.json();
    let items = page["items"].as_array().expect("a list of items");
    items.iter().map(|item| given::id(&item["scene_id"]).to_string()).collect()
}

#[tokio::test]
async fn the_last_changed_comes_first_in_the_shape_of_one_scene() {
    let stack = stack().await;
    let alice = stack.user();
    let old = given::scene_with(&alice, json!({"title": "old"})).await;
    let new = given::scene_with(&alice, json!({"title": "new"})).await;
    given::scene(&stack.user()).await;

    let page = alice.get(PATH).await;
    page.assert_status(200);
    let page = page.json();
    assert_keys(&page, &["items", "limit", "offset", "total"]);
    assert_eq!((&page["limit"], &page["offset"], &page["total"]), (&json!(10), &json!(0), &json!(2)));
    assert_eq!(page["items"][1], alice.get(&format!("{PATH}/{old}")).await.json());
    assert_eq!(ids(&alice, "").await, [new.to_string(), old.to_string()]);
    assert_eq!(ids(&alice, "?limit=1").await, [new.to_string()]);
    assert_eq!(ids(&alice, "?limit=1&offset=1").await, [old.to_string()]);

    alice.patch(&format!("{PATH}/{old}"), json!({"title": "changed"})).await.assert_status(200);
    assert_eq!(ids(&alice, "").await, [old.to_string(), new.to_string()]);
}

#[tokio::test]
async fn pages_show_each_scene_once_also_when_times_are_equal() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    for _ in 0..5 {
        given::scene(&alice).await;
    }
    given::execute(&db, "update practice.scenes set updated_at = '2026-01-01T00:00:00Z'").await;
    let mut paged = Vec::new();
    for offset in 0..5 {
        paged.extend(ids(&alice, &format!("?limit=1&offset={offset}")).await);
    }
    assert_eq!(paged, ids(&alice, "").await);
    let mut sorted = paged.clone();
    sorted.sort_by(|one, other| other.cmp(one));
    assert_eq!(paged, sorted, "by id among equals");

    let beyond = alice.get(&format!("{PATH}?offset=5")).await.json();
    assert_eq!(beyond, json!({"items": [], "limit": 10, "offset": 5, "total": 5}));
}

#[tokio::test]
async fn status_filters() {
    let stack = stack().await;
    let alice = stack.user();
    let (kept, gone) = (given::scene(&alice).await, given::scene(&alice).await);
    alice.request("POST", &format!("{PATH}/{gone}/archive")).await.assert_status(200);
    assert_eq!(ids(&alice, "?status=ACTIVE").await, [kept.to_string()]);
    assert_eq!(ids(&alice, "?status=ARCHIVED").await, [gone.to_string()]);
    assert_eq!(alice.get(&format!("{PATH}?status=ARCHIVED")).await.json()["total"], 1);
    assert_eq!(ids(&alice, "").await.len(), 2);
}

#[tokio::test]
async fn every_bad_parameter_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let bad = alice.get(&format!("{PATH}?limit=51&offset=-1&status=active")).await;
    bad.assert_invalid(&["/limit", "/offset", "/status"]);
    alice.get(&format!("{PATH}?limit=0")).await.assert_invalid(&["/limit"]);
    alice.get(&format!("{PATH}?limit=x&offset=1.5")).await.assert_invalid(&["/limit", "/offset"]);
    alice.get(&format!("{PATH}?offset=99999999999999999999")).await.assert_invalid(&["/offset"]);
    let lenient = alice.get(&format!("{PATH}?limit=5.0&offset=%202&unknown=1")).await;
    lenient.assert_status(200);
    assert_eq!(lenient.json(), json!({"items": Vec::<Value>::new(), "limit": 5, "offset": 2, "total": 0}));
    assert_needs_token(&stack, "GET", PATH).await;
}
