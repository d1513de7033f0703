//! Many at once: nobody is booked twice, and the last lesson is spent once.

use futures_util::future::join_all;

use crate::given::{self, at_once, balance, cancel, confirm, hold, in_minutes, reschedule};

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_hold_one_time_one_gets_it() {
    let practice = given::practice().await;
    let mut students = Vec::new();
    for _ in 0..20 {
        let student = practice.another_student().await;
        let package = practice.package_of(&student, 100).await;
        students.push((student, package));
    }
    for round in 0..50 {
        let slot = practice
            .slot_of(&practice.teacher, in_minutes(3000 + 60 * round), in_minutes(3060 + 60 * round))
            .await;
        let calls = students.iter().map(|(student, package)| hold(student, &slot, package));
        let answers = join_all(calls).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status() == 200).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status() != 200) {
            answer.assert_error(409, "CONFLICT", "Slot is not available");
        }
        let live: i64 = given::value(
            &practice.db,
            &format!("select count(*) from lessons.bookings where slot_id = '{slot}' and state in ('hold', 'confirmed')"),
        )
        .await;
        assert_eq!(live, 1);
        assert!(!given::ids(&practice.stack.anonymous(), given::OPEN).await.contains(&slot));
        // So that nobody is out of holds.
        given::lapse(&practice.db, &won[0].str("id")).await;
    }
    practice.assert_ledgers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lesson_is_held_once() {
    let practice = given::practice().await;
    for round in 0..50 {
        let student = practice.another_student().await;
        let package = practice.package_of(&student, 1).await;
        let (one, two) = (practice.slot(100 + 2 * round).await, practice.slot(101 + 2 * round).await);
        let calls = vec![hold(&student, &one, &package), hold(&student, &two, &package)];
        assert_eq!(at_once(calls).await, [200, 422], "round {round}");
        let held = given::ids(&student, "/api/v1/booking/my").await;
        assert_eq!(held.len(), 1);
        confirm(&student, &held[0]).await.assert_status(200);
        assert_eq!(balance(&student, &package).await, (1, 0, 0));
    }
    practice.assert_ledgers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_at_once_the_ledger_agrees_and_nobody_is_told_500() {
    let practice = given::practice().await;
    let mut students = Vec::new();
    for _ in 0..3 {
        let student = practice.another_student().await;
        let package = practice.package_of(&student, 6).await;
        students.push((student, package));
    }
    let mut slots = Vec::new();
    for hour in 0..8 {
        slots.push(practice.slot(100 + hour).await);
    }
    for round in 0..25_usize {
        let calls = students.iter().enumerate().map(|(number, (student, package))| {
            let (practice, slots) = (&practice, &slots);
            async move {
                let slot = |step: usize| &slots[(round * 5 + number * 3 + step) % slots.len()];
                let mut statuses = Vec::new();
                let held = hold(student, slot(0), package).await;
                statuses.push(held.status());
                if held.status() == 200 {
                    let booking = held.str("id");
                    if (round + number) % 4 == 0 {
                        given::lapse(&practice.db, &booking).await;
                    }
                    let (one, two, three) = tokio::join!(
                        confirm(student, &booking),
                        reschedule(&practice.teacher, &booking, slot(1)),
                        cancel(if number == 0 { student } else { &practice.admin }, &booking),
                    );
                    statuses.extend([one.status(), two.status(), three.status()]);
                    if two.status() == 200 {
                        statuses.push(cancel(student, &two.str("id")).await.status());
                    }
                }
                statuses
            }
        });
        for status in join_all(calls).await.into_iter().flatten() {
            assert!([200, 409, 422].contains(&status), "{status} in round {round}");
        }
        practice.assert_ledgers().await;
    }
}
