//! get-landing: that a browser shows it is tested in `in_a_browser`.

use local::testkit;

use crate::files::{assert_page, assert_served};

#[tokio::test]
async fn anybody_gets_the_page_at_the_root() {
    let stack = testkit::stack().await;
    let page = assert_served(&stack.anonymous(), "/", "text/html; charset=utf-8").await.text();
    assert_page(&page);
    assert!(page.contains("href=\"portal\"") && page.contains("href=\"docs\""));
}
