//! finish-google-sign-in.

use local::testkit::fakes::{Key, Misbehaviour};
use local::testkit::{Answer, Stack};
use serde_json::{Value, json};

use crate::outside_sign_in::{
    FAILED, PAGE, account, assert_not_signed_in, assert_signed_in, assert_told, cause, count, go, log_line,
    me, mia, sign_in, start, with,
};

use crate::people;

const CALLBACK: &str = "/api/v1/auth/google/callback";

#[tokio::test]
async fn somebody_new_ends_signed_in() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, answer) = sign_in(&stack, &provider, "google").await;
    assert_signed_in(&answer);
    let id = me(&browser).await;
    let profile = browser.get("/api/v1/me").await.json();
    assert_eq!((&profile["email"], &profile["display_name"]), (&json!("mia@example.org"), &json!("Mia Lee")));

    let db = stack.db().await;
    let sql = "select u.roles, u.organization_id, u.last_login_at is not null, e.email, e.verified_at is not null,
                      a.provider, a.subject, a.email, s.kind, s.method
               from identity.users u join identity.emails e on e.user_id = u.id
               join identity.external_accounts a on a.user_id = u.id join identity.sign_ins s on s.user_id = u.id
               where u.id = $1";
    let row = db.query_one(sql, &[&id]).await.unwrap();
    assert_eq!(row.get::<_, Vec<String>>(0), ["student"]);
    assert_eq!(row.get::<_, Option<String>>(1), None);
    assert!(row.get::<_, bool>(2) && row.get::<_, bool>(4));
    assert_eq!(row.get::<_, &str>(3), "mia@example.org");
    assert_eq!((row.get::<_, &str>(5), row.get::<_, &str>(6)), ("google", "10769150350006150715113082367"));
    assert_eq!((row.get::<_, &str>(7), row.get::<_, &str>(8)), ("mia@example.org", "browser"));
    assert_eq!(row.get::<_, &str>(9), "google");
    let sql = "select action, payload::text from identity.audit_log where actor_id = $1 order by action";
    let acts = db.query(sql, &[&id]).await.unwrap();
    let actions: Vec<&str> = acts.iter().map(|act| act.get(0)).collect();
    assert_eq!(actions, ["external_account.linked", "user.registered", "user.signed_in"]);
    assert!(acts.iter().all(|act| !act.get::<_, &str>(1).contains("mia")), "no address in the log");
}

#[tokio::test]
async fn who_comes_back_is_the_same_person_with_the_roles_and_name_they_have_now() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let id = me(&sign_in(&stack, &provider, "google").await.0).await;
    let db = stack.db().await;
    let sql =
        "update identity.users set roles = '{coach,admin}', display_name = 'Dr Lee', last_login_at = null";
    db.batch_execute(sql).await.unwrap();
    // Another address and name at Google change nothing but what is known of the account there.
    provider.sign_in(with(mia(), json!({"email": "lee@example.org", "name": "M. Lee"})));
    let (browser, answer) = sign_in(&stack, &provider, "google").await;
    assert_signed_in(&answer);
    assert_eq!(me(&browser).await, id);
    let sql = "select u.roles, u.display_name, e.email, a.email, u.last_login_at is not null
               from identity.users u join identity.emails e on e.user_id = u.id
               join identity.external_accounts a on a.user_id = u.id";
    let row = db.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, Vec<String>>(0), ["coach", "admin"]);
    assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), ("Dr Lee", "mia@example.org"));
    assert_eq!((row.get::<_, &str>(3), row.get::<_, bool>(4)), ("lee@example.org", true));
    assert_eq!(count(&stack, "identity.sign_ins where revoked_at is null").await, 2, "the first one lasts");
}

#[tokio::test]
async fn no_token_but_a_good_one_is_believed() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    // A known person, so that nothing but the token could refuse them.
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    for (misbehaviour, why) in [
        (Misbehaviour::WrongNonce, "the ID token's nonce is wrong"),
        (Misbehaviour::NoNonce, "the ID token's nonce is wrong"),
        (Misbehaviour::WrongAudience, "the ID token is for another audience"),
        (Misbehaviour::SecondAudience, "the ID token is for another audience"),
        (Misbehaviour::WrongIssuer, "the ID token is another issuer's"),
        (Misbehaviour::Expired, "the ID token is expired, or not of now"),
        (Misbehaviour::FromTheFuture, "the ID token is expired, or not of now"),
        (Misbehaviour::FromThePast, "the ID token is expired, or not of now"),
        (Misbehaviour::UnknownKey, "the ID token's key is unknown"),
        (Misbehaviour::ForeignKey, "the ID token's signature is wrong"),
        (Misbehaviour::Tampered, "the ID token's signature is wrong"),
        (Misbehaviour::Unsigned, "the ID token is not signed"),
        (Misbehaviour::Forged, "the ID token's algorithm is not allowed"),
        (Misbehaviour::SignedWithClientSecret, "the ID token's algorithm is not allowed"),
        (Misbehaviour::NoIdToken, "the token endpoint gave no ID token"),
        (Misbehaviour::Refuses("access_denied"), "the provider sent back: access_denied"),
        (
            Misbehaviour::Refuses("secret@example.com"),
            "the provider sent back an error that is none of the standard's",
        ),
        (Misbehaviour::Refuses("server_error"), "the provider sent back: server_error"),
        (Misbehaviour::TokenStatus(400), "the token endpoint answered an error"),
    ] {
        provider.misbehave(misbehaviour.clone());
        let (_, answer) = sign_in(&stack, &provider, "google").await;
        answer.assert_error(401, "UNAUTHORIZED", FAILED);
        assert_not_signed_in(&answer);
        assert_eq!(cause(&stack, &answer).await, why, "{misbehaviour:?}");
    }
    assert_eq!(count(&stack, "identity.sign_ins").await, 1);
    assert_eq!(count(&stack, "identity.users").await, 1);
    provider.behave();
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
}

/// What people who call a program are told while Google does not work, and whoever watches the log.
async fn assert_outage(stack: &Stack, answer: &Answer, cause: &str) {
    answer.assert_error(502, "UPSTREAM_UNAVAILABLE", "Google cannot be reached right now");
    assert_not_signed_in(answer);
    let line = log_line(stack, answer).await;
    assert_eq!((&line["level"], &line["error_code"]), (&json!("ERROR"), &json!("UPSTREAM_UNAVAILABLE")));
    assert_eq!(line["cause"], cause);
}

#[tokio::test]
async fn an_outage_of_the_provider_is_one() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    for (misbehaviour, why) in [
        (Misbehaviour::TokenStatus(500), "the provider answered that it does not work now"),
        (Misbehaviour::TokenStatus(429), "the provider answered that it does not work now"),
        (
            Misbehaviour::TokenBody("{\"id_token\": \"secret".to_owned()),
            "the token endpoint's answer cannot be read",
        ),
        (Misbehaviour::TokenBody("<html>".to_owned()), "the token endpoint's answer cannot be read"),
        (Misbehaviour::TokenBody(String::new()), "the token endpoint's answer is empty or no JSON"),
        (Misbehaviour::TokenBody("x".repeat(300_000)), "the provider's answer is too large"),
        (Misbehaviour::TokenHangs, "the provider did not answer in time"),
        (
            Misbehaviour::TokenRedirect(format!("{}/token", provider.issuer())),
            "the token endpoint's answer is empty or no JSON",
        ),
    ] {
        provider.misbehave(misbehaviour);
        let (_, answer) = sign_in(&stack, &provider, "google").await;
        assert_outage(&stack, &answer, why).await;
    }
    provider.behave();
    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    drop(provider);
    assert_outage(&stack, &browser.get(&back).await, "the provider cannot be reached").await;
    assert_eq!(count(&stack, "identity.sign_ins").await, 0);
}

#[tokio::test]
async fn a_wrong_secret_of_ours_is_an_outage_too() {
    let (stack, provider) = start(&[("GOOGLE_CLIENT_SECRET", "another")]).await;
    provider.sign_in(mia());
    let (_, answer) = sign_in(&stack, &provider, "google").await;
    assert_outage(&stack, &answer, "the token endpoint answered invalid_client").await;
}

#[tokio::test]
async fn a_browser_ends_on_a_page_that_tells_why() {
    let (stack, provider) = start(&[("SIGN_UP_DOMAINS", "example.org")]).await;
    provider.sign_in(mia());
    for (misbehaviour, reason, status, why) in [
        (Misbehaviour::Refuses("access_denied"), "cancelled", 401, "the provider sent back: access_denied"),
        (
            Misbehaviour::Refuses("secret@example.com&error=exists"),
            "failed",
            401,
            "the provider sent back an error that is none of the standard's",
        ),
        (Misbehaviour::WrongNonce, "failed", 401, "the ID token's nonce is wrong"),
        (
            Misbehaviour::TokenStatus(500),
            "unavailable",
            502,
            "the provider answered that it does not work now",
        ),
    ] {
        provider.misbehave(misbehaviour);
        let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
        let answer = browser.get(&back).header("accept", PAGE).await;
        assert_told(&stack, &answer, reason, status, why).await;
    }
    provider.behave();

    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let strange = stack.anonymous().get(&back).header("accept", PAGE).await;
    let first = browser.get(&back).header("accept", PAGE).await;
    assert_signed_in(&first);
    let again = browser.get(&back).header("accept", PAGE).await;
    let none = browser.get(&format!("{CALLBACK}?error=//evil.example")).header("accept", PAGE).await;
    for answer in [strange, again, none] {
        let why = "no such attempt of this browser is under way";
        assert_told(&stack, &answer, "expired", 403, why).await;
    }

    let come = async |claims: Value| {
        provider.sign_in(with(mia(), claims));
        let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
        browser.get(&back).header("accept", PAGE).await
    };
    let answer = come(json!({"sub": "2", "email": "lee@evil.example", "hd": "evil.example"})).await;
    let why = "the account's domain is not of SIGN_UP_DOMAINS";
    assert_told(&stack, &answer, "not_let_in", 403, why).await;
    for (answer, reason, code) in [
        (come(json!({"sub": "2"})).await, "exists", "CONFLICT"),
        (come(json!({"email": ""})).await, "failed", "UNAUTHORIZED"),
        (
            {
                let db = stack.db().await;
                db.batch_execute("update identity.users set deactivated_at = now()").await.unwrap();
                come(json!({})).await
            },
            "deactivated",
            "FORBIDDEN",
        ),
    ] {
        answer.assert_status(302);
        let page = format!("{}/sign-in?error={reason}", crate::outside_sign_in::APP);
        assert_eq!(answer.header("location"), Some(page.as_str()));
        assert!(answer.set_cookies().is_empty());
        assert_eq!(log_line(&stack, &answer).await["error_code"], code);
    }
    // Who takes anything is no browser.
    let program = stack.anonymous().get(&format!("{CALLBACK}?state=x")).header("accept", "*/*").await;
    program.assert_error(403, "FORBIDDEN", "Invalid state parameter");
}

#[tokio::test]
async fn discovery_may_fail_on_the_way_back() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    for (misbehaviour, why) in [
        (Misbehaviour::NoDiscovery, "the provider answered that it does not work now"),
        (Misbehaviour::NoKeys, "the provider answered that it does not work now"),
        (Misbehaviour::ForeignDiscovery, "the provider's discovery document is another issuer's"),
    ] {
        provider.behave();
        let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
        provider.misbehave(misbehaviour);
        assert_outage(&stack, &browser.get(&back).await, why).await;
    }
    assert_eq!(provider.exchanges(), 0, "a code goes to nobody whom the discovery document does not name");
}

#[tokio::test]
async fn new_keys_are_fetched_once_when_a_token_names_one() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    for _ in 0..3 {
        assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    }
    // One for each of the two functions.
    assert_eq!(provider.key_fetches(), 2);
    provider.rotate(Key::es256("ec-2"));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    assert_eq!(provider.key_fetches(), 3);
    provider.misbehave(Misbehaviour::UnknownKey);
    let (_, answer) = sign_in(&stack, &provider, "google").await;
    answer.assert_error(401, "UNAUTHORIZED", FAILED);
    assert_eq!(provider.key_fetches(), 4, "once for each token");
}

#[tokio::test]
async fn a_state_works_once_on_its_own_browser_at_its_own_provider_in_its_time() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let refused = "Invalid state parameter";
    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let (stranger, _) = go(&stack, &provider, &stack.anonymous(), "google").await;
    // Another browser, one without the cookie, and the other provider's route; none of them uses the state up.
    for (browser, path) in [
        (&stranger, back.clone()),
        (&stack.anonymous(), back.clone()),
        (&stack.anonymous().cookie("praxis_oidc", "x"), back.clone()),
        (&browser, back.replace("google", "clever")),
    ] {
        let answer = browser.get(&path).await;
        answer.assert_error(403, "FORBIDDEN", refused);
        assert_not_signed_in(&answer);
    }
    assert_eq!(provider.exchanges(), 0);
    assert_signed_in(&browser.get(&back).await);
    browser.get(&back).await.assert_error(403, "FORBIDDEN", refused);

    for query in ["", "?code=x", "?state=&code=x", "?state=x&code=x", "?error=access_denied"] {
        browser.get(&format!("{CALLBACK}{query}")).await.assert_error(403, "FORBIDDEN", refused);
    }
    let unknown = format!("{CALLBACK}?code=x&state={}", "A".repeat(43));
    browser.get(&unknown).await.assert_error(403, "FORBIDDEN", refused);

    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    stack.db().await.batch_execute("update identity.oidc_attempts set expires_at = now()").await.unwrap();
    browser.get(&back).await.assert_error(403, "FORBIDDEN", refused);
    assert_eq!(provider.exchanges(), 1);
}

#[tokio::test]
async fn two_callbacks_with_one_state_at_once_sign_in_once() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let (one, other) = tokio::join!(browser.get(&back).into_future(), browser.get(&back).into_future());
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [302, 403]);
    assert_eq!(provider.exchanges(), 1);
}

#[tokio::test]
async fn a_code_works_once_and_only_with_the_verifier_of_its_attempt() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, used) = go(&stack, &provider, &stack.anonymous(), "google").await;
    assert_signed_in(&browser.get(&used).await);
    let part = |path: &str, name: &str| {
        let query = path.split_once('?').unwrap().1.to_owned();
        query.split('&').find(|pair| pair.starts_with(name)).unwrap().to_owned()
    };
    // A stolen code, used before or not, in a sign-in of the thief's own.
    let (_, unused) = go(&stack, &provider, &stack.anonymous(), "google").await;
    for stolen in [&used, &unused] {
        let (thief, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
        let path = format!("{CALLBACK}?{}&{}", part(stolen, "code="), part(&back, "state="));
        let answer = thief.get(&path).await;
        answer.assert_error(401, "UNAUTHORIZED", FAILED);
        assert_eq!(cause(&stack, &answer).await, "the token endpoint answered invalid_grant");
    }
    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let answer = browser.get(&format!("{CALLBACK}?{}", part(&back, "state="))).await;
    answer.assert_error(401, "UNAUTHORIZED", FAILED);
    assert_eq!(cause(&stack, &answer).await, "the browser came back without a code");
}

#[tokio::test]
async fn two_tabs_of_one_browser_do_not_break_each_other() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, first) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let (browser, second) = go(&stack, &provider, &browser, "google").await;
    provider.sign_in(json!({"sub": "5f3e5b1d2c4a6b7c8d9e0f12"}));
    let (browser, third) = go(&stack, &provider, &browser, "clever").await;
    assert_signed_in(&browser.get(&second).await);
    assert_signed_in(&browser.get(&first).await);
    assert_signed_in(&browser.get(&third).await);
}

#[tokio::test]
async fn the_clients_secret_may_have_to_stand_in_the_form() {
    let (stack, provider) = start(&[]).await;
    provider.take_secret_in_form();
    provider.sign_in(mia());
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
}

#[tokio::test]
async fn google_must_say_who_and_where_mail_reaches_them() {
    let (stack, provider) = start(&[]).await;
    for claims in [
        json!({"email": null}),
        json!({"email": ""}),
        json!({"email": "no address"}),
        json!({"sub": ""}),
        json!({"sub": "a b"}),
        json!({"sub": "1".repeat(256)}),
    ] {
        provider.sign_in(with(mia(), claims.clone()));
        let (_, answer) = sign_in(&stack, &provider, "google").await;
        answer.assert_error(401, "UNAUTHORIZED", "Invalid user info from Google");
        assert_not_signed_in(&answer);
    }
    // One person's token is no outage, whatever is wrong with it.
    for subject in [json!(null), json!(7), json!({"id": "1"})] {
        provider.sign_in(with(mia(), json!({"sub": subject})));
        let answer = sign_in(&stack, &provider, "google").await.1;
        answer.assert_error(401, "UNAUTHORIZED", "Invalid user info from Google");
        assert_eq!(cause(&stack, &answer).await, "the claims have no usable subject");
    }
    for token in ["secret", "a.b.c", "e30.e30.e30"] {
        provider.misbehave(Misbehaviour::TokenBody(json!({"id_token": token}).to_string()));
        let answer = sign_in(&stack, &provider, "google").await.1;
        answer.assert_error(401, "UNAUTHORIZED", FAILED);
    }
    provider.behave();
    assert_eq!(count(&stack, "identity.users").await, 0);

    // A name may be missing, and is cut to what fits.
    for (subject, claims, name) in [
        ("1", json!({"name": null}), Value::Null),
        ("2", json!({"name": null, "given_name": " Mia\n", "family_name": "Lee"}), json!("Mia Lee")),
        ("3", json!({"name": "名".repeat(200)}), json!("名".repeat(120))),
    ] {
        let email = json!({"sub": subject, "email": format!("{subject}@example.org")});
        provider.sign_in(with(with(mia(), claims), email));
        let (browser, answer) = sign_in(&stack, &provider, "google").await;
        assert_signed_in(&answer);
        assert_eq!(browser.get("/api/v1/me").await.json()["display_name"], name);
    }
}

#[tokio::test]
async fn a_verified_address_links_the_account_that_has_verified_it() {
    let (stack, provider) = start(&[]).await;
    let known = account(&stack, "mia@example.org", true).await;
    provider.sign_in(mia());
    let (browser, answer) = sign_in(&stack, &provider, "google").await;
    assert_signed_in(&answer);
    assert_eq!(me(&browser).await, known);
    let sql = "identity.audit_log where action = 'external_account.linked' and payload = '{\"method\": \"google\"}'";
    assert_eq!(count(&stack, sql).await, 1);
    assert_eq!(count(&stack, "identity.passwords").await, 1, "the password stays");
    assert_eq!(count(&stack, "identity.users where roles = '{student}' and display_name = 'Known'").await, 1);
    let told = people::mails(&stack, "way_in_added").await;
    assert_eq!((&told[0]["to"], &told[0]["way"]), (&json!("mia@example.org"), &json!("Google")));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    assert_eq!(people::mails(&stack, "way_in_added").await.len(), 1, "once");
}

#[tokio::test]
async fn an_address_that_was_never_proven_goes_to_its_owner_and_the_content_stays() {
    let (stack, provider) = start(&[]).await;
    // A stranger has an account under Mia's address with a password, a session, a Clever account and mails under way.
    provider.sign_in(json!({"sub": "5f3e5b1d2c4a6b7c8d9e0f12", "email": "mia@example.org"}));
    let (stranger, answer) = sign_in(&stack, &provider, "clever").await;
    assert_signed_in(&answer);
    let planted = me(&stranger).await;
    let sql = format!(
        "insert into identity.passwords (user_id, password_hash) values ('{planted}', '$argon2id$v=19$known');
         insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
         values (sha256('x'), '{planted}', 'change_email', 'stranger@example.org', now() + interval '1 day');
         insert into identity.public_profiles (user_id, phone) values ('{planted}', '12345')"
    );
    stack.db().await.batch_execute(&sql).await.unwrap();

    provider.sign_in(mia());
    let (browser, answer) = sign_in(&stack, &provider, "google").await;
    assert_signed_in(&answer);
    let owner = me(&browser).await;
    assert_ne!(owner, planted, "a new account");
    assert_eq!(browser.get("/api/v1/users/me").await.json()["phone"], Value::Null, "an empty one");
    let mine = format!("identity.emails where user_id = '{owner}' and verified_at is not null");
    assert_eq!(count(&stack, &mine).await, 1);
    let mine = format!("identity.users where id = '{owner}' and roles = '{{student}}'");
    assert_eq!(count(&stack, &mine).await, 1);

    // The other keeps everything but the address, and what was on its way there.
    let left = stranger.get("/api/v1/me").await;
    left.assert_status(200);
    assert_eq!((left.str("user_id"), &left.json()["email"]), (planted.to_string(), &Value::Null));
    assert_eq!(stranger.get("/api/v1/users/me").await.str("phone"), "12345");
    assert_eq!(count(&stack, "identity.passwords").await, 1);
    assert_eq!(count(&stack, "identity.mail_tokens where purpose = 'verify_email'").await, 0);
    assert_eq!(
        count(&stack, "identity.mail_tokens where purpose = 'change_email'").await,
        1,
        "to an address of theirs"
    );
    assert_eq!(count(&stack, "platform.outbox").await, 0, "nothing is mailed to Mia for the other");
    for (action, person) in [
        ("email.removed", planted),
        ("email.verified", owner),
        ("user.registered", owner),
        ("external_account.linked", owner),
    ] {
        let act = format!("identity.audit_log where action = '{action}' and entity_id = '{person}'");
        assert_eq!(count(&stack, &act).await, 1, "{action}");
    }
    // Both come in as before.
    assert_eq!(me(&sign_in(&stack, &provider, "google").await.0).await, owner);
    provider.sign_in(json!({"sub": "5f3e5b1d2c4a6b7c8d9e0f12", "email": "mia@example.org"}));
    assert_eq!(me(&sign_in(&stack, &provider, "clever").await.0).await, planted);
}

#[tokio::test]
async fn who_is_signed_in_to_the_unproven_account_proves_it_so() {
    let (stack, provider) = start(&[]).await;
    people::register(&stack, people::MIA).await;
    let browser = people::browser(&stack, people::MIA).await;
    let id = me(&browser).await;
    provider.sign_in(mia());
    let (browser, back) = go(&stack, &provider, &browser, "google").await;
    let answer = browser.get(&back).await;
    assert_signed_in(&answer);
    assert_eq!(me(&stack.anonymous().with_cookies_of(&answer)).await, id);
    assert_eq!(count(&stack, "identity.users").await, 1);
    assert_eq!(count(&stack, "identity.emails where verified_at is not null").await, 1);
    assert_eq!(count(&stack, "identity.passwords").await, 1, "the password stays");
    assert_eq!(people::mails(&stack, "way_in_added").await.len(), 1, "the address is proven by now");
}

#[tokio::test]
async fn an_ended_session_of_the_unproven_account_proves_nothing() {
    let (stack, provider) = start(&[]).await;
    people::register(&stack, people::MIA).await;
    let browser = people::browser(&stack, people::MIA).await;
    let id = me(&browser).await;
    people::run(&stack, "update identity.sign_ins set revoked_at = now(), revoked_because = 'logout'").await;
    provider.sign_in(mia());
    let (browser, back) = go(&stack, &provider, &browser, "google").await;
    let answer = browser.get(&back).await;
    assert_signed_in(&answer);
    assert_ne!(me(&stack.anonymous().with_cookies_of(&answer)).await, id);
}

#[tokio::test]
async fn of_two_who_prove_an_address_at_once_one_has_it() {
    let (stack, provider) = start(&[]).await;
    for round in 0..3 {
        let email = format!("mia{round}@example.org");
        people::register(&stack, &email).await;
        stack
            .anonymous()
            .post("/api/v1/identity/password/forgot", json!({ "email": email }))
            .await
            .assert_status(202);
        let token = people::link_token(&stack, "reset_password").await;
        provider.sign_in(with(mia(), json!({"sub": format!("{round}"), "email": email})));
        let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
        let body = json!({ "token": token, "password": "An0ther phrase" });
        let (google, reset) = tokio::join!(
            browser.get(&back).into_future(),
            stack.anonymous().post("/api/v1/identity/password/reset", body).into_future(),
        );
        // Whoever comes second by Google is linked to the account of the first; a reset finds its link gone.
        assert_signed_in(&google);
        assert!([204, 400].contains(&reset.status()), "{reset}");
        let sql = format!("identity.emails where email = '{email}' and verified_at is not null");
        assert_eq!(count(&stack, &sql).await, 1);
        let sql = format!(
            "identity.external_accounts a join identity.emails e using (user_id) where e.email = '{email}'"
        );
        assert_eq!(count(&stack, &sql).await, 1);
    }
    assert_eq!(count(&stack, "identity.users").await, 6, "three who registered, three who proved");
}

#[tokio::test]
async fn an_account_elsewhere_with_an_address_that_was_verified_once_takes_over_nothing() {
    let (stack, provider) = start(&[]).await;
    account(&stack, "mia@example.org", true).await;
    for hosted in [json!(null), json!("evil.example"), json!(["example.org"]), json!("sub.example.org")] {
        provider.sign_in(with(mia(), json!({"sub": "former-holder", "hd": hosted})));
        let (_, answer) = sign_in(&stack, &provider, "google").await;
        answer.assert_error(409, "CONFLICT", "an account with this e-mail address exists already");
        assert_not_signed_in(&answer);
    }
    assert_eq!(count(&stack, "identity.external_accounts").await, 0);
    // Nor is a new account's address proven by it: the mail is.
    provider.sign_in(with(mia(), json!({"sub": "2", "email": "new@example.org", "hd": null})));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    assert_eq!(
        count(&stack, "identity.emails where email = 'new@example.org' and verified_at is null").await,
        1
    );
    assert_eq!(people::mails(&stack, "verify_email").await[0]["to"], "new@example.org");
    // Google's own mailboxes are Google's to speak for.
    account(&stack, "mia@gmail.com", true).await;
    provider.sign_in(with(
        mia(),
        json!({"sub": "3", "email": "Mia@Gmail.com", "hd": null, "email_verified": "true"}),
    ));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    assert_eq!(count(&stack, "identity.external_accounts where subject = '3'").await, 1);
}

#[tokio::test]
async fn what_nobody_here_asks_for_may_be_of_any_form() {
    let (stack, provider) = start(&[]).await;
    provider.misbehave(Misbehaviour::OddDocuments);
    provider.sign_in(with(
        mia(),
        json!({
            "locale": {"language": "en"}, "address": "7 Main St", "phone_number_verified": "yes", "updated_at": "now",
            "picture": 7, "birthdate": [], "zoneinfo": false, "given_name": {"first": "Mia"}, "email_verified": "true",
        }),
    ));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    assert_eq!(
        count(&stack, "identity.emails where verified_at is not null").await,
        1,
        "a text that says true"
    );
}

#[tokio::test]
async fn a_page_that_is_loaded_again_goes_on() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let answer = browser.get(&back).await;
    assert_signed_in(&answer);
    let again = browser.with_cookies_of(&answer).get(&back).header("accept", PAGE).await;
    again.assert_status(302);
    assert_eq!(again.header("location"), Some("https://app.example.com/"));
    assert!(again.set_cookies().is_empty());
    assert_eq!(provider.exchanges(), 1);
    assert_eq!(count(&stack, "identity.sign_ins").await, 1);
}

#[tokio::test]
async fn two_tabs_that_start_at_the_same_moment_both_finish() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    // Neither has a cookie yet, and the browser keeps what both are given.
    let (first, one) = go(&stack, &provider, &stack.anonymous(), "google").await;
    let login = stack.anonymous().get("/api/v1/auth/google/login?return_to=/practice%3Fa=1%23b").await;
    let there = provider.visit(login.header("location").unwrap()).await;
    let browser = first.with_cookies_of(&login);
    let answer = browser.get(&one).await;
    assert_signed_in(&answer);
    let browser = browser.with_cookies_of(&answer);
    assert_signed_in(&browser.get(there.strip_prefix(&stack.url()).unwrap()).await);
}

#[tokio::test]
async fn an_address_that_changed_hands_at_the_provider_opens_nothing() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    // The same address, verified, of somebody else there.
    provider.sign_in(with(mia(), json!({"sub": "who-came-after"})));
    let (_, answer) = sign_in(&stack, &provider, "google").await;
    answer.assert_error(409, "CONFLICT", "an account with this e-mail address exists already");
    assert_not_signed_in(&answer);
    assert_eq!(count(&stack, "identity.external_accounts").await, 1);
}

#[tokio::test]
async fn an_unverified_address_of_another_account_is_a_conflict() {
    let (stack, provider) = start(&[]).await;
    for (email, is_verified) in [("mia@example.org", true), ("lee@example.org", false)] {
        account(&stack, email, is_verified).await;
        for verified in [json!(false), json!(null)] {
            provider.sign_in(with(mia(), json!({"email": email, "email_verified": verified})));
            let (_, answer) = sign_in(&stack, &provider, "google").await;
            answer.assert_error(409, "CONFLICT", "an account with this e-mail address exists already");
            assert_not_signed_in(&answer);
        }
    }
    assert_eq!(count(&stack, "identity.external_accounts").await, 0);
    assert_eq!(count(&stack, "identity.passwords").await, 2);

    // Nobody has this one: a new account, whose address still has to be verified.
    provider.sign_in(with(mia(), json!({"email": "new@example.org", "email_verified": false})));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    let sql = "identity.emails where email = 'new@example.org' and verified_at is null";
    assert_eq!(count(&stack, sql).await, 1);
}

#[tokio::test]
async fn many_first_sign_ins_at_once_make_one_person() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let mut callbacks = Vec::new();
    for _ in 0..4 {
        let (browser, back) = go(&stack, &provider, &stack.anonymous(), "google").await;
        callbacks.push(tokio::spawn(async move {
            let answer = browser.get(&back).await;
            (browser.with_cookies_of(&answer), answer)
        }));
    }
    let mut people = Vec::new();
    for callback in callbacks {
        let (browser, answer) = callback.await.unwrap();
        assert_signed_in(&answer);
        people.push(me(&browser).await);
    }
    people.dedup();
    assert_eq!(people.len(), 1);
    assert_eq!(count(&stack, "identity.users").await, 1);
    assert_eq!(count(&stack, "identity.external_accounts").await, 1);
    assert_eq!(count(&stack, "identity.sign_ins").await, 4);
}

#[tokio::test]
async fn whoever_was_deactivated_stays_outside() {
    let (stack, provider) = start(&[]).await;
    provider.sign_in(mia());
    let (browser, _) = sign_in(&stack, &provider, "google").await;
    let db = stack.db().await;
    db.batch_execute("update identity.users set deactivated_at = now()").await.unwrap();
    let (_, answer) = sign_in(&stack, &provider, "google").await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_not_signed_in(&answer);
    browser.get("/api/v1/me").await.assert_status(403);
    // Nor does a link lead around it.
    db.batch_execute("delete from identity.external_accounts").await.unwrap();
    let (_, answer) = sign_in(&stack, &provider, "google").await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_eq!(count(&stack, "identity.external_accounts").await, 0);
}

#[tokio::test]
async fn only_people_whom_google_hosts_at_listed_domains_may_be_new() {
    let (stack, provider) = start(&[("SIGN_UP_DOMAINS", "lakeside.org, Example.org")]).await;
    let refused = "new accounts of this e-mail domain are not let in";
    for claims in [
        json!({"hd": null}),
        json!({"hd": "attacker.example"}),
        json!({"hd": "sub.example.org"}),
        json!({"hd": "example.org.evil.com"}),
        json!({"hd": ["example.org"]}),
        json!({"email": "mia@gmail.com", "hd": null}),
    ] {
        provider.sign_in(with(mia(), claims));
        let (_, answer) = sign_in(&stack, &provider, "google").await;
        answer.assert_error(403, "FORBIDDEN", refused);
        assert_not_signed_in(&answer);
    }
    assert_eq!(count(&stack, "identity.users").await, 0);
    provider.sign_in(mia());
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    // Who has an account already comes in from anywhere.
    account(&stack, "lee@example.com", true).await;
    provider.sign_in(with(mia(), json!({"sub": "2", "email": "lee@example.com", "hd": "example.com"})));
    assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
    // The address of an account that never proved it makes nobody new either.
    account(&stack, "eve@example.com", false).await;
    provider.sign_in(with(mia(), json!({"sub": "3", "email": "eve@example.com", "hd": "example.com"})));
    sign_in(&stack, &provider, "google").await.1.assert_error(403, "FORBIDDEN", refused);
}

#[tokio::test]
async fn an_educator_is_who_a_rule_says_is_one() {
    let (stack, provider) = start(&[("EDUCATOR_DOMAINS", "lakeside.org, Example.org")]).await;
    for (number, (hosted, role)) in
        [(json!("example.org"), "educator"), (json!(null), "student"), (json!("example.com"), "student")]
            .into_iter()
            .enumerate()
    {
        let email = format!("{number}@example.org");
        provider.sign_in(with(mia(), json!({"sub": format!("{number}"), "email": email, "hd": hosted})));
        assert_signed_in(&sign_in(&stack, &provider, "google").await.1);
        let sql = format!("identity.users where email = '{email}' and roles = '{{{role}}}'");
        assert_eq!(count(&stack, &sql).await, 1, "{hosted}");
    }
}

#[tokio::test]
async fn no_log_has_a_code_a_token_or_an_address() {
    let (stack, provider) = start(&[("LOG_LEVEL", "TRACE")]).await;
    provider.sign_in(mia());
    let (browser, answer) = sign_in(&stack, &provider, "google").await;
    assert_signed_in(&answer);
    me(&browser).await;
    for misbehaviour in [
        Misbehaviour::WrongNonce,
        Misbehaviour::UnknownKey,
        Misbehaviour::WrongAudience,
        Misbehaviour::TokenStatus(400),
        Misbehaviour::TokenBody("{\"id_token\": \"secret@example.com\"}".to_owned()),
        Misbehaviour::Refuses("access_denied"),
    ] {
        provider.misbehave(misbehaviour);
        let (_, answer) = sign_in(&stack, &provider, "google").await;
        cause(&stack, &answer).await;
    }
    let cookies = answer.set_cookies();
    let mut secrets = provider.secrets();
    assert!(secrets.len() > 20, "{}", secrets.len());
    secrets.extend(cookies.into_iter().map(|cookie| cookie.value));
    secrets.extend(["mia@", "Mia", "secret@", provider.client_secret()].map(str::to_owned));
    for line in stack.lines() {
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!line.line.contains(secret.as_str()), "{secret} in {}", line.line);
        }
    }
}

#[tokio::test]
async fn without_a_registration_it_is_unavailable() {
    let (stack, _provider) = start(&[("GOOGLE_CLIENT_ID", "")]).await;
    let answer = stack.anonymous().get(&format!("{CALLBACK}?state=x&code=x")).await;
    answer.assert_error(503, "UNAVAILABLE", "sign-in with Google is not configured");
}
