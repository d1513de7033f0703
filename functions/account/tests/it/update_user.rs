//! update-user.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use local::testkit::{self, Client, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

fn path(id: Uuid) -> String {
    format!("/api/v1/admin/users/{id}")
}

/// A person with a row, as everybody has who has written anything.
async fn person(stack: &Stack) -> Client {
    let person = stack.user();
    person.patch("/api/v1/me", json!({})).await.assert_status(200);
    person
}

/// What was written down since people came, in order: actor, action, thing, payload.
async fn acts(stack: &Stack) -> Vec<(Option<Uuid>, String, String, Value)> {
    let sql = "select actor_id, action, entity_type || ' ' || entity_id, payload
               from identity.audit_log where action <> 'user.registered' order by occurred_at, action desc";
    let rows = stack.db().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

async fn sign_ins(stack: &Stack, person: &Client) -> Vec<Option<String>> {
    let sql = "select revoked_because from identity.sign_ins where user_id = $1 order by revoked_because nulls last";
    let rows = stack.db().await.query(sql, &[&person.id()]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_role_takes_the_place_of_all_and_roles_are_a_set() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    let outside =
        "insert into identity.external_accounts (provider, subject, user_id) values ('google', '1', $1)";
    stack.db().await.execute(outside, &[&mia.id()]).await.unwrap();
    let answer = admin.patch(&path(mia.id()), json!({ "roles": ["coach", "student", "teacher"] })).await;
    answer.assert_status(200);
    let account = answer.json();
    assert_eq!(account["sso_provider"], "google");
    assert_eq!(
        (&account["role"], &account["roles"]),
        (&json!("coach"), &json!(["student", "teacher", "coach"]))
    );
    let listed = admin.get(&format!("/api/v1/admin/users?q={}", mia.id())).await.json();
    assert_eq!(listed["users"], json!([account]), "the same object as in the list");

    let answer = admin.patch(&path(mia.id()), json!({ "role": "educator" })).await;
    assert_eq!(answer.json()["roles"], json!(["educator"]));

    let by = Some(admin.id());
    let thing = format!("user {}", mia.id());
    let wanted = [
        json!({ "from": ["student"], "to": ["student", "teacher", "coach"] }),
        json!({ "from": ["student", "teacher", "coach"], "to": ["educator"] }),
    ];
    let wanted = wanted.map(|payload| (by, "user.roles_changed".to_owned(), thing.clone(), payload));
    assert_eq!(acts(&stack).await, wanted);
}

#[tokio::test]
async fn a_new_role_counts_at_once() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    mia.get("/api/v1/admin/users").await.assert_status(403);
    admin.patch(&path(mia.id()), json!({ "roles": ["student", "admin"] })).await.assert_status(200);
    mia.get("/api/v1/admin/users").await.assert_status(200);
    mia.patch(&path(admin.id()), json!({ "role": "student" })).await.assert_status(200);
    admin.get("/api/v1/admin/users").await.assert_error(403, "FORBIDDEN", "this needs the role admin");
}

#[tokio::test]
async fn what_does_not_change_is_not_written() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    let sql =
        "update identity.users set roles = '{teacher,student}' where id = $1 returning updated_at::text";
    let before: String = stack.db().await.query_one(sql, &[&mia.id()]).await.unwrap().get(0);
    for same in [
        json!({}),
        json!({ "roles": ["student", "teacher"] }),
        json!({ "is_active": true }),
        json!({ "roles": ["teacher", "student"], "is_active": true, "email": "x@example.org", "id": mia.id() }),
    ] {
        let answer = admin.patch(&path(mia.id()), same.clone()).await;
        answer.assert_status(200);
        assert_eq!(answer.json()["roles"], json!(["student", "teacher"]), "{same}");
    }
    let sql = "select updated_at::text from identity.users where id = $1";
    let after: String = stack.db().await.query_one(sql, &[&mia.id()]).await.unwrap().get(0);
    assert_eq!((before, acts(&stack).await), (after, Vec::new()));
}

#[tokio::test]
async fn a_deactivation_locks_out_at_once_ends_every_sign_in_and_can_be_undone() {
    let stack = testkit::stack().await;
    let (admin, mia, ben) = (stack.admin().await, person(&stack).await, person(&stack).await);
    let db = stack.db().await;
    for owner in [&mia, &mia, &ben] {
        let sql = "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
                   values ($1, $2, 'token', 'password', now() + interval '1 day', now() + interval '1 day')";
        db.execute(sql, &[&Uuid::now_v7(), &owner.id()]).await.unwrap();
    }
    let sql = "update identity.sign_ins set revoked_at = now(), revoked_because = 'logout'
               where id = (select min(id::text)::uuid from identity.sign_ins where user_id = $1)";
    db.execute(sql, &[&mia.id()]).await.unwrap();

    let answer = admin.patch(&path(mia.id()), json!({ "is_active": false })).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["is_active"], json!(false));
    mia.get("/api/v1/me").await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    let ended = [Some("deactivated".to_owned()), Some("logout".to_owned())];
    assert_eq!(sign_ins(&stack, &mia).await, ended, "one that had ended before keeps its reason");
    assert_eq!(sign_ins(&stack, &ben).await, [None]);
    ben.get("/api/v1/me").await.assert_status(200);

    let again = admin.patch(&path(mia.id()), json!({ "is_active": false })).await;
    assert_eq!(again.json()["is_active"], json!(false));
    let answer = admin.patch(&path(mia.id()), json!({ "is_active": true, "role": "coach" })).await;
    assert_eq!(answer.json()["is_active"], json!(true));
    mia.get("/api/v1/me").await.assert_status(200);
    assert_eq!(sign_ins(&stack, &mia).await, ended, "what was ended stays ended");

    let (by, thing) = (Some(admin.id()), format!("user {}", mia.id()));
    let act = |action: &str, payload| (by, action.to_owned(), thing.clone(), payload);
    let wanted = [
        act("user.deactivated", json!({})),
        act("user.roles_changed", json!({ "from": ["student"], "to": ["coach"] })),
        act("user.reactivated", json!({})),
    ];
    assert_eq!(acts(&stack).await, wanted);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    for change in [
        json!({ "role": "student" }),
        json!({ "roles": ["coach", "student"] }),
        json!({ "is_active": false }),
        json!({ "role": "coach", "is_active": false }),
    ] {
        let answer = admin.patch(&path(admin.id()), change).await;
        answer.assert_error(409, "CONFLICT", "the last admin stays");
    }
    assert_eq!(acts(&stack).await, []);

    // An admin who is locked out or about to be erased lets nobody in, so does not count.
    for state in ["deactivated_at", "deletion_requested_at"] {
        let sql = format!("update identity.users set roles = '{{admin}}', {state} = now() where id = $1");
        stack.db().await.execute(&sql, &[&mia.id()]).await.unwrap();
        let answer = admin.patch(&path(admin.id()), json!({ "role": "student" })).await;
        answer.assert_error(409, "CONFLICT", "the last admin stays");
        let sql = format!("update identity.users set {state} = null where id = $1");
        stack.db().await.execute(&sql, &[&mia.id()]).await.unwrap();
    }
    admin.patch(&path(admin.id()), json!({ "role": "student" })).await.assert_status(200);
    mia.get("/api/v1/admin/users").await.assert_status(200);
}

#[tokio::test]
async fn of_two_admins_who_demote_each_other_at_once_one_stays() {
    let stack = testkit::stack().await;
    let (one, other) = (stack.admin().await, stack.admin().await);
    // Both are let in and reach the last step before either may finish it: whoever takes an admin away waits here.
    let db = stack.db().await;
    let gate = "select pg_advisory_lock(hashtext('identity.keep_an_admin'))";
    db.batch_execute(gate).await.unwrap();
    let demote = |by: &Client, whom: &Client| {
        let call = by.patch(&path(whom.id()), json!({ "role": "student" }));
        tokio::spawn(call.into_future())
    };
    let calls = (demote(&one, &other), demote(&other, &one));
    let waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                   where d.datname = current_database() and l.locktype = 'advisory' and not l.granted";
    while db.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    db.batch_execute("select pg_advisory_unlock_all()").await.unwrap();
    let (first, second) = (calls.0.await.unwrap(), calls.1.await.unwrap());
    let (winner, loser) = if first.status() == 200 { (first, second) } else { (second, first) };
    winner.assert_status(200);
    loser.assert_error(409, "CONFLICT", "the last admin stays");
    let left = "select count(*) from identity.users where 'admin' = any (roles)";
    assert_eq!(db.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(acts(&stack).await.len(), 1, "only what happened is written down");
}

#[tokio::test]
async fn two_changes_of_one_person_at_once_are_both_written_down_as_they_happened() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    // Both meet the row locked by somebody else, so that neither has read it before the other changed it.
    let (mut db, onlooker) = (stack.db().await, stack.db().await);
    let holder = db.transaction().await.unwrap();
    holder.execute("select from identity.users where id = $1 for update", &[&mia.id()]).await.unwrap();
    let give = |role: &str| tokio::spawn(admin.patch(&path(mia.id()), json!({ "role": role })).into_future());
    let calls = (give("teacher"), give("coach"));
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    while onlooker.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    holder.commit().await.unwrap();
    calls.0.await.unwrap().assert_status(200);
    calls.1.await.unwrap().assert_status(200);
    let sql = "select roles[1] from identity.users where id = $1";
    let last: String = db.query_one(sql, &[&mia.id()]).await.unwrap().get(0);
    let first = if last == "coach" { "teacher" } else { "coach" };
    let mut payloads: Vec<_> = acts(&stack).await.into_iter().map(|act| act.3).collect();
    payloads.sort_by_key(|payload| payload["from"] != json!(["student"]));
    let wanted = [json!({ "from": ["student"], "to": [first] }), json!({ "from": [first], "to": [last] })];
    assert_eq!(payloads, wanted);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_changes() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    for (body, paths) in [
        (json!({ "role": "coach", "roles": ["coach"] }), &["/roles"][..]),
        (json!({ "role": "boss" }), &["/role"]),
        (json!({ "role": "Admin" }), &["/role"]),
        (json!({ "role": null }), &["/role"]),
        (json!({ "roles": [] }), &["/roles"]),
        (json!({ "roles": null }), &["/roles"]),
        (json!({ "roles": "coach" }), &["/roles"]),
        (json!({ "roles": ["coach", "coach"] }), &["/roles"]),
        (json!({ "roles": ["coach", "boss", 7] }), &["/roles/1", "/roles/2"]),
        (json!({ "roles": ["student", "teacher", "educator", "coach", "admin", "coach"] }), &["/roles"]),
        (json!({ "is_active": null }), &["/is_active"]),
        (json!({ "role": "boss", "is_active": "maybe" }), &["/role", "/is_active"]),
        (json!([]), &[""]),
    ] {
        admin.patch(&path(mia.id()), body).await.assert_invalid(paths);
    }
    admin.patch("/api/v1/admin/users/7", json!({})).await.assert_invalid(&["/user_id"]);
    assert_eq!(acts(&stack).await, []);
}

#[tokio::test]
async fn an_unknown_person_is_404() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    for body in [json!({ "role": "coach" }), json!({})] {
        let answer = admin.patch(&path(Uuid::new_v4()), body).await;
        answer.assert_error(404, "NOT_FOUND", "user not found");
    }
}

#[tokio::test]
async fn only_an_admin_may() {
    let stack = testkit::stack().await;
    let mia = person(&stack).await;
    let own = path(mia.id());
    stack.anonymous().patch(&own, json!({ "role": "admin" })).await.assert_status(401);
    let answer = mia.patch(&own, json!({ "role": "admin" })).await;
    answer.assert_error(403, "FORBIDDEN", "this needs the role admin");
    let sql = "select roles from identity.users where id = $1";
    let roles: Vec<String> = stack.db().await.query_one(sql, &[&mia.id()]).await.unwrap().get(0);
    assert_eq!((roles, acts(&stack).await), (vec!["student".to_owned()], Vec::new()));
}

#[tokio::test]
async fn nobody_becomes_an_admin_behind_an_address_that_is_not_proven() {
    let stack = testkit::stack().await;
    let (admin, mia) = (stack.admin().await, person(&stack).await);
    let db = stack.db().await;
    let sql = "insert into identity.emails (email, user_id) values ('mia@example.org', $1)";
    db.execute(sql, &[&mia.id()]).await.unwrap();
    for change in [json!({ "role": "admin" }), json!({ "roles": ["student", "admin"] })] {
        let answer = admin.patch(&path(mia.id()), change).await;
        answer.assert_error(409, "CONFLICT", "the person has not proven their e-mail address");
    }
    assert!(stack.try_invoke("create-admin", json!({ "user_id": mia.id() })).await.is_err());
    admin.patch(&path(mia.id()), json!({ "role": "coach" })).await.assert_status(200);
    db.execute("update identity.emails set verified_at = now()", &[]).await.unwrap();
    admin.patch(&path(mia.id()), json!({ "role": "admin" })).await.assert_status(200);
}

#[tokio::test]
async fn the_last_admin_is_not_deleted_either() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    let db = stack.db().await;
    let sql = "delete from identity.users where id = $1";
    let refused = db.execute(sql, &[&admin.id()]).await.unwrap_err();
    assert_eq!(refused.as_db_error().and_then(|error| error.constraint()), Some("users_last_admin"));
    let other = stack.admin().await;
    db.execute(sql, &[&admin.id()]).await.unwrap();
    other.get("/api/v1/admin/users").await.assert_status(200);
}
