//! The connection cap, the drain, and the end.

use std::{sync::Arc, time::Duration};

use gemini_gateway::{config::LogFormat, server::Outcome};
use tokio::{net::TcpStream, sync::Notify};

use crate::support::{Connection, Gateway, KEY, Logs, Setup, Step, chat, text};

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
    let mut stuck = gateway.connect().await;
    let key = format!("authorization: Bearer {KEY}");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\n{key}\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n"
    );
    stuck.write(head.as_bytes()).await;
    // From here on the body is being read, and it never comes.
    assert_eq!(stuck.head().await.status, 100);
    assert_eq!(gateway.begin_stop().await.unwrap(), Outcome::Cut(1));
    assert!(stuck.closes().await);
}

#[tokio::test]
async fn an_answer_the_drain_cannot_wait_for_ends_in_an_error() {
    let gateway = Setup::default()
        .limits(|limits| limits.shutdown = Duration::from_secs(1))
        .start()
        .await;
    gateway.upstream.script([text("One"), Step::Hang]);
    let mut running = begin_stream(&gateway).await;
    let upstream = Arc::clone(&gateway.upstream);
    let server = gateway.begin_stop();
    let rest = running.chunks_until("error").await;
    assert!(rest.contains("\"shutting_down\"") && !rest.contains("[DONE]"), "{rest}");
    assert_eq!(running.chunk().await, None);
    assert_eq!(server.await.unwrap(), Outcome::Drained);
    assert_eq!(upstream.live(), 0);
}

#[tokio::test]
async fn a_drain_can_be_cut_short() {
    let gateway = Gateway::start().await;
    gateway.upstream.script([text("One"), Step::Hang]);
    let mut running = begin_stream(&gateway).await;
    let app = Arc::clone(&gateway.app);
    let server = gateway.begin_stop();
    app.closing.cancelled().await;
    app.at_once.cancel();
    assert_eq!(server.await.unwrap(), Outcome::Cut(1));
    assert!(running.closes().await);
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
    let logs = Logs::catch(LogFormat::Json);
    let gateway = Setup::default()
        .env("MAX_CONNECTIONS", "1")
        .env("CORS_ORIGINS", "*")
        .stand_in("A stand-in.")
        .start()
        .await;
    let mut first = gateway.connect().await;
    first.request("GET", "/livez", &[], "").await;
    assert_eq!(first.reply("GET").await.status, 200);

    let mut second = gateway.connect().await;
    let headers = [("x-request-id", "mine"), ("origin", "https://chat.example")];
    second
        .request("POST", "/v1/chat/completions", &headers, &chat(""))
        .await;
    let refused = second.reply("POST").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert_eq!(
        (refused.header("retry-after"), refused.header("connection")),
        (Some("1"), Some("close"))
    );
    for (name, value) in [
        ("x-request-id", "mine"),
        ("x-gateway-stand-in", "true"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(refused.header(name), Some(value), "{name}");
    }
    assert!(second.closes().await);
    for _ in 0..3 {
        assert_eq!(gateway.send("GET", "/livez", "").await.status, 503);
    }
    assert_eq!(logs.text().matches("MAX_CONNECTIONS").count(), 1, "{}", logs.text());

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
    let long = |bytes: usize| format!("x-long: {}\r\n", "x".repeat(bytes));
    let many: String = (0..95).map(|n| format!("x-{n}: y\r\n")).collect();
    for lines in [long(70 << 10), many] {
        let mut connection = gateway.connect().await;
        let head = format!("GET /livez HTTP/1.1\r\nhost: t\r\nx-request-id: mine\r\n{lines}\r\n");
        connection.write(head.as_bytes()).await;
        let reply = connection.reply("GET").await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (431, "request_headers_too_large")
        );
        assert_eq!(reply.header("x-request-id"), Some("mine"));
    }
    // Far beyond, nothing is kept to answer with.
    let mut connection = gateway.connect().await;
    let head = format!("GET /livez HTTP/1.1\r\nhost: t\r\n{}\r\n", long(120 << 10));
    connection.write(head.as_bytes()).await;
    assert_eq!(connection.head().await.status, 431);
}
