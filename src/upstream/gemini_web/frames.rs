//! The answer's framing: `)]}'`, then a length, a line of JSON, a length, a line of JSON and so on.
//!
//! The length counts UTF-16 units from right after its digits, both newlines included. JSON here has no newline of
//! its own, so the newline and the length check each other: where they differ, a line that is JSON is believed, and
//! the next line that starts with a digit begins the next frame. One wrong length therefore costs nothing, and one
//! broken frame costs only itself.

use std::collections::VecDeque;

use serde_json::Value;

/// One frame: the entries of its outer array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame(pub(crate) Vec<Value>);

/// Bytes in, frames out. Cuts anywhere, inside a character or a number too, change nothing. Holds at most one
/// unfinished frame and what was not fetched yet; the work is linear in the bytes.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    /// Where the line or frame that is being read begins.
    start: usize,
    /// How far it was looked at.
    seen: usize,
    state: State,
    ready: VecDeque<Frame>,
    max_frame_bytes: usize,
    failed: Option<FrameError>,
    counts: Counts,
}

/// What was not as it should be, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Frames that came out.
    pub(crate) frames: u64,
    /// Frames whose length was wrong, though they could be read.
    pub(crate) wrong_lengths: u64,
    /// Frames or lines that could not be read and were skipped.
    pub(crate) skipped: u64,
}

/// Why no more frames can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// A frame is longer than allowed.
    #[error("a frame of the upstream's answer is over the size limit")]
    TooLarge,
    /// The body is a page: sign-in, consent or a wall against automated traffic.
    #[error("the upstream answered with a page instead of frames")]
    Html,
}

/// How the body ended, as far as the framing can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After a whole frame.
    Clean,
    /// Inside a frame.
    Truncated,
    /// Without any frame.
    Empty,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first byte that matters.
    Prefix,
    /// Between frames: a line with a length is expected.
    Header,
    /// In a frame whose length was read.
    Body(Body),
    /// No lengths at all: everything is kept and read at the end.
    Unframed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Body {
    /// Announced UTF-16 units.
    announced: usize,
    /// Units counted so far.
    units: usize,
    /// The end of the first line, when it ended before the length did and was no JSON.
    first_line: Option<usize>,
}

impl Frames {
    /// A decoder for frames of up to `max_frame_bytes` bytes.
    pub(crate) fn new(max_frame_bytes: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            seen: 0,
            state: State::Prefix,
            ready: VecDeque::new(),
            max_frame_bytes,
            failed: None,
            counts: Counts::default(),
        }
    }

    /// Takes further bytes of the body.
    ///
    /// # Errors
    /// When a frame is over the limit or the body is a page; then, and for every later call. Frames that came
    /// before can still be fetched.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.buffer.extend_from_slice(bytes);
        let outcome = self.read();
        // What was read goes in one move per push, not one per frame.
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        if let State::Body(Body {
            first_line: Some(at), ..
        }) = &mut self.state
        {
            *at -= self.start;
        }
        self.start = 0;
        if let Err(error) = outcome {
            self.failed = Some(error);
            self.buffer = Vec::new();
        }
        outcome
    }

    /// The next whole frame, if one is there.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// The body is over. A last frame that lacked only its newline can be fetched afterwards.
    pub(crate) fn finish(&mut self) -> End {
        let rest = std::mem::take(&mut self.buffer);
        let whole = match (self.state, rest.trim_ascii()) {
            (State::Unframed, rest) => self.read_unframed(rest),
            (State::Body(_), rest) => self.take(rest),
            (State::Header | State::Prefix, rest) => rest.is_empty(),
        };
        self.state = State::Header;
        (self.start, self.seen) = (0, 0);
        match whole {
            false => End::Truncated,
            true if self.counts.frames == 0 => End::Empty,
            true => End::Clean,
        }
    }

    /// What was not as it should be.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads as far as the bytes go.
    fn read(&mut self) -> Result<(), FrameError> {
        loop {
            let more = match self.state {
                State::Prefix => self.read_prefix()?,
                State::Header => self.read_header()?,
                State::Body(body) => self.read_body(body)?,
                State::Unframed => {
                    self.seen = self.buffer.len();
                    false
                }
            };
            // Checked at every step, so that the outcome does not depend on how the bytes were cut.
            if self.seen - self.start > self.max_frame_bytes {
                return Err(FrameError::TooLarge);
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Skips white space and the guard against being run as a script, which may be absent.
    fn read_prefix(&mut self) -> Result<bool, FrameError> {
        const GUARD: &[u8] = b")]}'";
        let rest = &self.buffer[self.start..];
        let blank = rest.len() - rest.trim_ascii_start().len();
        self.start += blank;
        self.seen = self.start;
        let rest = &self.buffer[self.start..];
        if rest.is_empty() || (rest.len() < GUARD.len() && GUARD.starts_with(rest)) {
            return Ok(false);
        }
        if rest.starts_with(GUARD) {
            self.start += GUARD.len();
            self.seen = self.start;
            return Ok(true);
        }
        self.state = match rest[0] {
            b'<' => return Err(FrameError::Html),
            b'[' | b'{' => State::Unframed,
            _ => State::Header,
        };
        Ok(true)
    }

    /// Reads a line that should be a length; anything else is skipped.
    fn read_header(&mut self) -> Result<bool, FrameError> {
        let Some(found) = memchr::memchr(b'\n', &self.buffer[self.seen..]) else {
            self.seen = self.buffer.len();
            return Ok(false);
        };
        let newline = self.seen + found;
        if newline - self.start > self.max_frame_bytes {
            return Err(FrameError::TooLarge);
        }
        let line = self.buffer[self.start..newline].trim_ascii();
        match length(line) {
            Some(announced) if announced > self.max_frame_bytes => return Err(FrameError::TooLarge),
            Some(announced) => {
                // The newline after the digits is the first unit of the length.
                let units = 1;
                (self.start, self.seen) = (newline + 1, newline + 1);
                self.state = State::Body(Body {
                    announced,
                    units,
                    first_line: None,
                });
            }
            None => {
                self.counts.skipped += u64::from(!line.is_empty());
                (self.start, self.seen) = (newline + 1, newline + 1);
            }
        }
        Ok(true)
    }

    /// Reads up to the newline that may end the frame.
    fn read_body(&mut self, mut body: Body) -> Result<bool, FrameError> {
        if let Some(first_line) = body.first_line {
            return self.read_after_first_line(body, first_line);
        }
        let unseen = &self.buffer[self.seen..];
        let newline = memchr::memchr(b'\n', unseen);
        let line = &unseen[..newline.map_or(unseen.len(), |at| at + 1)];
        body.units += utf16_units(line);
        self.seen += line.len();
        self.state = State::Body(body);
        let line_end = self.seen;
        if line_end - self.start > self.max_frame_bytes {
            return Err(FrameError::TooLarge);
        }
        if newline.is_none() {
            return Ok(false);
        }
        if self.take_range(line_end) {
            self.counts.wrong_lengths += u64::from(body.units != body.announced);
            self.next(line_end);
        } else if body.units >= body.announced {
            self.counts.skipped += 1;
            self.next(line_end);
        } else {
            // A newline within the announced length, before which there is no JSON.
            self.state = State::Body(Body {
                first_line: Some(line_end),
                ..body
            });
        }
        Ok(true)
    }

    /// Decides about a frame whose first line was no JSON though its length goes on: if the next line starts with a
    /// digit it is the next frame's length, if not it belongs to this frame until the length is reached.
    fn read_after_first_line(&mut self, mut body: Body, first_line: usize) -> Result<bool, FrameError> {
        let Some(next) = self.buffer.get(first_line) else {
            return Ok(false);
        };
        if next.is_ascii_digit() {
            self.counts.skipped += 1;
            self.next(first_line);
            return Ok(true);
        }
        while body.units < body.announced && self.seen < self.buffer.len() {
            body.units += utf16_units(&self.buffer[self.seen..=self.seen]);
            self.seen += 1;
            if self.seen - self.start > self.max_frame_bytes {
                return Err(FrameError::TooLarge);
            }
        }
        self.state = State::Body(body);
        if body.units < body.announced {
            return Ok(false);
        }
        let end = self.seen;
        if self.take_range(end) {
            self.next(end);
        } else {
            self.counts.skipped += 1;
            self.next(first_line);
        }
        Ok(true)
    }

    /// The next frame begins at `at`.
    fn next(&mut self, at: usize) {
        (self.start, self.seen) = (at, at);
        self.state = State::Header;
    }

    fn take_range(&mut self, end: usize) -> bool {
        let parsed = serde_json::from_slice(&self.buffer[self.start..end]);
        self.keep(parsed)
    }

    fn take(&mut self, json: &[u8]) -> bool {
        let parsed = serde_json::from_slice(json);
        self.keep(parsed)
    }

    fn keep(&mut self, parsed: serde_json::Result<Vec<Value>>) -> bool {
        let Ok(entries) = parsed else { return false };
        self.counts.frames += 1;
        self.ready.push_back(Frame(entries));
        true
    }

    /// A body without lengths: one JSON value, or one on each line.
    fn read_unframed(&mut self, body: &[u8]) -> bool {
        if self.take(body) {
            return true;
        }
        let mut whole = true;
        for line in body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            if length(line).is_some() || line.is_empty() || self.take(line) {
                continue;
            }
            self.counts.skipped += 1;
            whole = false;
        }
        whole
    }
}

/// A length: digits only, and not so many that they could overflow.
fn length(line: &[u8]) -> Option<usize> {
    if line.is_empty() || line.len() > 18 || !line.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(line.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// UTF-16 units of UTF-8 bytes, counted at each character's first byte: two for those of four bytes, else one.
fn utf16_units(bytes: &[u8]) -> usize {
    /// As many as a sum of one byte has room for: such sums the compiler makes many at a time.
    const CHUNK: usize = 127;
    let units = |byte: &u8| u8::from(*byte & 0xC0 != 0x80) + u8::from(*byte >= 0xF0);
    let sum = |chunk: &[u8]| usize::from(chunk.iter().map(units).sum::<u8>());
    bytes.chunks(CHUNK).map(sum).sum()
}

#[cfg(test)]
mod tests;
