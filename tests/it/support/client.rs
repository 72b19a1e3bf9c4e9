//! A small HTTP/1.1 client that hides nothing: no retry, no pooling, bytes in and bytes out.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::PATIENCE;

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ));
        }
        head.push_str("\r\n");
        head.push_str(body);
        self.write(head.as_bytes()).await;
    }

    /// Reads a whole answer to a request with this method.
    pub(crate) async fn reply(&mut self, method: &str) -> Reply {
        let mut reply = self.head().await;
        reply.body = if method == "HEAD" || matches!(reply.status, 100 | 204 | 304) {
            String::new()
        } else if reply.header("transfer-encoding") == Some("chunked") {
            let mut body = String::new();
            while let Some(chunk) = self.chunk().await {
                body.push_str(&chunk);
            }
            body
        } else {
            let length = reply.header("content-length").expect("a length").parse().unwrap();
            String::from_utf8(self.take(length).await).unwrap()
        };
        reply
    }

    /// Reads the head alone.
    pub(crate) async fn head(&mut self) -> Reply {
        let end = self.until(b"\r\n\r\n").await;
        let head = String::from_utf8(self.take(end).await).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Reply {
            status,
            headers: headers.collect(),
            body: String::new(),
        }
    }

    /// The next chunk of a chunked body, none at its end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let end = self.until(b"\r\n").await;
        let size = String::from_utf8(self.take(end).await).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let chunk = self.take(size + 2).await;
        (size > 0).then(|| String::from_utf8(chunk[..size].to_vec()).unwrap())
    }

    /// Reads chunks until the text so far holds this; gives all of it.
    pub(crate) async fn chunks_until(&mut self, part: &str) -> String {
        let mut text = String::new();
        while !text.contains(part) {
            text.push_str(
                &self
                    .chunk()
                    .await
                    .unwrap_or_else(|| panic!("{part:?} never came: {text}")),
            );
        }
        text
    }

    /// Everything up to the end of the connection, as it came.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.buffer);
        // A reset is an end too.
        let end = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        let _ = end.expect("it neither closed nor spoke");
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Whether the other side closes now, without a further byte.
    pub(crate) async fn closes(&mut self) -> bool {
        let mut byte = [0];
        let read = timeout(PATIENCE, self.stream.read(&mut byte))
            .await
            .expect("it neither closed nor spoke");
        self.buffer.is_empty() && matches!(read, Ok(0) | Err(_))
    }

    /// Whether nothing arrives for this long.
    pub(crate) async fn stays_silent(&mut self, time: Duration) -> bool {
        self.buffer.is_empty() && timeout(time, self.stream.readable()).await.is_err()
    }

    async fn until(&mut self, mark: &[u8]) -> usize {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return at + mark.len();
            }
            self.more().await;
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            self.more().await;
        }
        self.buffer.drain(..length).collect()
    }

    async fn more(&mut self) {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer))
            .await
            .expect("no answer in time");
        let so_far = || String::from_utf8_lossy(&self.buffer).into_owned();
        assert_ne!(read.unwrap(), 0, "closed too early after {:?}", so_far());
    }
}
