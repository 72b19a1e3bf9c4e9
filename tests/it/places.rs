//! Who gets a place among the answers, and how it is given back.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::support::{
    Gateway, KEY, Setup, Step, chat, eventually,
    sse::{CHAT, PERMITS, begin, content, events, streamed},
    text,
};

#[tokio::test]
async fn requests_wait_for_a_place_and_are_told_when_there_is_none() {
    let gateway = Setup::default()
        .env("MAX_CONCURRENT", "1")
        .limits(|limits| limits.request = Duration::from_millis(300))
        .start()
        .await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([text("One"), Step::Until(Arc::clone(&sign)), Step::finish()]);
    let mut first = begin(&gateway, "").await;
    first.head().await;
    let mut second = begin(&gateway, "").await;
    assert!(
        second.stays_silent(Duration::from_millis(30)).await,
        "it went past the one place"
    );
    sign.notify_one();
    assert_eq!(content(&events(&second.reply("POST").await.body)), "Hello");

    gateway.until_idle(1).await;
    let held = Arc::clone(&gateway.app.permits).acquire_owned().await.unwrap();
    let refused = gateway.send("POST", CHAT, &chat(r#","stream":true"#)).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert_eq!(
        (refused.header("retry-after"), refused.header("x-should-retry")),
        (Some("5"), None)
    );
    drop(held);
    gateway.until_idle(1).await;
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_upstream_and_gives_the_place_back() {
    let gateway = Gateway::start().await;
    for (more, before_leaving) in [
        (r#","stream":true"#, vec![text("One")]),
        (r#","stream":true"#, vec![]),
        ("", vec![text("One")]),
    ] {
        let sees_output = more.contains("stream") && !before_leaving.is_empty();
        gateway.upstream.script(before_leaving.into_iter().chain([Step::Hang]));
        let mut connection = gateway.connect().await;
        connection
            .request(
                "POST",
                CHAT,
                &[("authorization", &format!("Bearer {KEY}"))],
                &chat(more),
            )
            .await;
        if sees_output {
            connection.head().await;
            connection.chunks_until("One").await;
        } else {
            eventually("the upstream is asked", || gateway.upstream.live() == 1).await;
        }
        drop(connection);
        gateway.until_idle(PERMITS).await;
    }
    let cancelled = "gemini_gateway_outcomes_total{route=\"chat\",outcome=\"cancelled\"}";
    eventually("three cancelled requests", || {
        gateway.metric(cancelled).as_deref() == Some("3")
    })
    .await;
}

#[tokio::test]
async fn large_requests_hold_no_more_than_there_is_room_for() {
    let large = || chat(&format!(r#","user":"{}""#, "x".repeat(190_000)));
    let gateway = Setup::default()
        .env("MAX_BODY_BYTES", "200000")
        .env("MAX_FILES_BYTES", "1")
        .env("MAX_HELD_BYTES", "0")
        .start()
        .await;
    gateway.upstream.script([Step::Hang]);
    let mut first = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    first.request("POST", CHAT, &[("authorization", &key)], &large()).await;
    eventually("the first is asked", || gateway.upstream.live() == 1).await;
    for path in [CHAT, "/v1/messages/count_tokens"] {
        let refused = gateway.send("POST", path, &large()).await;
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (503, Some("5")),
            "{path}"
        );
    }
    assert_eq!(gateway.upstream.call_count(), 1);
    assert_eq!(gateway.send("POST", CHAT, &chat("")).await.status, 200);
    drop(first);
    gateway.until_idle(PERMITS).await;
    assert_eq!(gateway.send("POST", CHAT, &large()).await.status, 200);
    gateway.until_idle(PERMITS).await;
    assert_eq!(gateway.send("POST", CHAT, &large()).await.status, 200);
}

#[tokio::test]
async fn many_streams_at_once_lose_nothing() {
    let gateway = Arc::new(Setup::default().env("MAX_CONCURRENT", "64").start().await);
    let pieces: Vec<String> = (0..20).map(|number| format!("piece {number}; ")).collect();
    for _ in 0..64 {
        gateway
            .upstream
            .script(pieces.iter().map(|piece| text(piece)).chain([Step::finish()]));
    }
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { streamed(&gateway, "").await })
        })
        .collect();
    for client in clients {
        let reply = client.await.unwrap();
        assert_eq!(content(&events(&reply.body)), pieces.concat());
        assert!(reply.body.ends_with("data: [DONE]\n\n"));
    }
    gateway.until_idle(64).await;
}

#[tokio::test]
async fn a_client_that_stops_reading_loses_its_place() {
    let gateway = Setup::default()
        .limits(|limits| limits.write_stall = Duration::from_millis(100))
        .start()
        .await;
    let piece = "x".repeat(64 << 10);
    // More than any socket buffer takes.
    gateway
        .upstream
        .script((0..512).map(|_| text(&piece)).chain([Step::finish()]));
    let connection = begin(&gateway, "").await;
    eventually("it has begun", || gateway.upstream.live() == 1).await;
    gateway.until_idle(PERMITS).await;
    let cancelled = "gemini_gateway_outcomes_total{route=\"chat\",outcome=\"cancelled\"}";
    eventually("it counts as cancelled", || {
        gateway.metric(cancelled).as_deref() == Some("1")
    })
    .await;
    drop(connection);
}
