//! finish-clever-sign-in.

use local::testkit::fakes::Misbehaviour;
use serde_json::{Value, json};

use crate::outside_sign_in::{
    APP, FAILED, PAGE, assert_not_signed_in, assert_signed_in, assert_told, cause, count, go, me, mia,
    sign_in, start, with, with_csrf,
};
use crate::people::{PASSWORD, link_token, login, mails};

const CALLBACK: &str = "/api/v1/auth/clever/callback";
/// The address that the roster has of [`lee`].
const ADDRESS: &str = "t.lee@lakeside.org";
const DISTRICT: &str = "4fd43cc56d11340000000005";

/// A teacher as Clever's documentation has them.
fn lee() -> Value {
    json!({
        "sub": "5f3e5b1d2c4a6b7c8d9e0f12",
        "user_id": "58da8c63da7f2a9c6b0004f2",
        "multi_role_user_id": "5f3e5b1d2c4a6b7c8d9e0f12",
        "user_type": "teacher",
        "district": DISTRICT,
        "email": ADDRESS,
        "email_verified": false,
        "given_name": "Tran",
        "family_name": "Lee"
    })
}

#[tokio::test]
async fn a_teacher_ends_signed_in() {
    let (stack, provider) = start(&[("SIGN_UP_DOMAINS", "example.org")]).await;
    provider.sign_in(lee());
    let (browser, answer) = sign_in(&stack, &provider, "clever").await;
    assert_signed_in(&answer);
    let profile = browser.get("/api/v1/me").await.json();
    assert_eq!(
        (&profile["email"], &profile["display_name"]),
        (&json!("t.lee@lakeside.org"), &json!("Tran Lee"))
    );
    let person = format!("identity.users where roles = '{{student}}' and organization_id = '{DISTRICT}'");
    assert_eq!(count(&stack, &person).await, 1);
    assert_eq!(count(&stack, "identity.emails where verified_at is null").await, 1);
    assert_eq!(count(&stack, "identity.sign_ins where method = 'clever'").await, 1);

    // They move to another district; an admin has made them a coach; a token may also say nothing of the district.
    let db = stack.db().await;
    db.batch_execute("update identity.users set roles = '{coach}'").await.unwrap();
    for (district, stored) in [(json!("second"), "second"), (json!(null), "second"), (json!(7), "second")] {
        provider.sign_in(with(lee(), json!({"district": district})));
        assert_signed_in(&sign_in(&stack, &provider, "clever").await.1);
        let person = format!("identity.users where roles = '{{coach}}' and organization_id = '{stored}'");
        assert_eq!(count(&stack, &person).await, 1);
    }
    assert_eq!(count(&stack, "identity.users").await, 1);
}

#[tokio::test]
async fn whoever_confirms_the_rosters_address_keeps_clever_after_a_reset_and_beside_google() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(lee());
    // Who is new is written to in the language that their browser prefers.
    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "clever").await;
    let answer = browser.get(&back).header("accept-language", "fr, de-CH;q=0.9").await;
    let browser = browser.with_cookies_of(&answer);
    let person = me(&browser).await;
    assert_signed_in(&sign_in(&stack, &provider, "clever").await.1);
    let mailed = mails(&stack, "verify_email").await;
    assert_eq!(mailed.len(), 1, "only the first sign-in mails a link");
    assert_eq!((&mailed[0]["to"], &mailed[0]["locale"]), (&json!(ADDRESS), &json!("de-CH")));
    let token = link_token(&stack, "verify_email").await;
    // Where they are signed in: they have no password.
    let verify = json!({ "token": token });
    let browser = with_csrf(&browser).await;
    browser.post("/api/v1/identity/email/verify", verify).await.assert_status(204);

    let nobody = stack.anonymous();
    nobody.post("/api/v1/identity/password/forgot", json!({"email": ADDRESS})).await.assert_status(202);
    let token = link_token(&stack, "reset_password").await;
    let seen = nobody.post("/api/v1/identity/password/reset/preview", json!({"token": token})).await.json();
    assert_eq!((&seen["starts_anew"], &seen["ways_in"][0]["kind"]), (&json!(false), &json!("clever")));
    let new = json!({"token": token, "password": PASSWORD, "keep_ways_in": [seen["ways_in"][0]["id"]]});
    nobody.post("/api/v1/identity/password/reset", new).await.assert_status(204);
    let (browser, answer) = sign_in(&stack, &provider, "clever").await;
    assert_signed_in(&answer);
    assert_eq!(me(&browser).await, person);

    provider.sign_in(with(mia(), json!({"email": ADDRESS, "hd": "lakeside.org"})));
    assert_eq!(me(&sign_in(&stack, &provider, "google").await.0).await, person);
    provider.sign_in(lee());
    assert_eq!(me(&sign_in(&stack, &provider, "clever").await.0).await, person);
    login(&stack, ADDRESS, PASSWORD).await.assert_status(200);
}

#[tokio::test]
async fn until_the_address_is_confirmed_whoever_proves_it_has_it_and_nothing_else() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(lee());
    let (browser, _) = sign_in(&stack, &provider, "clever").await;
    let person = me(&browser).await;
    provider.sign_in(with(mia(), json!({"email": ADDRESS, "hd": "lakeside.org"})));
    let owner = me(&sign_in(&stack, &provider, "google").await.0).await;
    assert_ne!(owner, person);
    assert_eq!(me(&browser).await, person, "who came first goes on, without the address");
    provider.sign_in(lee());
    assert_eq!(me(&sign_in(&stack, &provider, "clever").await.0).await, person);
    assert_eq!(count(&stack, "identity.mail_tokens").await, 0, "the link is gone with it");
}

#[tokio::test]
async fn whatever_clever_says_of_an_address_the_mail_proves_it() {
    let (stack, provider) = start(&[]).await;
    for (subject, verified) in
        [("1", json!(true)), ("2", json!("true")), ("3", json!(false)), ("4", json!(null))]
    {
        let email = format!("{subject}@lakeside.org");
        provider.sign_in(with(lee(), json!({"sub": subject, "email": email, "email_verified": verified})));
        assert_signed_in(&sign_in(&stack, &provider, "clever").await.1);
        assert_eq!(mails(&stack, "verify_email").await[0]["to"], email.as_str());
    }
    assert_eq!(count(&stack, "identity.emails where verified_at is null").await, 4);
    provider.sign_in(with(lee(), json!({"sub": "5", "email": null})));
    assert_signed_in(&sign_in(&stack, &provider, "clever").await.1);
    assert_eq!(count(&stack, "platform.outbox").await, 4, "who has no address gets no link");
}

#[tokio::test]
async fn nobody_becomes_an_admin_and_only_a_setting_makes_educators() {
    for (setting, staff) in [("", "student"), ("true", "educator")] {
        let (stack, provider) = start(&[("CLEVER_EDUCATORS", setting)]).await;
        for (number, (claims, role)) in [
            (json!({"user_type": "district_admin"}), staff),
            (json!({"user_type": "district admin"}), staff),
            (json!({"user_type": null, "type": "school_admin"}), staff),
            (json!({"user_type": null, "type": "student"}), "student"),
            (json!({"user_type": "student"}), "student"),
            (json!({"user_type": "staff"}), staff),
            (json!({"user_type": "teacher"}), staff),
            (json!({"user_type": "contact"}), "student"),
            (json!({"user_type": ["admin"], "roles": ["admin"], "role": "admin"}), "student"),
            (json!({"user_type": null}), "student"),
        ]
        .into_iter()
        .enumerate()
        {
            let own = json!({"sub": format!("{number}"), "email": format!("{number}@lakeside.org")});
            provider.sign_in(with(with(lee(), claims), own));
            let (browser, answer) = sign_in(&stack, &provider, "clever").await;
            assert_signed_in(&answer);
            let id = me(&browser).await;
            let sql = format!("identity.users where id = '{id}' and roles = '{{{role}}}'");
            assert_eq!(count(&stack, &sql).await, 1, "{number}: {role}");
        }
    }
}

#[tokio::test]
async fn library_users_have_no_id_token_and_come_in_by_clevers_api() {
    let (stack, provider) = start(&[]).await;
    provider.misbehave(Misbehaviour::NoIdToken);
    provider.sign_in(lee());
    let (browser, answer) = sign_in(&stack, &provider, "clever").await;
    assert_signed_in(&answer);
    let id = me(&browser).await;
    let profile = browser.get("/api/v1/me").await.json();
    assert_eq!((&profile["email"], &profile["display_name"]), (&json!(ADDRESS), &json!("Tran Lee")));
    assert_eq!(count(&stack, "identity.emails where verified_at is null").await, 1);
    // The same person with an ID token, should Clever begin to give one.
    provider.behave();
    assert_eq!(me(&sign_in(&stack, &provider, "clever").await.0).await, id);
    // What is no id becomes no part of an address.
    provider.misbehave(Misbehaviour::NoIdToken);
    for subject in [json!("../users"), json!(""), json!(null)] {
        provider.sign_in(with(lee(), json!({"sub": subject})));
        let answer = sign_in(&stack, &provider, "clever").await.1;
        answer.assert_error(401, "UNAUTHORIZED", FAILED);
        assert_eq!(cause(&stack, &answer).await, "Clever's API does not say who the person is");
    }
}

#[tokio::test]
async fn a_pupil_needs_no_address() {
    let (stack, provider) = start(&[]).await;
    for (subject, email) in [("1", json!(null)), ("2", json!("")), ("3", json!("no address"))] {
        let claims = json!({"sub": subject, "user_type": "student", "email": email, "email_verified": true});
        provider.sign_in(with(lee(), claims));
        let (browser, answer) = sign_in(&stack, &provider, "clever").await;
        assert_signed_in(&answer);
        let id = me(&browser).await;
        let (again, _) = sign_in(&stack, &provider, "clever").await;
        assert_eq!(me(&again).await, id);
    }
    assert_eq!(count(&stack, "identity.users where email is null").await, 3);
    assert_eq!(count(&stack, "identity.emails").await, 0);
}

#[tokio::test]
async fn whoever_comes_from_the_portal_is_sent_on_a_fresh_sign_in() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(lee());
    let answer = stack.anonymous().get(&format!("{CALLBACK}?code=somebodys&scope=read")).await;
    answer.assert_status(302);
    assert_eq!(provider.exchanges(), 0, "the code may be another person's");
    let browser = stack.anonymous().with_cookies_of(&answer);
    let back = provider.visit(answer.header("location").unwrap()).await;
    let answer = browser.get(back.strip_prefix(&stack.url()).unwrap()).await;
    answer.assert_status(302);
    assert_eq!(answer.header("location"), Some(format!("{APP}/").as_str()));
    me(&browser.with_cookies_of(&answer)).await;

    // So is a browser of a person, and not to the page of failures.
    let answer = stack.anonymous().get(&format!("{CALLBACK}?code=somebodys")).header("accept", PAGE).await;
    assert!(answer.header("location").unwrap().starts_with(provider.issuer()), "{answer}");

    // With a state or an error it is an answer to something, and must be right.
    for query in ["?code=x&state=x", "?error=access_denied", "?code=x&error=access_denied", ""] {
        let answer = stack.anonymous().get(&format!("{CALLBACK}{query}")).await;
        answer.assert_error(403, "FORBIDDEN", "Invalid state parameter");
        assert_not_signed_in(&answer);
    }
}

#[tokio::test]
async fn a_rosters_address_links_no_account() {
    let (stack, provider) = start(&[]).await;
    // Mia has signed in with Google; Clever knows the same address, and has not verified it.
    provider.sign_in(mia());
    let (browser, _) = sign_in(&stack, &provider, "google").await;
    let same = with(lee(), json!({"email": "mia@example.org"}));
    provider.sign_in(same.clone());
    let (_, answer) = sign_in(&stack, &provider, "clever").await;
    answer.assert_error(409, "CONFLICT", "an account with this e-mail address exists already");

    // Nor is it enough that she sits there: a stranger may have led her browser here.
    provider.sign_in(same.clone());
    let (browser, back) = go(&stack, &provider, &browser, "clever").await;
    let answer = browser.get(&back).await;
    answer.assert_status(409);
    assert_not_signed_in(&answer);

    // Nor does Clever's word change anything: a district wrote it.
    provider.sign_in(with(same, json!({"email_verified": true})));
    sign_in(&stack, &provider, "clever").await.1.assert_status(409);
    assert_eq!(count(&stack, "identity.external_accounts").await, 1);
    assert_eq!(count(&stack, "identity.users").await, 1);
}

#[tokio::test]
async fn a_session_that_has_ended_links_nothing() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    for (number, end) in
        ["revoked_at = now(), revoked_because = 'logout'", "idle_expires_at = now()"].into_iter().enumerate()
    {
        provider.sign_in(mia());
        let (browser, _) = sign_in(&stack, &provider, "google").await;
        stack.db().await.batch_execute(&format!("update identity.sign_ins set {end}")).await.unwrap();
        provider.sign_in(with(lee(), json!({"sub": number.to_string(), "email": "mia@example.org"})));
        let (browser, back) = go(&stack, &provider, &browser, "clever").await;
        browser.get(&back).await.assert_status(409);
    }
}

#[tokio::test]
async fn one_subject_at_two_providers_is_two_accounts() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let google = me(&sign_in(&stack, &provider, "google").await.0).await;
    provider.sign_in(with(mia(), json!({"email": "other@example.org", "email_verified": false})));
    let clever = me(&sign_in(&stack, &provider, "clever").await.0).await;
    assert_ne!(google, clever);
}

#[tokio::test]
async fn no_token_but_a_good_one_is_believed() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(lee());
    for (misbehaviour, why) in [
        (Misbehaviour::WrongNonce, "the ID token's nonce is wrong"),
        (Misbehaviour::WrongAudience, "the ID token is for another audience"),
        (Misbehaviour::Expired, "the ID token is expired, or not of now"),
        (Misbehaviour::Tampered, "the ID token's signature is wrong"),
        (Misbehaviour::Unsigned, "the ID token is not signed"),
    ] {
        provider.misbehave(misbehaviour);
        let (_, answer) = sign_in(&stack, &provider, "clever").await;
        answer.assert_error(401, "UNAUTHORIZED", FAILED);
        assert_not_signed_in(&answer);
        assert_eq!(cause(&stack, &answer).await, why);
    }
    provider.behave();
    provider.sign_in(with(lee(), json!({"sub": "a b"})));
    let (_, answer) = sign_in(&stack, &provider, "clever").await;
    answer.assert_error(401, "UNAUTHORIZED", "Invalid user info from Clever");
    assert_eq!(count(&stack, "identity.users").await, 0);
}

#[tokio::test]
async fn a_browser_ends_on_a_page_that_tells_why() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(lee());
    for (misbehaviour, reason, status, why) in [
        (Misbehaviour::Refuses("access_denied"), "cancelled", 401, "the provider sent back: access_denied"),
        (
            Misbehaviour::TokenStatus(503),
            "unavailable",
            502,
            "the provider answered that it does not work now",
        ),
    ] {
        provider.misbehave(misbehaviour);
        let (browser, back) = go(&stack, &provider, &stack.anonymous(), "clever").await;
        let answer = browser.get(&back).header("accept", PAGE).await;
        assert_told(&stack, &answer, reason, status, why).await;
        let answer = browser.get(&back).header("accept", PAGE).await;
        let why = "no such attempt of this browser is under way";
        assert_told(&stack, &answer, "expired", 403, why).await;
    }
}

#[tokio::test]
async fn without_a_registration_it_is_unavailable() {
    let (stack, _provider) = start(&[("CLEVER_CLIENT_ID", "")]).await;
    for query in ["?state=x&code=x", "?code=x"] {
        let answer = stack.anonymous().get(&format!("{CALLBACK}{query}")).await;
        answer.assert_error(503, "UNAVAILABLE", "sign-in with Clever is not configured");
    }
}
