//! Limits, through a route that takes an attempt under the rules that its caller names.

use std::time::Duration;

use futures_util::future::join_all;
use local::testkit::fakes::Secrets;
use local::testkit::{Answer, Client, Redis, Stack};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::{probe, tls};

/// A stack, and the counts as they stand in its backend.
struct Limited {
    stack: Stack,
    redis: Option<Redis>,
}

impl Limited {
    async fn start(backend: &str) -> Limited {
        let redis = match backend {
            "redis" => Some(Redis::start().await),
            _ => None,
        };
        let url = redis.as_ref().map(Redis::url).unwrap_or_default();
        let stack = probe().env("LIMITS_BACKEND", backend).env("REDIS_URL", url).start().await;
        Limited { stack, redis }
    }

    async fn take(&self, rules: Value) -> Answer {
        take(&self.stack.anonymous(), rules).await
    }

    async fn forget(&self, rules: Value) {
        self.stack.anonymous().post("/limited/forget", json!({ "rules": rules })).await.assert_status(204);
    }

    /// Lets the counted attempts be older than they are: as if this much time had gone by.
    async fn age(&self, seconds: u32) {
        if let Some(redis) = &self.redis {
            let script = format!(
                "for _, key in ipairs(redis.call('keys', '*')) do for at = 0, redis.call('llen', key) - 1 do \
                 local moment = redis.call('lindex', key, at) - {seconds} * 1000000 \
                 redis.call('lset', key, at, string.format('%.0f', moment)) end end"
            );
            redis.command(&format!("eval \"{script}\" 0")).await;
            return;
        }
        let sql = "update identity.rate_limits
                   set hits = array(select hit - make_interval(secs => $1) from unnest(hits) as hit)";
        self.stack.db().await.execute(sql, &[&f64::from(seconds)]).await.expect("an update");
    }

    /// How many attempts are counted, under all rules together.
    async fn counted(&self) -> i64 {
        if let Some(redis) = &self.redis {
            let script = "local sum = 0 for _, key in ipairs(redis.call('keys', '*')) do \
                          sum = sum + redis.call('llen', key) end return sum";
            let answer = redis.command(&format!("eval \"{script}\" 0")).await;
            return answer.trim().strip_prefix(':').expect("a number").parse().expect("a number");
        }
        let sql = "select coalesce(sum(cardinality(hits)), 0)::bigint from identity.rate_limits";
        self.stack.db().await.query_one(sql, &[]).await.expect("a row").get(0)
    }

    /// Everything that the backend holds, as text.
    async fn everything(&self) -> String {
        if let Some(redis) = &self.redis {
            return redis.command("keys *").await;
        }
        let sql = "select coalesce(string_agg(rate_limits::text, ' '), '') from identity.rate_limits";
        self.stack.db().await.query_one(sql, &[]).await.expect("a row").get(0)
    }
}

async fn take(client: &Client, rules: Value) -> Answer {
    client.post("/limited/take", json!({ "rules": rules })).await
}

/// A rule over an hour.
fn rule(name: &str, key: &str, max: u32) -> Value {
    json!({ "name": name, "key": key, "max": max, "window": 3600 })
}

/// The two headers that tell of limits.
fn told(answer: &Answer) -> [Option<&str>; 2] {
    ["ratelimit-policy", "ratelimit"].map(|name| answer.header(name))
}

/// What is left by the only item of `RateLimit`, and for how many seconds no more.
#[track_caller]
fn left(answer: &Answer) -> (u32, u32) {
    let item = answer.header("ratelimit").expect("RateLimit");
    let (r, t) = item.strip_prefix("\"one\";r=").and_then(|rest| rest.split_once(";t=")).expect(item);
    (r.parse().expect("a number"), t.parse().expect("whole seconds"))
}

/// Asserts a refusal by the contract and gives the seconds of its `Retry-After`.
#[track_caller]
fn refused(answer: &Answer) -> u32 {
    let seconds: u32 = answer.header("retry-after").expect("Retry-After").parse().expect("whole seconds");
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let message = format!("too many requests, try again in {seconds} {unit}");
    answer.assert_error(429, "RATE_LIMITED", &message);
    seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_so_many_attempts_in_a_window() {
    for backend in ["postgres", "redis", "memory"] {
        let limited = Limited::start(backend).await;
        let ada = || json!([rule("one", "ada@example.org", 3)]);
        for _ in 0..3 {
            limited.take(ada()).await.assert_status(204);
        }
        for _ in 0..3 {
            assert!((1..=3600).contains(&refused(&limited.take(ada()).await)), "{backend}");
        }
        limited.take(json!([rule("one", "bob@example.org", 3)])).await.assert_status(204);
        limited.take(json!([rule("two", "ada@example.org", 3)])).await.assert_status(204);

        limited.forget(ada()).await;
        limited.take(ada()).await.assert_status(204);
        if backend != "memory" {
            assert_eq!(
                limited.counted().await,
                3,
                "{backend}: Ada's one attempt, Bob's, and the other rule's"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_slides_and_refused_attempts_do_not_count() {
    for backend in ["postgres", "redis"] {
        let limited = Limited::start(backend).await;
        let rules = || json!([rule("one", "ada@example.org", 2)]);
        limited.take(rules()).await.assert_status(204);
        limited.age(3000).await;
        limited.take(rules()).await.assert_status(204);
        for _ in 0..3 {
            let seconds = refused(&limited.take(rules()).await);
            assert!((1..=600).contains(&seconds), "{backend}: {seconds} s until the first leaves");
        }
        assert_eq!(limited.counted().await, 2, "{backend}");

        limited.age(600).await;
        limited.take(rules()).await.assert_status(204);
        let seconds = refused(&limited.take(rules()).await);
        assert!((601..=3000).contains(&seconds), "{backend}: {seconds} s until the second leaves");
        assert_eq!(limited.counted().await, 2, "{backend}: what left the window is dropped");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_rule_keeps_the_others_from_counting() {
    for backend in ["postgres", "redis", "memory"] {
        let limited = Limited::start(backend).await;
        let both = || json!([rule("one", "203.0.113.9", 1), rule("two", "ada@example.org", 3)]);
        limited.take(both()).await.assert_status(204);
        for _ in 0..3 {
            refused(&limited.take(both()).await);
        }
        let second = || json!([rule("two", "ada@example.org", 3)]);
        for _ in 0..2 {
            limited.take(second()).await.assert_status(204);
        }
        refused(&limited.take(second()).await);

        // Both are full: the wait is the longer one.
        let long = json!({ "name": "two", "key": "ada@example.org", "max": 3, "window": 90_000 });
        let seconds = refused(&limited.take(json!([rule("one", "203.0.113.9", 1), long])).await);
        assert!((3601..=90_000).contains(&seconds), "{backend}: {seconds}");
        let none = json!([{ "name": "one", "key": "nobody", "max": 0, "window": 60 }]);
        assert_eq!(refused(&limited.take(none).await), 60, "{backend}: a rule that lets nobody through");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_the_same_time_never_get_through_in_greater_number() {
    for backend in ["postgres", "redis"] {
        let limited = Limited::start(backend).await;
        // The first round also starts the sandboxes, so that the others meet at the counts.
        for round in 1..=4 {
            let key = format!("203.0.113.{round}");
            let mut rules = [rule("one", &key, 5), rule("two", &key, 50)];
            limited.take(json!(rules)).await.assert_status(204);
            let calls = (0..20).map(|_| {
                rules.reverse();
                limited.take(json!(rules))
            });
            let answers = join_all(calls.collect::<Vec<_>>()).await;
            let passed = answers.iter().filter(|answer| answer.status() == 204).count();
            for answer in answers.iter().filter(|answer| answer.status() != 204) {
                refused(answer);
            }
            assert_eq!(passed, 4, "{backend}, round {round}: one of five had passed before");
            assert_eq!(limited.counted().await, 10 * round, "{backend}: five under each rule");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_waited_for_each_other_see_each_other() {
    let limited = Limited::start("postgres").await;
    let rules = || json!([rule("one", "203.0.113.9", 5)]);
    limited.take(rules()).await.assert_status(204);

    let blocker = limited.stack.db().await;
    blocker.batch_execute("begin; select from identity.rate_limits for update").await.unwrap();
    let calls: Vec<_> = (0..12).map(|_| limited.take(rules())).collect();
    let all_wait = async {
        let sql = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
        let observer = limited.stack.db().await;
        while observer.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < 12 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        blocker.batch_execute("commit").await.unwrap();
    };
    let (answers, ()) = tokio::join!(join_all(calls), all_wait);
    let passed = answers.iter().filter(|answer| answer.status() == 204).count();
    assert_eq!(passed, 4, "{answers:?}");
    assert_eq!(limited.counted().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_whose_rules_overlap_do_not_wait_in_a_circle() {
    let limited = Limited::start("postgres").await;
    let keys = ["a", "b", "c"];
    let calls = (0..24).map(|turn| {
        let key = |step: usize| keys.get((turn + step) % 3).expect("one of three");
        limited.take(json!([rule("one", key(0), 100), rule("one", key(1), 100)]))
    });
    for answer in join_all(calls.collect::<Vec<_>>()).await {
        answer.assert_status(204);
    }
    assert_eq!(limited.counted().await, 48);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_changes_whose_attempt_it_is() {
    let limited = Limited::start("postgres").await;
    let body = json!({ "rules": [{ "name": "one", "max": 1, "window": 3600 }] });
    let call = |address: &str| {
        let client = limited.stack.anonymous();
        client
            .post("/limited/take", body.clone())
            .header("x-forwarded-for", address)
            .header("x-real-ip", address)
    };
    call("203.0.113.9").await.assert_status(204);
    for address in ["203.0.113.10", "2001:db8::1", "127.0.0.1, 203.0.113.11", "x"] {
        refused(&call(address).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_counts_whatever_becomes_of_the_request_and_costs_one_flight() {
    let limited = Limited::start("postgres").await;
    let rules = json!({ "rules": [rule("one", "203.0.113.9", 2), rule("two", "ada@example.org", 2)] });
    let call = limited.stack.anonymous().post("/limited/take-and-fail", rules).header("x-request-id", "r-1");
    call.await.assert_status(409);
    assert_eq!(limited.counted().await, 2);
    assert_eq!(crate::line_of(&limited.stack, "r-1").await["db_round_trips"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_addresses_nor_e_mails_are_kept() {
    for backend in ["postgres", "redis"] {
        let limited = Limited::start(backend).await;
        limited
            .take(json!([rule("one", "203.0.113.9", 3), rule("two", "ada@example.org", 3)]))
            .await
            .assert_status(204);
        let everything = limited.everything().await;
        assert!(!everything.contains("203.0.113.9") && !everything.contains("ada"), "{everything}");
        assert!(everything.len() > 128, "{everything}");
        if backend == "redis" {
            assert_eq!(everything.matches("praxis:limit:").count(), 2, "{everything}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_are_no_request_s_to_see_or_change() {
    let limited = Limited::start("postgres").await;
    limited.take(json!([rule("one", "203.0.113.9", 3)])).await.assert_status(204);
    let owner = limited.stack.owner().await;
    owner.batch_execute("begin; set local role praxis_request").await.unwrap();
    let error = owner.execute("delete from identity.rate_limits", &[]).await.unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{error:?}");
    owner.batch_execute("rollback").await.unwrap();
    let rows = owner.query("select from identity.rate_limits", &[]).await.unwrap();
    assert!(rows.is_empty(), "row-level security holds the owner too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_cannot_be_reached_lets_nothing_through() {
    let mut limited = Limited::start("redis").await;
    let rules = || json!([rule("one", "203.0.113.9", 3)]);
    limited.take(rules()).await.assert_status(204);
    limited.redis.as_mut().expect("a server of this test").stop();
    let answer = limited.take(rules()).await;
    answer.assert_error(503, "UNAVAILABLE", "the limits cannot be counted");
    assert_eq!(answer.header("retry-after"), Some("1"));

    // Another password is no way through either, and none of it reaches the log.
    let redis = Redis::start().await;
    let (_, address) =
        redis.url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("an address");
    let url = format!("redis://:swordfish@{address}");
    let stack = probe().env("LIMITS_BACKEND", "redis").env("REDIS_URL", url).start().await;
    let answer = take(&stack.anonymous(), rules()).await;
    answer.assert_error(503, "UNAVAILABLE", "the limits cannot be counted");
    stack.wait_for_logs(1).await;
    let log: Vec<String> = stack.lines().into_iter().map(|line| line.line).collect();
    assert!(!log.iter().any(|line| line.contains("swordfish")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_reached_through_tls_and_only_a_trusted_one() {
    let redis = Redis::start().await;
    let (url, certificate) = with_tls(&redis.url()).await;
    let file = std::env::temp_dir().join(format!("praxis-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, certificate).unwrap();
    let trusted = [(file.display().to_string(), 204), (String::new(), 503)];
    for (file, status) in trusted {
        let stack = probe().env("LIMITS_BACKEND", "redis").env("REDIS_URL", &url).env("SSL_CERT_FILE", file);
        let stack = stack.start().await;
        take(&stack.anonymous(), json!([rule("one", "203.0.113.9", 3)])).await.assert_status(status);
        assert_eq!(redis.command("dbsize").await, ":1\r\n");
    }
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_password_of_redis_is_used_at_once_and_no_count_asks_for_the_secret() {
    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:praxis/redis-AbCdEf";
    let (redis, secrets) = (Redis::start().await, Secrets::start().await);
    secrets.put(ARN, redis.url());
    let stack = probe()
        .env("LIMITS_BACKEND", "redis")
        .env("REDIS_URL", "")
        .env("REDIS_SECRET_ARN", ARN)
        .env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", secrets.port())
        .start()
        .await;
    let nobody = stack.anonymous();
    for _ in 0..3 {
        take(&nobody, json!([rule("one", "203.0.113.9", 9)])).await.assert_status(204);
    }
    assert_eq!(secrets.asked(ARN), 1);
    redis.command("config set requirepass another").await;
    secrets.put(ARN, redis.url().replace(redis.password(), "another"));
    take(&nobody, json!([rule("one", "203.0.113.9", 9)])).await.assert_status(204);
    take(&nobody, json!([rule("one", "203.0.113.9", 9)])).await.assert_status(204);
    assert_eq!(secrets.asked(ARN), 2);
}

/// Puts TLS before a server that has none: its address then, and the certificate to trust.
async fn with_tls(url: &str) -> (String, String) {
    let (acceptor, certificate) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
    let (sign_in, server) = url.split_once('@').expect("a URL with a password");
    let sign_in = sign_in.replace("redis://", "rediss://");
    let tls_url = format!("{sign_in}@{}", listener.local_addr().expect("a bound listener has an address"));
    let server = server.to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A client that does not trust the certificate hangs up.
            let Ok(mut client) = acceptor.accept(client).await else { continue };
            let mut server = TcpStream::connect(&server).await.expect("a running Redis");
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    });
    (tls_url, certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_fails_the_start_by_its_name() {
    let cases: [(&[(&str, &str)], &str); 5] = [
        (
            &[("LIMITS_BACKEND", "memory"), ("APP_ENV", "production")],
            "LIMITS_BACKEND may be memory only where APP_ENV",
        ),
        (&[("LIMITS_BACKEND", "memory"), ("APP_ENV", "")], "LIMITS_BACKEND may be memory only where APP_ENV"),
        (&[("LIMITS_BACKEND", "postgresql")], "LIMITS_BACKEND must be postgres, redis or memory"),
        (&[("LIMITS_BACKEND", "redis")], "REDIS_URL or REDIS_SECRET_ARN must be set"),
        (
            &[("LIMITS_BACKEND", "redis"), ("REDIS_URL", "swordfish")],
            "REDIS_URL is not a redis:// or rediss:// URL",
        ),
    ];
    for (settings, message) in cases {
        let builder = settings.iter().fold(probe(), |probe, (name, value)| probe.env(name, *value));
        let stack = builder.start().await;
        take(&stack.anonymous(), json!([rule("one", "203.0.113.9", 3)])).await.assert_status(502);
        let log: Vec<String> = stack.lines().into_iter().map(|line| line.line).collect();
        assert!(log.iter().any(|line| line.contains(message)), "{message}: {log:?}");
        assert!(!log.iter().any(|line| line.contains("swordfish")), "{log:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_told_what_is_left_whatever_the_answer_is() {
    for backend in ["postgres", "redis", "memory"] {
        let limited = Limited::start(backend).await;
        let nobody = limited.stack.anonymous();
        let call =
            |act: &str, rules: Value| nobody.post(&format!("/limited/{act}"), json!({ "rules": rules }));
        let rules = || json!([rule("one", "ada", 3)]);
        let answer = call("tell", rules()).await;
        answer.assert_status(204);
        assert_eq!(told(&answer), [Some("\"one\";q=3;w=3600"), Some("\"one\";r=2;t=3600")], "{backend}");
        let answer = call("tell-and-fail", rules()).await;
        answer.assert_status(409);
        assert_eq!(left(&answer).0, 1, "{backend}");
        // Nothing is told of an attempt under other rules, and it counts.
        let answer = call("take", rules()).await;
        answer.assert_status(204);
        assert_eq!(told(&answer), [None, None], "{backend}");

        let answer = call("tell", rules()).await;
        let seconds = refused(&answer);
        assert_eq!(left(&answer), (0, seconds), "{backend}: as long as Retry-After");
        assert_eq!(told(&answer)[0], Some("\"one\";q=3;w=3600"), "{backend}");
        assert_eq!(told(&call("take", rules()).await), [None, None], "{backend}: a silent refusal");

        // Of several rules each is told, also those that are not full; none beyond Retry-After.
        let second = json!({ "name": "two", "key": "ada", "max": 90, "window": 90_000 });
        let answer = call("tell", json!([rule("one", "ada", 3), second])).await;
        let wait = refused(&answer);
        let policies = "\"one\";q=3;w=3600, \"two\";q=90;w=90000";
        let items = format!("\"one\";r=0;t={wait}, \"two\";r=90;t={wait}");
        assert_eq!(told(&answer), [Some(policies), Some(&*items)], "{backend}: nothing was counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_follows_the_window() {
    for backend in ["postgres", "redis"] {
        let limited = Limited::start(backend).await;
        let nobody = limited.stack.anonymous();
        let tell = async |max: u32| {
            let rules = json!({ "rules": [rule("one", "ada", max)] });
            let answer = nobody.post("/limited/tell", rules).await;
            left(&answer)
        };
        assert_eq!(tell(3).await, (2, 3600), "{backend}");
        limited.age(3000).await;
        let (r, t) = tell(3).await;
        assert!(r == 1 && (1..=600).contains(&t), "{backend}: {r} for {t} s until the first leaves");
        limited.age(600).await;
        let (r, t) = tell(3).await;
        assert!(r == 1 && (601..=3000).contains(&t), "{backend}: {r} for {t} s until the second leaves");
        // Fewer are allowed now: both must leave before there is room.
        let (r, t) = tell(1).await;
        assert!(r == 0 && (3001..=3600).contains(&t), "{backend}: {r} for {t} s until both left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_the_same_time_are_told_different_rests() {
    for backend in ["postgres", "redis"] {
        let limited = Limited::start(backend).await;
        let nobody = limited.stack.anonymous();
        let calls = (0..20).map(|_| {
            let rules = json!({ "rules": [rule("one", "203.0.113.9", 12)] });
            nobody.post("/limited/tell", rules).into_future()
        });
        let answers = join_all(calls.collect::<Vec<_>>()).await;
        let (passed, full): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 204);
        let mut rests: Vec<u32> = passed.iter().map(|answer| left(answer).0).collect();
        rests.sort_unstable();
        assert_eq!(rests, (0..12).collect::<Vec<_>>(), "{backend}");
        for answer in full {
            assert_eq!(left(answer), (0, refused(answer)), "{backend}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_too_and_a_page_may_read_it() {
    let stack = probe().env("CORS_ORIGINS", "https://app.example").start().await;
    let (alice, bob) = (stack.user(), stack.user());
    let call = |person: &Client| person.post("/streamed", json!({})).header("origin", "https://app.example");
    let policy = Some("\"streamed:person\";q=2;w=3600");
    for (status, rest) in [(200, "r=1;"), (200, "r=0;"), (429, "r=0;")] {
        let answer = call(&alice).await;
        answer.assert_status(status);
        assert_eq!(told(&answer)[0], policy);
        assert!(told(&answer)[1].is_some_and(|item| item.contains(rest)), "{answer}");
        let exposed = answer.header("access-control-expose-headers").expect("what a page may read");
        for name in ["RateLimit", "RateLimit-Policy", "Retry-After"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{exposed}");
        }
    }
    let answer = call(&bob).await;
    assert!(told(&answer)[1].is_some_and(|item| item.contains("r=1;")), "everybody has their own: {answer}");
    assert_eq!(told(&stack.anonymous().post("/streamed", json!({})).await), [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_tell_costs_one_flight() {
    let limited = Limited::start("postgres").await;
    let rules = json!({ "rules": [rule("one", "203.0.113.9", 2), rule("two", "ada@example.org", 2)] });
    let call = limited.stack.anonymous().post("/limited/tell", rules).header("x-request-id", "r-1");
    call.await.assert_status(204);
    assert_eq!(crate::line_of(&limited.stack, "r-1").await["db_round_trips"], 1);
}
