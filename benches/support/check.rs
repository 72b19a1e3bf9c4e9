//! Whether an answer is complete and right. Written to be cheap: the load generator shares the cores with what it
//! measures, so nothing is parsed that can be compared.

use std::ops::Range;

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;

use super::Result;

/// What an answer must be.
pub(super) enum Check {
    /// These bytes, no more and no less.
    Exact(Bytes),
    /// A chat completion with this text as its whole content, ended by itself.
    Completion {
        /// The text.
        text: String,
    },
    /// These server-sent events, no more and no less. Comments between them are passed over.
    Events(Bytes),
    /// Chat completion chunks whose deltas make up this text, ended by themselves, then `[DONE]`.
    Chunks {
        /// The text.
        text: String,
        /// The arguments of the one tool they call, as they stand in JSON; none: they call none.
        call: Option<&'static str>,
    },
    /// The events of an Anthropic message with this text, ended by itself.
    Message {
        /// The text.
        text: String,
    },
}

impl Check {
    /// Judges an answer and gives the number of pieces it came in.
    ///
    /// # Errors
    /// Says what is wrong and shows the beginning of the answer.
    pub(super) fn judge(&self, status: StatusCode, body: &[u8]) -> Result<usize> {
        let verdict = match self {
            _ if status != StatusCode::OK => Err("not a 200"),
            Self::Exact(expected) if body == expected => Ok(1),
            Self::Exact(_) => Err("not the upstream's bytes"),
            Self::Completion { text } => completion(body, text),
            Self::Events(expected) => events(body, expected),
            Self::Chunks { text, call } => chunks(body, text, *call),
            Self::Message { text } => message(body, text),
        };
        verdict.map_err(|problem| {
            let beginning = String::from_utf8_lossy(&body[..body.len().min(500)]);
            format!("wrong answer, {problem}: {status}, {} bytes: {beginning}", body.len()).into()
        })
    }
}

type Verdict = std::result::Result<usize, &'static str>;

const STOPPED: &[u8] = br#""finish_reason":"stop""#;
const CALLED: &[u8] = br#""finish_reason":"tool_calls""#;
const CONTENT: &[u8] = br#""content":""#;

/// The same of an Anthropic message.
const ENDED: &[u8] = br#""stop_reason":"end_turn""#;
const SAID: &[u8] = br#""text":""#;
const MESSAGE_STOP: &[u8] = br#"{"type":"message_stop"}"#;

fn completion(body: &[u8], text: &str) -> Verdict {
    if string_at(body, CONTENT) != Some(text.as_bytes()) {
        return Err("not the text");
    }
    if memmem::find(body, STOPPED).is_none() {
        return Err("not ended by itself");
    }
    Ok(1)
}

fn chunks(body: &[u8], text: &str, call: Option<&str>) -> Verdict {
    let mut rest = text.as_bytes();
    let (mut pieces, mut stopped) = (0, false);
    let mut called = call.is_none();
    let end = if called { STOPPED } else { CALLED };
    let mut events = Events { body };
    for data in &mut events {
        if data == b"[DONE]" {
            break;
        }
        if let Some(piece) = string_at(data, CONTENT).filter(|piece| !piece.is_empty()) {
            rest = rest.strip_prefix(piece).ok_or("text out of place")?;
            pieces += 1;
        }
        stopped |= memmem::find(data, end).is_some();
        called |= call.is_some_and(|call| memmem::find(data, call.as_bytes()).is_some());
    }
    if !called {
        return Err("no call");
    }
    let ended = body.trim_ascii_end().ends_with(b"data: [DONE]") && events.next().is_none();
    match (rest.is_empty(), stopped, ended) {
        (false, ..) => Err("text missing"),
        (_, false, _) => Err("not ended by itself"),
        (.., false) => Err("no [DONE] at the end"),
        _ => Ok(pieces),
    }
}

fn events(body: &[u8], expected: &[u8]) -> Verdict {
    let mut wanted = Blocks { body: expected };
    let mut count = 0;
    for block in (Blocks { body }).filter(|block| !block.starts_with(b":")) {
        if wanted.next() != Some(block) {
            return Err("not the upstream's events");
        }
        count += 1;
    }
    match wanted.next() {
        Some(_) => Err("events missing"),
        None => Ok(count),
    }
}

fn message(body: &[u8], text: &str) -> Verdict {
    let mut rest = text.as_bytes();
    let (mut pieces, mut stopped, mut last) = (0, false, &b""[..]);
    for data in (Events { body }) {
        if let Some(piece) = string_at(data, SAID).filter(|piece| !piece.is_empty()) {
            rest = rest.strip_prefix(piece).ok_or("text out of place")?;
            pieces += 1;
        }
        stopped |= memmem::find(data, ENDED).is_some();
        last = data;
    }
    match (
        rest.is_empty(),
        stopped,
        last == MESSAGE_STOP && body.ends_with(b"\n\n"),
    ) {
        (false, ..) => Err("text missing"),
        (_, false, _) => Err("not ended by itself"),
        (.., false) => Err("no message_stop at the end"),
        _ => Ok(pieces),
    }
}

/// The string value after this key. The texts asked for hold nothing that JSON escapes, so it ends at a quote.
fn string_at<'a>(json: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = memmem::find(json, key)? + key.len();
    let len = memchr::memchr(b'"', &json[start..])?;
    json.get(Range {
        start,
        end: start + len,
    })
}

/// The data of server-sent events with one line of it each; comments are passed over.
struct Events<'a> {
    body: &'a [u8],
}

impl<'a> Iterator for Events<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.body.is_empty() {
            let end = memchr::memchr(b'\n', self.body).unwrap_or(self.body.len());
            let line = &self.body[..end];
            self.body = self.body.get(end + 1..).unwrap_or_default();
            if let Some(data) = line.strip_prefix(b"data: ") {
                return Some(data);
            }
        }
        None
    }
}

/// Server-sent events as they stand, the empty line at the end of each included.
struct Blocks<'a> {
    body: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memmem::find(self.body, b"\n\n").map_or(self.body.len(), |at| at + 2);
        let (block, rest) = self.body.split_at(end);
        self.body = rest;
        (!block.is_empty()).then_some(block)
    }
}
