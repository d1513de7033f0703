//! The page /docs in Chromium.

use std::process::Command;

use local::{project, testkit::Stack};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and .ci/web's packages: `.ci/run web` installs both and runs it"]
async fn routes_are_tried_out_with_a_token_and_with_a_session() {
    let stack = Stack::builder().knows_its_address().start().await;
    let (email, password) = ("ada@example.org", "a long pass phrase");
    let new = json!({ "email": email, "password": password });
    stack.anonymous().post("/api/v1/identity/auth/register", new).await.assert_status(201);
    let pictures = project::target().join("web");
    std::fs::create_dir_all(&pictures).unwrap();
    let script = project::root().join(".ci/web/docs.mjs");
    let mut browser = Command::new("node");
    browser.arg(script).arg(stack.url()).arg(pictures).args([email, password]);
    let output = tokio::task::spawn_blocking(move || browser.output()).await.unwrap().expect("node runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}
