//! The stand-in as the upstream of a load test, and its end.

use std::time::Duration;

use gemini_gateway::standin::{Options, Outcome, StandIn};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::JoinSet,
};

use super::{Bench, GENERATE, PSID, form};

const CLIENTS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_streams_of_twenty_frames_lose_nothing() {
    let standin = load_target("len=400 frames=20 delay=20").await;
    let mut clients = JoinSet::new();
    for mut client in connect(&standin, &mut clients) {
        clients.spawn(async move {
            client.write_all(request().as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            // Ids, 20 texts, title; and the mark of the end.
            assert_eq!(answer.matches("wrb.fr").count(), 22, "{answer}");
            assert!(answer.contains("[[\"e\",4,null,null,") && answer.ends_with("0\r\n\r\n"));
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let log = standin.control().requests();
    assert_eq!(log.len(), CLIENTS);
    assert!(log.iter().all(|record| record.outcome == Outcome::Done));
}

#[tokio::test]
async fn five_hundred_streams_are_open_at_once() {
    let standin = load_target("stall=inf").await;
    let control = standin.control();
    let mut connections = JoinSet::new();
    let mut clients = connect(&standin, &mut connections);
    for client in &mut clients {
        client.write_all(request().as_bytes()).await.unwrap();
    }
    let open = control.wait_for(|log| log.iter().filter(|record| record.status == Some(200)).count() == CLIENTS);
    tokio::time::timeout(Duration::from_secs(30), open).await.unwrap();
    assert_eq!((control.open_streams(), control.peak_streams()), (CLIENTS, CLIENTS));

    drop(clients);
    let left = control.wait_for(|log| log.iter().all(|record| record.outcome == Outcome::Left));
    tokio::time::timeout(Duration::from_secs(30), left).await.unwrap();
}

async fn load_target(words: &str) -> StandIn {
    let mut options = Options::default();
    options.settings.require_token = false;
    options.settings.defaults = words.parse().unwrap();
    StandIn::start(options).await.unwrap()
}

/// Connections over pipes in memory, so that no file descriptors are needed.
fn connect(standin: &StandIn, connections: &mut JoinSet<()>) -> Vec<DuplexStream> {
    let pairs = (0..CLIENTS).map(|_| duplex(4096));
    let near = pairs.map(|(near, far)| {
        connections.spawn(standin.serve_connection(far));
        near
    });
    near.collect()
}

fn request() -> String {
    let inner = json!([["hello", 0]]);
    let body = form("", &json!([null, inner.to_string()]));
    format!(
        "POST {GENERATE} HTTP/1.1\r\nhost: gemini.google.com\r\ncookie: __Secure-1PSID={PSID}\r\n\
        connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn stopping_cuts_what_is_open() {
    let bench = Bench::start().await;
    let mut answer = bench.prompt("[[stand-in: stall=inf]]").await.unwrap();
    assert!(answer.chunk().await.unwrap().is_some());
    let control = bench.control.clone();
    let stopped = bench.standin.stop();
    tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap();
    assert!(answer.chunk().await.is_err());
    assert_eq!(control.open_streams(), 0);
}

#[tokio::test]
async fn a_dropped_standin_no_longer_listens() {
    let Bench { standin, http, .. } = Bench::start().await;
    let url = standin.base_url();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    let control = standin.control();
    drop(standin);
    let gone = async {
        while http.get(&url).send().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert!(!control.requests().is_empty());
}
