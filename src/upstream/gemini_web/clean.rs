//! From the upstream's text to what a reader should see: internal markers out, HTML entities read. Nothing inside
//! fenced code or code spans is ever changed.
//!
//! Texts arrive as snapshots that grow. For an unfinished one, [`Cleaner::clean`] also says how much of the result
//! no continuation can change: an entity, a marker or a code span that is still open may turn out either way. What
//! is certain is also kept from snapshot to snapshot, so that a growing text is not read again from its beginning.

mod blocks;
mod markers;

use self::{
    blocks::{Fence, Line, closes, line_of, opening},
    markers::{Hit, Markers},
};
use super::protocol::Cleanup;

/// Runs of more backticks than this are text: nobody writes such code spans, and remembering which lengths have no
/// partner keeps the scan linear.
const MAX_TICKS: usize = 63;
/// Longer than any entity's name. A number may be longer, but is followed by nothing that belongs to it.
const MAX_ENTITY: usize = 40;

/// Cleans the snapshots of one text.
#[derive(Default)]
pub(crate) struct Cleaner {
    out: String,
    mark: Mark,
    /// The text up to the mark, to see whether the next snapshot still begins with it.
    read: String,
}

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cleaned<'a> {
    /// The text to show.
    pub(crate) text: &'a str,
    /// How many bytes of it stay, whatever follows; all of a finished text.
    pub(crate) stable: usize,
}

/// A place before which nothing can change any more, and what was open there.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    raw: usize,
    out: usize,
    fence: Option<Fence>,
    tag: Option<usize>,
}

impl Cleaner {
    /// Cleans a snapshot.
    pub(crate) fn clean(&mut self, rules: &Cleanup, raw: &str, finished: bool) -> Cleaned<'_> {
        if !raw.starts_with(&self.read) {
            *self = Self::default();
        }
        self.out.truncate(self.mark.out);
        let mut scan = Scan {
            markers: Markers::new(rules, raw, finished),
            raw,
            finished,
            at: self.mark.raw,
            fence: self.mark.fence,
            tag: self.mark.tag,
            hold: usize::MAX,
            mark: self.mark,
            out: &mut self.out,
        };
        scan.run();
        let (tag, hold) = (scan.tag, scan.hold);
        if !finished {
            // The end of a finished text decides what its continuation, should there be one, would leave open.
            self.mark = scan.mark;
            self.read.push_str(&raw[self.read.len()..self.mark.raw]);
        }
        let text = &self.out[..tag.unwrap_or(self.out.len())];
        let stable = if finished {
            text.len()
        } else {
            // White space goes with a trailing tag that may follow.
            text[..hold.min(text.len())].trim_ascii_end().len()
        };
        Cleaned { text, stable }
    }
}

/// An unfinished snapshot without the end that upstream takes back: it closes an open fence, or escapes the last
/// character, and the next snapshot goes on without that.
pub(crate) fn without_provisional_end(raw: &str) -> &str {
    let mut text = raw;
    loop {
        let ticks = text.trim_end_matches('`');
        let escape = text.strip_suffix(['`', '*', '_', '~']).unwrap_or(text);
        let slashes = escape.trim_end_matches('\\');
        text = if ticks.len() < text.len() && ticks.ends_with('\n') {
            &ticks[..ticks.len() - 1]
        } else if slashes.len() < escape.len() {
            slashes
        } else {
            return text;
        };
    }
}

/// One pass over the part of a snapshot after the mark.
struct Scan<'a> {
    raw: &'a str,
    finished: bool,
    markers: Markers<'a>,
    at: usize,
    fence: Option<Fence>,
    /// Where a tag begins in the output that is to go if nothing but white space follows.
    tag: Option<usize>,
    /// Where the output begins to be uncertain.
    hold: usize,
    mark: Mark,
    out: &'a mut String,
}

impl Scan<'_> {
    /// Reads block by block; `at` is at the beginning of a line, or after a marker that was taken out.
    fn run(&mut self) {
        while self.at < self.raw.len() {
            let (line, complete) = line_of(self.raw, self.at);
            if let Some(fence) = self.fence {
                self.fenced(fence, line, complete);
            } else if let Some(fence) = opening(line) {
                self.open(fence, line, complete);
            } else if complete && line.trim_ascii().is_empty() {
                self.copy(line.len());
                self.set_mark();
            } else {
                if !complete && blocks::may_open(line) {
                    self.hold_from_here();
                }
                self.paragraph();
            }
        }
    }

    /// A line inside fenced code.
    fn fenced(&mut self, fence: Fence, line: &str, complete: bool) {
        if closes(fence, line) {
            self.fence = None;
        }
        self.fenced_line(fence.hidden, line, complete);
    }

    /// The line that opens fenced code. Until it is whole it may still become text, or the model's own code run.
    fn open(&mut self, mut fence: Fence, line: &str, complete: bool) {
        if !complete {
            self.hold_from_here();
        }
        fence.hidden = self.markers.is_internal_fence(line);
        self.fence = Some(fence);
        self.fenced_line(fence.hidden, line, complete);
    }

    fn fenced_line(&mut self, hidden: bool, line: &str, complete: bool) {
        if hidden {
            self.at += line.len();
        } else {
            self.copy(line.len());
        }
        if complete {
            self.set_mark();
        }
    }

    /// Text up to the next blank line or block; code spans do not reach further.
    fn paragraph(&mut self) {
        let mut end = self.at;
        let mut open = false;
        while end < self.raw.len() {
            let (line, complete) = line_of(self.raw, end);
            match blocks::classify(line, complete || self.finished) {
                Line::Blank | Line::Block if end > self.at => break,
                Line::Undecided => {
                    open = true;
                    break;
                }
                _ => end += line.len(),
            }
        }
        open |= end == self.raw.len() && !self.finished;
        self.inline(end, open);
        if open && self.at == end && end < self.raw.len() {
            // The last line may become part of this paragraph or begin a block.
            self.hold_from_here();
            self.inline(self.raw.len(), true);
        }
    }

    /// Reads the text up to `end`. `open`: it may go on, so that a code span may still find its end.
    fn inline(&mut self, end: usize, open: bool) {
        let bytes = self.raw.as_bytes();
        let mut span = Spans::default();
        let mut at = self.at;
        while at < end {
            match bytes[at] {
                b'\\' if at + 1 < end && matches!(bytes[at + 1], b'\\' | b'`') => at += 2,
                b'`' => at = span.skip(&bytes[..end], at, open),
                b'&' => at = self.entity(at, end, open, span.undecided),
                byte if self.markers.begin_with(byte) => at = self.marker(at, span.undecided),
                _ => at += 1,
            }
        }
        // A marker may reach over the paragraph's end.
        if self.at < end {
            self.copy(end - self.at);
        }
    }

    /// Reads an entity at `from`; gives where to go on.
    fn entity(&mut self, from: usize, end: usize, open: bool, undecided: bool) -> usize {
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
        let rest = &self.raw.as_bytes()[from + 1..end];
        let length = rest.iter().position(|byte| !name(byte)).unwrap_or(rest.len());
        let semicolon = rest.get(length) == Some(&b';');
        let to = from + 1 + length + usize::from(semicolon);
        if open && to == end && !semicolon && (length < MAX_ENTITY || rest[0] == b'#') {
            self.copy(from - self.at);
            self.hold_from_here();
        }
        let source = &self.raw[from..to];
        let read = htmlize::unescape(source);
        if read != source {
            self.replace(from, to, &read, undecided);
        }
        to
    }

    /// Reads what may be a marker at `from`; gives where to go on.
    fn marker(&mut self, from: usize, undecided: bool) -> usize {
        match self.markers.at(from) {
            Hit::None => from + 1,
            Hit::Open => {
                self.copy(from - self.at);
                self.hold_from_here();
                from + 1
            }
            Hit::Drop(length) => {
                self.replace(from, from + length, "", undecided);
                if from + length == self.raw.len() && !self.finished {
                    self.hold_from_here();
                }
                from + length
            }
            Hit::Tag(length) => {
                self.copy(from - self.at);
                if undecided {
                    self.hold_from_here();
                }
                let tag = self.tag.unwrap_or(self.out.trim_ascii_end().len());
                self.copy(length);
                self.tag = Some(tag);
                from + length
            }
        }
    }

    /// Puts `with` in place of the text between; uncertain if a code span may still enclose it.
    fn replace(&mut self, from: usize, to: usize, with: &str, undecided: bool) {
        self.copy(from - self.at);
        if undecided {
            self.hold_from_here();
        }
        self.put(with);
        self.at = to;
    }

    /// Takes the next bytes over unchanged.
    fn copy(&mut self, length: usize) {
        let raw = self.raw;
        self.put(&raw[self.at..self.at + length]);
        self.at += length;
    }

    fn put(&mut self, text: &str) {
        if !text.trim_ascii().is_empty() {
            self.tag = None;
        }
        self.out.push_str(text);
    }

    /// Nothing from here on is certain, nor that a tag before it is not at the text's end.
    fn hold_from_here(&mut self) {
        self.hold = self.hold.min(self.tag.unwrap_or(self.out.len()));
    }

    /// Remembers this place, unless something before it is uncertain.
    fn set_mark(&mut self) {
        if self.hold == usize::MAX {
            self.mark = Mark {
                raw: self.at,
                out: self.out.len(),
                fence: self.fence,
                tag: self.tag,
            };
        }
    }
}

/// The code spans of one paragraph.
#[derive(Default)]
struct Spans {
    /// Bit n: no run of n backticks is left to end a span.
    alone: u64,
    /// A span may have begun that ends in text yet to come.
    undecided: bool,
}

impl Spans {
    /// Goes over the run of backticks at `at`, and over the whole span if it begins one.
    fn skip(&mut self, text: &[u8], at: usize, open: bool) -> usize {
        let ticks = run(text, at);
        let after = at + ticks;
        if ticks > MAX_TICKS || self.alone & (1 << ticks) != 0 {
            return after;
        }
        let mut next = after;
        while let Some(found) = memchr::memchr(b'`', &text[next..]) {
            let begin = next + found;
            let length = run(text, begin);
            next = begin + length;
            // A run at the very end may still grow.
            if length == ticks && !(open && next == text.len()) {
                return next;
            }
        }
        self.alone |= 1 << ticks;
        self.undecided |= open;
        after
    }
}

/// How many backticks stand at `at`.
fn run(text: &[u8], at: usize) -> usize {
    text[at..].iter().take_while(|byte| **byte == b'`').count()
}

#[cfg(test)]
mod tests;
