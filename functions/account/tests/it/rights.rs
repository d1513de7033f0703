//! What the tests of exports and erasure share.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::Timestamp;
use local::testkit::{Answer, Client, Stack};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

/// Where the API says that it is.
pub(crate) const API: &str = "https://api.example";

/// A stack that knows its public address.
pub(crate) async fn stack() -> Stack {
    Stack::builder().env("API_URL", API).start().await
}

/// One value of one row.
pub(crate) async fn value<T: tokio_postgres::types::FromSqlOwned>(db: &Database, sql: &str) -> T {
    db.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

pub(crate) async fn count(db: &Database, sql: &str) -> i64 {
    value(db, &format!("select count(*) from {sql}")).await
}

pub(crate) async fn run(db: &Database, sql: &str) -> u64 {
    db.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// Gives the person a row.
pub(crate) async fn begin(person: &Client) {
    person.patch("/api/v1/me", json!({})).await.assert_status(200);
}

/// The mails of one template that wait for the person.
pub(crate) async fn mails(db: &Database, person: Uuid, template: &str) -> Vec<Value> {
    let sql = "select payload from platform.outbox
               where topic = 'mail' and user_id = $1 and payload ->> 'template' = $2 order by created_at, id";
    let rows = db.query(sql, &[&person, &template]).await.expect("the outbox");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The acts on record about the person since they came, oldest first.
pub(crate) async fn acts(db: &Database, person: Uuid) -> Vec<String> {
    let sql = "select action from identity.audit_log
               where entity_type = 'user' and entity_id = $1::text and action <> 'user.registered' order by id";
    let rows = db.query(sql, &[&person.to_string()]).await.expect("the audit log");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The hash of a password, by a hundredth of the usual work.
pub(crate) fn password_hash(password: &str) -> String {
    let params = Params::new(64, 1, 1, Some(32)).expect("parameters");
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = hasher.hash_password(password.as_bytes()).expect("a hash");
    hash.to_string()
}

/// An access token of a sign-in that was made so many minutes ago.
pub(crate) fn access_token(stack: &Stack, person: Uuid, sign_in: Uuid, minutes: i64) -> String {
    let now = Timestamp::now().as_second();
    stack.signing_key().sign(&json!({
        "iss": "praxis", "aud": "praxis", "sub": person, "iat": now, "exp": now + 900, "sid": sign_in,
        "auth_time": now - minutes * 60,
    }))
}

/// Asks for an export, has it made, and gives the path that the mail's link leads to.
pub(crate) async fn exported(stack: &Stack, person: &Client) -> String {
    person.request("POST", "/api/v1/me/export").await.assert_status(202);
    stack.invoke("run-account-jobs", json!({})).await;
    let mails = mails(&stack.db().await, person.id(), "export_ready").await;
    let link = mails.last().expect("a mail")["link"].as_str().expect("a link").to_owned();
    link.strip_prefix(API).unwrap_or_else(|| panic!("{link} leads elsewhere")).to_owned()
}

/// Follows a link as a browser does.
pub(crate) async fn follow(stack: &Stack, path: &str) -> Answer {
    stack.anonymous().get(path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").await
}

/// The files of an archive by their names.
pub(crate) fn unzip(archive: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("a zip archive");
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("a file of the archive");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        let name = file.name().expect("a name in UTF-8").into_owned();
        files.insert(name, text);
    }
    files
}
