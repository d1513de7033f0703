//! start-clever-link; what both providers share stands with start-google-link.

use local::testkit;
use serde_json::json;

use crate::outside_sign_in::{count, me, mia, sign_in, start, with, with_csrf};

const LINK: &str = "/api/v1/auth/clever/link";

#[tokio::test]
async fn somebody_of_google_adds_clever_with_the_roster_s_address() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, _) = sign_in(&stack, &provider, "google").await;
    let id = me(&browser).await;
    let browser = with_csrf(&browser).await;
    provider.sign_in(with(
        mia(),
        json!({"sub": "5f3e5b1d2c4a6b7c8d9e0f12", "district": "4fd43cc56d11340000000005"}),
    ));
    let answer = browser.post(LINK, json!({ "return_to": "/settings" })).await;
    answer.assert_status(200);
    let back = provider.visit(&answer.str("location")).await;
    let browser = browser.with_cookies_of(&answer);
    browser.get(back.strip_prefix(&stack.url()).unwrap()).await.assert_status(302);
    let sql = format!("identity.users where id = '{id}' and organization_id = '4fd43cc56d11340000000005'");
    assert_eq!(count(&stack, &sql).await, 1);
    assert_eq!(me(&sign_in(&stack, &provider, "clever").await.0).await, id);
    assert_eq!(count(&stack, "identity.external_accounts").await, 2);
}

#[tokio::test]
async fn nobody_links_without_a_token_or_a_registration() {
    let stack = testkit::stack().await;
    stack.anonymous().post(LINK, json!({})).await.assert_status(401);
    let answer = stack.user().post(LINK, json!({})).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in with Clever is not configured");
}
