//! get-docs: that a browser runs it is tested in `in_a_browser`.

use local::testkit;

#[tokio::test]
async fn anybody_gets_the_page_and_its_policy() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/docs").await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.text();
    // Relative, because the stage is part of an API's own address.
    assert!(page.contains("<script src=\"docs/script.js?") && page.contains("href=\"openapi.json\""));
}
