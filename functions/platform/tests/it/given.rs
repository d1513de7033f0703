//! Jobs in the database, and people.

use local::testkit::{Client, Stack};
use serde_json::Value;
use tokio_postgres::Client as Database;
use uuid::Uuid;

/// A job of `user` in a state, whose parameters name a chapter and a story.
pub(crate) async fn job(db: &Database, user: &Client, kind: &str, state: &str) -> Uuid {
    let (id, user) = (Uuid::now_v7(), user.id());
    let is_over = !matches!(state, "queued" | "running");
    db.batch_execute(&format!(
        "insert into identity.users (id) values ('{user}') on conflict do nothing;
         insert into platform.jobs (id, user_id, kind, subject, parameters, state, attempts, claim, claimed_until, result,
                                    error_type, error_message, started_at, finished_at)
         values ('{id}', '{user}', '{kind}', gen_random_uuid(), '{{\"chapter_id\": \"c1\", \"story_id\": \"s1\"}}', '{state}',
                 case when '{state}' = 'queued' then 0 else 2 end,
                 case when '{state}' = 'running' then gen_random_uuid() end,
                 case when '{state}' = 'running' then now() + interval '1 minute' end,
                 case when '{state}' = 'succeeded' then '{{\"message\": \"Generated 4 line edits!\"}}'::jsonb end,
                 case when '{state}' = 'failed' then 'timeout' end, case when '{state}' = 'failed' then 'too slow' end,
                 case when '{state}' <> 'queued' then now() end, case when {is_over} then now() end)"
    ))
    .await
    .unwrap();
    id
}

/// Makes somebody an admin.
pub(crate) async fn admin(stack: &Stack) -> Client {
    let admin = stack.user();
    let sql =
        format!("insert into identity.users (id, roles) values ('{}', '{{student,admin}}')", admin.id());
    stack.db().await.batch_execute(&sql).await.unwrap();
    admin
}

/// A dead job of `user`, and the job that failed.
pub(crate) async fn dead(db: &Database, user: &Client, kind: &str) -> (Uuid, Uuid) {
    let (id, job) = (Uuid::now_v7(), job(db, user, kind, "failed").await);
    let sql = "insert into platform.dead_jobs (id, job_id, user_id) values ($1, $2, $3)";
    db.execute(sql, &[&id, &job, &user.id()]).await.unwrap();
    (id, job)
}

/// The ids of the dead jobs that somebody sees.
pub(crate) async fn ids(who: &Client, query: &str) -> Vec<Value> {
    let answer = who.get(&format!("/api/v1/jobs/dlq{query}")).await;
    answer.assert_status(200);
    answer.json().as_array().unwrap().iter().map(|dead| dead["id"].clone()).collect()
}
