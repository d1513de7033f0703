//! `GET /api/v1/runs/{run_id}/events`. A run that is being written is followed in the tests of `stream-message`.

use local::testkit::{Client, stack};
use tokio_postgres::Client as Database;
use uuid::Uuid;

/// A run of three events in two rows, in a state.
pub(crate) async fn run(db: &Database, user: &Client, state: &str) -> Uuid {
    let (run, user) = (Uuid::now_v7(), user.id());
    db.batch_execute(&format!(
        "insert into identity.users (id) values ('{user}') on conflict do nothing;
         insert into platform.runs (id, user_id, kind, subject, attempt, state, claim, claimed_until, events, finished_at)
         values ('{run}', '{user}', 'test.run', gen_random_uuid(), 2, '{state}', gen_random_uuid(),
                 now() + interval '1 minute', 3, case when '{state}' <> 'writing' then now() end);
         insert into platform.run_events (run_id, attempt, first, user_id, names, data)
         values ('{run}', 2, 1, '{user}', '{{start,delta}}', array['{{}}', '{{\"text\":\"a\\u0000 \u{2028}b\"}}']),
                ('{run}', 2, 3, '{user}', '{{done}}', array['{{}}'])"
    ))
    .await
    .unwrap();
    run
}

async fn read(user: &Client, path: &str) -> String {
    let response = user.get(path).send().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    response.text().await.unwrap()
}

#[tokio::test]
async fn the_events_after_the_last_one_are_sent_as_they_were_written() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let run = run(&db, &alice, "finished").await;
    let path = format!("/api/v1/runs/{run}/events");
    let event =
        |number: u8, name: &str, data: &str| format!("id: {run}-2-{number}\nevent: {name}\ndata: {data}\n\n");
    let second = event(2, "delta", "{\"text\":\"a\\u0000 \u{2028}b\"}");
    let (retry, third) = ("retry: 2000\n\n", event(3, "done", "{}"));
    assert_eq!(read(&alice, &path).await, format!("{retry}{}{second}{third}", event(1, "start", "{}")));
    // In the middle of a row, and by either way; the header counts before the query.
    assert_eq!(
        read(&alice, &format!("{path}?last_event_id={run}-2-1")).await,
        format!("{retry}{second}{third}")
    );
    let path_with_query = format!("{path}?last_event_id={run}-2-1");
    let both = alice.get(&path_with_query).header("last-event-id", &format!("{run}-2-2")).send().await;
    assert_eq!(both.text().await.unwrap(), format!("{retry}{third}"));
    assert_eq!(read(&alice, &format!("{path}?last_event_id={run}-2-3")).await, retry);
    assert_eq!(read(&alice, &format!("{path}?last_event_id={run}-2-2147483647")).await, retry);
    // Of an earlier attempt, or of another run: all of it, and what the reader has is void.
    for stale in [format!("{run}-1-40"), format!("{}-2-2", Uuid::now_v7())] {
        let all = read(&alice, &format!("{path}?last_event_id={stale}")).await;
        let anew = event(0, "anew", "{}");
        assert_eq!(all, format!("{retry}{anew}{}{second}{third}", event(1, "start", "{}")));
    }
}

#[tokio::test]
async fn a_run_that_broke_off_says_so_at_its_end() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    for (state, claimed) in [("partial", "now()"), ("writing", "now() - interval '1 second'")] {
        let run = run(&db, &alice, state).await;
        let sql = format!("update platform.runs set claimed_until = {claimed} where id = $1");
        db.execute(&sql, &[&run]).await.unwrap();
        let text = read(&alice, &format!("/api/v1/runs/{run}/events")).await;
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("event: error\ndata: {\"error_code\":\"UNAVAILABLE\""), "{text}");
        let sql = "select state from platform.runs where id = $1";
        let state: String = db.query_one(sql, &[&run]).await.unwrap().get(0);
        assert_eq!(state, "partial");
    }
}

#[tokio::test]
async fn what_is_wrong_before_the_first_event_is_an_ordinary_answer() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let path = format!("/api/v1/runs/{}/events", run(&db, &alice, "finished").await);
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "run not found");
    stack.anonymous().get(&path).await.assert_status(401);
    alice.get(&format!("{path}?last_event_id=17")).await.assert_invalid(&["last_event_id"]);
    alice.get("/api/v1/runs/17/events").await.assert_invalid(&["/run_id"]);
}
