//! What is offered can be held, and what is not offered cannot: for any hours, breaks, notice and lessons.

use jiff::{SignedDuration, Timestamp};
use local::testkit::Client;
use serde_json::{Value, json};

use crate::given::{self, HOLD, OPEN, Practice, cancel, confirm, schedule_of};

/// Numbers that are the same in each run: xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        let place = self.below(choices.len() as u64);
        choices[usize::try_from(place).expect("a place")].clone()
    }

    /// Some hours of a week that do not overlap: of each day at most two.
    fn hours(&mut self) -> Value {
        let mut windows = Vec::new();
        for weekday in 0..7 {
            for half in 0..2 {
                if self.below(3) == 0 {
                    continue;
                }
                let from = half * 48 + self.below(24);
                let until = (from + 1 + self.below(20)).min(half * 48 + 48);
                let time = |quarters: u64| format!("{:02}:{:02}", quarters / 4, quarters % 4 * 15);
                windows.push(json!({ "weekday": weekday, "from": time(from), "until": time(until) }));
            }
        }
        json!(windows)
    }
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().expect("a moment").parse().expect("a moment")
}

/// The free parts of each open slot.
async fn offered(practice: &Practice) -> Vec<(String, Timestamp, Timestamp)> {
    let page =
        practice.student.get(&format!("{OPEN}?limit=100&teacher_id={}", practice.teacher.id())).await.json();
    let mut found = Vec::new();
    for slot in page["items"].as_array().expect("items") {
        for part in slot["free"].as_array().expect("parts") {
            let id = slot["id"].as_str().expect("an id").to_owned();
            found.push((id, moment(&part["start_at"]), moment(&part["end_at"])));
        }
    }
    found
}

async fn hold(
    student: &Client,
    package: &str,
    slot: &str,
    start: Timestamp,
    end: Timestamp,
) -> local::testkit::Answer {
    let hold = json!({ "slot_id": slot, "package_id": package, "start_at": start.to_string(), "end_at": end.to_string() });
    student.post(HOLD, hold).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_can_be_held_and_nothing_else() {
    let practice = given::practice().await;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let package = practice.package(500).await;
    let other = practice.another_student().await;
    let others_package = practice.package_of(&other, 500).await;
    let quarter = SignedDuration::from_mins(15);
    for round in 0..6 {
        let schedule = json!({
            "timezone": numbers.of(&["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
            "windows": numbers.hours(),
            "break_minutes": numbers.of(&[0, 5, 15, 45]),
            "notice_minutes": numbers.of(&[0, 90, 24 * 60]),
            "horizon_days": 4,
        });
        practice.teacher.put(&schedule_of(&practice.teacher), schedule.clone()).await.assert_status(200);
        // Somebody else has some of it: lessons of any length at any minute.
        for _ in 0..6 {
            let parts = offered(&practice).await;
            if parts.is_empty() {
                break;
            }
            let (slot, start, end) = numbers.of(&parts);
            let minutes = u64::try_from(end.duration_since(start).as_mins()).unwrap();
            let length = 15 + numbers.below((minutes - 14).min(90));
            let from = start
                + SignedDuration::from_mins(i64::try_from(numbers.below(minutes - length + 1)).unwrap());
            let until = from + SignedDuration::from_mins(i64::try_from(length).unwrap());
            let held = hold(&other, &others_package, &slot, from, until).await;
            assert_eq!(held.status(), 200, "round {round}: {schedule} {from} {until} {}", held.text());
            confirm(&other, &held.str("id")).await.assert_status(200);
        }
        let parts = offered(&practice).await;
        for (slot, start, end) in &parts {
            let held = hold(&practice.student, &package, slot, *start, *end).await;
            assert_eq!(held.status(), 200, "round {round}: {schedule} {start} {end} {}", held.text());
            cancel(&practice.student, &held.str("id")).await.assert_status(200);
        }
        let path = format!(
            "/api/v1/admin/slots?limit=100&from={}&teacher_id={}",
            given::in_hours(-24),
            practice.teacher.id()
        );
        let slots = practice.admin.get(&path).await.json();
        let mut refused = 0;
        let on_offer = slots["items"].as_array().unwrap().iter().filter(|slot| slot["status"] != "canceled");
        for slot in on_offer {
            let (id, end) = (slot["id"].as_str().unwrap(), moment(&slot["end_at"]));
            let mut start = moment(&slot["start_at"]);
            while start + quarter <= end && refused < 60 {
                let is_offered = parts
                    .iter()
                    .any(|(of, from, until)| of == id && *from <= start && start + quarter <= *until);
                if !is_offered {
                    let held = hold(&practice.student, &package, id, start, start + quarter).await;
                    let is_refused = [409, 422].contains(&held.status());
                    assert!(is_refused, "round {round}: {schedule} {start} {}", held.text());
                    refused += 1;
                }
                start += quarter;
            }
        }
        for booking in given::ids(&other, "/api/v1/booking/my?status=confirmed&limit=100").await {
            cancel(&practice.teacher, &booking).await;
        }
    }
    practice.assert_ledgers().await;
}
