//! start-clever-sign-in.

use local::testkit;

use crate::outside_sign_in::{count, start};

const LOGIN: &str = "/api/v1/auth/clever/login";

#[tokio::test]
async fn the_browser_is_sent_to_clever() {
    let (stack, provider) = start(&[]).await;
    let answer = stack.anonymous().get(&format!("{LOGIN}?return_to=/a")).await;
    answer.assert_status(302);
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(&format!("{}/authorize?", provider.issuer())), "{location}");
    assert!(location.contains("%2Fapi%2Fv1%2Fauth%2Fclever%2Fcallback"), "{location}");
    assert!(answer.set_cookies()[0].name.starts_with("praxis_oidc_"));
    let attempts = "identity.oidc_attempts where provider = 'clever' and return_to = '/a'";
    assert_eq!(count(&stack, attempts).await, 1);
}

#[tokio::test]
async fn no_other_place_than_a_page_of_ours_is_returned_to() {
    let (stack, _provider) = start(&[]).await;
    let answer = stack.anonymous().get(&format!("{LOGIN}?return_to=//evil.example")).await;
    answer.assert_invalid(&["/return_to"]);
}

#[tokio::test]
async fn without_a_registration_it_is_unavailable() {
    let (stack, _provider) = start(&[("CLEVER_CLIENT_ID", "")]).await;
    let answer = stack.anonymous().get(LOGIN).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in with Clever is not configured");
    assert_eq!(testkit::stack().await.anonymous().get(LOGIN).await.status(), 503);
}
