//! start-google-link, and what becomes of it at the callback.

use local::testkit::fakes::OidcProvider;
use local::testkit::{self, Client, Stack};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::outside_sign_in::{
    APP, PAGE, account, assert_told, count, log_line, me, mia, sign_in, start, with, with_csrf,
};
use crate::people::{self, MIA, PASSWORD, acts, app, browser, mails, register, run, value};
use crate::rights::access_token;

const LINK: &str = "/api/v1/auth/google/link";

/// A browser of somebody who is signed in goes to Google: gives it with its new cookie, and the way back.
async fn go(stack: &Stack, provider: &OidcProvider, caller: &Client) -> (Client, String) {
    let answer = caller.post(LINK, json!({ "return_to": "/settings" })).await;
    answer.assert_status(200);
    let back = provider.visit(&answer.str("location")).await;
    (caller.with_cookies_of(&answer), back.strip_prefix(&stack.url()).expect("this API").to_owned())
}

/// Somebody with a proven address, on a browser.
async fn somebody(stack: &Stack) -> (Uuid, Client) {
    let id = register(stack, MIA).await;
    run(stack, "update identity.emails set verified_at = now()").await;
    (id, browser(stack, MIA).await)
}

/// Somebody at Google whose address it does not speak for, and who has another one here.
fn elsewhere() -> Value {
    with(mia(), json!({"email": "mia.lee@elsewhere.example", "hd": null}))
}

#[tokio::test]
async fn an_account_with_any_address_becomes_a_way_in() {
    let (stack, provider) = start(&[]).await;
    let (id, browser) = somebody(&stack).await;
    provider.sign_in(elsewhere());
    let answer = browser.post(LINK, json!({ "return_to": "/settings" })).await;
    let query: Vec<(String, String)> =
        Url::parse(&answer.str("location")).unwrap().query_pairs().into_owned().collect();
    assert!(query.contains(&("prompt".to_owned(), "select_account".to_owned())), "{query:?}");
    let (browser, back) = go(&stack, &provider, &browser).await;
    let answer = browser.get(&back).await;
    answer.assert_status(302);
    assert_eq!(answer.header("location"), Some(format!("{APP}/settings").as_str()));
    assert!(
        answer.set_cookies().iter().all(|cookie| cookie.name != "praxis_session"),
        "nobody is signed in anew"
    );
    let sql =
        format!("identity.external_accounts where user_id = '{id}' and email = 'mia.lee@elsewhere.example'");
    assert_eq!(count(&stack, &sql).await, 1);
    let told = mails(&stack, "way_in_added").await;
    assert_eq!((&told[0]["to"], &told[0]["way"]), (&json!(MIA), &json!("Google")));
    assert_eq!(acts(&stack, "external_account.linked").await, 1);
    assert_eq!(me(&sign_in(&stack, &provider, "google").await.0).await, id);

    // Again it changes nothing.
    let (browser, back) = go(&stack, &provider, &browser).await;
    browser.get(&back).await.assert_status(302);
    assert_eq!(count(&stack, "identity.external_accounts").await, 1);
    assert_eq!(mails(&stack, "way_in_added").await.len(), 1);
    assert_eq!(count(&stack, "identity.users").await, 1);
}

#[tokio::test]
async fn an_account_that_is_anothers_way_in_is_a_conflict() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(elsewhere());
    let (other, _) = sign_in(&stack, &provider, "google").await;
    let other = me(&other).await;
    let (_, browser) = somebody(&stack).await;
    let (browser, back) = go(&stack, &provider, &browser).await;
    let answer = browser.get(&back).await;
    answer.assert_error(409, "CONFLICT", "this account is another person's way in");
    let (browser, back) = go(&stack, &provider, &browser).await;
    let answer = browser.get(&back).header("accept", PAGE).await;
    assert_told(&stack, &answer, "taken", 409, "the account there is another person's way in").await;
    assert_eq!(count(&stack, &format!("identity.external_accounts where user_id = '{other}'")).await, 1);
    assert_eq!(count(&stack, "identity.external_accounts").await, 1);
}

#[tokio::test]
async fn only_the_browser_and_the_person_that_began_finish() {
    let (stack, provider) = start(&[]).await;
    let (_, browser) = somebody(&stack).await;
    register(&stack, "ada@example.org").await;
    provider.sign_in(elsewhere());
    // Another browser, whose session only brings it to the start page.
    let (_, back) = go(&stack, &provider, &browser).await;
    stack.anonymous().get(&back).await.assert_error(403, "FORBIDDEN", "Invalid state parameter");
    let ada = people::browser(&stack, "ada@example.org").await.get(&back).await;
    assert_eq!(ada.header("location"), Some(format!("{APP}/").as_str()));
    assert_eq!(count(&stack, "identity.external_accounts").await, 0);
    // The same browser, where somebody else has signed in meanwhile.
    let (mine, back) = go(&stack, &provider, &browser).await;
    let login = json!({ "email": "ada@example.org", "password": PASSWORD });
    let ada = mine.with_cookies_of(&stack.anonymous().post(people::BROWSER_LOGIN, login).await);
    ada.get(&back).await.assert_error(403, "FORBIDDEN", "sign in again to add a way in");
    // Signed out meanwhile, by themselves or by an admin.
    for (end, status, words) in [
        (
            "identity.sign_ins set revoked_at = now(), revoked_because = 'logout'",
            403,
            "sign in again to add a way in",
        ),
        ("identity.users set deactivated_at = now()", 403, "the account is deactivated"),
    ] {
        let browser = people::browser(&stack, MIA).await;
        let (mine, back) = go(&stack, &provider, &browser).await;
        run(&stack, &format!("update {end}")).await;
        mine.get(&back).await.assert_error(status, "FORBIDDEN", words);
    }
    assert_eq!(count(&stack, "identity.external_accounts").await, 0);
}

#[tokio::test]
async fn an_app_s_page_links_with_the_cookie_alone() {
    let (stack, provider) = start(&[]).await;
    let id = register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    provider.sign_in(elsewhere());
    let answer = app.client.post(LINK, json!({})).await;
    let back = provider.visit(&answer.str("location")).await;
    let browser = stack.anonymous().with_cookies_of(&answer);
    let answer = browser.get(back.strip_prefix(&stack.url()).unwrap()).await;
    answer.assert_status(302);
    assert_eq!(answer.header("location"), Some(format!("{APP}/").as_str()));
    assert_eq!(count(&stack, &format!("identity.external_accounts where user_id = '{id}'")).await, 1);
    assert!(mails(&stack, "way_in_added").await.is_empty(), "nobody has proven the address");
    // Not once the app has signed out.
    let answer = app.client.post(LINK, json!({})).await;
    let back = provider.visit(&answer.str("location")).await;
    app.client.request("POST", "/api/v1/identity/auth/logout").await.assert_status(204);
    let browser = stack.anonymous().with_cookies_of(&answer);
    let answer = browser.get(back.strip_prefix(&stack.url()).unwrap()).header("accept", PAGE).await;
    let why = "who began to add a way in is not signed in any more";
    assert_told(&stack, &answer, "signed_out", 403, why).await;
}

#[tokio::test]
async fn googles_word_on_the_own_address_proves_it() {
    let (stack, provider) = start(&[]).await;
    let id = register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    provider.sign_in(elsewhere());
    let (browser, back) = go(&stack, &provider, &browser).await;
    browser.get(&back).await.assert_status(302);
    assert_eq!(count(&stack, "identity.emails where verified_at is not null").await, 0, "another address");
    provider.sign_in(with(mia(), json!({"sub": "2"})));
    let (browser, back) = go(&stack, &provider, &browser).await;
    browser.get(&back).await.assert_status(302);
    let sql = format!("identity.emails where user_id = '{id}' and verified_at is not null");
    assert_eq!(count(&stack, &sql).await, 1);
}

#[tokio::test]
async fn a_stolen_session_adds_nothing() {
    let (stack, provider) = start(&[]).await;
    let (id, browser) = somebody(&stack).await;
    provider.sign_in(elsewhere());
    run(&stack, "update identity.sign_ins set authenticated_at = now() - interval '16 minutes'").await;
    let words = "prove again who you are: sign in again, or give your password";
    browser.post(LINK, json!({})).await.assert_error(403, "PROOF_REQUIRED", words);
    let sign_in: Uuid = value(&stack, "select id from identity.sign_ins").await;
    let late = stack.anonymous().bearer(&access_token(&stack, id, sign_in, 16));
    late.post(LINK, json!({})).await.assert_error(403, "PROOF_REQUIRED", words);
    let wrong = browser.post(LINK, json!({ "password": "Wr0ngPass" })).await;
    wrong.assert_error(403, "FORBIDDEN", "wrong password");
    assert_eq!(count(&stack, "identity.oidc_attempts").await, 0);
    browser.post(LINK, json!({ "password": PASSWORD })).await.assert_status(200);
    // Another site's page sends no CSRF token.
    let answer =
        stack.anonymous().post(people::BROWSER_LOGIN, json!({ "email": MIA, "password": PASSWORD })).await;
    let without = stack.anonymous().with_cookies_of(&answer);
    without.post(LINK, json!({})).await.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    with_csrf(&without).await.post(LINK, json!({})).await.assert_status(200);
}

#[tokio::test]
async fn two_who_link_one_account_at_once_are_not_both_let_in() {
    let (stack, provider) = start(&[]).await;
    for email in [MIA, "ada@example.org"] {
        register(&stack, email).await;
    }
    let (mia, ada) = (browser(&stack, MIA).await, browser(&stack, "ada@example.org").await);
    provider.sign_in(elsewhere());
    let ((mia, one), (ada, other)) = (go(&stack, &provider, &mia).await, go(&stack, &provider, &ada).await);
    let (first, second) = tokio::join!(mia.get(&one).into_future(), ada.get(&other).into_future());
    let mut statuses = [first.status(), second.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [302, 409], "{first} {second}");
    assert_eq!(count(&stack, "identity.external_accounts").await, 1);
}

#[tokio::test]
async fn where_it_leads_and_who_may_is_checked() {
    let (stack, provider) = start(&[]).await;
    account(&stack, "other@example.org", true).await;
    let (_, browser) = somebody(&stack).await;
    browser.post(LINK, json!({ "return_to": "//evil.example" })).await.assert_invalid(&["/return_to"]);
    stack.anonymous().post(LINK, json!({})).await.assert_status(401);
    provider.misbehave(local::testkit::fakes::Misbehaviour::NoDiscovery);
    let answer = browser.post(LINK, json!({})).await;
    answer.assert_error(502, "UPSTREAM_UNAVAILABLE", "Google cannot be reached right now");
    assert_eq!(log_line(&stack, &answer).await["level"], "ERROR");
    let stack = testkit::stack().await;
    let answer = stack.user().post(LINK, json!({})).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in with Google is not configured");
}
