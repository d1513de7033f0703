//! The job `run-account-jobs`: exports. How jobs are done is in the tests of `shared`.

use futures_util::future::join_all;
use local::testkit::Stack;
use serde_json::{Value, json};

use crate::rights::{self, acts, count, exported, follow, mails, run, stack, unzip, value};

const EXPORT: &str = "/api/v1/me/export";

#[tokio::test]
async fn an_export_becomes_an_archive_whose_link_is_mailed() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.patch("/api/v1/me", json!({"display_name": "Älice", "locale": "de"})).await.assert_status(200);
    alice.request("POST", EXPORT).await.assert_status(202);
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 1);
    let mails = mails(&db, alice.id(), "export_ready").await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail["to"], format!("{}@mock.local", alice.id()));
    assert_eq!(mail["locale"], "de");
    let weeks: bool = value(
        &db,
        "select expires_at = (select (payload ->> 'expires_at')::timestamptz from platform.outbox
                              where payload ->> 'template' = 'export_ready')
             and expires_at = finished_at + interval '7 days' from identity.exports",
    )
    .await;
    assert!(weeks, "it expires after 7 days, and the mail says so");
    let link = mail["link"].as_str().unwrap();
    stack.deliver_mail().await;
    let sent = stack.mails().await;
    assert!(sent[0].to.starts_with(&alice.id().to_string()) && sent[0].text.contains(link), "{sent:?}");
    let token = link.strip_prefix("https://api.example/api/v1/exports/").unwrap();
    assert_eq!(token.len(), 43, "{token}");
    let everything: String =
        value(&db, "select string_agg(export::text, '') from identity.exports export").await;
    assert!(!everything.contains(token), "the secret is not stored");

    let files = unzip(follow(&stack, &format!("/api/v1/exports/{token}")).await.bytes());
    let users: Value = serde_json::from_str(&files["identity.users.json"]).unwrap();
    assert_eq!((&users[0]["display_name"], &users[1]), (&json!("Älice"), &Value::Null));
    let created = users[0]["created_at"].as_str().unwrap();
    assert!(created.ends_with("+00:00"), "{created} is not in UTC");
    let readme = &files["README.txt"];
    for words in [
        &alice.id().to_string(),
        "identity.users.json\n  Your account",
        "identity.passwords.password_hash: a secret",
    ] {
        assert!(readme.contains(words), "{readme}");
    }
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 0);
}

#[tokio::test]
async fn without_the_api_s_address_the_link_leads_into_the_application() {
    let stack = Stack::builder().env("APP_URL", "https://app.example/").env("API_URL", "").start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.request("POST", EXPORT).await.assert_status(202);
    stack.invoke("run-account-jobs", json!({})).await;
    let mails = mails(&db, alice.id(), "export_ready").await;
    assert!(mails[0]["link"].as_str().unwrap().starts_with("https://app.example/exports/"), "{mails:?}");
}

#[tokio::test]
async fn of_several_workers_at_once_each_export_has_one() {
    let stack = stack().await;
    let db = stack.db().await;
    let people: Vec<_> = (0..6).map(|_| stack.user()).collect();
    for person in &people {
        person.request("POST", EXPORT).await.assert_status(202);
    }
    let runs = join_all((0..3).map(|_| stack.invoke("run-account-jobs", json!({})))).await;
    let ready: i64 = runs.iter().map(|run| run["jobs"].as_i64().unwrap()).sum();
    assert_eq!(ready, 6, "{runs:?}");
    assert_eq!(count(&db, "identity.exports where status = 'ready'").await, 6);
    assert_eq!(count(&db, "platform.jobs where state = 'succeeded' and attempts = 1").await, 6);
    assert_eq!(count(&db, "identity.export_parts").await, 6);
    for person in &people {
        assert_eq!(mails(&db, person.id(), "export_ready").await.len(), 1);
    }
}

/// One run, in which all that wait are due.
async fn run_all(stack: &Stack, db: &tokio_postgres::Client) {
    run(db, "update platform.jobs set run_after = now() where state = 'queued'").await;
    stack.invoke("run-account-jobs", json!({})).await;
}

#[tokio::test]
async fn what_a_dead_worker_left_is_made_by_another_once_its_lease_ends() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.request("POST", EXPORT).await.assert_status(202);
    assert_eq!(stack.nudges(), ["account"]);
    let claimed = "update platform.jobs set state = 'running', attempts = 1, claim = gen_random_uuid(),
                                            claimed_until = now() + interval '1 minute'";
    run(&db, claimed).await;
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 0);
    run(&db, "update platform.jobs set claimed_until = now() - interval '1 second'").await;
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 1);
    assert_eq!(mails(&db, alice.id(), "export_ready").await.len(), 1);
}

#[tokio::test]
async fn the_archive_and_its_mail_are_stored_together_or_not_at_all() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.request("POST", EXPORT).await.assert_status(202);
    // The mail is the last statement but one.
    run(&db, "alter table platform.outbox add constraint broken check (topic <> 'mail')").await;
    stack.invoke("run-account-jobs", json!({})).await;
    assert_eq!(count(&db, "identity.export_parts").await, 0);
    assert_eq!(count(&db, "identity.exports where status = 'pending'").await, 1);
    assert_eq!(
        count(&db, "platform.jobs where state = 'queued' and attempts = 1 and run_after > now()").await,
        1
    );
    run(&db, "alter table platform.outbox drop constraint broken").await;
    run_all(&stack, &db).await;
    assert_eq!(count(&db, "identity.exports where status = 'ready'").await, 1);
}

#[tokio::test]
async fn one_that_cannot_be_made_does_not_stop_the_others_and_fails_in_the_end() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    alice.request("POST", EXPORT).await.assert_status(202);
    bob.request("POST", EXPORT).await.assert_status(202);
    let address = format!("update identity.users set email = null where id = '{}'", alice.id());
    run(&db, &address).await;
    run_all(&stack, &db).await;
    assert_eq!(mails(&db, bob.id(), "export_ready").await.len(), 1);
    for _ in 0..2 {
        run_all(&stack, &db).await;
    }
    assert_eq!(count(&db, "identity.exports where status = 'failed'").await, 1);
    assert_eq!(acts(&db, alice.id()).await, ["export.requested", "export.failed"]);
    assert!(mails(&db, alice.id(), "export_failed").await.is_empty(), "there is nowhere to send it");
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 0);
}

#[tokio::test]
async fn who_waits_for_one_that_is_given_up_is_told_and_may_ask_again() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.patch("/api/v1/me", json!({"locale": "en"})).await.assert_status(200);
    alice.request("POST", EXPORT).await.assert_status(202);
    run(&db, "alter table identity.export_parts add constraint broken check (archive is null)").await;
    for attempt in 1..=3 {
        assert!(mails(&db, alice.id(), "export_failed").await.is_empty(), "attempt {attempt}");
        run_all(&stack, &db).await;
    }
    // Two calls and three runs.
    stack.wait_for_logs(5).await;
    let lines = stack.lines();
    let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(&line.line).ok()).collect();
    let said =
        |message: &str| -> Vec<&Value> { lines.iter().filter(|line| line["message"] == message).collect() };
    let export: uuid::Uuid = value(&db, "select id from identity.exports").await;
    let given_up = said("export given up");
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    assert_eq!((&given_up[0]["level"], &given_up[0]["export_id"]), (&json!("ERROR"), &json!(export)));
    assert_eq!(said("job failed for good").len(), 1, "an alarm counts these lines");
    let told = mails(&db, alice.id(), "export_failed").await;
    let [mail] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(mail["to"], format!("{}@mock.local", alice.id()));
    stack.deliver_mail().await;
    let sent = stack.mails().await;
    assert_eq!((sent.len(), sent[0].subject.as_str()), (1, "Your data could not be gathered"));
    assert_eq!(acts(&db, alice.id()).await, ["export.requested", "export.failed"]);

    run(&db, "alter table identity.export_parts drop constraint broken").await;
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 0, "it stays given up");
    assert_eq!(mails(&db, alice.id(), "export_failed").await.len(), 0, "sent, and not again");
    alice.request("POST", EXPORT).await.assert_status(202);
    assert_eq!(stack.invoke("run-account-jobs", json!({})).await["jobs"], 0, "an hour later");
    let waits = "platform.jobs where state = 'queued' and run_after between now() + interval '59 minutes'
                                                                        and now() + interval '1 hour'";
    assert_eq!(count(&db, waits).await, 1);
    run_all(&stack, &db).await;
    assert_eq!(count(&db, "identity.exports where status = 'ready'").await, 1);
}

#[tokio::test]
async fn one_that_was_called_off_is_made_when_it_is_asked_for_again() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let first = alice.request("POST", EXPORT).await;
    let job = alice.get("/api/v1/jobs").await.json()["items"][0]["job_id"].as_str().unwrap().to_owned();
    alice.post(&format!("/api/v1/jobs/{job}/cancel"), json!({})).await.assert_status(200);
    run_all(&stack, &db).await;
    assert_eq!(count(&db, "identity.exports where status = 'pending'").await, 1);
    // The same export, and one job for it however often it is asked for.
    for _ in 0..2 {
        assert_eq!(alice.request("POST", EXPORT).await.str("export_id"), first.str("export_id"));
    }
    assert_eq!(count(&db, "platform.jobs where state = 'queued'").await, 1);
    run_all(&stack, &db).await;
    assert_eq!(mails(&db, alice.id(), "export_ready").await.len(), 1);
}

#[tokio::test]
async fn a_job_of_one_s_own_reaches_no_export_of_another() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    alice.request("POST", EXPORT).await.assert_status(202);
    rights::begin(&bob).await;
    run(&db, "delete from platform.jobs").await;
    let forged = format!(
        "insert into platform.jobs (id, user_id, kind, subject, attempts, state, claim, claimed_until)
         select gen_random_uuid(), '{}', 'account.export', id, 3, 'running', gen_random_uuid(), now() from identity.exports",
        bob.id()
    );
    run(&db, &forged).await;
    stack.invoke("run-account-jobs", json!({})).await;
    run(&db, "update platform.jobs set state = 'queued', attempts = 0, finished_at = null").await;
    run_all(&stack, &db).await;
    assert_eq!(count(&db, "identity.exports where status = 'pending'").await, 1);
    assert_eq!(count(&db, "identity.export_parts").await, 0);
}

#[tokio::test]
async fn one_that_was_given_up_is_made_when_its_dead_letter_is_tried_again() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.request("POST", EXPORT).await.assert_status(202);
    run(&db, "alter table identity.export_parts add constraint broken check (archive is null)").await;
    for _ in 0..3 {
        run_all(&stack, &db).await;
    }
    run(&db, "alter table identity.export_parts drop constraint broken").await;
    let dead = alice.get("/api/v1/jobs/dlq").await.json()[0]["id"].as_str().unwrap().to_owned();
    alice.post(&format!("/api/v1/jobs/dlq/{dead}/retry"), json!({})).await.assert_status(200);
    run_all(&stack, &db).await;
    assert_eq!(count(&db, "identity.exports where status = 'ready'").await, 1);
    assert_eq!(mails(&db, alice.id(), "export_ready").await.len(), 1);
}

/// A function's peak memory so far, of the one process that runs it on this test's database, in MiB.
fn peak_memory(stack: &Stack, function: &str) -> f64 {
    let own = format!("DATABASE_JOBS_URL={}", stack.environment()["DATABASE_JOBS_URL"]);
    let of = |pid: &str| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let variables = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let is_it = program.ends_with(function) && String::from_utf8_lossy(&variables).contains(&own);
        let status = is_it.then(|| std::fs::read_to_string(format!("/proc/{pid}/status")).ok())??;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().trim_end_matches(" kB").parse::<f64>().ok()
    };
    let folders = std::fs::read_dir("/proc").expect("the processes").flatten();
    let found: Vec<f64> = folders.filter_map(|folder| of(folder.file_name().to_str()?)).collect();
    let [peak] = found.as_slice() else { panic!("{} processes of {function}", found.len()) };
    peak / 1024.0
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn however_much_there_is_the_job_needs_no_more_memory() {
    let mut peaks = Vec::new();
    for size in [1, 4] {
        let stack = stack().await;
        let (alice, db) = (stack.user(), stack.db().await);
        rights::begin(&alice).await;
        // 10 MB of JSON each, which compress to half.
        let acts = format!(
            "insert into identity.audit_log (id, actor_id, action, entity_type, payload)
             select gen_random_uuid(), '{}', 'test.noise', 'test', jsonb_build_object('noise',
                 (select string_agg(md5(n::text || m), '') from generate_series(1, 250) as m))
             from generate_series(1, {size} * 1250) as n",
            alice.id()
        );
        run(&db, &acts).await;
        exported(&stack, &alice).await;
        peaks.push(peak_memory(&stack, "run-account-jobs"));
    }
    let [small, large] = peaks.as_slice() else { panic!("{peaks:?}") };
    // The larger one has 30 MB of JSON more, all of which was in memory at once, twice over.
    assert!(large - small < 12.0, "{small} MiB, then {large} MiB");
}

#[tokio::test]
async fn what_is_too_large_for_one_answer_comes_in_parts() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    rights::begin(&alice).await;
    // Hexadecimal digits of noise compress to about half.
    let acts = format!(
        "insert into identity.audit_log (id, actor_id, action, entity_type, payload)
         select gen_random_uuid(), '{}', 'test.noise', 'test', jsonb_build_object('noise',
             (select string_agg(md5(random()::text || n || m), '') from generate_series(1, 2000) as m))
         from generate_series(1, 160) as n",
        alice.id()
    );
    run(&db, &acts).await;
    let path = exported(&stack, &alice).await;
    let parts = count(&db, "identity.export_parts").await;
    assert!(parts > 1, "{parts} part");
    let mut records = 0;
    for part in 1..=parts {
        let answer = follow(&stack, &format!("{path}?part={part}")).await;
        answer.assert_status(200);
        let files = unzip(answer.bytes());
        assert!(files["README.txt"].contains(&format!("part {part} of {parts}")), "{}", files["README.txt"]);
        for (name, text) in files.iter().filter(|(name, _)| name.starts_with("identity.audit_log.")) {
            let list: Vec<Value> =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            records += list.iter().filter(|act| act["action"] == "test.noise").count();
        }
    }
    assert_eq!(records, 160);
    follow(&stack, &format!("{path}?part={}", parts + 1)).await.assert_status(404);
}
