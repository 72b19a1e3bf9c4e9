//! A block of calls, until it is closed.

use super::Fence;

/// A block with the info string of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::upstream::emulated::tools) struct Block {
    /// All of it, fences included.
    pub(in crate::upstream::emulated::tools) raw: String,
    inside: (usize, usize),
}

impl Block {
    /// What stands between the fences, line ends included.
    pub(in crate::upstream::emulated::tools) fn inside(&self) -> &str {
        &self.raw[self.inside.0..self.inside.1]
    }
}

/// A block that is not closed.
pub(super) struct Open {
    fence: Fence,
    raw: String,
    /// Where its inside begins.
    inside: usize,
    /// Where its last line begins.
    line: usize,
    json: Json,
    /// A fence that may belong to a string: where its line begins and ends.
    doubtful: Option<(usize, usize)>,
}

/// Whether a block is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// The line goes on: it is too early to tell.
    Unknown,
    No,
    Yes,
}

impl Open {
    /// A block that was opened by this fence, on this line.
    pub(super) fn new(fence: Fence, line: String) -> Self {
        Self {
            fence,
            inside: line.len(),
            line: line.len(),
            raw: line,
            json: Json::default(),
            doubtful: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    pub(super) fn fence(&self) -> Fence {
        self.fence
    }

    pub(super) fn into_raw(self) -> String {
        self.raw
    }

    /// Takes a part of a line, with its line end if it has come.
    pub(super) fn push(&mut self, part: &str, lenient: bool) -> Closed {
        self.raw.push_str(part);
        if !part.ends_with('\n') {
            return Closed::Unknown;
        }
        if self.closing_line() {
            if !(lenient && self.json.string) {
                return Closed::Yes;
            }
            self.doubtful.get_or_insert((self.line, self.raw.len()));
        }
        self.json.read(&self.raw[self.line..]);
        self.line = self.raw.len();
        Closed::No
    }

    /// It is closed by its last line.
    pub(super) fn close(self) -> Block {
        Block {
            inside: (self.inside, self.line),
            raw: self.raw,
        }
    }

    /// Whether its last line, as far as it came, closes it.
    pub(super) fn is_closed_by_its_end(&self) -> bool {
        self.closing_line() && !self.json.string
    }

    /// The text has ended; gives the block and what does not belong to it.
    pub(super) fn end(mut self) -> (Block, String) {
        if !self.closing_line() {
            self.json.read(&self.raw[self.line..]);
            self.line = self.raw.len();
        }
        if let Some((line, end)) = self.doubtful.filter(|_| self.json.depth > 0) {
            let rest = self.raw.split_off(end);
            self.line = line;
            return (self.close(), rest);
        }
        (self.close(), String::new())
    }

    /// Whether the last line is a fence that closes the block. After the JSON other text may follow, which may hold
    /// fences of its own: then it has to stand as far to the left as the opening one.
    fn closing_line(&self) -> bool {
        Fence::on(&self.raw[self.line..]).is_some_and(|fence| {
            let closes = fence.is_plain() && fence.closes(&self.fence);
            closes && (!self.json.more || fence.is_out_as_far_as(&self.fence))
        })
    }
}

/// As much of JSON as tells whether a value is over.
#[derive(Default)]
struct Json {
    depth: usize,
    string: bool,
    escape: bool,
    /// A value was read to its end.
    done: bool,
    /// Text that is no JSON followed.
    more: bool,
}

impl Json {
    fn read(&mut self, part: &str) {
        if self.more {
            return;
        }
        for byte in part.bytes() {
            match byte {
                _ if self.escape => self.escape = false,
                b'\\' if self.string => self.escape = true,
                b'"' if self.depth > 0 => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    self.done |= self.depth == 0;
                }
                _ if self.done && self.depth == 0 && !byte.is_ascii_whitespace() => {
                    self.more = true;
                    return;
                }
                _ => {}
            }
        }
    }
}
