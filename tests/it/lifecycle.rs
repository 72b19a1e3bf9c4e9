//! The connection cap, the drain, and the end.

use std::{sync::Arc, time::Duration};

use gemini_gateway::server::Outcome;
use tokio::{net::TcpStream, sync::Notify};

use crate::support::{Connection, Gateway, KEY, Setup, Step, chat, text};

async fn begin_stream(gateway: &Gateway) -> Connection {
    let mut connection = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    connection
        .request(
            "POST",
            "/v1/chat/completions",
            &[("authorization", &key)],
            &chat(r#","stream":true"#),
        )
        .await;
    connection.head().await;
    connection.chunks_until("One").await;
    connection
}

#[tokio::test]
async fn a_running_answer_is_finished_and_no_new_connection_taken() {
    let gateway = Gateway::start().await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([text("One"), Step::Until(Arc::clone(&sign)), text("Two"), Step::finish()]);
    let mut running = begin_stream(&gateway).await;
    let mut idle = gateway.connect().await;
    idle.request("GET", "/livez", &[], "").await;
    idle.reply("GET").await;

    let address = gateway.address;
    let server = gateway.begin_stop();
    assert!(idle.closes().await);
    assert!(TcpStream::connect(address).await.is_err());
    sign.notify_one();
    let rest = running.chunks_until("[DONE]").await;
    assert!(rest.contains("Two"));
    assert_eq!(server.await.unwrap(), Outcome::Drained);
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let gateway = Setup::default()
        .limits(|limits| limits.shutdown = Duration::from_millis(50))
        .start()
        .await;
    gateway.upstream.script([text("One"), Step::Hang]);
    let mut running = begin_stream(&gateway).await;
    let upstream = Arc::clone(&gateway.upstream);
    assert_eq!(gateway.begin_stop().await.unwrap(), Outcome::Cut(1));
    assert!(running.closes().await);
    assert_eq!(upstream.live(), 0);
}

#[tokio::test]
async fn who_waits_for_a_place_when_it_ends_is_told() {
    let gateway = Setup::default().env("MAX_CONCURRENT", "1").start().await;
    let held = Arc::clone(&gateway.app.permits).acquire_owned().await.unwrap();
    let mut waiting = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    waiting
        .request("POST", "/v1/chat/completions", &[("authorization", &key)], &chat(""))
        .await;
    assert!(waiting.stays_silent(Duration::from_millis(50)).await);
    let server = gateway.begin_stop();
    let reply = waiting.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "shutting_down"));
    assert_eq!(server.await.unwrap(), Outcome::Drained);
    drop(held);
}

#[tokio::test]
async fn over_the_cap_there_is_a_short_refusal_and_afterwards_a_place_again() {
    let gateway = Setup::default().env("MAX_CONNECTIONS", "1").start().await;
    let mut first = gateway.connect().await;
    first.request("GET", "/livez", &[], "").await;
    assert_eq!(first.reply("GET").await.status, 200);

    let mut second = gateway.connect().await;
    second.request("POST", "/v1/chat/completions", &[], &chat("")).await;
    let refused = second.reply("POST").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert_eq!(
        (refused.header("retry-after"), refused.header("connection")),
        (Some("1"), Some("close"))
    );
    assert!(second.closes().await);

    drop(first);
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    while gateway.send("GET", "/livez", "").await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the place never came back");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_closed() {
    let gateway = Setup::default()
        .limits(|limits| limits.head_read = Duration::from_millis(50))
        .start()
        .await;
    let mut connection = gateway.connect().await;
    connection.write(b"GET /livez HTTP/1.1\r\nhost: te").await;
    assert!(connection.closes().await);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let gateway = Gateway::start().await;
    let mut connection = gateway.connect().await;
    let head = format!(
        "GET /livez HTTP/1.1\r\nhost: t\r\nx-long: {}\r\n\r\n",
        "x".repeat(70 << 10)
    );
    connection.write(head.as_bytes()).await;
    assert_eq!(connection.head().await.status, 431);
}
