//! get-portal: that people can use it is tested in `in_a_browser`.

use local::testkit;

use crate::files::{assert_page, assert_served};

#[tokio::test]
async fn anybody_gets_the_page_which_says_nothing_of_anybody() {
    let stack = testkit::stack().await;
    let page = assert_served(&stack.anonymous(), "/portal", "text/html; charset=utf-8").await;
    assert_page(&page.text());
    assert!(page.text().contains("<script type=\"module\" src=\"portal/portal.js\"></script>"));
    // One page for all: whoever asks, it is the same one, so it may be kept.
    assert_eq!(stack.admin().await.get("/portal").await.bytes(), page.bytes());
}
