//! SQS on a laptop: invokes the functions that a queue feeds.
//!
//! In AWS a schedule puts a message into the queue every minute, and all it says is "look into the outbox". Here the
//! outbox is looked into every two seconds, and the function is invoked when something is due: so a mail is there at
//! once, and the log holds no line per look.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    lambda::{InvokeContext, Lambda},
    postgres::connect,
    template::{Event, Template},
};

const TICK: Duration = Duration::from_secs(2);

/// The running queues. Dropping it stops them; an invocation under way is not waited for.
pub struct Queues {
    _tasks: JoinSet<()>,
}

impl Queues {
    /// Starts feeding every function that the template gives a queue, from the outbox at `database_url`, as jobs come to it.
    pub fn start(template: &Template, lambda: &Arc<Lambda>, database_url: &str) -> Self {
        let mut tasks = JoinSet::new();
        for (function, queue) in fed(template) {
            tasks.spawn(feed(Arc::clone(lambda), function, queue, database_url.to_owned()));
        }
        Self { _tasks: tasks }
    }
}

/// The functions with a queue, and the queues' ARNs.
fn fed(template: &Template) -> Vec<(String, String)> {
    let queues = template.functions.iter().flat_map(|function| {
        function.events.iter().filter_map(|(_, event)| match event {
            Event::Sqs { queue, .. } => Some((function.name.clone(), queue.clone())),
            _ => None,
        })
    });
    queues.collect()
}

async fn feed(lambda: Arc<Lambda>, function: String, queue: String, database_url: String) {
    let mut database = None;
    loop {
        tokio::time::sleep(TICK).await;
        if database.as_ref().is_none_or(tokio_postgres::Client::is_closed) {
            database = connect(&database_url).await.ok();
        }
        let Some(database) = &database else { continue };
        if is_due(database).await {
            // A failure stands in the function's log, and the next tick is the next delivery.
            let _ = lambda.invoke(&function, message(&queue), InvokeContext::default()).await;
        }
    }
}

/// Whether the outbox has something for a worker.
async fn is_due(database: &tokio_postgres::Client) -> bool {
    let sql = "begin; set local role praxis_service;
               select 1 from platform.outbox
               where state = 'pending' and due_at <= now() and (claimed_until is null or claimed_until <= now()) limit 1;
               commit";
    match database.simple_query(sql).await {
        Ok(answers) => {
            answers.iter().any(|answer| matches!(answer, tokio_postgres::SimpleQueryMessage::Row(_)))
        }
        Err(_) => {
            let _ = database.batch_execute("rollback").await;
            false
        }
    }
}

/// A batch of one message, as SQS hands it to Lambda
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>).
pub fn message(queue: &str) -> Bytes {
    let now = Timestamp::now().as_millisecond().to_string();
    let event = json!({
        "Records": [{
            "messageId": uuid::Uuid::new_v4(),
            "receiptHandle": "local",
            "body": "{}",
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": now,
                "SenderId": "local",
                "ApproximateFirstReceiveTimestamp": now
            },
            "messageAttributes": {},
            "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
            "eventSource": "aws:sqs",
            "eventSourceARN": queue,
            "awsRegion": "local"
        }]
    });
    event.to_string().into()
}
