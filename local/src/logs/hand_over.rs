//! The hand-over of log lines, in batches and beside the requests.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, timeout},
};

use super::{Record, Subscription};
use crate::lambda::{InvokeContext, Lambda};

/// Lines per event, and the time after which fewer will do.
const BATCH: usize = 100;
const INTERVAL: Duration = Duration::from_secs(1);
/// Lines that wait while the function fails; beyond that the oldest are dropped, as a laptop's memory ends.
const BACKLOG: usize = 50_000;
/// How long [`HandOver::finish`] tries.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running hand-over.
pub struct HandOver {
    sender: UnboundedSender<Record>,
    task: JoinHandle<usize>,
}

impl HandOver {
    /// Starts it. Nothing is sent before a line comes.
    pub fn start(lambda: Arc<Lambda>, subscription: Subscription) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let deliver = async move |batch: &[Record]| {
            let payload = subscription.event(batch).to_string().into();
            match lambda.invoke(&subscription.function, payload, InvokeContext::default()).await {
                Ok(answer) => answer.into_bytes().await.is_ok(),
                Err(_) => false,
            }
        };
        Self { sender, task: tokio::spawn(run(receiver, deliver)) }
    }

    /// Takes a line; never waits.
    pub fn push(&self, record: Record) {
        // The task ends with its receiver only in `finish`, which takes the sender away.
        let _ = self.sender.send(record);
    }

    /// Hands over what is left, trying for a few seconds; gives the number of lines that were lost.
    pub async fn finish(self) -> usize {
        drop(self.sender);
        self.task.await.unwrap_or(0)
    }
}

async fn run(mut receiver: UnboundedReceiver<Record>, deliver: impl AsyncFn(&[Record]) -> bool) -> usize {
    let mut waiting: VecDeque<Record> = VecDeque::new();
    let (mut failures, mut lost) = (0, 0);
    let mut not_before = Instant::now();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            record = receiver.recv() => {
                let Some(record) = record else { break };
                waiting.push_back(record);
                if waiting.len() > BACKLOG {
                    waiting.pop_front();
                    lost += 1;
                }
                if waiting.len() < BATCH {
                    continue;
                }
            }
            _ = ticks.tick() => {}
        }
        if waiting.is_empty() || Instant::now() < not_before {
            continue;
        }
        if send(&mut waiting, &deliver).await {
            failures = 0;
        } else {
            // 1, 2, 4, … up to 32 seconds: a function that fails is not asked in a tight loop.
            not_before = Instant::now() + INTERVAL * 2_u32.pow(failures);
            failures = std::cmp::min(failures + 1, 5);
        }
    }
    let farewell = async {
        while !waiting.is_empty() {
            if !send(&mut waiting, &deliver).await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    };
    let _ = timeout(FAREWELL, farewell).await;
    lost + waiting.len()
}

/// Sends the oldest lines, which leave the queue once the function has them.
async fn send(waiting: &mut VecDeque<Record>, deliver: &impl AsyncFn(&[Record]) -> bool) -> bool {
    let count = waiting.len().min(BATCH);
    let sent = deliver(&waiting.make_contiguous()[..count]).await;
    if sent {
        waiting.drain(..count);
    }
    sent
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, atomic::AtomicUsize, atomic::Ordering};

    use super::*;

    fn record(number: usize) -> Record {
        Record { id: number.to_string(), timestamp: 0, message: String::new() }
    }

    #[tokio::test]
    async fn lines_go_in_batches_and_the_rest_at_the_end() {
        let (sender, receiver) = mpsc::unbounded_channel();
        (0..250).for_each(|number| sender.send(record(number)).unwrap());
        drop(sender);
        let sizes = Mutex::new(Vec::new());
        let lost = run(receiver, async |batch: &[Record]| {
            sizes.lock().unwrap().push(batch.len());
            true
        });
        assert_eq!(lost.await, 0);
        assert_eq!(*sizes.lock().unwrap(), [100, 100, 50]);
    }

    #[tokio::test]
    async fn what_failed_is_sent_again_in_order() {
        let (sender, receiver) = mpsc::unbounded_channel();
        (0..3).for_each(|number| sender.send(record(number)).unwrap());
        drop(sender);
        let (calls, sent) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let lost = run(receiver, async |batch: &[Record]| {
            sent.lock().unwrap().push(batch.iter().map(|record| record.id.clone()).collect::<Vec<_>>());
            calls.fetch_add(1, Ordering::Relaxed) > 0
        });
        assert_eq!(lost.await, 0);
        assert_eq!(*sent.lock().unwrap(), [["0", "1", "2"], ["0", "1", "2"]]);
    }

    #[tokio::test]
    async fn a_few_lines_wait_no_longer_than_the_interval() {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (delivered, mut arrived) = mpsc::unbounded_channel();
        let task =
            tokio::spawn(run(receiver, async move |batch: &[Record]| delivered.send(batch.len()).is_ok()));
        sender.send(record(1)).unwrap();
        assert_eq!(timeout(INTERVAL * 2, arrived.recv()).await.unwrap(), Some(1));
        drop(sender);
        assert_eq!(task.await.unwrap(), 0);
    }
}
