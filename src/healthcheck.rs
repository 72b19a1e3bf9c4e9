//! `gemini-gateway healthcheck`: for containers that have no shell and no curl.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::config::Healthcheck;

/// All of a check, in seconds: less than what platforms grant one.
const LIMIT: Duration = Duration::from_secs(3);

/// Asks a gateway how it is.
///
/// # Errors
/// What is wrong, in one line, when it is not well or does not answer within 3 s.
pub fn ask(check: Healthcheck) -> Result<String, String> {
    let path = if check.ready { "/health" } else { "/livez" };
    let place = format!("http://{}{path}", check.address);
    match status(check, path) {
        Ok(200) => Ok(format!("{place}: 200")),
        Ok(status) => Err(format!("{place}: {status}")),
        Err(error) => Err(format!("{place}: {error}")),
    }
}

fn status(check: Healthcheck, path: &str) -> io::Result<u16> {
    let deadline = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&check.address, LIMIT)?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        check.address
    )?;
    let mut head = [0_u8; 64];
    let mut length = 0;
    // `HTTP/1.1 200`: the status is within the first 12 bytes.
    while length < 12 {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut head[length..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => length += read,
        }
    }
    let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}
