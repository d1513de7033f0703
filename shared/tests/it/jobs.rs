//! Jobs: put in by a route, done by a worker.

use std::time::Duration;

use futures_util::future::join_all;
use local::testkit::{
    Client, Stack,
    fakes::{Behaviour, Provider},
};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

use crate::probe;

async fn put(user: &Client, kind: &str, subject: Option<Uuid>) -> Value {
    let answer = user.post(&format!("/jobs/{kind}"), json!({ "subject": subject })).await;
    answer.assert_status(200);
    answer.json()
}

async fn job(db: &Database, id: &Value) -> Value {
    let sql = "select to_jsonb(job) from platform.jobs as job where id = $1";
    let id: Uuid = id.as_str().expect("an id").parse().expect("an id");
    db.query_one(sql, &[&id]).await.expect("a job").get(0)
}

async fn count(db: &Database, sql: &str) -> i64 {
    db.query_one(sql, &[]).await.expect("a count").get(0)
}

const WRITTEN: &str = "select count(*) from platform.outbox where topic = 'test'";
const DEAD: &str = "select count(*) from platform.dead_jobs";

/// One run of the worker; of those who wait for a moment, all are due.
async fn run(stack: &Stack, db: &Database) -> Value {
    db.batch_execute("update platform.jobs set run_after = now() where state = 'queued'").await.expect("due");
    stack.invoke("job-worker", json!({})).await
}

async fn until(db: &Database, condition: &str) {
    let sql = format!("select count(*) where {condition}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while count(db, &sql).await == 0 {
        assert!(tokio::time::Instant::now() < deadline, "never: {condition}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_done_once_and_its_result_is_kept() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let put_in = put(&alice, "good", None).await;
    assert_eq!(run(&stack, &db).await, json!({ "batchItemFailures": [], "jobs": 1, "failed": 0 }));
    let job = job(&db, &put_in["job_id"]).await;
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["result"], json!({ "told": "test.good", "message": "It is good!" }));
    assert_eq!(
        (&job["attempts"], &job["claim"], &job["error_type"]),
        (&json!(1), &json!(null), &json!(null))
    );
    assert!(job["finished_at"].is_string() && job["started_at"].is_string());
    // A message that comes twice, late, or for nothing is harmless.
    assert_eq!(run(&stack, &db).await["jobs"], 0);
    assert_eq!(count(&db, WRITTEN).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_vanishes_with_its_transaction_and_a_request_makes_none_for_another() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    alice.post("/jobs/good", json!({ "fails": true })).await.assert_error(409, "CONFLICT", "changed my mind");
    assert_eq!(count(&db, "select count(*) from platform.jobs").await, 0);
    put(&alice, "good", None).await;
    let owner = stack.owner().await;
    let bob = Uuid::new_v4();
    let as_bob =
        format!("begin; set local role praxis_request; select set_config('praxis.user_id', '{bob}', true)");
    for sql in [
        format!(
            "insert into platform.jobs (id, user_id, kind) values (gen_random_uuid(), '{}', 'a.b')",
            alice.id()
        ),
        "update platform.jobs set state = 'succeeded', result = '{}'".to_owned(),
        "delete from platform.jobs".to_owned(),
    ] {
        owner.batch_execute(&as_bob).await.unwrap();
        let code = owner.execute(&sql, &[]).await.expect_err(&sql).code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
        owner.batch_execute("rollback").await.unwrap();
    }
    owner.batch_execute(&as_bob).await.unwrap();
    assert_eq!(count(&owner, "select count(*) from platform.jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_work_asked_for_again_is_the_job_that_is_there() {
    let stack = probe().start().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let subject = Some(Uuid::new_v4());
    let all = join_all((0..6).map(|_| put(&alice, "good", subject))).await;
    assert!(all.iter().all(|one| one["job_id"] == all[0]["job_id"]), "{all:?}");
    assert_eq!(all.iter().filter(|one| one["is_known"] == false).count(), 1);
    // Another's, another kind's and another subject's are their own.
    put(&bob, "good", subject).await;
    put(&alice, "steps", subject).await;
    put(&alice, "good", Some(Uuid::new_v4())).await;
    assert_eq!(count(&db, "select count(*) from platform.jobs").await, 4);
    run(&stack, &db).await;
    assert_eq!(put(&alice, "good", subject).await["is_known"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_no_more_than_a_hundred_waiting() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    put(&alice, "good", None).await;
    let fill = format!(
        "insert into platform.jobs (id, user_id, kind)
         select gen_random_uuid(), '{}', 'test.good' from generate_series(1, 98)",
        alice.id()
    );
    db.batch_execute(&fill).await.unwrap();
    let two = join_all((0..2).map(|_| alice.post("/jobs/good", json!({})).into_future())).await;
    let mut statuses = two.iter().map(|answer| answer.status()).collect::<Vec<_>>();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    put(&stack.user(), "good", None).await;
    // Work that is asked for already is no further job.
    let subject = Uuid::new_v4();
    let known = format!(
        "update platform.jobs set subject = '{subject}' where id = (select id from platform.jobs
                         where user_id = '{}' limit 1)",
        alice.id()
    );
    db.batch_execute(&known).await.unwrap();
    assert_eq!(put(&alice, "good", Some(subject)).await["is_known"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_three_times_and_then_a_dead_letter() {
    for kind in ["fails", "panics"] {
        let stack = probe().start().await;
        let (alice, db) = (stack.user(), stack.db().await);
        let id = put(&alice, kind, None).await["job_id"].clone();
        for attempt in 1..=2 {
            run(&stack, &db).await;
            let job = job(&db, &id).await;
            assert_eq!((&job["state"], &job["attempts"]), (&json!("queued"), &json!(attempt)));
            until(&db, "exists (select from platform.jobs where run_after > now())").await;
            assert_eq!(stack.invoke("job-worker", json!({})).await["jobs"], 0, "not before its time");
        }
        run(&stack, &db).await;
        let job = job(&db, &id).await;
        let word = if kind == "fails" { "flaky" } else { "panic" };
        assert_eq!((&job["state"], &job["error_type"]), (&json!("failed"), &json!(word)));
        assert_eq!(run(&stack, &db).await["jobs"], 0);
        assert_eq!(count(&db, DEAD).await, 1);
        assert_eq!(count(&db, WRITTEN).await, if kind == "fails" { 1 } else { 0 }, "what else happens then");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_pass_is_dead_at_once_and_a_persons_mistake_is_no_dead_letter() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let broken = put(&alice, "permanent", None).await["job_id"].clone();
    let refused = put(&alice, "refused", None).await["job_id"].clone();
    run(&stack, &db).await;
    assert_eq!(job(&db, &broken).await["state"], "failed");
    let refused = job(&db, &refused).await;
    assert_eq!(
        (&refused["state"], &refused["error_type"], &refused["error_message"]),
        (&json!("failed"), &json!("too_long"), &json!("too long"))
    );
    let dead: String = db.query_one("select job_id::text from platform.dead_jobs", &[]).await.unwrap().get(0);
    assert_eq!(broken, dead.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_something_uses_no_attempt_and_not_for_longer_than_a_day() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "waits", None).await["job_id"].clone();
    for _ in 0..5 {
        run(&stack, &db).await;
    }
    let waiting = job(&db, &id).await;
    assert_eq!(
        (&waiting["state"], &waiting["attempts"], &waiting["error_type"]),
        (&json!("queued"), &json!(0), &json!("breaker_open"))
    );
    db.batch_execute("update platform.jobs set queued_at = now() - interval '25 hours'").await.unwrap();
    run(&stack, &db).await;
    assert_eq!((job(&db, &id).await["state"].clone(), count(&db, DEAD).await), (json!("failed"), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_are_done_stay_done_and_a_retry_goes_on_after_them() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "steps", Some(Uuid::new_v4())).await["job_id"].clone();
    run(&stack, &db).await;
    let failed = job(&db, &id).await;
    assert_eq!(
        (&failed["state"], &failed["progress_current"], &failed["progress_at"]),
        (&json!("failed"), &json!(1), &json!("step-2"))
    );
    assert_eq!(count(&db, WRITTEN).await, 2);
    let somebody = format!("select set_config('praxis.user_id', '{}', false)", Uuid::new_v4());
    db.batch_execute(&somebody).await.unwrap();
    let sql = "select array_agg(again.job_id::text) from platform.dead_jobs, platform.retry_dead_jobs(array[id]) as again";
    let others: Option<Vec<String>> = db.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(others, None, "nobody retries for another");
    let own = format!("select set_config('praxis.user_id', '{}', false)", alice.id());
    db.batch_execute(&own).await.unwrap();
    let again: Vec<String> = db.query_one(sql, &[]).await.unwrap().get(0);
    // At most once per dead letter.
    let none: Option<Vec<String>> = db.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!((again.len(), none), (1, None));
    db.batch_execute("update platform.jobs set attempts = 1 where state = 'queued'").await.unwrap();
    run(&stack, &db).await;
    let done = job(&db, &json!(again[0])).await;
    assert_eq!(
        (&done["state"], &done["result"], &done["retry_of"]),
        (&json!("succeeded"), &json!([1, 1, 2]), &id)
    );
    assert_eq!(count(&db, WRITTEN).await, 3, "no step is done twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_worker_ends() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "kills", None).await["job_id"].clone();
    for attempt in 1..=3 {
        stack.try_invoke("job-worker", json!({})).await.expect_err("killed");
        assert_eq!(job(&db, &id).await["attempts"], attempt);
        // Nobody else takes it before its lease is over.
        assert_eq!(run(&stack, &db).await["jobs"], 0);
        db.batch_execute("update platform.jobs set claimed_until = now()").await.unwrap();
    }
    assert_eq!(run(&stack, &db).await["failed"], 1);
    let dead = job(&db, &id).await;
    assert_eq!((&dead["state"], &dead["error_type"]), (&json!("failed"), &json!("worker_lost")));
    assert_eq!((count(&db, DEAD).await, count(&db, WRITTEN).await), (1, 1));
    // The worker serves the next one.
    put(&alice, "good", None).await;
    assert_eq!(run(&stack, &db).await["jobs"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_end_cannot_be_stored_stops_no_other() {
    let stack = probe().start().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    put(&alice, "unending", None).await;
    put(&bob, "kills", None).await;
    let dead = "update platform.jobs set state = 'running', attempts = 3, claim = gen_random_uuid(), claimed_until = now()";
    db.batch_execute(dead).await.unwrap();
    put(&stack.user(), "good", None).await;
    stack.try_invoke("job-worker", json!({})).await.expect_err("an alarm hears of it");
    let states = "select array_agg(kind || ' ' || state order by kind) from platform.jobs";
    let states: Vec<String> = db.query_one(states, &[]).await.unwrap().get(0);
    assert_eq!(states, ["test.good succeeded", "test.kills failed", "test.unending running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_frozen_beyond_its_lease_writes_nothing() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "held", None).await["job_id"].clone();
    db.batch_execute("select pg_advisory_lock(4711)").await.unwrap();
    let (frozen, ()) = tokio::join!(stack.invoke("job-worker", json!({})), async {
        until(
            &db,
            "exists (select from pg_locks where locktype = 'advisory' and objid = 4711 and not granted)",
        )
        .await;
        db.batch_execute("update platform.jobs set claimed_until = now()").await.unwrap();
        // Another one finishes the job meanwhile.
        assert_eq!(stack.invoke("job-worker", json!({})).await["jobs"], 1);
        db.batch_execute("select pg_advisory_unlock(4711)").await.unwrap();
    });
    assert_eq!(frozen["failed"], 0);
    let job = job(&db, &id).await;
    assert_eq!((&job["state"], &job["result"]), (&json!("succeeded"), &json!({ "by": 2 })));
    let by: String =
        db.query_one("select dedup_key from platform.outbox where topic = 'test'", &[]).await.unwrap().get(0);
    assert!(by.ends_with(":2"), "only the second one's write lasts: {by}");
    assert_eq!(count(&db, DEAD).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_it_was_called_off_nothing_of_a_job_is_written() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "held", None).await["job_id"].clone();
    db.batch_execute("select pg_advisory_lock(4711)").await.unwrap();
    let (_, ()) = tokio::join!(stack.invoke("job-worker", json!({})), async {
        until(
            &db,
            "exists (select from pg_locks where locktype = 'advisory' and objid = 4711 and not granted)",
        )
        .await;
        // Does not wait for the work.
        db.batch_execute("update platform.jobs set cancel_requested_at = now()").await.unwrap();
        db.batch_execute("select pg_advisory_unlock(4711)").await.unwrap();
    });
    assert_eq!(job(&db, &id).await["state"], "cancelled");
    assert_eq!(count(&db, WRITTEN).await, 0);
    assert_eq!(count(&db, "select count(*) from platform.job_steps").await, 0);
    assert_eq!((run(&stack, &db).await["jobs"].clone(), count(&db, DEAD).await), (json!(0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_called_off_ends_also_when_its_worker_is_dead() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "kills", None).await["job_id"].clone();
    stack.try_invoke("job-worker", json!({})).await.expect_err("killed");
    db.batch_execute("update platform.jobs set cancel_requested_at = now(), claimed_until = now()")
        .await
        .unwrap();
    run(&stack, &db).await;
    let job = job(&db, &id).await;
    assert_eq!((&job["state"], &job["error_type"]), (&json!("cancelled"), &json!(null)));
    assert_eq!((count(&db, DEAD).await, count(&db, WRITTEN).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_side_by_side_do_each_job_once_and_one_of_a_person_at_a_time() {
    let stack = probe().start().await;
    let db = stack.db().await;
    let users: Vec<Client> = (0..5).map(|_| stack.user()).collect();
    for user in &users {
        for _ in 0..8 {
            put(user, "good", None).await;
        }
    }
    db.batch_execute(
        "create table public.overlaps (job uuid);
         create function public.note() returns trigger language plpgsql as $$begin
             if (select count(*) from platform.jobs where user_id = new.user_id and state = 'running') > 1 then
                 insert into public.overlaps values (new.id);
             end if;
             return null;
         end$$;
         alter function public.note() security definer;
         create trigger note after update on platform.jobs for each row execute function public.note()",
    )
    .await
    .unwrap();
    for _ in 0..4 {
        join_all((0..4).map(|_| stack.invoke("job-worker", json!({})))).await;
    }
    assert_eq!(
        count(&db, "select count(*) from platform.jobs where state = 'succeeded' and attempts = 1").await,
        40
    );
    assert_eq!(
        (count(&db, WRITTEN).await, count(&db, "select count(*) from public.overlaps").await),
        (40, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_longer_than_its_function_goes_on_later_as_long_as_it_gets_on() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, "long", None).await["job_id"].clone();
    // It gets a step done, so the attempt does not count.
    run(&stack, &db).await;
    let yielded = job(&db, &id).await;
    assert_eq!(
        (&yielded["state"], &yielded["error_type"], &yielded["attempts"]),
        (&json!("queued"), &json!("yield"), &json!(0))
    );
    db.batch_execute("update platform.jobs set attempts = 2").await.unwrap();
    run(&stack, &db).await;
    let ended = job(&db, &id).await;
    assert_eq!((&ended["state"], &ended["error_type"]), (&json!("failed"), &json!("too_long")));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_somebody_who_was_erased_are_gone() {
    let stack = probe().start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    put(&alice, "held", None).await;
    db.batch_execute("select pg_advisory_lock(4711)").await.unwrap();
    let (ended, ()) = tokio::join!(stack.invoke("job-worker", json!({})), async {
        until(
            &db,
            "exists (select from pg_locks where locktype = 'advisory' and objid = 4711 and not granted)",
        )
        .await;
        db.batch_execute("delete from identity.users").await.unwrap();
        db.batch_execute("select pg_advisory_unlock(4711)").await.unwrap();
    });
    assert_eq!(ended["failed"], 0);
    for table in ["jobs", "job_steps", "dead_jobs", "outbox"] {
        assert_eq!(count(&db, &format!("select count(*) from platform.{table}")).await, 0, "{table}");
    }
}

/// A stack whose jobs ask `provider`, with one more setting.
async fn asking(provider: &Provider, name: &str, value: &str) -> Stack {
    let settings = [
        ("LLM_API_KEY", "key"),
        ("OPENAI_BASE_URL", &provider.base_url()),
        ("LLM_MODEL", "m"),
        (name, value),
    ];
    settings.into_iter().fold(probe(), |builder, (name, value)| builder.env(name, value)).start().await
}

async fn done(stack: &Stack, kind: &str) -> Value {
    let (alice, db) = (stack.user(), stack.db().await);
    let id = put(&alice, kind, None).await["job_id"].clone();
    run(stack, &db).await;
    job(&db, &id).await
}

const OPEN_CALLS: &str = "select count(*) from platform.model_calls where outcome is null";

#[tokio::test(flavor = "multi_thread")]
async fn a_job_asks_a_model_and_says_who_answered() {
    let provider = Provider::start(Behaviour::Text("By the model.".to_owned())).await;
    let stack = asking(&provider, "LLM_DAILY_BUDGET_USD", "1").await;
    let db = stack.db().await;
    let job = done(&stack, "model").await;
    assert_eq!(job["result"], json!({ "said": "By the model.", "source": "model" }));
    let call = "select count(*) from platform.model_calls as call join platform.jobs as job on job.id::text = request_id
                where outcome = 'answered' and call.user_id = job.user_id and feature = 'test.model'";
    assert_eq!(count(&db, call).await, 1, "the call belongs to the job");
    provider.always(Behaviour::Status(400));
    assert_eq!(done(&stack, "model").await["result"], json!({ "said": "by the rules", "source": "rules" }));

    provider.always(Behaviour::Text(r#"{"is_good": true}"#.to_owned()));
    let value = done(&stack, "structured").await;
    assert_eq!(value["result"], json!({ "said": { "is_good": true }, "source": "model" }));
    provider.always(Behaviour::Text("no value".to_owned()));
    let value = done(&stack, "structured").await;
    assert_eq!(value["result"], json!({ "said": { "is_good": false }, "source": "rules" }));

    let body = json!({ "data": [{ "index": 0, "embedding": [1.0, 0.5] }, { "index": 1, "embedding": [0.0, 1.0] }],
                       "usage": { "prompt_tokens": 4 } });
    provider.always(Behaviour::Body(body));
    let made = done(&stack, "vectors").await;
    let expected =
        json!({ "made": [[1.0, 0.5], null, [0.0, 1.0]], "source": "model", "by": "Qwen/Qwen3-Embedding-8B" });
    assert_eq!(made["result"], expected);
    assert_eq!(count(&db, OPEN_CALLS).await, 0, "every call is settled");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_a_job_goes_by_the_rules() {
    let stack = probe().start().await;
    assert_eq!(done(&stack, "model").await["result"], json!({ "said": "by the rules", "source": "rules" }));
    assert_eq!(done(&stack, "vectors").await["result"]["made"], json!([null, null, null]));
    assert_eq!(count(&stack.db().await, "select count(*) from platform.model_calls").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_breaker_is_open_a_job_waits_and_uses_no_attempt() {
    let provider = Provider::start(Behaviour::Text("By the model.".to_owned())).await;
    let stack = asking(&provider, "LLM_DAILY_BUDGET_USD", "1").await;
    let (alice, db) = (stack.user(), stack.db().await);
    let host = provider.base_url().split('/').nth(2).expect("a host").to_owned();
    let open = "insert into platform.circuit_breakers (name, failures, opened_at) values ($1, 5, now())";
    db.execute(open, &[&host]).await.unwrap();
    let id = put(&alice, "model", None).await["job_id"].clone();
    run(&stack, &db).await;
    let waiting = job(&db, &id).await;
    assert_eq!(
        (&waiting["state"], &waiting["attempts"], &waiting["error_type"]),
        (&json!("queued"), &json!(0), &json!("breaker_open"))
    );
    // The rest of the breaker's wait, and up to half of it more.
    let soon = "select count(*) from platform.jobs where run_after between now() + interval '20 seconds' and now() + interval '45 seconds'";
    assert_eq!((count(&db, soon).await, provider.count()), (1, 0));
    assert_eq!(count(&db, "select count(*) from platform.model_calls").await, 0);
    db.batch_execute("update platform.circuit_breakers set opened_at = now() - interval '31 seconds'")
        .await
        .unwrap();
    run(&stack, &db).await;
    assert_eq!(job(&db, &id).await["result"]["source"], "model");
    assert_eq!(count(&db, "select count(*) from platform.circuit_breakers where opened_at is null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_ends_a_job_at_once_and_says_until_when() {
    let provider = Provider::start(Behaviour::Text("By the model.".to_owned())).await;
    let stack = asking(&provider, "LLM_DAILY_BUDGET_USD", "0").await;
    let db = stack.db().await;
    let job = done(&stack, "model").await;
    assert_eq!((&job["state"], &job["error_type"]), (&json!("failed"), &json!("budget_spent")));
    let until = job["error_message"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    let midnight = "select $1::text::timestamptz between (current_date + 1)::timestamptz - interval '2 seconds'
                                                     and (current_date + 1)::timestamptz + interval '2 seconds'";
    db.batch_execute("set timezone = 'UTC'").await.unwrap();
    assert!(db.query_one(midnight, &[&until]).await.unwrap().get::<_, bool>(0), "{until}");
    // It is the person's to wait, and no dead letter.
    assert_eq!((count(&db, DEAD).await, provider.count()), (0, 0));
}
