//! get-docs.

use local::testkit;

#[tokio::test]
async fn anybody_reads_every_operation_on_one_page() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/docs").await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let page = answer.text();
    for function in &stack.template().functions {
        if function.routes().next().is_some() {
            let name = &function.name;
            assert!(page.contains(&format!("<article id=\"{name}\">")), "no {name}");
        }
    }
    assert!(!page.contains("<script"));
    assert_eq!(stack.anonymous().get("/docs").await.text(), page, "the page is made once");
}
