//! list-users.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use std::collections::BTreeSet;

use local::testkit::{self, Client, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

const USERS: &str = "/api/v1/admin/users";

/// Stores somebody who was made at `created_at`.
async fn person(stack: &Stack, name: &str, roles: &[&str], created_at: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "insert into identity.users (id, email, display_name, roles, created_at)
               values ($1, lower($2) || '@example.org', $2, $3, $4::text::timestamptz)";
    stack.db().await.execute(sql, &[&id, &name, &roles, &created_at]).await.unwrap();
    id
}

/// The names of a list, in order.
async fn names(admin: &Client, query: &str) -> Vec<String> {
    let answer = admin.get(&format!("{USERS}?{query}")).await;
    answer.assert_status(200);
    let users = answer.json()["users"].as_array().expect("users").clone();
    users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn an_admin_sees_everybody_as_they_are() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let mia = person(&stack, "Mia", &["coach", "student", "educator"], "2026-01-02T03:04:05.678Z").await;
    let db = stack.db().await;
    let address =
        "insert into identity.emails (email, user_id, verified_at) values ('mia@school.org', $1, now())";
    db.execute(address, &[&mia]).await.unwrap();
    let rest = "update identity.users set organization_id = 'district-9', deactivated_at = now(),
                       last_login_at = '2026-02-03T04:05:06Z' where id = $1";
    db.execute(rest, &[&mia]).await.unwrap();
    let accounts = "insert into identity.external_accounts (provider, subject, user_id, last_login_at)
                    values ('google', '1', $1, now() - interval '1 day'), ('clever', '1', $1, now())";
    db.execute(accounts, &[&mia]).await.unwrap();

    let answer = admin.get(USERS).await;
    answer.assert_status(200);
    let body = answer.json();
    assert_eq!(body["next_cursor"], Value::Null);
    let users = body["users"].as_array().unwrap();
    assert_eq!(users.len(), 2);
    let wanted = json!({
        "id": mia, "email": "mia@school.org", "name": "Mia", "role": "coach",
        "roles": ["student", "educator", "coach"], "is_active": false, "email_verified": true,
        "organization_id": "district-9", "sso_provider": "clever", "created_at": "2026-01-02T03:04:05.678000Z",
        "last_login": "2026-02-03T04:05:06Z",
    });
    assert_eq!(users[1], wanted);
    let own = &users[0];
    assert_eq!(
        (own["id"].as_str(), own["role"].as_str(), &own["email_verified"], &own["last_login"]),
        (Some(&*admin.id().to_string()), Some("admin"), &json!(false), &Value::Null)
    );
    assert_eq!(own.get("sso_provider"), Some(&Value::Null));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition_while_people_come_and_go() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let mut all = BTreeSet::from([admin.id().to_string()]);
    for index in 0..12 {
        // Moments that several share, so that the id decides.
        let at = format!("2026-01-0{}T00:00:00.000001Z", 1 + index / 4);
        all.insert(person(&stack, "P", &["student"], &at).await.to_string());
    }
    let (mut seen, mut places, mut path) = (Vec::new(), Vec::new(), format!("{USERS}?limit=5"));
    for page in 0.. {
        let body = admin.get(&path).await.json();
        for user in body["users"].as_array().unwrap() {
            let text = |member: &str| user[member].as_str().unwrap().to_owned();
            places.push((text("created_at"), text("id")));
            seen.push(text("id"));
        }
        if page == 0 {
            // Somebody new is not on a later page, and the last one of this page may go.
            person(&stack, "New", &["student"], "2026-09-01T00:00:00Z").await;
            let gone = Uuid::parse_str(seen.last().unwrap()).unwrap();
            stack.db().await.execute("delete from identity.users where id = $1", &[&gone]).await.unwrap();
        }
        match body["next_cursor"].as_str() {
            Some(cursor) => path = format!("{USERS}?limit=5&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 13);
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), all);
    assert!(places.is_sorted_by(|one, next| one > next), "{places:?}");
}

#[tokio::test]
async fn a_full_last_page_has_no_next_one() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    person(&stack, "Mia", &["student"], "2026-01-01T00:00:00Z").await;
    for (limit, more) in [(1, true), (2, false), (100, false)] {
        let body = admin.get(&format!("{USERS}?limit={limit}")).await.json();
        assert_eq!(body["next_cursor"].is_string(), more, "{limit}");
    }
}

#[tokio::test]
async fn words_are_found_in_address_and_name_in_any_case_and_wildcards_are_only_themselves() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    for (name, at) in [("Änne_Lee", "04"), ("50%", "03"), ("Back\\slash", "02"), ("Mia", "01")] {
        person(&stack, name, &["student"], &format!("2026-01-{at}T00:00:00Z")).await;
    }
    for (q, wanted) in [
        ("%C3%A4NNE", &["Änne_Lee"][..]),
        ("_", &["Änne_Lee"]),
        ("%25", &["50%"]),
        ("%5C", &["Back\\slash"]),
        ("A@EXAMPLE", &["Mia"]),
        ("%20mia%20", &["Mia"]),
        ("EXAMPLE.org", &["Änne_Lee", "50%", "Back\\slash", "Mia"]),
        ("nobody", &[]),
    ] {
        assert_eq!(names(&admin, &format!("q={q}")).await, wanted, "{q}");
    }
}

#[tokio::test]
async fn words_are_found_among_the_old_accounts_too() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let old =
        [("O'Neil \\ & Söhne:*", "06"), ("王小明", "05"), ("Ada Quux", "04"), ("ADA", "03"), ("qd", "02")];
    for (name, at) in old {
        person(&stack, name, &["student"], &format!("2020-01-{at}T00:00:00Z")).await;
    }
    let lee = person(&stack, "Lee", &["student", "teacher"], "2020-01-01T00:00:00Z").await;
    let db = stack.db().await;
    let signs_in = "insert into identity.emails (email, user_id) values ('adalee@school.org', $1)";
    db.execute(signs_in, &[&lee]).await.unwrap();
    // More than are looked through one by one.
    let many = "insert into identity.users (id, email, display_name, created_at)
                select gen_random_uuid(), 'many' || n || '@example.com', 'Many', '2025-01-01'::timestamptz + n * interval '1 s'
                from generate_series(1, 5100) n";
    db.batch_execute(&format!("{many}; analyze identity.users")).await.unwrap();
    for (query, wanted) in [
        ("q=ada", &["Ada Quux", "ADA", "Lee"][..]),
        ("q=DA%20q", &["Ada Quux"]),
        ("q=dalee@SCHOOL", &["Lee"]),
        ("q=lee@example", &[]), // the address of the account, and not the one that she signs in with
        ("q=%E7%8E%8B", &["王小明"]),
        ("q=%E5%B0%8F%E6%98%8E", &["王小明"]),
        ("q=ux", &["Ada Quux"]),
        ("q=qd", &["qd"]),
        ("q='", &["O'Neil \\ & Söhne:*"]),
        ("q=%5C%20%26", &["O'Neil \\ & Söhne:*"]),
        ("q=%C3%96hne:*", &["O'Neil \\ & Söhne:*"]),
        ("q=ada&role=teacher", &["Lee"]),
        ("q=ada&role=student&is_active=true", &["Ada Quux", "ADA", "Lee"]),
        ("q=ada&is_active=false", &[]),
        ("q=adaq", &[]),
    ] {
        assert_eq!(names(&admin, query).await, wanted, "{query}");
    }
    // A page ends and goes on as any other.
    let first = admin.get(&format!("{USERS}?q=ada&limit=2")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(names(&admin, &format!("q=ada&limit=2&cursor={cursor}")).await, ["Lee"]);
    assert_eq!(names(&admin, "q=many&limit=100").await.len(), 100);
}

#[tokio::test]
async fn all_filters_must_hold() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    person(&stack, "Teacher", &["student", "teacher"], "2026-01-03T00:00:00Z").await;
    person(&stack, "Coach", &["coach"], "2026-01-02T00:00:00Z").await;
    let gone = person(&stack, "Gone", &["teacher"], "2026-01-01T00:00:00Z").await;
    let sql = "update identity.users set deactivated_at = now() where id = $1";
    stack.db().await.execute(sql, &[&gone]).await.unwrap();
    for (query, wanted) in [
        ("role=teacher", &["Teacher", "Gone"][..]),
        ("role=student", &["Mock User", "Teacher"]),
        ("is_active=false", &["Gone"]),
        ("is_active=true&role=teacher", &["Teacher"]),
        ("is_active=true&role=teacher&q=gone", &[]),
        ("role=coach&limit=1", &["Coach"]),
    ] {
        assert_eq!(names(&admin, query).await, wanted, "{query}");
    }
}

#[tokio::test]
async fn every_bad_parameter_is_named() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let long = "x".repeat(201);
    for (query, path) in [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=", "/cursor"),
        ("cursor=2", "/cursor"),
        ("cursor=________________________________________", "/cursor"),
        ("q=", "/q"),
        ("q=%20", "/q"),
        ("q=%00", "/q"),
        (&*format!("q={long}"), "/q"),
        ("role=boss", "/role"),
        ("role=Admin", "/role"),
        ("is_active=maybe", "/is_active"),
    ] {
        admin.get(&format!("{USERS}?{query}")).await.assert_invalid(&[path]);
    }
    let both = admin.get(&format!("{USERS}?limit=0&role=boss")).await;
    both.assert_invalid(&["/limit", "/role"]);
}

#[tokio::test]
async fn only_an_admin_may() {
    let stack = testkit::stack().await;
    stack.anonymous().get(USERS).await.assert_status(401);
    let stranger = stack.user();
    stranger.get(USERS).await.assert_error(403, "FORBIDDEN", "this needs the role admin");
    let sql = "insert into identity.users (id, roles) values ($1, '{coach,teacher,educator,student}')";
    stack.db().await.execute(sql, &[&stranger.id()]).await.unwrap();
    stranger.get(USERS).await.assert_error(403, "FORBIDDEN", "this needs the role admin");

    let admin = stack.admin().await;
    admin.get(USERS).await.assert_status(200);
    stack.admin().await;
    let sql = "update identity.users set deactivated_at = now() where id = $1";
    stack.db().await.execute(sql, &[&admin.id()]).await.unwrap();
    admin.get(USERS).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
}
