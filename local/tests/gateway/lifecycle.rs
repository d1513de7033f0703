//! Sandboxes: cold and warm, crashes, timeouts, concurrency, the end.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use local::{
    gateway,
    lambda::{Hold, InvokeContext, InvokeError, Lambda, LogSource, Options},
    testkit::examples,
};
use serde_json::{Value, json};

use crate::cloud::{Cloud, alive, answer, eventually, fixture};

fn pid(body: &Value) -> u64 {
    body["pid"].as_u64().unwrap_or_else(|| panic!("no pid in {body}"))
}

#[tokio::test]
async fn a_sandbox_is_reused_while_warm() {
    let mut cloud = Cloud::start().await;
    let (_, _, first) = answer(cloud.get("/items", "")).await;
    for _ in 0..20 {
        let (_, _, next) = answer(cloud.get("/items", "")).await;
        assert_eq!(pid(&first), pid(&next));
    }
    assert_eq!(cloud.lambda.sandboxes("echo"), 1);
    assert_eq!(cloud.log("started").await.source, LogSource::Stdout);
    answer(cloud.get("/items", "print")).await;
    let line = cloud.log("to stderr").await;
    assert_eq!(
        (line.source, line.line.as_str(), line.function.as_ref()),
        (LogSource::Stderr, "to stderr", "echo")
    );
}

#[tokio::test]
async fn parallel_requests_have_a_sandbox_each() {
    let cloud = Cloud::start().await;
    let sleeps = (0..6).map(|_| answer(cloud.get("/items", "sleep").header("x-millis", "400")));
    let answers = futures_util::future::join_all(sleeps).await;
    let pids: HashSet<_> = answers.iter().map(|(_, _, body)| pid(body)).collect();
    assert_eq!(pids.len(), 6);
    assert_eq!(cloud.lambda.sandboxes("echo"), 6);
}

#[tokio::test]
async fn a_crash_is_502_and_the_next_request_succeeds() {
    let mut cloud = Cloud::start().await;
    let (_, _, before) = answer(cloud.get("/items", "")).await;
    let (status, _, body) = answer(cloud.get("/items", "crash")).await;
    assert_eq!((status, body["error_code"].as_str()), (502, Some("UPSTREAM_UNAVAILABLE")));
    assert_eq!(cloud.log("Runtime exited with error: exit status 3").await.source, LogSource::Platform);
    let (status, _, after) = answer(cloud.get("/items", "")).await;
    assert_eq!(status, 200);
    assert_ne!(pid(&before), pid(&after));
    // A panic and an error are the function's answers: its sandbox lives on.
    for what in ["panic", "fail"] {
        assert_eq!(answer(cloud.get("/items", what)).await.0, 502);
        assert_eq!(pid(&answer(cloud.get("/items", "")).await.2), pid(&after));
    }
    let event = json!({"headers": {"X-Do": "fail"}}).to_string();
    let error = cloud.lambda.invoke("echo", event.into(), InvokeContext::default()).await.unwrap_err();
    assert!(
        matches!(&error, InvokeError::Function { message, .. } if message == "told to fail"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_idle_sandbox_that_was_killed_is_replaced_unnoticed() {
    let cloud = Cloud::start().await;
    for _ in 0..5 {
        let (_, _, body) = answer(cloud.get("/items", "")).await;
        let killed =
            std::process::Command::new("kill").args(["-9", &pid(&body).to_string()]).status().unwrap();
        assert!(killed.success());
        // Work that reached the process before the signal did is a crash; this is about the time after.
        eventually("the end", || !alive(pid(&body))).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(answer(cloud.get("/items", "")).await.0, 200);
}

#[tokio::test]
async fn a_timeout_is_504_and_replaces_the_sandbox() {
    let mut cloud = Cloud::start().await;
    let (_, _, before) = answer(cloud.get("/hasty", "")).await;
    let start = Instant::now();
    let (status, _, body) = answer(cloud.get("/hasty", "hang")).await;
    assert_eq!((status, body["error_code"].as_str()), (504, Some("TIMEOUT")));
    assert!((900..3000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    cloud.log("Task timed out after 1.00 seconds").await;
    eventually("the kill", || !alive(pid(&before))).await;
    let (status, _, after) = answer(cloud.get("/hasty", "")).await;
    assert_eq!(status, 200);
    assert_ne!(pid(&before), pid(&after));
}

#[tokio::test]
async fn a_failed_start_tells_why() {
    let mut cloud = Cloud::start().await;
    let (status, _, body) = answer(cloud.get("/broken", "")).await;
    assert_eq!((status, body["error_code"].as_str()), (502, Some("UPSTREAM_UNAVAILABLE")));
    // The reason was in the sink before the client had its answer.
    let lines: Vec<_> = std::iter::from_fn(|| cloud.logs.try_recv().ok()).collect();
    assert_eq!(lines[0].line, "DATABASE_URL is missing");
    assert!(lines[1].line.contains("Runtime exited before it asked for work: exit status 1"), "{lines:?}");
    assert_eq!(answer(cloud.get("/missing", "")).await.0, 502);
    cloud.log("no-such-binary").await;
    let error = cloud.lambda.invoke("nobody", "{}".into(), InvokeContext::default()).await.unwrap_err();
    assert_eq!(error, InvokeError::UnknownFunction("nobody".to_owned()));
}

#[tokio::test]
async fn idle_sandboxes_stop() {
    let options = Options { idle_timeout: Duration::from_millis(300), ..Options::default() };
    let cloud = Cloud::with(options, Default::default()).await;
    let (_, _, body) = answer(cloud.get("/items", "")).await;
    assert!(alive(pid(&body)));
    eventually("the stop", || cloud.lambda.sandboxes("echo") == 0 && !alive(pid(&body))).await;
    assert_eq!(answer(cloud.get("/items", "")).await.0, 200);
}

#[tokio::test]
async fn concurrency_is_limited() {
    let cloud = Cloud::with(Options { max_concurrency: 2, ..Options::default() }, Default::default()).await;
    let invoke = |function: &'static str, what: &str| {
        let event = json!({"headers": {"X-Do": what, "X-Millis": "600"}}).to_string();
        cloud.lambda.invoke(function, event.into(), InvokeContext::default())
    };
    let (first, second) = tokio::join!(invoke("single", "sleep"), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        invoke("single", "").await
    });
    first.unwrap();
    assert_eq!(second.unwrap_err(), InvokeError::Throttled, "ReservedConcurrentExecutions is 1");
    for _ in 0..5 {
        assert!(matches!(invoke("single", "crash").await, Err(InvokeError::Crashed(_))));
        assert!(invoke("single", "").await.is_ok(), "a crashed sandbox holds no place");
    }
    let sleeps = (0..3).map(|_| invoke("echo", "sleep"));
    let answers = futures_util::future::join_all(sleeps).await;
    let throttled = answers.iter().filter(|answer| matches!(answer, Err(InvokeError::Throttled))).count();
    assert_eq!(throttled, 1, "the idle sandbox of `single` made room for the second");
    assert_eq!(cloud.lambda.sandboxes("single"), 0);
    assert!(invoke("hasty", "").await.is_ok(), "an idle sandbox of another function makes room");
}

#[tokio::test]
async fn recycling_lets_the_busy_finish() {
    let cloud = Cloud::start().await;
    let (_, _, idle) = answer(cloud.get("/items", "")).await;
    let busy = answer(cloud.get("/items", "sleep").header("x-millis", "400"));
    let (busy, ()) = tokio::join!(busy, async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        cloud.lambda.recycle();
    });
    assert_eq!((busy.0, pid(&busy.2)), (200, pid(&idle)));
    let (_, _, next) = answer(cloud.get("/items", "")).await;
    assert_ne!(pid(&next), pid(&idle));
}

/// The pid that answers `GET /items`, while nothing is to answer before `act` is done.
async fn pid_after(cloud: &Cloud, held: Duration, act: impl AsyncFnOnce()) -> u64 {
    let request = answer(cloud.get("/items", ""));
    tokio::pin!(request);
    let early = tokio::time::timeout(held, &mut request).await;
    assert!(early.is_err(), "answered while it was held: {early:?}");
    act().await;
    let (status, _, body) = request.await;
    assert_eq!(status, 200);
    pid(&body)
}

#[tokio::test]
async fn a_held_request_meets_the_new_program_and_the_build_is_not_its_time() {
    let hold = Hold::default();
    let options = Options { hold: hold.clone(), ..Options::default() };
    // The request waits longer than its integration may take.
    let gateway =
        gateway::Options { integration_timeout: Duration::from_secs(3), ..gateway::Options::default() };
    let cloud = Cloud::with(options, gateway).await;
    let old = pid(&answer(cloud.get("/hasty", "")).await.2);
    let (_, _, before) = answer(cloud.get("/items", "")).await;
    hold.hold();
    assert_eq!(
        pid_after(&cloud, Duration::from_millis(3200), async || hold.release()).await,
        pid(&before),
        "nothing was renewed"
    );
    hold.hold();
    hold.hold();
    // What must come first is not held, and finds the new program.
    let renewed = async || {
        cloud.lambda.recycle();
        let first = cloud.lambda.invoke_at_once("hasty", "{}".into(), InvokeContext::default()).await;
        let body: Value = serde_json::from_slice(&first.unwrap().into_bytes().await.unwrap()).unwrap();
        let body: Value = serde_json::from_str(body["body"].as_str().unwrap()).unwrap();
        assert_ne!(pid(&body), old);
        hold.release();
    };
    assert_ne!(pid_after(&cloud, Duration::from_millis(200), renewed).await, pid(&before));
}

#[tokio::test]
async fn another_template_is_served_while_a_request_of_the_old_one_goes_on() {
    let hold = Hold::default();
    let cloud = Cloud::with(Options { hold: hold.clone(), ..Options::default() }, Default::default()).await;
    let mut template = fixture();
    template.functions.retain(|function| function.name == "hasty");
    let template = Arc::new(template);
    let (sink, _logs) = tokio::sync::mpsc::unbounded_channel();
    let options = Options { hold: hold.clone(), ..Options::default() };
    let fleet = Lambda::new(&template.functions, examples("local"), BTreeMap::new(), sink, options).await;
    let fleet = Arc::new(fleet.unwrap());

    let old = answer(cloud.get("/items", "sleep").header("x-millis", "800"));
    let held = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        hold.hold();
        let waiting = (answer(cloud.get("/items", "")), answer(cloud.get("/hasty", "")));
        let (gone, stays, ()) = tokio::join!(waiting.0, waiting.1, async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            cloud.gateway.replace(Arc::clone(&template), Arc::clone(&fleet)).unwrap();
            hold.release();
        });
        assert_eq!((gone.0, stays.0), (404, 200), "whoever waited meets the new template");
        assert_eq!(fleet.sandboxes("hasty"), 1);
    };
    let (old, ()) = tokio::join!(old, held);
    assert_eq!(old.0, 200);
}

#[tokio::test]
async fn a_hold_that_nobody_ends_ends_by_itself() {
    let hold = Hold::with_patience(Duration::from_millis(100));
    let options = Options { hold: hold.clone(), ..Options::default() };
    let cloud = Cloud::with(options, Default::default()).await;
    let (_, _, before) = answer(cloud.get("/items", "")).await;
    hold.hold();
    assert_eq!(pid(&answer(cloud.get("/items", "")).await.2), pid(&before), "the old program goes on");
}

#[tokio::test]
async fn shutdown_leaves_nothing_running() {
    let cloud = Cloud::start().await;
    let (_, _, idle) = answer(cloud.get("/items", "")).await;
    let lambda = cloud.lambda.clone();
    let hang = answer(cloud.get("/any", "hang"));
    let (hung, ()) = tokio::join!(hang, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lambda.shutdown().await;
    });
    assert_eq!(hung.0, 502);
    assert!(!alive(pid(&idle)));
    let error = lambda.invoke("echo", "{}".into(), InvokeContext::default()).await.unwrap_err();
    assert_eq!(error, InvokeError::Stopped);
}

#[tokio::test]
async fn dropping_leaves_nothing_running() {
    let cloud = Cloud::start().await;
    let (_, _, body) = answer(cloud.get("/items", "")).await;
    let Cloud { gateway, lambda, .. } = cloud;
    gateway.shutdown().await;
    drop(lambda);
    eventually("the end", || !alive(pid(&body))).await;
}

#[test]
fn killing_the_tool_leaves_nothing_running() {
    let mut tool = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lifecycle::victim", "--ignored", "--nocapture"])
        .env("IS_VICTIM", "yes")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(tool.stdout.take().unwrap()));
    let pids =
        lines.map(Result::unwrap).find_map(|line| Some(line.split_once("pids ")?.1.to_owned())).unwrap();
    let pids: Vec<u64> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| alive(*pid)));
    tool.kill().unwrap();
    tool.wait().unwrap();
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        !pids.iter().any(|pid| alive(*pid))
    });
    assert!(gone, "an idle function and one that hangs must end: {pids:?}");
}

#[tokio::test]
#[ignore = "runs inside the test above, which kills it"]
async fn victim() {
    // `cargo test -- --include-ignored` must not wait for ever.
    if std::env::var_os("IS_VICTIM").is_none() {
        return;
    }
    let cloud = Cloud::start().await;
    let (idle, hanging) = tokio::join!(
        answer(cloud.get("/items", "sleep").header("x-millis", "300")),
        answer(cloud.get("/hasty", "")),
    );
    let _hang = tokio::spawn(cloud.get("/any", "hang").send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (_, _, second) = answer(cloud.get("/items", "")).await;
    println!("pids {} {} {}", pid(&idle.2), pid(&hanging.2), pid(&second));
    std::future::pending::<()>().await;
}
