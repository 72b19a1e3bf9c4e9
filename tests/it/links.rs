//! What comes of opening a link to a picture.

use std::{sync::Arc, time::Duration};

use gemini_gateway::{config::LogFormat, error::Kind};
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::{Connection, Gateway, KEY, Logs, Piece, Setup, Step, chat, eventually, sse::CHAT};

/// The path of a link that an answer of this gateway gave.
async fn link(gateway: &Gateway) -> String {
    gateway
        .upstream
        .script([Step::served(), Step::picture(), Step::finish()]);
    let answer = gateway.send("POST", CHAT, &chat("")).await.json();
    let url = answer["choices"][0]["message"]["images"][0]["image_url"]["url"].as_str();
    url.unwrap().strip_prefix("http://test").unwrap().to_owned()
}

/// Asks as a browser does, without a key.
async fn open(gateway: &Gateway, method: &str, path: &str) -> Connection {
    let mut connection = gateway.connect().await;
    connection.request(method, path, &[], "").await;
    connection
}

/// The access line of the one opened link.
async fn line(logs: &Logs) -> Value {
    let opened = || logs.access().into_iter().rfind(|line| line["route"] == "media");
    eventually("an access line", || opened().is_some()).await;
    opened().unwrap()
}

fn facts(line: &Value) -> (&str, Option<&str>, u64) {
    (
        line["outcome"].as_str().unwrap(),
        line["code"].as_str(),
        line["bytes_out"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn a_whole_download_is_done_whether_its_length_was_known_or_not() {
    for length in [None, Some(10)] {
        let logs = Logs::catch(LogFormat::Json);
        let gateway = Gateway::start().await;
        let link = link(&gateway).await;
        let pieces = [Piece::Bytes(b"first"), Piece::Bytes(b"after")];
        gateway.upstream.download(length, pieces);
        let reply = open(&gateway, "GET", &link).await.reply("GET").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "firstafter"));
        assert_eq!(facts(&line(&logs).await), ("done", None, 10), "{length:?}");
        eventually("it is let go", || gateway.upstream.live() == 0).await;
    }
}

#[tokio::test]
async fn a_download_that_breaks_off_does_not_look_whole() {
    let failures = "gemini_gateway_upstream_failures_total{code=\"upstream_interrupted\"}";
    for length in [None, Some(10)] {
        let logs = Logs::catch(LogFormat::Json);
        let gateway = Gateway::start().await;
        let link = link(&gateway).await;
        let sign = Arc::new(Notify::new());
        let broken = [Piece::Until(Arc::clone(&sign)), Piece::Fail(Kind::UpstreamInterrupted)];
        gateway
            .upstream
            .download(length, [Piece::Bytes(b"first")].into_iter().chain(broken));
        let mut connection = open(&gateway, "GET", &link).await;
        assert_eq!(connection.head().await.status, 200);
        sign.notify_one();
        let rest = connection.rest().await;
        assert!(!rest.ends_with("0\r\n\r\n"), "it looks whole: {rest:?}");
        let told = ("failed", Some("upstream_interrupted"), 5);
        assert_eq!(facts(&line(&logs).await), told, "{length:?}");
        assert_eq!(gateway.metric(failures).as_deref(), Some("1"));
        eventually("it is let go", || gateway.upstream.live() == 0).await;
    }
}

#[tokio::test]
async fn no_more_links_are_open_than_may_be() {
    const PLACES: usize = 16;
    let gateway = Setup::default()
        .limits(|limits| limits.download_wait = Duration::from_millis(50))
        .start()
        .await;
    let link = link(&gateway).await;
    let mut waiting = Vec::new();
    for _ in 0..PLACES {
        gateway.upstream.download(None, [Piece::Hang]);
        waiting.push(open(&gateway, "GET", &link).await);
    }
    eventually("all places are taken", || gateway.upstream.live() == PLACES).await;
    let refused = open(&gateway, "GET", &link).await.reply("GET").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert_eq!(refused.header("retry-after"), Some("5"));
    let forged = open(&gateway, "GET", "/media/forged").await.reply("GET").await;
    assert_eq!(forged.status, 404, "what is no link takes no place");
    drop(waiting.pop());
    eventually("a place is free", || gateway.upstream.live() == PLACES - 1).await;
    gateway.upstream.download(None, [Piece::Bytes(b"dot")]);
    assert_eq!(open(&gateway, "GET", &link).await.reply("GET").await.body, "dot");
}

#[tokio::test]
async fn the_end_of_the_gateway_is_told_to_who_waits_for_a_picture() {
    let gateway = Setup::default()
        .limits(|limits| limits.shutdown = Duration::from_millis(400))
        .start()
        .await;
    gateway
        .upstream
        .script([Step::served(), Step::picture(), Step::finish()]);
    gateway.upstream.download(None, [Piece::Bytes(b"dot"), Piece::Hang]);
    let mut connection = gateway.connect().await;
    let (path, body) = ("/v1/images/generations", r#"{"model":"gemini-flash","prompt":"a dot"}"#);
    let key = format!("Bearer {KEY}");
    connection.request("POST", path, &[("authorization", &key)], body).await;
    eventually("the picture is on its way", || gateway.upstream.live() == 2).await;
    let server = gateway.begin_stop();
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "shutting_down"));
    server.await.unwrap();
}

#[tokio::test]
async fn nobody_keeps_a_picture_for_longer_than_its_link_lives() {
    for (lifetime, most) in [("60", 60), ("86400", 3600)] {
        let gateway = Setup::default().env("MEDIA_LINK_LIFETIME", lifetime).start().await;
        let link = link(&gateway).await;
        gateway.upstream.download(Some(3), [Piece::Bytes(b"dot")]);
        let reply = open(&gateway, "GET", &link).await.reply("GET").await;
        let kept = reply.header("cache-control").unwrap().strip_prefix("private, max-age=");
        let kept: u64 = kept.unwrap().parse().unwrap();
        assert!((most - 30..=most).contains(&kept), "{kept}");
    }
}

#[tokio::test]
async fn who_leaves_or_asks_for_the_head_alone_ends_the_download() {
    for (method, outcome) in [("GET", "cancelled"), ("HEAD", "done")] {
        let logs = Logs::catch(LogFormat::Json);
        let gateway = Gateway::start().await;
        let link = link(&gateway).await;
        gateway
            .upstream
            .download(Some(10), [Piece::Bytes(b"first"), Piece::Hang]);
        let mut connection = open(&gateway, method, &link).await;
        let head = connection.head().await;
        assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
        drop(connection);
        assert_eq!(line(&logs).await["outcome"], outcome);
        eventually("it is let go", || gateway.upstream.live() == 0).await;
    }
}
