//! Files that clients only point at: what a request makes the gateway connect to.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use gemini_gateway::media::Guard;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    files::asking,
    gemini::world::{Plan, World, code, text},
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A web server that answers everything with one picture, and counts.
async fn server(at: Ipv4Addr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    PNG.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), PNG].concat()).await;
            });
        }
    });
    (address, count)
}

fn at(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

/// A world in which this machine counts as the internet, by one of its addresses.
async fn world() -> World {
    World::with(Plan {
        guard: Some(Guard::trusting(vec![HERE], |_| vec![HERE])),
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn a_picture_at_an_address_reaches_the_upstream() {
    let (address, count) = server(Ipv4Addr::LOCALHOST).await;
    let world = world().await;
    let url = format!("http://pictures.test:{}/cat.png", address.port());
    let (status, answer) = world.ask(asking("[[stand-in: files]]", vec![at(&url)])).await;
    assert_eq!(status, 200, "{answer}");
    let files: Value = serde_json::from_str(text(&answer)).unwrap();
    assert_eq!(
        (files[0]["name"].as_str(), files[0]["mime"].as_str()),
        (Some("cat.png"), Some("image/png"))
    );
    assert_eq!(world.control.uploads()[0].content, PNG);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_address_inside_is_a_400_and_no_connection() {
    let (inside, count) = server(Ipv4Addr::new(127, 0, 0, 2)).await;
    let world = world().await;
    for url in [
        format!("http://{inside}/"),
        format!("http://localhost:{}/", inside.port()),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:secret@pictures.test/".to_owned(),
    ] {
        let (status, answer) = world.ask(asking("Look.", vec![at(&url)])).await;
        assert_eq!((status, code(&answer)), (400, "invalid_image_url"), "{url}");
        assert_eq!(answer["error"]["param"], "messages[0].content[1].image_url.url");
        assert!(!answer.to_string().contains("secret"));
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(world.control.prompts().is_empty());
}

#[tokio::test]
async fn in_earnest_this_machine_is_out_of_reach() {
    let (address, count) = server(Ipv4Addr::LOCALHOST).await;
    let world = World::new().await;
    let (status, answer) = world
        .ask(asking("Look.", vec![at(&format!("http://{address}/"))]))
        .await;
    assert_eq!((status, code(&answer)), (400, "invalid_image_url"));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nothing_is_fetched_for_a_request_that_cannot_be_answered() {
    let (address, count) = server(Ipv4Addr::LOCALHOST).await;
    let world = world().await;
    let url = format!("http://{address}/");
    let mut body = asking("Look.", vec![at(&url)]);
    body["model"] = json!("gpt-4o");
    assert_eq!(world.ask(body).await.0, 404);
    let (status, answer) = world.ask(asking(&"x".repeat(130_000), vec![at(&url)])).await;
    assert_eq!((status, code(&answer)), (400, "context_length_exceeded"));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
