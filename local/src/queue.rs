//! SQS on a laptop: takes the messages that functions, schedules and the outbox send, and invokes the functions that the
//! queues feed.
//!
//! A function sends by SQS' own protocol ([`Sqs`]). What is sent is delivered at once, one message to an invocation. One whose
//! invocation fails is delivered again after a moment, as often as the template's redrive policy says, and then dropped with a
//! line in the function's log.
//!
//! In AWS a schedule puts a message into the queue of mails every minute, and all it says is "look into the outbox". Here the
//! outbox is looked into every two seconds, and the function is invoked when something is due: so a mail is there at
//! once, and the log holds no line per look.

mod server;
mod signature;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
    task::JoinSet,
};
use uuid::Uuid;

use crate::{
    lambda::{InvokeContext, Lambda},
    postgres::connect,
    template::{Event, Template, kebab_case},
};

pub use server::{Sqs, Trouble};

/// How often the outbox is looked into.
const TICK: Duration = Duration::from_secs(2);

/// After how long a message whose invocation failed is delivered again. In AWS it is the queue's `VisibilityTimeout`, which
/// nobody would wait for here.
const VISIBILITY: Duration = Duration::from_secs(1);

/// How often a message is delivered at most, where the queue has no redrive policy. AWS would go on for as long as the queue keeps
/// messages.
const DELIVERIES: u32 = 3;

/// How many invocations run at once, where the event has no `MaximumConcurrency`. AWS begins with five.
const AT_ONCE: usize = 5;

/// The function that sends what the outbox holds.
const OF_THE_OUTBOX: &str = "send-mail";

/// The running queues. Dropping it stops them; an invocation under way is not waited for.
pub struct Queues {
    tasks: JoinSet<()>,
    fed: Vec<Fed>,
    inboxes: Inboxes,
}

/// A queue that feeds a function.
#[derive(Clone, Debug, PartialEq)]
struct Fed {
    function: String,
    /// What the template's `GetAtt` gives.
    arn: String,
    /// The last part of its URL.
    name: String,
    /// How often a message is delivered at most.
    deliveries: u32,
    at_once: usize,
    /// Whether the function names the messages that failed; else an answer is a success.
    reports: bool,
}

/// Where messages go, by the queues' names.
#[derive(Clone, Default)]
struct Inboxes(Arc<BTreeMap<String, Inbox>>);

/// Takes the bodies of messages.
pub(crate) type Inbox = UnboundedSender<String>;

impl Queues {
    /// Starts feeding every function that the template gives a queue with what is sent there.
    pub fn start(template: &Template, lambda: &Arc<Lambda>) -> Self {
        let (mut tasks, mut inboxes) = (JoinSet::new(), BTreeMap::new());
        let fed = fed(template);
        for queue in &fed {
            let (inbox, messages) = mpsc::unbounded_channel();
            inboxes.insert(queue.name.clone(), inbox);
            tasks.spawn(feed(Arc::clone(lambda), queue.clone(), messages));
        }
        Self { tasks, fed, inboxes: Inboxes(Arc::new(inboxes)) }
    }

    /// Also sends the function of the outbox a message whenever something is due in the database at `database_url`, which is
    /// opened as jobs come to it.
    pub fn with_outbox(mut self, lambda: &Arc<Lambda>, database_url: &str) -> Self {
        for queue in self.fed.iter().filter(|queue| queue.function == OF_THE_OUTBOX) {
            let (function, arn) = (queue.function.clone(), queue.arn.clone());
            self.tasks.spawn(watch(Arc::clone(lambda), function, arn, database_url.to_owned()));
        }
        self
    }

    /// The function that the queue with this ARN feeds, and where its messages go. None for the outbox's, which has no need of a
    /// schedule here.
    pub(crate) fn of_schedule(&self, arn: &str) -> Option<(&str, Inbox)> {
        let queue = self.fed.iter().find(|queue| queue.arn == arn && queue.function != OF_THE_OUTBOX)?;
        Some((&queue.function, self.inboxes.0.get(&queue.name)?.clone()))
    }
}

/// The queues that feed a function.
fn fed(template: &Template) -> Vec<Fed> {
    let queues = template.functions.iter().flat_map(|function| {
        function.events.iter().filter_map(move |(_, event)| match event {
            Event::Sqs { queue, reports_failures, maximum_concurrency, .. } => {
                let last = queue.rsplit(':').next().unwrap_or_default();
                let properties = properties(template, last);
                let name = properties.and_then(|properties| properties["QueueName"].as_str()).unwrap_or(last);
                let policy = properties.map(|properties| &properties["RedrivePolicy"]["maxReceiveCount"]);
                Some(Fed {
                    function: function.name.clone(),
                    arn: queue.clone(),
                    name: name.to_owned(),
                    deliveries: policy.and_then(whole).unwrap_or(DELIVERIES),
                    at_once: maximum_concurrency.unwrap_or(AT_ONCE),
                    reports: *reports_failures,
                })
            }
            _ => None,
        })
    });
    queues.collect()
}

/// The properties of the queue whose logical id is this in kebab case.
fn properties<'a>(template: &'a Template, kebab: &str) -> Option<&'a Value> {
    let mut queues = template.resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::SQS::Queue");
    queues.find(|(id, _)| kebab_case(id) == kebab).map(|(_, resource)| &resource["Properties"])
}

/// A whole number, which a parameter may have given as text.
fn whole(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

/// Delivers what comes, each message by itself.
async fn feed(lambda: Arc<Lambda>, queue: Fed, mut messages: UnboundedReceiver<String>) {
    let slots = Arc::new(Semaphore::new(queue.at_once));
    let queue = Arc::new(queue);
    let mut deliveries = JoinSet::new();
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(body) => {
                    let (lambda, queue, slots) = (Arc::clone(&lambda), Arc::clone(&queue), Arc::clone(&slots));
                    deliveries.spawn(async move { deliver(&lambda, &queue, &slots, &body).await });
                }
                None => return,
            },
            Some(_) = deliveries.join_next() => {}
        }
    }
}

/// Delivers one message until an invocation succeeds, or it was delivered as often as it may be.
async fn deliver(lambda: &Lambda, queue: &Fed, slots: &Semaphore, body: &str) {
    let id = Uuid::new_v4();
    for delivery in 1..=queue.deliveries {
        if delivery > 1 {
            tokio::time::sleep(VISIBILITY).await;
        }
        // Nobody closes it.
        let Ok(_slot) = slots.acquire().await else { return };
        if succeeds(lambda, queue, event(&queue.arn, id, body, delivery)).await {
            return;
        }
    }
    let line =
        format!("a message of the queue {} is dropped after {} deliveries", queue.name, queue.deliveries);
    lambda.note(&queue.function, line);
}

/// Whether the batch, which is one message, was worked through. Why not stands in the function's log.
async fn succeeds(lambda: &Lambda, queue: &Fed, event: Bytes) -> bool {
    let Ok(answer) = lambda.invoke(&queue.function, event, InvokeContext::default()).await else {
        return false;
    };
    let Ok(answer) = answer.into_bytes().await else { return false };
    if !queue.reports {
        return true;
    }
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty)
}

async fn watch(lambda: Arc<Lambda>, function: String, queue: String, database_url: String) {
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

/// A batch of one nudge, delivered for the first time.
pub fn message(queue: &str) -> Bytes {
    event(queue, Uuid::new_v4(), NUDGE, 1)
}

/// What a nudge says.
const NUDGE: &str = "{}";

/// Its MD5, which is there for clients that compare it.
const MD5_OF_NUDGE: &str = "99914b932bd37a50b983c5e7c90ae93b";

/// A batch of one message, as SQS hands it to Lambda
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>).
fn event(queue: &str, id: Uuid, body: &str, delivery: u32) -> Bytes {
    let now = Timestamp::now().as_millisecond().to_string();
    let event = json!({
        "Records": [{
            "messageId": id,
            "receiptHandle": "local",
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": delivery.to_string(),
                "SentTimestamp": now,
                "SenderId": "local",
                "ApproximateFirstReceiveTimestamp": now
            },
            "messageAttributes": {},
            "md5OfBody": (body == NUDGE).then_some(MD5_OF_NUDGE),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue,
            "awsRegion": "local"
        }]
    });
    event.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_known_by_its_name_and_has_the_template_s_limits() {
        let template = "
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: dist/work.zip
      Events:
        Nudges:
          Type: SQS
          Properties:
            Queue: !GetAtt PracticeJobs.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 2}
        Others: {Type: SQS, Properties: {Queue: !GetAtt Plain.Arn}}
  PracticeJobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-practice-jobs
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 4}
  Plain: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
";
        let template = Template::parse(template, &BTreeMap::new()).unwrap();
        let [work, plain] = &*fed(&template) else { panic!("two queues feed a function") };
        assert_eq!((work.function.as_str(), work.name.as_str()), ("work", "local-practice-jobs"));
        assert_eq!((work.deliveries, work.at_once, work.reports), (4, 2, true));
        assert_eq!((plain.name.as_str(), plain.arn.rsplit(':').next()), ("plain", Some("plain")));
        assert_eq!((plain.deliveries, plain.at_once, plain.reports), (DELIVERIES, AT_ONCE, false));
    }
}
