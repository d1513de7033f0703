//! What holds for every file of the portal.

use local::testkit::{Answer, Client};

/// What a page may do, in full: a looser word anywhere is a fault.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Asserts that anybody gets the file whole, with its policy, and that who has it is told so.
pub(crate) async fn assert_served(anybody: &Client, path: &str, content_type: &str) -> Answer {
    let answer = anybody.get(path).await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), Some(content_type), "{path}");
    assert_rules(&answer, path);
    let tag = answer.header("etag").unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{path}: {tag} is no strong tag");

    for known in [tag.to_owned(), format!("\"another\", W/{tag}"), "*".into()] {
        let unchanged = anybody.get(path).header("if-none-match", &known).await;
        unchanged.assert_status(304);
        assert!(unchanged.bytes().is_empty(), "{path}");
        assert_eq!(unchanged.header("etag"), Some(tag), "{path}");
        assert_rules(&unchanged, path);
    }
    for other in ["\"another\"", "", tag.trim_matches('"')] {
        let whole = anybody.get(path).header("if-none-match", other).await;
        whole.assert_status(200);
        assert_eq!(whole.bytes(), answer.bytes(), "{path}");
    }
    answer
}

fn assert_rules(answer: &Answer, path: &str) {
    assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{path}");
    assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    assert_eq!(answer.set_cookies().len(), 0, "{path}");
}

/// Asserts that a page has nothing inline, which its policy would refuse, and names what it loads without a leading slash:
/// the stage is part of an API's own address.
pub(crate) fn assert_page(page: &str) {
    for inline in [
        "<style",
        " style=",
        " onclick=",
        " onload=",
        "<script>",
        "javascript:",
        "=\"/",
        "http://",
        "https://",
    ] {
        assert!(!page.contains(inline), "the page has {inline:?}");
    }
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert!(page.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"));
}
