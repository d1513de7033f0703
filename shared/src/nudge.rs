//! Nudging a worker: after work is committed, one message to the worker's queue makes it look at once.
//!
//! The row in PostgreSQL is the queue, and a schedule makes the worker look every minute. So a nudge that is lost, repeated,
//! late or early is harmless, and a route that could not send one answers as if it had.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>

use std::time::Duration;

use http::Uri;
use serde_json::json;

use crate::aws::{self, Access, Operation};
use crate::fetch::Cause;
use crate::settings;

/// The caller waits for it: SQS answers in some milliseconds, or the minute's schedule is soon enough.
const TIMEOUT: Duration = Duration::from_secs(1);
/// An answer is an id and a checksum.
const MAX_BYTES: usize = 16 * 1024;

const SEND_MESSAGE: Operation =
    Operation { service: "sqs", target: "AmazonSQS.SendMessage", content_type: "application/x-amz-json-1.0" };

/// Tells `worker`, which is named like its domain, that there is work: after the commit, because it may look at once.
/// Waits a second at most. Does nothing without `JOBS_QUEUE_URL`, and never fails: what went wrong is a line in the log.
pub async fn send(worker: &str) {
    let Some(queues) = settings::find("JOBS_QUEUE_URL") else { return };
    if let Err(cause) = Box::pin(try_send(&queues.replace("{worker}", worker))).await {
        tracing::warn!(worker, %cause, "the worker was not nudged; its schedule is the net");
    }
}

async fn try_send(queue: &str) -> Result<(), Cause> {
    let access = access(queue, &settings::find)?;
    let message = json!({ "QueueUrl": queue, "MessageBody": "{}" });
    let answer = access.call(&SEND_MESSAGE, &message, TIMEOUT, MAX_BYTES).await?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("SQS answered {}", aws::refusal(&answer)).into())
    }
}

/// The queue's own host, in the region that its name says, unless `AWS_ENDPOINT_URL` says where else.
fn access(queue: &str, find: &dyn Fn(&str) -> Option<String>) -> Result<Access, Cause> {
    let url: Uri = queue.parse()?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err("JOBS_QUEUE_URL is no address".into());
    };
    let mut labels = authority.host().split('.');
    let region = match (labels.next(), labels.next()) {
        (Some("sqs"), Some(region)) => region.to_owned(),
        _ => aws::needed("AWS_REGION", find)?,
    };
    let endpoint = find("AWS_ENDPOINT_URL_SQS").or_else(|| find("AWS_ENDPOINT_URL"));
    Access::new(endpoint.unwrap_or_else(|| format!("{scheme}://{authority}")), region, find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_asked_at_its_host_and_in_its_region() {
        let of = |queue: &str, more: &[(&str, &str)]| {
            let find = |name: &str| {
                let known =
                    [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
                let found = more.iter().chain(&known).find(|(found, _)| *found == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            access(queue, &find)
                .map(|access| (access.endpoint, access.region))
                .map_err(|cause| cause.to_string())
        };
        let at = |endpoint: &str, region: &str| Ok((endpoint.to_owned(), region.to_owned()));
        let queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/praxis-dev-account-jobs";
        assert_eq!(of(queue, &[]), at("https://sqs.eu-central-1.amazonaws.com", "eu-central-1"));
        let elsewhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        assert_eq!(of(queue, &[elsewhere]), at("http://127.0.0.1:1", "eu-central-1"));
        let own = ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:2");
        assert_eq!(of(queue, &[elsewhere, own]), at("http://127.0.0.1:2", "eu-central-1"));
        let local = "http://127.0.0.1:3/123456789012/local-account-jobs";
        assert_eq!(of(local, &[]), at("http://127.0.0.1:3", "us-east-1"));
        assert_eq!(of("account-jobs", &[]), Err("JOBS_QUEUE_URL is no address".to_owned()));
    }
}
