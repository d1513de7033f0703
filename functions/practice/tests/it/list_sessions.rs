//! `GET /api/v1/sessions`.

use local::testkit::{Answer, Client, stack};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_keys, assert_needs_token, assert_time},
};

const PATH: &str = "/api/v1/sessions";

async fn list(user: &Client, query: &str) -> Answer {
    let answer = user.get(&format!("{PATH}{query}")).await;
    answer.assert_status(200);
    answer
}

/// The ids of a list's first page, whose total must be their number.
async fn ids(user: &Client, query: &str) -> Vec<Uuid> {
    let page = list(user, query).await.json();
    let items = page["items"].as_array().expect("a list of items");
    let ids: Vec<_> = items.iter().map(|item| given::id(&item["session_id"])).collect();
    assert_eq!(page["total"], ids.len(), "{query}: {page}");
    ids
}

/// A query parameter's value, percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn an_item_shows_the_last_turn() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let session = given::session_on(&alice, scene).await;
    let page = list(&alice, "").await.json();
    assert_keys(&page, &["items", "limit", "offset", "total"]);
    assert_eq!((&page["limit"], &page["offset"], &page["total"]), (&json!(10), &json!(0), &json!(1)));
    let fresh = &page["items"][0];
    assert_time(&fresh["created_at"]);
    let expected = json!({
        "session_id": session, "scene_id": scene, "scene_title": "Late hand-over", "state": "ACTIVE",
        "current_turn": 0, "target_turns": 5, "created_at": fresh["created_at"], "ended_at": null,
        "last_user_message": null, "last_assistant_message": null, "last_overall_score": null,
        "last_risk_level": null, "has_summary": false, "has_reflection": false,
    });
    assert_eq!(*fresh, expected);

    given::say(&alice, session, "第一句").await;
    let last = given::say(&alice, session, "你们总是拖延，根本不专业").await;
    given::summary(&alice, session).await;
    given::reflection(&alice, session, true, None).await;
    let expected = given::with(
        expected,
        json!({
            "current_turn": 2, "last_user_message": "你们总是拖延，根本不专业",
            "last_assistant_message": last["assistant_message"]["content"],
            "last_overall_score": last["feedback"]["overall_score"], "last_risk_level": "HIGH",
            "has_summary": true, "has_reflection": true,
        }),
    );
    assert_eq!(list(&alice, "").await.json()["items"], json!([expected]));
    assert_eq!(list(&stack.user(), "").await.json()["total"], 0);
}

#[tokio::test]
async fn the_newest_comes_first_and_pages_show_each_once_also_when_times_are_equal() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let scene = given::scene(&alice).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(given::session_on(&alice, scene).await);
    }
    given::started_at(&db, made[0], "2026-03-04T00:00:00Z").await;
    for session in &made[1..] {
        given::started_at(&db, *session, "2026-03-03T00:00:00Z").await;
    }
    let all = ids(&alice, "").await;
    made[1..].sort_by(|one, other| other.cmp(one));
    assert_eq!(all, made, "by time, then by id");
    let mut paged = Vec::new();
    for offset in 0..4 {
        let page = list(&alice, &format!("?limit=1&offset={offset}")).await.json();
        assert_eq!(page["total"], 4);
        paged.push(given::id(&page["items"][0]["session_id"]));
    }
    assert_eq!(paged, all);
    let beyond = list(&alice, "?limit=2&offset=4").await.json();
    assert_eq!(beyond, json!({"items": [], "limit": 2, "offset": 4, "total": 4}));
}

#[tokio::test]
async fn a_state_filters() {
    let stack = stack().await;
    let alice = stack.user();
    let completed = given::completed_session(&alice).await;
    let (active, abandoned) = (given::session(&alice).await, given::session(&alice).await);
    alice.request("POST", &format!("{PATH}/{abandoned}/abandon")).await.assert_status(200);
    assert_eq!(ids(&alice, "?state=ACTIVE").await, [active]);
    assert_eq!(ids(&alice, "?state=COMPLETED").await, [completed]);
    assert_eq!(ids(&alice, "?state=ABANDONED").await, [abandoned]);
    assert_eq!(ids(&alice, "").await.len(), 3);
}

#[tokio::test]
async fn a_keyword_is_looked_for_in_the_scene_and_the_last_turn() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let mut sessions = Vec::new();
    for fields in [
        json!({"title": "Budget ALPHA Ärger"}),
        json!({"goal": "reach 预算 bravo"}),
        json!({"context": "charlie"}),
    ] {
        let scene = given::scene_with(&alice, fields).await;
        sessions.push(given::session_on(&alice, scene).await);
    }
    assert_eq!(ids(&alice, "?keyword=alpha").await, [sessions[0]], "the title, in any case");
    assert_eq!(ids(&alice, &format!("?keyword={}", encoded("预算 BRAVO"))).await, [sessions[1]], "the goal");
    assert_eq!(ids(&alice, "?keyword=%20CHARLIE%20").await, [sessions[2]], "the context, trimmed");
    assert_eq!(ids(&alice, &format!("?keyword={}", encoded("äRGER"))).await, [sessions[0]], "in any script");
    assert_eq!(ids(&alice, "?keyword=delta").await, [] as [Uuid; 0]);

    given::say(&alice, sessions[0], "Echo once").await;
    assert_eq!(ids(&alice, "?keyword=echo").await, [sessions[0]], "the last message");
    given::say(&alice, sessions[0], "Foxtrot").await;
    assert_eq!(ids(&alice, "?keyword=echo").await, [] as [Uuid; 0], "not an earlier one");
    let reply = "update practice.sessions set last_assistant_message = 'Golf' where current_turn > 0";
    given::execute(&db, reply).await;
    assert_eq!(ids(&alice, "?keyword=golf").await, [sessions[0]], "the last reply");

    // Blank is no filter; with another filter both must hold.
    for blank in ["%20%09", "%E2%80%8B"] {
        assert_eq!(ids(&alice, &format!("?keyword={blank}")).await.len(), 3);
    }
    assert_eq!(ids(&alice, "?keyword=alpha&state=COMPLETED").await, [] as [Uuid; 0]);
    assert_eq!(ids(&stack.user(), "?keyword=alpha").await, [] as [Uuid; 0]);
}

#[tokio::test]
async fn pattern_characters_of_a_keyword_are_only_themselves() {
    let stack = stack().await;
    let alice = stack.user();
    let mut sessions = Vec::new();
    for title in ["50% off", "500 off", "a_b", "axb", r"c:\new", "c:new"] {
        let scene = given::scene_with(&alice, json!({"title": title})).await;
        sessions.push(given::session_on(&alice, scene).await);
    }
    for (keyword, found) in [("50% o", 0), ("%", 0), ("a_b", 2), ("_", 2), (r"c:\n", 4), (r"\", 4)] {
        assert_eq!(
            ids(&alice, &format!("?keyword={}", encoded(keyword))).await,
            [sessions[found]],
            "{keyword}"
        );
    }
}

#[tokio::test]
async fn days_are_those_of_the_callers_time_zone() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    given::started_at(&db, session, "2026-03-01T16:30:00Z").await;
    let on = |day: &str| format!("?created_from={day}&created_to={day}");
    for (timezone, its_day, before, after) in [
        ("UTC", "2026-03-01", "2026-02-28", "2026-03-02"),
        ("Asia/Shanghai", "2026-03-02", "2026-03-01", "2026-03-03"),
        ("America/Los_Angeles", "2026-03-01", "2026-02-28", "2026-03-02"),
    ] {
        alice.patch("/api/v1/me", json!({"timezone": timezone})).await.assert_status(200);
        assert_eq!(ids(&alice, &on(its_day)).await, [session], "{timezone}");
        for other in [before, after] {
            assert_eq!(ids(&alice, &on(other)).await, [] as [Uuid; 0], "{timezone}");
        }
        assert_eq!(ids(&alice, &format!("?created_from={after}")).await, [] as [Uuid; 0], "{timezone}");
        assert_eq!(ids(&alice, &format!("?created_to={its_day}")).await, [session], "{timezone}");
    }
    // The first and the last microsecond of a day of 23 hours: clocks go forward on 8 March in Los Angeles.
    for (at, is_inside) in [
        ("2026-03-08T07:59:59.999999Z", false),
        ("2026-03-08T08:00:00Z", true),
        ("2026-03-09T06:59:59.999999Z", true),
        ("2026-03-09T07:00:00Z", false),
    ] {
        given::started_at(&db, session, at).await;
        assert_eq!(!ids(&alice, &on("2026-03-08")).await.is_empty(), is_inside, "{at}");
    }
}

#[tokio::test]
async fn every_bad_parameter_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let bad = "?limit=51&offset=-1&state=active&keyword=&created_from=2026-02-30&created_to=9999-12-31";
    let paths = ["/limit", "/offset", "/state", "/keyword", "/created_from", "/created_to"];
    alice.get(&format!("{PATH}{bad}")).await.assert_invalid(&paths);
    for (query, path) in [
        ("limit=0", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=", "/limit"),
        ("offset=9223372036854775808", "/offset"),
        ("offset=2147483648", "/offset"),
        ("state=", "/state"),
        ("state=ARCHIVED", "/state"),
        ("keyword=%00", "/keyword"),
        ("keyword=a%ff", "/keyword"),
        ("keyword=a%00b", "/keyword"),
        (&format!("keyword={}", encoded(&"词".repeat(81))), "/keyword"),
        ("created_from=2026-3-1", "/created_from"),
        ("created_from=2026-03-01T00:00:00Z", "/created_from"),
        ("created_from=0000-01-01", "/created_from"),
        ("created_to=9999-12-25", "/created_to"),
        ("created_to=%2B10000-01-01", "/created_to"),
    ] {
        alice.get(&format!("{PATH}?{query}")).await.assert_invalid(&[path]);
    }
    let sentence = "created_from must be less than or equal to created_to";
    let reversed = alice.get(&format!("{PATH}?created_from=2026-03-02&created_to=2026-03-01")).await;
    reversed.assert_error(400, "VALIDATION_ERROR", sentence).assert_invalid(&["/created_from"]);
    assert_needs_token(&stack, "GET", PATH).await;
}

#[tokio::test]
async fn the_ends_of_every_range_are_taken() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    alice.patch("/api/v1/me", json!({"timezone": "Asia/Shanghai"})).await.assert_status(200);
    let all = "?limit=50&offset=0&created_from=0001-01-01&created_to=9999-12-24&unknown=%00";
    assert_eq!(ids(&alice, all).await, [session]);
    let none =
        list(&alice, &format!("?limit=1&offset=2147483647&keyword={}", encoded(&"词".repeat(80)))).await;
    assert_eq!(
        none.json(),
        json!({"items": Vec::<Value>::new(), "limit": 1, "offset": 2147483647, "total": 0})
    );
}
