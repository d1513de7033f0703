//! get-docs-script.

use local::testkit;

#[tokio::test]
async fn the_script_that_the_page_names_may_be_kept_for_ever() {
    let stack = testkit::stack().await;
    let page = stack.anonymous().get("/docs").await.text();
    let source = page.split("<script src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let answer = stack.anonymous().get(&format!("/{source}")).await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(answer.text().contains("SwaggerUIBundle({"));
}

#[tokio::test]
async fn it_is_compressed_for_a_browser() {
    let stack = testkit::stack().await;
    let plain = stack.anonymous().get("/docs/script.js").await.bytes().len();
    let answer =
        stack.anonymous().get("/docs/script.js").header("accept-encoding", "gzip, deflate, br").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.bytes().len() * 3 < plain, "{} of {plain} bytes", answer.bytes().len());
}
