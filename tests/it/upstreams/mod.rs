//! Upstreams that speak OpenAI's format, alone and in chains: a server that does as it is told stands behind the gateway.

mod chain;
mod failures;
mod listing;
mod pass_on;
mod translate;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::support::{Gateway, Reply, Setup};

/// The key the gateway shows to the lab.
pub(crate) const LAB_KEY: &str = "sk-lab-key-that-nobody-may-see";

/// One step of an answer, bytes as they go over the wire.
pub(crate) enum Step {
    Bytes(Vec<u8>),
    /// Until the test gives the sign.
    Until(Arc<Notify>),
    /// Never another byte.
    Hang,
}

/// A request as the lab got it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server of one's own.
pub(crate) struct Lab {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    /// Connections whose client is gone before their script was over.
    pub(crate) left: Arc<Mutex<usize>>,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lab = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            scripts: Arc::default(),
            left: Arc::default(),
        };
        let (asked, scripts, left) = (lab.asked.clone(), lab.scripts.clone(), lab.left.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, asked.clone(), scripts.clone(), left.clone()));
            }
        });
        lab
    }

    /// The answer to the next request that has none yet. Without one it says hello.
    pub(crate) fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.scripts.lock().unwrap().push_back(steps.into_iter().collect());
    }

    /// What was asked, the list of models aside.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

/// A gateway with this lab as the upstream `lab`.
pub(crate) fn with(lab: &Lab) -> Setup {
    Setup::default()
        .env("UPSTREAMS", "lab")
        .env("LAB_BASE_URL", &lab.url())
        .env("LAB_API_KEY", LAB_KEY)
}

async fn serve(
    mut stream: TcpStream,
    asked: Arc<Mutex<Vec<Asked>>>,
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    left: Arc<Mutex<usize>>,
) {
    let Some(request) = receive(&mut stream).await else {
        return;
    };
    let streams = request.body.contains("\"stream\":true");
    asked.lock().unwrap().push(request);
    let script = scripts.lock().unwrap().pop_front();
    for step in script.unwrap_or_else(|| {
        if streams {
            streamed(HELLO)
        } else {
            whole(200, "", HELLO_WHOLE)
        }
    }) {
        let written = match step {
            Step::Bytes(bytes) => stream.write_all(&bytes).await.is_ok(),
            Step::Until(sign) => {
                sign.notified().await;
                true
            }
            Step::Hang => {
                // The end of what the client sends is the client's end.
                let gone = stream.read(&mut [0]).await.is_ok_and(|read| read == 0);
                *left.lock().unwrap() += usize::from(gone);
                false
            }
        };
        if !written {
            return;
        }
    }
    // A reset would take back what was said.
    let _ = stream.shutdown().await;
    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
}

async fn receive(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 16 << 10];
    loop {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let length: usize = length.unwrap_or_default();
        if bytes.len() >= end + 4 + length {
            let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
            return Some(Asked { head, body });
        }
    }
}

/// A whole answer. `headers`: further lines, each with its line end.
pub(crate) fn whole(status: u16, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    vec![Step::Bytes(head.into_bytes()), Step::Bytes(body.as_bytes().to_vec())]
}

/// The head of a stream, whose end is the connection's.
pub(crate) fn head() -> Step {
    Step::Bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec())
}

/// Bytes of a stream, in a chunk of their own.
pub(crate) fn raw(bytes: &[u8]) -> Step {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    Step::Bytes(chunk)
}

/// One event of a stream.
pub(crate) fn event(data: &str) -> Step {
    raw(format!("data: {data}\n\n").as_bytes())
}

/// The orderly end of a stream's bytes.
pub(crate) fn end() -> Step {
    Step::Bytes(b"0\r\n\r\n".to_vec())
}

/// A whole stream.
pub(crate) fn streamed(events: &[&str]) -> Vec<Step> {
    let mut steps = vec![head()];
    steps.extend(events.iter().map(|data| event(data)));
    steps.push(end());
    steps
}

pub(crate) const ROLE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#;
pub(crate) const WORD: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","x_new":{"a": [1.50, "é"]},"choices":[{"index":0,"delta":{"content":"Hel"},"logprobs":{"content":[{"token":"Hel","logprob":-0.25,"bytes":[72],"top_logprobs":[]}]},"finish_reason":null}]}"#;
pub(crate) const MORE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}"#;
pub(crate) const STOP: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"predicted_ms":3.25}}"#;
pub(crate) const USAGE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"x_cache":{"hit":true}}}"#;
pub(crate) const HELLO: &[&str] = &[ROLE, WORD, MORE, STOP, "[DONE]"];
pub(crate) const HELLO_WHOLE: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m-1","x_new":[ 1.0 ],"choices":[{"index":0,"message":{"role":"assistant","content":"Hello","x_thought":"…"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9},"system_fingerprint":"fp"}"#;

/// A chat request of this model, with further fields.
pub(crate) fn chat_of(model: &str, more: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"the-prompt"}}]{more}}}"#)
}

/// The answer to a chat request of this model.
pub(crate) async fn ask(gateway: &Gateway, model: &str, more: &str) -> Reply {
    gateway
        .send("POST", crate::support::sse::CHAT, &chat_of(model, more))
        .await
}

/// `x-gateway-attempts` without its times.
pub(crate) fn attempts(reply: &Reply) -> String {
    let header = reply.header("x-gateway-attempts").unwrap_or_default();
    let each = header.split(", ").map(|each| each.split(";ms=").next().unwrap());
    each.collect::<Vec<_>>().join(", ")
}
