//! What `cargo local` does about mails: feeding the queue's function, and the page that shows what was sent.

use std::{path::PathBuf, sync::Arc, time::Duration};

use local::{gateway, queue::Queues, testkit::stack};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_delivers_what_is_due_and_the_page_shows_it() {
    let stack = stack().await;
    let lambda = stack.another_fleet().await;
    let queues = Queues::start(stack.template(), &lambda);
    let _queues = queues.with_outbox(&lambda, &stack.environment()["DATABASE_JOBS_URL"]);
    let sql = r#"insert into platform.outbox (id, topic, dedup_key, payload) values (gen_random_uuid(), 'mail', 'reset:1',
                 '{"template": "reset_password", "to": "a@example.org", "link": "https://app.example/x?token=1"}')"#;
    stack.db().await.execute(sql, &[]).await.expect("a row of the outbox");
    let delivered = async {
        while stack.mails().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), delivered).await.expect("the queue delivers");

    let mails = Some(PathBuf::from(&stack.environment()["MAIL_DIRECTORY"]));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let template = Arc::new(stack.template().clone());
    let options = gateway::Options { mails, ..gateway::Options::default() };
    let gateway = gateway::serve(listener, template, lambda, options).expect("a gateway");
    let get = async |url: String| {
        let answer = reqwest::get(url).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    };
    let (status, list) = get(format!("{}/_local/mail", gateway.url())).await;
    assert_eq!(status, 200);
    assert!(list.contains("/_local/mail/reset:1") && list.contains("Set a new password"), "{list}");
    let (status, html) = get(format!("{}/_local/mail/reset:1/html", gateway.url())).await;
    assert_eq!(status, 200);
    assert!(html.contains("https://app.example/x?token=1"), "{html}");
    // Only `cargo local` has the page: a stack's own gateway is like a deployment's.
    assert_eq!(get(format!("{}/_local/mail", stack.url())).await.0, 404);
}
