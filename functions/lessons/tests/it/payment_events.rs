//! Any order and any repetition of a payment's events ends in the same state.

use futures_util::future::join_all;
use serde_json::Value;

use crate::given::{self, Numbers};

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_repetition_ends_in_the_same_state() {
    let shop = given::shop().await;
    let plan = shop.practice.plan(8, "80.00", "EUR").await;
    let mut numbers = Numbers(0x5eed_1e55_0235);
    for story in 0..6 {
        let mut ends = Vec::new();
        for round in 0..4 {
            let bought = shop.bought_of(&plan).await;
            let (stripe, session) = (&shop.stripe, &bought.session);
            let mut events: Vec<Value> = vec![stripe.pay(session, "unpaid"), stripe.expire(session)];
            if story != 0 {
                events.push(stripe.arrive(session, false));
                events.push(stripe.arrive(session, true));
            }
            if story >= 2 {
                let theirs = stripe.refund(session, 1500);
                events.push(stripe.refund_event("refund.created", &theirs, "pending"));
                events.push(stripe.charge_refunded(session, 1500));
                events.push(stripe.refund_event("refund.updated", &theirs, "succeeded"));
                if story == 3 {
                    events.push(stripe.refund_event("refund.failed", &theirs, "failed"));
                }
                if story == 4 {
                    let rest = stripe.refund(session, 6500);
                    events.push(stripe.refund_event("refund.created", &rest, "succeeded"));
                    events.push(stripe.charge_refunded(session, 8000));
                }
            }
            if story == 5 {
                for (kind, status) in
                    [("created", "needs_response"), ("updated", "under_review"), ("closed", "won")]
                {
                    events.push(stripe.dispute(kind, session, 6500, status));
                }
            }
            let again: Vec<Value> = events.iter().filter(|_| numbers.below(3) == 0).cloned().collect();
            events.extend(again);
            // The first round goes by the clock, the others by chance, the last with several at once.
            if round > 0 {
                numbers.shuffle(&mut events);
            }
            for some in events.chunks(if round == 3 { 4 } else { 1 }) {
                for told in join_all(some.iter().map(|event| shop.try_tell(event))).await {
                    assert_eq!(
                        told.assert_status(200).str("state"),
                        "applied",
                        "story {story}, round {round}"
                    );
                }
            }
            shop.practice.assert_ledgers().await;
            let frozen =
                format!("select frozen_at is not null from lessons.packages where id = '{}'", bought.package);
            let frozen: bool = given::value(&shop.practice.db, &frozen).await;
            // What was granted again after a failure and was taken before counts on both sides.
            let (payment, package, _, left, money) = shop.known(&bought).await;
            ends.push((payment, package, left, money, frozen));
        }
        assert!(ends.iter().all(|end| *end == ends[0]), "story {story}: {ends:?}");
    }
}
