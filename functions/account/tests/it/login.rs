//! login.

use local::testkit::{self, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::{
    LOGIN, ME, MIA, PASSWORD, acts, app, assert_kept_as_hash, assert_limited, assert_not_logged, call_from,
    forget_limits, login, register, run, value,
};

#[tokio::test]
async fn the_right_password_gives_a_pair_of_tokens_that_are_the_person() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let answer = login(&stack, " MIA@Example.org", PASSWORD).await;
    answer.assert_status(200);
    let pair = answer.json();
    assert_eq!((&pair["token_type"], &pair["expires_in"]), (&json!("bearer"), &json!(900)));
    assert_eq!(answer.str("refresh_token").len(), 43);
    let caller = stack.anonymous().bearer(&answer.str("access_token"));
    assert_eq!(caller.get(ME).await.str("id"), id.to_string());
    // The same person in every domain.
    assert_eq!(caller.get("/api/v1/me").await.str("user_id"), id.to_string());

    let kept = "select s.kind || ' ' || s.method || ' ' || host(s.ip) || ' ' || (u.last_login_at is not null)
                from identity.sign_ins s join identity.users u on u.id = s.user_id";
    assert_eq!(value::<String>(&stack, kept).await, "token password 127.0.0.1 true");
    let lifetimes = "select (idle_expires_at - created_at)::text || ', ' || (expires_at - created_at)::text
                     from identity.sign_ins";
    assert_eq!(value::<String>(&stack, lifetimes).await, "30 days, 90 days");
    assert_eq!(acts(&stack, "user.signed_in").await, 1);
    let secrets = [PASSWORD, MIA, &answer.str("refresh_token"), &answer.str("access_token")];
    assert_not_logged(&stack, &secrets).await;
    assert_kept_as_hash(&stack, "refresh_tokens.token_hash", &answer.str("refresh_token")).await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_answer_alike() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let outsider = register(&stack, "outsider@example.org").await;
    run(&stack, &format!("delete from identity.passwords where user_id = '{outsider}'")).await;
    let mut answers = Vec::new();
    for (email, password) in [
        (MIA, "Wr0ngPass"),
        (MIA, ""),
        (MIA, " Str0ngPass"),
        (MIA, "str0ngpass"),
        ("nobody@example.org", PASSWORD),
        ("outsider@example.org", PASSWORD),
    ] {
        forget_limits(&stack).await;
        let answer = login(&stack, email, password).await;
        answer.assert_error(401, "UNAUTHORIZED", "invalid e-mail or password");
        let mut body = answer.json();
        body["request_id"].take();
        let mut names: Vec<String> = answer.headers().keys().map(ToString::to_string).collect();
        names.sort();
        answers.push((body, names));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.sign_ins").await, 0);
    assert_not_logged(&stack, &["Wr0ngPass", "nobody@example.org"]).await;
}

#[tokio::test]
async fn what_is_no_address_or_no_text_is_refused_before() {
    let stack = testkit::stack().await;
    let nobody = stack.anonymous();
    nobody.post(LOGIN, json!({})).await.assert_invalid(&["/email", "/password"]);
    nobody.post(LOGIN, json!({ "email": "x", "password": 1 })).await.assert_invalid(&["/email", "/password"]);
    let long = json!({ "email": MIA, "password": "x".repeat(1025) });
    nobody.post(LOGIN, long).await.assert_invalid(&["/password"]);
}

#[tokio::test]
async fn a_deactivated_person_is_told_so_only_with_the_right_password() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "update identity.users set deactivated_at = now()").await;
    login(&stack, MIA, PASSWORD).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    login(&stack, MIA, "Wr0ngPass").await.assert_error(401, "UNAUTHORIZED", "invalid e-mail or password");
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.sign_ins").await, 0);
}

#[tokio::test]
async fn a_hash_with_other_parameters_is_brought_up_to_date() {
    let stack = Stack::builder().env("ARGON2_MEMORY_KIB", "8192").start().await;
    register(&stack, MIA).await;
    let of_old: String = value(&stack, "select password_hash from identity.passwords").await;
    assert!(of_old.starts_with("$argon2id$v=19$m=8192,"), "{of_old}");
    drop(stack);

    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, &format!("update identity.passwords set password_hash = '{of_old}'")).await;
    login(&stack, MIA, "Wr0ngPass").await.assert_status(401);
    assert_eq!(value::<String>(&stack, "select password_hash from identity.passwords").await, of_old);
    login(&stack, MIA, PASSWORD).await.assert_status(200);
    let fresh: String = value(&stack, "select password_hash from identity.passwords").await;
    assert!(fresh.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{fresh}");
    login(&stack, MIA, PASSWORD).await.assert_status(200);
    assert_eq!(value::<String>(&stack, "select password_hash from identity.passwords").await, fresh);
}

#[tokio::test]
async fn a_network_tries_ten_times_a_minute_whoever_it_tries() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    for number in 0..9 {
        login(&stack, &format!("nobody{number}@example.org"), PASSWORD).await.assert_status(401);
    }
    login(&stack, MIA, PASSWORD).await.assert_status(200);
    assert_limited(&login(&stack, MIA, PASSWORD).await, 60);
    let (status, _) =
        call_from(&stack, "203.0.113.7", "login", json!({ "email": MIA, "password": PASSWORD })).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn five_failures_close_an_account_for_that_network_and_a_success_forgets_them() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    for _ in 0..4 {
        login(&stack, MIA, "Wr0ngPass").await.assert_status(401);
    }
    login(&stack, MIA, PASSWORD).await.assert_status(200);
    run(&stack, "delete from identity.rate_limits where expires_at < now() + interval '2 minutes'").await;
    for _ in 0..5 {
        login(&stack, "Mia@Example.org", "Wr0ngPass").await.assert_status(401);
    }
    // Also the right one: otherwise guessing could go on.
    assert_limited(&login(&stack, MIA, PASSWORD).await, 15 * 60);
    // An address that is nobody's is closed in the same way.
    run(&stack, "delete from identity.rate_limits where expires_at < now() + interval '2 minutes'").await;
    for _ in 0..5 {
        login(&stack, "nobody@example.org", "Wr0ngPass").await.assert_status(401);
    }
    assert_limited(&login(&stack, "nobody@example.org", PASSWORD).await, 15 * 60);
}

#[tokio::test]
async fn nobody_can_lock_another_person_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let right = || json!({ "email": MIA, "password": PASSWORD });
    // Mia has signed in at home, over IPv6, which gives her a /64.
    assert_eq!(call_from(&stack, "2001:db8:1:2::10", "login", right()).await.0, 200);
    // With the first login, from a network that was strange then, fifty attempts from many networks.
    for number in 0..49 {
        let wrong = json!({ "email": MIA, "password": "Wr0ngPass" });
        let (status, body) = call_from(&stack, &format!("203.0.113.{number}"), "login", wrong).await;
        assert!(status == 401, "try {number}: {status} {body}");
    }
    let (status, body) = call_from(&stack, "203.0.113.200", "login", right()).await;
    assert!(status == 429 && body["error_code"] == "RATE_LIMITED", "a stranger goes on guessing: {body}");
    assert_eq!(call_from(&stack, "2001:db8:1:2:ffff::11", "login", right()).await.0, 200, "Mia at home");
    // Nor for a new place for ever: the link in a mail opens the account.
    run(&stack, "delete from identity.rate_limits where expires_at < now() + interval '16 minutes'").await;
    let forgot = json!({ "email": MIA });
    stack.anonymous().post("/api/v1/identity/password/forgot", forgot).await.assert_status(202);
    let token = crate::people::link_token(&stack, "reset_password").await;
    let reset = json!({ "token": token, "password": PASSWORD });
    stack.anonymous().post("/api/v1/identity/password/reset", reset).await.assert_status(204);
    assert_eq!(call_from(&stack, "203.0.113.201", "login", right()).await.0, 200, "Mia elsewhere");
}

#[tokio::test]
async fn without_limits_nobody_is_let_in() {
    // Nobody listens there.
    let nowhere = "redis://127.0.0.1:1";
    let stack = Stack::builder().env("LIMITS_BACKEND", "redis").env("REDIS_URL", nowhere).start().await;
    let (id, db) = (Uuid::new_v4(), stack.db().await);
    let hash = crate::rights::password_hash(PASSWORD);
    db.execute("insert into identity.users (id, email) values ($1, $2)", &[&id, &MIA])
        .await
        .expect("a person");
    let sql = "insert into identity.emails (email, user_id) values ($1, $2)";
    db.execute(sql, &[&MIA, &id]).await.expect("an address");
    let sql = "insert into identity.passwords (user_id, password_hash) values ($1, $2)";
    db.execute(sql, &[&id, &hash]).await.expect("a password");
    let answer = login(&stack, MIA, PASSWORD).await;
    answer.assert_error(503, "UNAVAILABLE", "the limits cannot be counted");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.sign_ins").await, 0);
}

#[tokio::test]
async fn a_network_is_forgotten_after_thirty_days() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    app(&stack, MIA).await;
    run(&stack, "update identity.sign_ins set created_at = now() - interval '31 days'").await;
    let account =
        "select count(*) from identity.rate_limits where expires_at > now() + interval '50 minutes'";
    let before: i64 = value(&stack, account).await;
    login(&stack, MIA, "Wr0ngPass").await.assert_status(401);
    // The same key as that of every other network that is strange to the account, taken by the first login.
    assert_eq!(value::<i64>(&stack, account).await, before);
    run(&stack, "update identity.sign_ins set created_at = now() - interval '29 days'").await;
    login(&stack, MIA, "Wr0ngPass").await.assert_status(401);
    assert_eq!(value::<i64>(&stack, account).await, before + 1);
}

#[tokio::test]
async fn a_password_that_changes_during_the_login_is_not_believed() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    // A lock on the row holds the login's transaction back until the password is another one.
    let mut db = stack.db().await;
    let tx = db.transaction().await.expect("a transaction");
    let hash = "update identity.passwords set password_hash = replace(password_hash, 'p=1$', 'p=1$AAAA')";
    tx.execute(hash, &[]).await.expect("another password");
    let waiting = async {
        let asleep = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while value::<i64>(&stack, asleep).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        tx.commit().await.expect("the change");
    };
    // A login that did not look again would never be seen asleep.
    let both = async { tokio::join!(login(&stack, MIA, PASSWORD), waiting) };
    let both = tokio::time::timeout(std::time::Duration::from_secs(60), both).await;
    let (answer, ()) = both.expect("the login looks again");
    answer.assert_error(401, "UNAUTHORIZED", "invalid e-mail or password");
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.sign_ins").await, 0);
}

/// Two hundred tries, alternately on an address that is somebody's and on one that is nobody's: the function's own time
/// must not tell them apart. Compared are neighbours in time, of which now the one and now the other comes first: a busy
/// machine slows both. Without the work on nobody's password the ratio would be near ten.
#[tokio::test]
async fn the_time_does_not_tell_whether_there_is_an_account() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    login(&stack, MIA, "Wr0ngPass").await;
    let mut times: [Vec<f64>; 2] = Default::default();
    for round in 0..200 {
        // 0 1 1 0 0 1 1 0 …
        let kind = [0, 1, 1, 0][round % 4];
        forget_limits(&stack).await;
        let seen = stack.logs().len();
        login(&stack, [MIA, "nobody@example.org"][kind], "Wr0ngPass").await.assert_status(401);
        let logs = stack.wait_for_logs(seen + 1).await;
        let line = logs.last().expect("a line");
        assert_eq!((&line["function"], &line["status_code"]), (&json!("login"), &json!(401)));
        times[kind].push(line["latency_ms"].as_f64().expect("a time"));
    }
    let [known, unknown] = &times;
    let mut ratios: Vec<f64> = known.iter().zip(unknown).map(|(known, unknown)| known / unknown).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    assert!((0.8..1.25).contains(&ratio), "known against unknown: {ratio} of {times:?}");
}

/// The request lines of `login` so far, as members that say who is guessing, from where, and what stopped it.
async fn traces(stack: &Stack, count: usize) -> Vec<[Value; 5]> {
    let lines = stack.wait_for_logs(count).await;
    let lines = lines.into_iter().filter(|line| line["function"] == "login");
    lines
        .map(|line| ["status_code", "network", "rule", "account", "user_id"].map(|name| line[name].clone()))
        .collect()
}

#[tokio::test]
async fn the_log_tells_who_is_guessing_and_from_where() {
    let stack = Stack::builder().env("LOG_HASH_KEY", "a key of this test").start().await;
    register(&stack, MIA).await;
    let bodies = [(MIA, "Wr0ngPass"), ("nobody@example.org", "Wr0ngPass"), (MIA, "Wr0ngPass")];
    for ((email, password), from) in bodies.into_iter().zip(["127.0.0.1", "127.0.0.1", "127.0.0.9"]) {
        call_from(&stack, from, "login", json!({ "email": email, "password": password })).await;
    }
    let [mia, nobody, mia_elsewhere] = traces(&stack, 4).await.try_into().expect("three lines");
    for line in [&mia, &nobody, &mia_elsewhere] {
        assert_eq!((&line[0], &line[2]), (&json!(401), &json!("login:password")), "{line:?}");
        assert_eq!(line[1].as_str().map(str::len), Some(16), "{line:?}");
    }
    assert_eq!((mia[1] == nobody[1], mia[1] == mia_elsewhere[1]), (true, false), "networks are told apart");
    assert_eq!((mia[3] == mia_elsewhere[3], mia[3] == nobody[3]), (true, false), "and accounts");

    for _ in 0..5 {
        login(&stack, MIA, "Wr0ngPass").await;
    }
    let limited = traces(&stack, 9).await.pop().expect("a line");
    assert_eq!((&limited[0], &limited[2]), (&json!(429), &json!("login:account_network")), "{limited:?}");
    assert_eq!((&limited[1], &limited[3]), (&mia[1], &mia[3]));

    forget_limits(&stack).await;
    login(&stack, MIA, PASSWORD).await.assert_status(200);
    let lines = stack.lines();
    let signed_in = lines.iter().filter(|line| line.line.contains("\"message\":\"signed in\""));
    assert_eq!(signed_in.count(), 1, "who signed in, when");
    assert_not_logged(&stack, &[MIA, "nobody@example.org", "127.0.0.9", "Wr0ngPass"]).await;
}
