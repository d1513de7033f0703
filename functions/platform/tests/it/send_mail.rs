//! send-mail.

use std::collections::{BTreeMap, BTreeSet};

use local::lambda::InvokeContext;
use local::queue;
use local::testkit::fakes::{Delivery, MailServer};
use local::testkit::{self, Mail, Stack};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::outbox::{enqueue, make_due, row};

const LINK: &str = "https://app.example/verify-email?token=swordfish";

fn verify_email(to: &str) -> Value {
    json!({"template": "verify_email", "to": to, "locale": "en", "link": LINK})
}

/// A stack whose mails go to `server`.
async fn stack_with(server: &MailServer) -> Stack {
    Stack::builder().env("MAIL_URL", server.url()).start().await
}

fn message_ids(mails: &[Mail]) -> BTreeSet<String> {
    mails.iter().map(|mail| mail.header("Message-ID").unwrap().to_owned()).collect()
}

/// No line of any function tells whom a mail went to, or what stood in it.
fn assert_discreet(stack: &Stack) {
    for line in stack.lines() {
        assert!(!line.line.contains("swordfish") && !line.line.contains("example.org"), "{line:?}");
    }
}

#[tokio::test]
async fn a_mail_is_delivered_once_and_forgotten() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    enqueue(&db, "verify_email:1", verify_email("alice@example.org")).await;
    stack.deliver_mail().await;
    stack.deliver_mail().await;
    let mails = stack.mails().await;
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!((mail.name.as_str(), mail.to.as_str()), ("verify_email:1", "alice@example.org"));
    assert_eq!(mail.subject, "Confirm your e-mail address");
    assert_eq!(mail.from, "Praxis <no-reply@example.com>", "the template's MailFrom");
    assert_eq!(mail.link(), LINK);
    assert!(mail.html.contains(&format!("href=\"{LINK}\"")), "{}", mail.html);
    assert!(mail.text.contains("Confirm address:\r\nhttps://"), "{}", mail.text);
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.header("Message-ID").unwrap().ends_with("@example.com>"));
    assert!(mail.header("Date").is_some());

    let (state, attempts, error, payload, _) = row(&db, "verify_email:1").await;
    assert_eq!((state.as_str(), attempts, error, payload), ("done", 1, None, json!({})), "no link is kept");
    assert_discreet(&stack);
}

#[tokio::test]
async fn two_workers_at_once_send_each_mail_once() {
    let server = MailServer::start(Delivery::Accept).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    for number in 0..30 {
        enqueue(&db, &format!("m:{number}"), verify_email(&format!("p{number}@example.org"))).await;
    }
    tokio::join!(stack.deliver_mail(), stack.deliver_mail(), stack.deliver_mail());
    let mails = server.received();
    assert_eq!((mails.len(), message_ids(&mails).len()), (30, 30));
    let receivers: BTreeSet<_> = mails.iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(receivers.len(), 30);
    let done =
        "select count(*) from platform.outbox where state = 'done' and attempts = 1 and payload = '{}'";
    assert_eq!(db.query_one(done, &[]).await.unwrap().get::<_, i64>(0), 30);
    assert_discreet(&stack);
}

#[tokio::test]
async fn a_flood_for_one_address_delays_nobody_elses() {
    let server = MailServer::start(Delivery::Accept).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    // A queue that nobody has worked on for a while: one address' mails are all older, more of them than leave at once.
    db.execute("alter table platform.outbox disable trigger admit_mail", &[]).await.unwrap();
    for number in 0..40 {
        enqueue(&db, &format!("flood:{number}"), verify_email("flooded@example.org")).await;
    }
    let receiver =
        "update platform.outbox set receiver = sha256('flooded'), due_at = now() - interval '1 hour'";
    db.execute(receiver, &[]).await.unwrap();
    db.execute("alter table platform.outbox enable trigger admit_mail", &[]).await.unwrap();
    for number in 0..3 {
        enqueue(&db, &format!("m:{number}"), verify_email(&format!("p{number}@example.org"))).await;
    }
    stack.deliver_mail().await;
    let mails = server.received();
    assert_eq!(mails.len(), 43, "every mail leaves");
    let last = mails.iter().rposition(|mail| mail.to != "flooded@example.org").unwrap();
    assert!(last < 5, "the others' are among the first five, not behind the flood: {last}");
    assert_discreet(&stack);
}

#[tokio::test]
async fn what_a_killed_worker_had_is_sent_by_another_as_the_same_mail() {
    let server = MailServer::start(Delivery::Hang).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    for key in ["one", "two"] {
        enqueue(&db, key, verify_email("alice@example.org")).await;
    }
    // A fleet of its own, so that it can be killed while the stack's lives on.
    let victim = stack.another_fleet().await;
    let invocation =
        victim.invoke("send-mail", queue::message("arn:aws:sqs:local:mail"), InvokeContext::default());
    let killed = async {
        server.wait_for(2).await;
        victim.shutdown().await;
    };
    let (outcome, ()) = tokio::join!(invocation, killed);
    assert!(outcome.is_err(), "killed with its mails under way");
    let (state, attempts, _, payload, _) = row(&db, "one").await;
    assert_eq!((state.as_str(), attempts, &payload["link"]), ("pending", 1, &json!(LINK)), "nothing is lost");

    server.always(Delivery::Accept);
    stack.deliver_mail().await;
    assert_eq!(server.received().len(), 2, "until its lease ends, they are the dead worker's");
    make_due(&db).await;
    stack.deliver_mail().await;
    let mails = server.received();
    assert_eq!(mails.len(), 4);
    assert_eq!(
        message_ids(&mails).len(),
        2,
        "each key has one Message-ID, by which a mailbox tells a repeated mail"
    );
    assert_eq!(message_ids(&mails[..2]), message_ids(&mails[2..]));
    for key in ["one", "two"] {
        let (state, attempts, ..) = row(&db, key).await;
        assert_eq!((state.as_str(), attempts), ("done", 2));
    }
}

#[tokio::test]
async fn what_a_worker_claimed_and_never_handed_over_is_delivered_once() {
    // Whoever connects hears nothing, as from a server that hangs, until the door leads to one that answers.
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", door.local_addr().unwrap());
    let stack = Stack::builder().env("MAIL_URL", url).start().await;
    let db = stack.db().await;
    for key in ["one", "two"] {
        enqueue(&db, key, verify_email("alice@example.org")).await;
    }
    let victim = stack.another_fleet().await;
    let invocation =
        victim.invoke("send-mail", queue::message("arn:aws:sqs:local:mail"), InvokeContext::default());
    let killed = async {
        let (_silent, _) = door.accept().await.unwrap();
        victim.shutdown().await;
    };
    let (outcome, ()) = tokio::join!(invocation, killed);
    assert!(outcome.is_err(), "killed before it could say anything");
    for key in ["one", "two"] {
        let (state, attempts, _, payload, _) = row(&db, key).await;
        assert_eq!((state.as_str(), attempts, &payload["link"]), ("pending", 1, &json!(LINK)), "{key}");
    }

    let server = MailServer::start(Delivery::Accept).await;
    let address = server.url().trim_start_matches("smtp://").to_owned();
    let opened = tokio::spawn(async move {
        while let Ok((mut client, _)) = door.accept().await {
            let address = address.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(address).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    stack.deliver_mail().await;
    assert!(server.received().is_empty(), "until its lease ends, they are the dead worker's");
    make_due(&db).await;
    for _ in 0..2 {
        stack.deliver_mail().await;
        let mails = server.received();
        assert_eq!((mails.len(), message_ids(&mails).len()), (2, 2));
    }
    for key in ["one", "two"] {
        let (state, attempts, ..) = row(&db, key).await;
        assert_eq!((state.as_str(), attempts), ("done", 2));
    }
    opened.abort();
    assert_discreet(&stack);
}

#[tokio::test]
async fn a_mail_that_cannot_be_marked_keeps_no_other_from_being() {
    let server = MailServer::start(Delivery::Accept).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    for key in ["one", "two", "three"] {
        enqueue(&db, key, verify_email(&format!("{key}@example.org"))).await;
    }
    let refuse = "create function platform.refuse() returns trigger language plpgsql as
                      $$begin raise 'not now'; end$$;
                  create trigger refuse before update on platform.outbox for each row
                      when (old.dedup_key = 'two' and new.state = 'done') execute function platform.refuse()";
    db.batch_execute(refuse).await.unwrap();
    let nudge: Value = serde_json::from_slice(&queue::message("arn:aws:sqs:local:mail")).unwrap();
    let answer = stack.invoke("send-mail", nudge).await;
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "the message comes again: {answer}");
    for (key, state) in [("one", "done"), ("two", "pending"), ("three", "done")] {
        assert_eq!(row(&db, key).await.0, state, "{key}");
    }
    db.batch_execute("drop function platform.refuse cascade").await.unwrap();
    make_due(&db).await;
    stack.deliver_mail().await;
    assert_eq!(row(&db, "two").await.0, "done");
    let mails = server.received();
    assert_eq!((mails.len(), message_ids(&mails).len()), (4, 3), "the same mail once more");
    assert_discreet(&stack);
}

#[tokio::test]
async fn a_mail_that_is_written_twice_is_one_file() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    for key in ["one", "two"] {
        enqueue(&db, key, verify_email("alice@example.org")).await;
    }
    stack.deliver_mail().await;
    let first = stack.mails().await;
    assert_eq!(first.len(), 2);
    // As if the worker had died between the file and the row, and its lease had ended.
    let sql = "update platform.outbox
               set state = 'pending', done_at = null, payload = $1, claim = gen_random_uuid(), claimed_until = now()
               where dedup_key = 'one'";
    db.execute(sql, &[&verify_email("alice@example.org")]).await.unwrap();
    stack.deliver_mail().await;
    let (state, attempts, ..) = row(&db, "one").await;
    assert_eq!((state.as_str(), attempts), ("done", 2), "it was written again");
    let mails = stack.mails().await;
    let mut names: Vec<_> = mails.iter().map(|mail| mail.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(message_ids(&mails), message_ids(&first));
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_mail_leads_to_the_same_mail_again() {
    let server = MailServer::start(Delivery::Accept).await;
    server.then([Delivery::CloseAfterData]);
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    enqueue(&db, "one", verify_email("alice@example.org")).await;
    stack.deliver_mail().await;
    let (state, attempts, error, ..) = row(&db, "one").await;
    assert_eq!((state.as_str(), attempts), ("pending", 1));
    assert_eq!(error.as_deref(), Some("the connection to the mail server failed"));
    make_due(&db).await;
    stack.deliver_mail().await;
    let mails = server.received();
    assert_eq!((mails.len(), message_ids(&mails).len()), (2, 1));
    assert_eq!(row(&db, "one").await.0, "done");
}

#[tokio::test]
async fn a_mail_that_is_put_off_waits_longer_each_time_and_dies_in_the_end() {
    let server = MailServer::start(Delivery::RefuseReceiver(451)).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    let keys: Vec<String> = (0..8).map(|number| format!("m:{number}")).collect();
    for key in &keys {
        enqueue(&db, key, verify_email("alice@example.org")).await;
    }
    let mut longest = Vec::new();
    for attempt in 1..=7 {
        stack.deliver_mail().await;
        let mut waits = Vec::new();
        for key in &keys {
            let (state, attempts, error, _, wait) = row(&db, key).await;
            assert_eq!((state.as_str(), attempts), ("pending", attempt));
            assert_eq!(error.as_deref(), Some("the mail server put the mail off: 451"));
            assert!(
                wait <= f64::min(30.0 * f64::from(1 << (attempt - 1)), 3600.0),
                "{wait} s after {attempt}"
            );
            waits.push(wait);
        }
        longest.push(waits.iter().copied().fold(0.0, f64::max));
        make_due(&db).await;
    }
    // Random, so not each longer than the last; but the longest of eight waits grows beyond the first's bound.
    assert!(longest[6] > 30.0, "{longest:?}");
    stack.deliver_mail().await;
    let (state, attempts, _, payload, _) = row(&db, "m:0").await;
    assert_eq!((state.as_str(), attempts, &payload["link"]), ("dead", 8, &json!(LINK)), "a replay needs it");
    make_due(&db).await;
    stack.deliver_mail().await;
    assert_eq!(row(&db, "m:0").await.1, 8, "nobody tries it again");

    let lines = stack.lines();
    let says = |text: &str| lines.iter().filter(|line| line.line.contains(text)).count();
    assert_eq!((says("outbox message failed"), says("outbox message is dead")), (7 * 8, 8));
    assert_discreet(&stack);

    server.always(Delivery::Accept);
    assert_eq!(stack.invoke("replay-mail", json!({"all": true})).await, json!({"replayed": 8}));
    stack.deliver_mail().await;
    assert_eq!(server.received().len(), 8);
}

#[tokio::test]
async fn a_mail_that_is_refused_is_dead_at_once() {
    let server = MailServer::start(Delivery::Accept).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    let refusals = [Delivery::RefuseSender(550), Delivery::RefuseReceiver(550), Delivery::RefuseMail(554)];
    for (number, refusal) in refusals.into_iter().enumerate() {
        let key = format!("m:{number}");
        enqueue(&db, &key, verify_email("alice@example.org")).await;
        server.then([refusal]);
        stack.deliver_mail().await;
        let (state, attempts, error, ..) = row(&db, &key).await;
        assert_eq!((state.as_str(), attempts), ("dead", 1), "{refusal:?}");
        assert!(error.unwrap().starts_with("the mail server refused the mail: 55"));
    }
    assert!(server.received().is_empty());
    assert_discreet(&stack);
}

#[tokio::test]
async fn a_refused_sign_in_is_no_fault_of_the_mail() {
    let server = MailServer::start(Delivery::RefuseSender(530)).await;
    let stack = stack_with(&server).await;
    let db = stack.db().await;
    enqueue(&db, "one", verify_email("alice@example.org")).await;
    stack.deliver_mail().await;
    let (state, _, error, ..) = row(&db, "one").await;
    assert_eq!(
        (state.as_str(), error.as_deref()),
        ("pending", Some("the mail server refused the sign-in: 530"))
    );
}

#[tokio::test]
async fn a_message_whose_workers_all_died_is_dead() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    enqueue(&db, "one", verify_email("alice@example.org")).await;
    let sql = "update platform.outbox set attempts = 8, claim = gen_random_uuid(), claimed_until = now() - interval '1 s'";
    db.execute(sql, &[]).await.unwrap();
    stack.deliver_mail().await;
    let (state, attempts, error, ..) = row(&db, "one").await;
    assert_eq!((state.as_str(), attempts, error.as_deref()), ("dead", 8, Some("no worker finished it")));
    assert!(stack.mails().await.is_empty());
}

#[tokio::test]
async fn what_is_no_mail_is_dead_and_keeps_no_other_from_going_out() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    enqueue(&db, "template", json!({"template": "greeting", "to": "alice@example.org"})).await;
    enqueue(&db, "header", verify_email("alice@example.org\r\nBcc: bob@example.org")).await;
    enqueue(&db, "good", verify_email("alice@example.org")).await;
    stack.deliver_mail().await;
    assert_eq!(row(&db, "template").await.2.as_deref(), Some("the payload is no mail"));
    assert_eq!(row(&db, "header").await.2.as_deref(), Some("the address is none"));
    let mails = stack.mails().await;
    assert_eq!((mails.len(), mails[0].name.as_str()), (1, "good"));
    assert_discreet(&stack);
}

#[tokio::test]
async fn values_stay_text_and_mails_speak_the_receivers_language() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let new_email = "<script>alert(1)</script>&\"@example.org";
    let payload = json!({"template": "change_email", "to": "a@example.org", "locale": "de-DE", "link": LINK,
                         "new_email": new_email});
    enqueue(&db, "german", payload).await;
    let payload = json!({"template": "deletion_requested", "to": "a@example.org", "locale": "zh-CN", "link": LINK,
                         "erased_on": "2026-12-05T10:00:00Z"});
    enqueue(&db, "chinese", payload).await;
    let payload = json!({"template": "export_ready", "to": "a@example.org", "locale": "fr", "link": LINK,
                         "expires_at": "2026-12-05T10:00:00Z"});
    enqueue(&db, "french", payload).await;
    for (key, locale) in [("failed", "en-GB"), ("gescheitert", "de"), ("shibai", "zh-CN")] {
        let payload = json!({"template": "export_failed", "to": "a@example.org", "locale": locale});
        enqueue(&db, key, payload).await;
    }
    stack.deliver_mail().await;
    let mails: BTreeMap<_, _> =
        stack.mails().await.into_iter().map(|mail| (mail.name.clone(), mail)).collect();
    let german = &mails["german"];
    assert_eq!(german.subject, "Bestätigen Sie Ihre neue E-Mail-Adresse");
    assert!(
        german.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;@example.org"),
        "{}",
        german.html
    );
    assert!(!german.html.contains("<script"));
    assert!(german.text.contains(new_email), "plain text needs no escaping: {}", german.text);
    assert_eq!(mails["chinese"].subject, "您的账户将于2026年12月5日删除");
    assert!(mails["french"].text.contains("until 5 December 2026"), "{}", mails["french"].text);
    let subjects = ["failed", "gescheitert", "shibai"].map(|key| mails[key].subject.as_str());
    let wanted = [
        "Your data could not be gathered",
        "Ihre Daten konnten nicht zusammengestellt werden",
        "您的数据未能导出",
    ];
    assert_eq!(subjects, wanted);
    assert!(mails["failed"].text.contains("ask for it once more"), "{}", mails["failed"].text);
}

#[tokio::test]
async fn a_wrong_setting_fails_the_start_by_its_name() {
    for (settings, named) in [
        ([("MAIL_DIRECTORY", ""), ("MAIL_FROM", "a@b.example")], "MAIL_URL or MAIL_SECRET_ARN must be set"),
        ([("MAIL_URL", "smtp://u:swordfish@h"), ("MAIL_FROM", "a@b.example")], "MAIL_URL must be smtps://"),
        (
            [("MAIL_URL", "http://u:swordfish@h"), ("MAIL_FROM", "a@b.example")],
            "MAIL_URL must be a URL like smtps://",
        ),
        ([("MAIL_URL", "smtps://u:swordfish@h"), ("MAIL_FROM", "nobody")], "MAIL_FROM must be an address"),
        ([("MAIL_URL", "smtps://u:swordfish@h"), ("MAIL_FROM", "")], "MAIL_FROM must be set"),
    ] {
        let mut builder = Stack::builder().env("APP_ENV", "production");
        for (name, value) in settings {
            builder = builder.env(name, value);
        }
        let stack = builder.start().await;
        let event = serde_json::from_slice(&queue::message("arn:aws:sqs:local:mail")).unwrap();
        assert!(stack.try_invoke("send-mail", event).await.is_err(), "{named}");
        let lines = stack.lines();
        assert!(lines.iter().any(|line| line.line.contains(named)), "{named}: {lines:?}");
        assert_discreet(&stack);
    }
}
