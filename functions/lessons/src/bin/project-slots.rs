//! Make the slots of everybody's weekly hours for the days that have come into reach: every night. A repeat changes nothing.

use std::time::{Duration, Instant};

use lessons::hours::{making, stored};
use shared::prelude::*;

/// When the job takes no teacher further: the function has five minutes.
const LAST_START: Duration = Duration::from_secs(240);

fn main() {
    serve(job(project))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many teachers and slots.
#[answer]
struct Projected {
    teachers: usize,
    made: usize,
    withdrawn: usize,
}

async fn project(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Projected> {
    let (started, mut after, mut failed) = (Instant::now(), None, 0);
    let mut projected = Projected { teachers: 0, made: 0, withdrawn: 0 };
    loop {
        let tx = db.begin_service().await?;
        let teachers = making::due(&tx, after).await?;
        tx.commit().await?;
        let Some(last) = teachers.last() else { break };
        after = Some(last.teacher_id);
        for teacher in &teachers {
            if started.elapsed() > LAST_START {
                return Err(internal("there are more teachers than the job has time for"));
            }
            // A transaction for each, so that one who fails does not keep the others.
            let tx = db.begin_service().await?;
            let changes = match stored::lock(&tx, teacher.teacher_id).await {
                Ok(Some(schedule)) => making::project(tx, &schedule, teacher.is_teaching).await,
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match changes {
                Ok(changes) => {
                    projected.teachers += 1;
                    projected.made += changes.made.len();
                    projected.withdrawn += changes.withdrawn.len();
                }
                Err(error) => {
                    let (cause, place) = (error.cause(), error.place());
                    tracing::error!(user_id = %teacher.teacher_id, cause, place, "slots were not made");
                    failed += 1;
                }
            }
        }
    }
    // A failed invocation is what an alarm hears of.
    if failed > 0 {
        return Err(internal(format!("the slots of {failed} teachers could not be made")));
    }
    Ok(projected)
}
