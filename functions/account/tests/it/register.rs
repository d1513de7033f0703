//! register.

use local::testkit;
use serde_json::{Value, json};

use crate::people::{
    self, MIA, PASSWORD, REGISTER, acts, assert_limited, assert_not_logged, forget_limits, link_token, login,
    mails, run, value,
};

#[tokio::test]
async fn a_new_person_is_a_student_with_an_address_to_verify() {
    let stack = testkit::stack().await;
    let new = json!({
        "email": "  Mia.Keller@Example.ORG ", "password": PASSWORD, "timezone": "Europe/Riga",
        "locale": "de-CH", "display_name": "Mia Keller", "unknown": 1, "role": null,
    });
    let answer = stack.anonymous().post(REGISTER, new).await;
    answer.assert_status(201);
    let user = answer.json();
    assert_eq!(user["email"], "mia.keller@example.org");
    assert_eq!((&user["email_verified"], &user["is_active"]), (&json!(false), &json!(true)));
    assert_eq!((&user["timezone"], &user["roles"]), (&json!("Europe/Riga"), &json!(["student"])));
    assert_eq!(user["role"], json!({ "id": "52617869-0000-8000-8000-000000000001", "name": "student" }));
    assert!(user["created_at"].is_string() && user["created_at"] == user["updated_at"], "{user}");
    assert!(!answer.text().contains(PASSWORD));

    let mails = mails(&stack, "verify_email").await;
    assert_eq!(mails.len(), 1);
    assert_eq!((&mails[0]["to"], &mails[0]["locale"]), (&json!("mia.keller@example.org"), &json!("de-CH")));
    let link = mails[0]["link"].as_str().expect("a link");
    assert!(link.starts_with("http://localhost:3000/verify-email#token="), "{link}");
    assert_eq!(acts(&stack, "user.registered").await, 1);
    let name: String = value(&stack, "select display_name from identity.users").await;
    assert_eq!(name, "Mia Keller");
    let hash: String = value(&stack, "select password_hash from identity.passwords").await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");

    let secrets = [PASSWORD, "mia.keller", "Mia Keller", &hash, &link_token(&stack, "verify_email").await];
    assert_not_logged(&stack, &secrets).await;
    let audited: String = value(&stack, "select payload::text from identity.audit_log").await;
    assert!(secrets.iter().all(|secret| !audited.contains(secret)), "{audited}");
}

#[tokio::test]
async fn what_is_left_out_has_its_default() {
    let stack = testkit::stack().await;
    let new = json!({ "email": MIA, "password": PASSWORD, "username": "mia", "timezone": null });
    let answer = stack.anonymous().post(REGISTER, new).await;
    answer.assert_status(201);
    assert_eq!(answer.str("timezone"), "UTC");
    assert_eq!(value::<String>(&stack, "select display_name from identity.users").await, "mia");
}

#[tokio::test]
async fn nobody_makes_themselves_a_teacher_or_an_admin() {
    let stack = testkit::stack().await;
    let (nobody, learner) = (stack.anonymous(), stack.user());
    for (field, wanted) in [
        ("role", json!("teacher")),
        ("role", json!("admin")),
        ("roles", json!(["teacher"])),
        ("roles", json!(["student", "admin"])),
    ] {
        for caller in [&nobody, &learner, &nobody.bearer("garbage")] {
            let new = json!({ "email": MIA, "password": PASSWORD, field: wanted });
            let answer = caller.post(REGISTER, new).await;
            answer.assert_error(403, "FORBIDDEN", "only an admin may give roles");
        }
    }
    let new = json!({ "email": MIA, "password": PASSWORD, "role": "king" });
    nobody.post(REGISTER, new).await.assert_invalid(&["/role"]);
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.emails").await, 0);

    // What everybody becomes may be said.
    let new = json!({ "email": MIA, "password": PASSWORD, "role": "student" });
    let answer = nobody.post(REGISTER, new).await;
    answer.assert_status(201);
    assert_eq!(answer.json()["roles"], json!(["student"]));
}

#[tokio::test]
async fn an_admin_brings_in_a_class_and_its_teacher() {
    let stack = testkit::stack().await;
    let admin = stack.admin().await;
    for number in 0..6 {
        let new = json!({ "email": format!("pupil{number}@example.org"), "password": PASSWORD });
        admin.post(REGISTER, new).await.assert_status(201);
    }
    // An admin proves the address before.
    let new = json!({ "email": "boss@example.org", "password": PASSWORD, "roles": ["student", "admin"] });
    let answer = admin.post(REGISTER, new).await;
    answer.assert_error(409, "CONFLICT", "whoever becomes an admin proves the address first");
    let new = json!({ "email": "teacher@example.org", "password": PASSWORD, "role": "teacher", "roles": ["coach", "teacher"] });
    let answer = admin.post(REGISTER, new).await;
    answer.assert_status(201);
    assert_eq!(answer.json()["roles"], json!(["teacher", "coach"]));
    assert_eq!(answer.json()["role"]["name"], "coach");
    let sql = format!("select count(*) from identity.audit_log where actor_id = '{}'", admin.id());
    assert_eq!(value::<i64>(&stack, &sql).await, 7);
}

#[tokio::test]
async fn an_admin_who_was_deactivated_is_nobody() {
    let stack = testkit::stack().await;
    let (admin, _other) = (stack.admin().await, stack.admin().await);
    let sql = format!("update identity.users set deactivated_at = now() where id = '{}'", admin.id());
    run(&stack, &sql).await;
    let new = json!({ "email": MIA, "password": PASSWORD, "role": "admin" });
    admin.post(REGISTER, new).await.assert_error(403, "FORBIDDEN", "only an admin may give roles");
}

#[tokio::test]
async fn one_mailbox_is_one_account_in_any_case() {
    let stack = testkit::stack().await;
    people::register(&stack, MIA).await;
    let again = json!({ "email": "MIA@example.org", "password": PASSWORD });
    let answer = stack.anonymous().post(REGISTER, again).await;
    answer.assert_error(409, "CONFLICT", "User with this email already exists");
    let left = "select count(*) from identity.users u where not exists
                (select from identity.emails e where e.user_id = u.id)";
    assert_eq!(value::<i64>(&stack, left).await, 0, "a refused registration leaves nothing");
}

#[tokio::test]
async fn of_two_who_register_one_address_at_once_one_gets_it() {
    let stack = testkit::stack().await;
    for round in 0..4 {
        forget_limits(&stack).await;
        let (lower, upper) = (format!("mia{round}@example.org"), format!("MIA{round}@EXAMPLE.ORG"));
        let nobody = stack.anonymous();
        let call = |email: &str| nobody.post(REGISTER, json!({ "email": email, "password": PASSWORD }));
        let (one, other) = tokio::join!(call(&lower).into_future(), call(&upper).into_future());
        let mut statuses = [one.status(), other.status()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{one} and {other}");
        assert!(login(&stack, &lower, PASSWORD).await.status() == 200);
    }
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = testkit::stack().await;
    let nobody = stack.anonymous();
    let bad = json!({ "email": "mia", "password": "1234567", "timezone": 5, "display_name": " " });
    nobody.post(REGISTER, bad).await.assert_invalid(&["/email", "/password", "/timezone", "/display_name"]);
    nobody.post(REGISTER, json!({})).await.assert_invalid(&["/email", "/password"]);
    for email in ["mia@localhost", "mia@school.test", "mia@example", "a b@example.org", "mia@example.invalid"]
    {
        let new = json!({ "email": email, "password": PASSWORD });
        nobody.post(REGISTER, new).await.assert_invalid(&["/email"]);
    }
    for password in ["x".repeat(129), "é".repeat(7)] {
        let new = json!({ "email": MIA, "password": password });
        let answer = nobody.post(REGISTER, new).await;
        answer.assert_invalid(&["/password"]);
        assert!(!answer.text().contains(&password), "an error repeats the password: {answer}");
    }
    let new = json!({ "email": MIA, "password": PASSWORD, "timezone": "Mars/Olympus" });
    let answer = nobody.post(REGISTER, new).await;
    answer.assert_invalid(&["/timezone"]);
    assert_eq!(answer.json()["errors"][0]["code"], "timezone");
}

#[tokio::test]
async fn a_password_that_everybody_tries_first_is_refused() {
    let stack = testkit::stack().await;
    for password in [
        "password1",
        "12345678",
        "qwerty123",
        "iloveyou1",
        "P@ssw0rd",
        "mia.keller",
        "Mia.Keller@example.org",
    ] {
        forget_limits(&stack).await;
        let new = json!({ "email": "mia.keller@example.org", "password": password });
        let answer = stack.anonymous().post(REGISTER, new).await;
        answer.assert_invalid(&["/password"]);
        assert_eq!(answer.json()["errors"][0]["code"], "common", "{password}");
    }
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.users").await, 0);
}

#[tokio::test]
async fn a_password_may_have_128_characters_and_blanks_at_its_ends() {
    let stack = testkit::stack().await;
    let password = format!(" {} ", "密码é".repeat(42));
    let new = json!({ "email": MIA, "password": password });
    stack.anonymous().post(REGISTER, new).await.assert_status(201);
    // The same characters, typed as letters with combining marks.
    let decomposed = password.replace('é', "e\u{301}");
    login(&stack, MIA, &decomposed).await.assert_status(200);
    login(&stack, MIA, password.trim()).await.assert_status(401);
}

#[tokio::test]
async fn a_network_registers_five_a_minute() {
    let stack = testkit::stack().await;
    for number in 0..5 {
        let new = json!({ "email": format!("mia{number}@example.org"), "password": PASSWORD });
        stack.anonymous().post(REGISTER, new).await.assert_status(201);
    }
    let new = json!({ "email": MIA, "password": PASSWORD });
    assert_limited(&stack.anonymous().post(REGISTER, new.clone()).await, 60);
    let (status, body) = people::call_from(&stack, "203.0.113.7", "register", new).await;
    assert_eq!(status, 201, "another network is not meant: {body}");
}

#[tokio::test]
async fn the_mail_arrives() {
    let stack = testkit::stack().await;
    people::register(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    stack.deliver_mail().await;
    let mails = stack.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, MIA);
    assert!(mails[0].text.contains(&token), "{}", mails[0].text);
    let kept: Value = value(&stack, "select payload from platform.outbox").await;
    assert_eq!(kept, json!({}), "a sent link is kept nowhere");
}
