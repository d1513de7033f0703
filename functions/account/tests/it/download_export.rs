//! download-export.

use std::io::{Read, Write};
use std::net::TcpStream;

use local::testkit::Stack;
use serde_json::{Value, json};

use crate::people;
use crate::rights::{acts, exported, follow, run, stack, unzip, value};

#[tokio::test]
async fn a_link_downloads_an_archive_for_browsers_and_programs() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let path = exported(&stack, &alice).await;
    let program = stack.anonymous().get(&path).header("accept", "application/zip").await;
    for answer in [follow(&stack, &path).await, program] {
        answer.assert_status(200);
        assert_eq!(answer.header("content-type"), Some("application/zip"));
        let day: String =
            value(&db, "select to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD') from identity.exports")
                .await;
        let disposition = format!("attachment; filename=\"praxis-{day}.zip\"");
        assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(unzip(answer.bytes()).contains_key("identity.users.json"));
    }
    // One act a day, however often somebody clicks.
    assert_eq!(acts(&db, alice.id()).await, ["export.requested", "export.downloaded"]);
    run(&db, "update identity.exports set downloaded_on = downloaded_on - 1").await;
    follow(&stack, &path).await.assert_status(200);
    assert_eq!(acts(&db, alice.id()).await, ["export.requested", "export.downloaded", "export.downloaded"]);
    // A browser's other answers stay as they are.
    let page = stack.anonymous().get("/api/v1/me").header("accept", "text/html").await;
    page.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
}

#[tokio::test]
async fn nobody_gets_an_archive_damaged() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let path = exported(&stack, &alice).await;
    let refused = "this is a zip archive: send Accept: application/zip";
    for accept in [
        "*/*",
        "",
        "application/*",
        "application/json",
        "application/json, application/zip",
        "application/octet-stream",
        "text/*",
        "application/zip;q=0.9",
        "APPLICATION/ZIP",
    ] {
        let answer = stack.anonymous().get(&path).header("accept", accept).await;
        answer.assert_error(406, "NOT_ACCEPTABLE", refused);
    }
    let two = stack.anonymous().get(&path).header("accept", "application/zip").header("accept", "*/*");
    two.await.assert_error(406, "NOT_ACCEPTABLE", refused);
    let without = without_accept(&stack, &path).await;
    assert!(without.starts_with("HTTP/1.1 406 ") && without.contains(refused), "{without}");
    assert_eq!(acts(&db, alice.id()).await, ["export.requested"], "nothing was downloaded");

    for accept in ["application/zip, */*", "text/html, */*", " application/zip ,text/plain"] {
        let answer = stack.anonymous().get(&path).header("accept", accept).await;
        answer.assert_status(200);
        assert!(unzip(answer.bytes()).contains_key("identity.users.json"));
    }
}

/// A `GET` as no client of HTTP sends it by itself: without any `Accept`.
async fn without_accept(stack: &Stack, path: &str) -> String {
    let address = stack.url().trim_start_matches("http://").to_owned();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let exchange = move || {
        let mut connection = TcpStream::connect(address).expect("the gateway");
        connection.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer in text");
        answer
    };
    tokio::task::spawn_blocking(exchange).await.expect("an answer")
}

#[tokio::test]
async fn a_link_that_is_unknown_changed_or_too_old_leads_nowhere() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let path = exported(&stack, &alice).await;
    let changed = format!("{}{}", &path[..path.len() - 2], if path.ends_with("AA") { "BA" } else { "AA" });
    let unknown = "/api/v1/exports/".to_owned() + &"A".repeat(43);
    for path in [&changed, &unknown, "/api/v1/exports/x", "/api/v1/exports/%00", &format!("{path}?part=2")] {
        follow(&stack, path).await.assert_error(404, "NOT_FOUND", "export not found");
    }
    follow(&stack, &format!("{path}?part=0")).await.assert_invalid(&["/part"]);
    run(&db, "update identity.exports set expires_at = now()").await;
    follow(&stack, &path).await.assert_error(404, "NOT_FOUND", "export not found");
    assert_eq!(acts(&db, alice.id()).await, ["export.requested"]);
}

#[tokio::test]
async fn the_secret_of_a_link_never_reaches_the_log() {
    let stack = stack().await;
    let alice = stack.user();
    let path = exported(&stack, &alice).await;
    let token = path.rsplit('/').next().unwrap();
    follow(&stack, &path).await.assert_status(200);
    let downloads = |logs: &[Value]| {
        logs.iter().filter(|line| line["function"] == "download-export").cloned().collect::<Vec<_>>()
    };
    let mut count = 1;
    let line = loop {
        let logs = stack.wait_for_logs(count).await;
        if let Some(line) = downloads(&logs).pop() {
            break line;
        }
        count = logs.len() + 1;
    };
    assert_eq!(line["path"], json!("/api/v1/exports/{token}"));
    assert!(stack.lines().iter().all(|line| !line.line.contains(token)), "a line holds the secret");
}

#[tokio::test]
async fn a_link_ends_with_what_ends_other_links() {
    for end in ["password change", "reset", "address", "deactivation"] {
        let stack = stack().await;
        let id = people::register(&stack, people::MIA).await;
        people::run(&stack, "update identity.emails set verified_at = now()").await;
        let caller = people::app(&stack, people::MIA).await.client;
        caller.request("POST", "/api/v1/me/export").await.assert_status(202);
        stack.invoke("run-account-jobs", json!({})).await;
        let mail = crate::rights::mails(&stack.db().await, id, "export_ready").await;
        let link = mail[0]["link"].as_str().unwrap().strip_prefix(crate::rights::API).unwrap().to_owned();
        follow(&stack, &link).await.assert_status(200);
        match end {
            "password change" => {
                let change =
                    json!({ "current_password": people::PASSWORD, "new_password": "An0ther phrase" });
                caller.post("/api/v1/identity/password/change", change).await.assert_status(204);
            }
            "reset" => {
                let forgot = json!({ "email": people::MIA });
                caller.post("/api/v1/identity/password/forgot", forgot).await.assert_status(202);
                let token = people::link_token(&stack, "reset_password").await;
                let reset = json!({ "token": token, "password": "An0ther phrase" });
                caller.post("/api/v1/identity/password/reset", reset).await.assert_status(204);
            }
            "address" => {
                let change = json!({ "email": "new@example.org", "password": people::PASSWORD });
                caller.post("/api/v1/identity/email/change", change).await.assert_status(202);
                let token = people::link_token(&stack, "change_email").await;
                caller
                    .post("/api/v1/identity/email/confirm", json!({ "token": token }))
                    .await
                    .assert_status(204);
            }
            _ => {
                let path = format!("/api/v1/admin/users/{id}");
                stack.admin().await.patch(&path, json!({ "is_active": false })).await.assert_status(200);
            }
        }
        follow(&stack, &link).await.assert_error(404, "NOT_FOUND", "export not found");
        assert_eq!(
            people::value::<i64>(&stack, "select count(*) from identity.export_parts").await,
            0,
            "{end}"
        );
    }
}

#[tokio::test]
async fn an_archive_made_for_somebody_who_was_deactivated_meanwhile_opens_nothing() {
    let stack = stack().await;
    let alice = stack.user();
    let link = exported(&stack, &alice).await;
    people::run(&stack, "update identity.users set deactivated_at = now()").await;
    follow(&stack, &link).await.assert_error(404, "NOT_FOUND", "export not found");
}
