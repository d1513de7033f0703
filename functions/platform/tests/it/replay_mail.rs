//! replay-mail.

use local::lambda::InvokeError;
use local::testkit;
use serde_json::{Value, json};

use crate::outbox::{enqueue, row};

const DIE: &str = "update platform.outbox set state = 'dead', attempts = 8, last_error = 'no', due_at = now() - interval '1 day'";

#[tokio::test]
async fn dead_mails_are_sent_again() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let mail = json!({"template": "password_changed", "to": "a@example.org"});
    let mut ids = Vec::new();
    for key in ["one", "two", "three"] {
        ids.push(enqueue(&db, key, mail.clone()).await);
    }
    db.execute(DIE, &[]).await.unwrap();
    enqueue(&db, "pending", mail.clone()).await;
    let other = "insert into platform.outbox (id, topic, dedup_key, payload, state)
                 values (gen_random_uuid(), 'other', 'other', '{}', 'dead')";
    db.execute(other, &[]).await.unwrap();

    assert_eq!(stack.invoke("replay-mail", json!({"ids": [ids[1]]})).await, json!({"replayed": 1}));
    stack.deliver_mail().await;
    let mut names: Vec<String> = stack.mails().await.into_iter().map(|mail| mail.name).collect();
    names.sort();
    assert_eq!(names, ["pending", "two"]);

    assert_eq!(
        stack.invoke("replay-mail", json!({"ids": [ids[1]]})).await,
        json!({"replayed": 0}),
        "not twice"
    );
    assert_eq!(stack.invoke("replay-mail", json!({"all": true})).await, json!({"replayed": 2}));
    let (state, attempts, ..) = row(&db, "one").await;
    assert_eq!((state.as_str(), attempts), ("pending", 0), "with all its attempts");
    assert_eq!(row(&db, "other").await.0, "dead", "another worker's");
    stack.deliver_mail().await;
    assert_eq!(stack.mails().await.len(), 4);
    assert_eq!(stack.invoke("replay-mail", json!({"all": true})).await, json!({"replayed": 0}));
}

#[tokio::test]
async fn it_says_what_to_replay() {
    let stack = testkit::stack().await;
    let events: [Value; 5] =
        [json!({}), json!({"all": false}), json!({"all": true, "ids": []}), json!({"ids": ["x"]}), json!([])];
    for event in events {
        match stack.try_invoke("replay-mail", event.clone()).await {
            Err(InvokeError::Function { error_type, .. }) => {
                assert_eq!(error_type, "VALIDATION_ERROR", "{event}")
            }
            other => panic!("{event}: {other:?}"),
        }
    }
}
