//! Streamed answers.

use std::time::{Duration, Instant};

use crate::cloud::{Cloud, answer};

#[tokio::test]
async fn chunks_arrive_while_the_function_works() {
    let mut cloud = Cloud::start().await;
    let start = Instant::now();
    let mut response = cloud.get("/stream", "stream").header("x-millis", "500").send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let all = |name: &str| response.headers().get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(all("x-twice"), ["1", "2"]);
    assert_eq!(all("set-cookie"), ["a=1", "b=2"]);
    let mut arrivals = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        arrivals.push((chunk, start.elapsed()));
    }
    let texts: Vec<_> = arrivals.iter().map(|(chunk, _)| chunk.as_ref()).collect();
    assert_eq!(texts, [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]);
    let spread = arrivals[2].1 - arrivals[0].1;
    assert!(spread >= Duration::from_millis(800), "the first chunk waited for the last: {arrivals:?}");
    cloud.log("streamed").await;
    answer(cloud.get("/stream", "stream")).await;
    assert_eq!(cloud.lambda.sandboxes("streamer"), 1, "the sandbox is warm when the stream has ended");
}

#[tokio::test]
async fn a_stream_that_breaks_off_does_not_look_complete() {
    let cloud = Cloud::start().await;
    for end in ["error", "exit"] {
        let response = cloud
            .get("/stream", "stream")
            .header("x-millis", "50")
            .header("x-end", end)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
        assert!(response.bytes().await.is_err(), "{end}");
        assert_eq!(answer(cloud.get("/stream", "stream")).await.0, 202, "after {end}");
    }
}

#[tokio::test]
async fn a_stream_past_the_functions_timeout_is_broken_off() {
    let mut cloud = Cloud::start().await;
    let response = cloud.get("/stream", "stream").header("x-millis", "4000").send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert!(response.bytes().await.is_err());
    cloud.log("Task timed out after 5.00 seconds").await;
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_the_function() {
    let mut cloud = Cloud::start().await;
    let mut response = cloud.get("/stream", "stream").header("x-millis", "200").send().await.unwrap();
    response.chunk().await.unwrap();
    drop(response);
    cloud.log("streamed").await;
    // It still has to report the end and to ask for more work.
    tokio::time::sleep(Duration::from_millis(300)).await;
    answer(cloud.get("/stream", "stream")).await;
    assert_eq!(cloud.lambda.sandboxes("streamer"), 1);
}

#[tokio::test]
async fn the_transfer_mode_and_the_function_must_agree() {
    let mut cloud = Cloud::start().await;
    assert_eq!(answer(cloud.get("/stream", "")).await.0, 502);
    cloud.log("not streamed").await;
    assert_eq!(answer(cloud.get("/buffered", "stream")).await.0, 502);
    cloud.log("lacks ResponseTransferMode").await;
    assert_eq!(answer(cloud.get("/stream", "fail")).await.0, 502);
}
