//! A server that answers with prepared bytes, one connection each, and keeps what it was asked.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

use crate::support::PATIENCE;

/// One answer: what is written, piece by piece.
pub(super) type Pieces = Vec<Vec<u8>>;

pub(super) struct Server {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
}

/// One request as it came.
pub(super) struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Server {
    /// Answers as many connections as there are answers, then none.
    pub(super) async fn answering(answers: impl IntoIterator<Item = Pieces>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut answers: VecDeque<Pieces> = answers.into_iter().collect();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(answer) = answers.pop_front() {
                let (mut stream, _) = listener.accept().await.unwrap();
                sender.send(request(&mut stream).await).unwrap();
                for piece in answer {
                    // A client that has read enough may be gone.
                    if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
                        break;
                    }
                    // So that the pieces arrive as such; nothing is asserted about it.
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
            }
        });
        Self { address, requests }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(super) async fn request(&mut self) -> Request {
        let request = timeout(PATIENCE, self.requests.recv()).await;
        request.expect("nothing was asked").unwrap()
    }

    /// Whether nothing further was asked.
    pub(super) fn is_idle(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }

    /// A whole answer.
    pub(super) fn whole(status: u16, kind: &str, body: &str) -> Pieces {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n"
        );
        vec![format!("{head}\r\n{body}").into_bytes()]
    }

    /// A stream in one piece, ended by the connection's end.
    pub(super) fn stream(body: &str) -> Pieces {
        vec![format!("{STREAM}{body}").into_bytes()]
    }

    /// The same, a few bytes at a time.
    pub(super) fn dribble(body: &str) -> Pieces {
        let mut pieces = vec![STREAM.as_bytes().to_vec()];
        pieces.extend(body.as_bytes().chunks(3).map(<[u8]>::to_vec));
        pieces
    }

    /// A stream that ends within its framing, as where a process died.
    pub(super) fn torn(body: &str) -> Pieces {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        vec![format!("{head}{:x}\r\n{body}\r\n", body.len()).into_bytes()]
    }
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

async fn request(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut request = Request {
                head,
                body: bytes.split_off(end + 4),
            };
            let length = request
                .header("content-length")
                .map_or(0, |length| length.parse().unwrap());
            while request.body.len() < length {
                read(stream, &mut request.body).await;
            }
            return request;
        }
        read(stream, &mut bytes).await;
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) {
    let read = timeout(PATIENCE, stream.read_buf(bytes))
        .await
        .expect("no request in time");
    assert_ne!(read.unwrap(), 0, "the client went away within its request");
}
