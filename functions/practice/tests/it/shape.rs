//! What every answer has in common: exact members, times, and what comes before a route's own work.

use local::testkit::{Client, Stack};
use serde_json::{Value, json};

/// The members of an object are exactly these.
#[track_caller]
pub(crate) fn assert_keys(value: &Value, keys: &[&str]) {
    let members = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    let mut found: Vec<&str> = members.keys().map(String::as_str).collect();
    let mut wanted = keys.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "in {value}");
}

/// A time of an answer: UTC with `Z`, with six fractional digits or, when they are zero, none.
#[track_caller]
pub(crate) fn assert_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    let moment: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("{value}: {error}"));
    let wanted =
        if moment.subsec_nanosecond() == 0 { format!("{moment:.0}") } else { format!("{moment:.6}") };
    assert_eq!(text, wanted);
}

/// Without a token 401, for each of a route's ways to be wrong otherwise.
pub(crate) async fn assert_needs_token(stack: &Stack, method: &str, path: &str) {
    let nobody = stack.anonymous();
    let refused = "missing Authorization header";
    nobody.request(method, path).await.assert_error(401, "UNAUTHORIZED", refused);
    nobody.request(method, path).json(&json!({})).await.assert_error(401, "UNAUTHORIZED", refused);
}

/// How a route that takes JSON treats what is none. Broken JSON is told before the caller is looked at, and a body of
/// another type after that.
pub(crate) async fn assert_takes_json(user: &Client, stack: &Stack, method: &str, path: &str) {
    let broken = stack.anonymous().request(method, path).header("content-type", "application/json");
    broken.body("{\"title\": ").await.assert_invalid(&[""]);
    let text = user.request(method, path).header("content-type", "text/plain").body("{}").await;
    text.assert_invalid(&[""]);
    user.request(method, path).await.assert_invalid(&[""]);
    user.request(method, path).json(&json!([])).await.assert_invalid(&[""]);
}
