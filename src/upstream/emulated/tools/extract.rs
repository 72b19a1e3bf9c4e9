//! Finds the calls in a text that comes in pieces.
//!
//! A call is a fenced block that begins on a line of its own and has the info string of calls. Within any other fenced
//! block there are none: what shows the syntax is no call. Held back is only the beginning of a line that may still
//! open a call, and a call until it is closed; every other byte comes out as it went in, at once. How the text is cut
//! into pieces makes no difference to what is found.

mod block;

use memchr::memchr;

pub(super) use self::block::Block;
use self::block::{Closed, Open};
use super::fence::{Fence, Opener, opener};

/// The most bytes of a line that are looked at: far more than an opening line has use for.
const MAX_HEAD: usize = 80;
/// The longest block, in bytes, but for its last line: about what a whole answer may hold. A longer one is text.
const MAX_BLOCK: usize = 4 << 20;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// No part of a call. Never empty.
    Text(String),
    /// A block that should be a call, or several.
    Block(Block),
}

/// Reads one text.
pub(super) struct Extractor {
    /// The beginning of the line under way, as long as it may be a fence.
    head: String,
    line: Line,
    /// The opening of a block of another kind.
    fence: Option<Fence>,
    /// The block of calls under way.
    block: Option<Open>,
    /// Whether a fence within a string that is still open is taken for a part of it. Once that was wrong it is not
    /// tried again, so that no text is read more than twice.
    lenient: bool,
}

/// What is known of the line under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It may open a call. All of it is in the head, and nothing of it has come out.
    Held,
    /// It is text, and may be a fence.
    Open,
    /// It is text, and no fence.
    Plain,
}

/// What a part of a line turns out to be.
enum Seen {
    Text,
    Held,
    Opens(Fence),
}

impl Extractor {
    pub(super) fn new() -> Self {
        Self {
            head: String::new(),
            line: Line::Held,
            fence: None,
            block: None,
            lenient: true,
        }
    }

    /// Takes a further piece of the text; appends what is certain.
    pub(super) fn push(&mut self, piece: String, out: &mut Vec<Piece>) {
        // Most pieces are within a line of prose: they are passed on as they are.
        if self.line == Line::Plain && memchr(b'\n', piece.as_bytes()).is_none() {
            return put(out, piece);
        }
        self.read(&piece, out);
    }

    /// The text has ended: appends what was held back. A block that is still open is closed by the end of a whole text;
    /// of a text that was cut, nobody knows what it lacks, so that it is no call.
    pub(super) fn finish(&mut self, whole: bool, out: &mut Vec<Piece>) {
        while let Some(open) = self.block.take() {
            if !whole && !open.is_closed_by_its_end() {
                put(out, open.into_raw());
                continue;
            }
            let (block, rest) = open.end();
            out.push(Piece::Block(block));
            if !rest.is_empty() {
                self.lenient = false;
                self.read(&rest, out);
            }
        }
        if self.line == Line::Held {
            put(out, std::mem::take(&mut self.head));
        }
    }

    fn read(&mut self, text: &str, out: &mut Vec<Piece>) {
        let mut rest = text;
        while !rest.is_empty() {
            rest = match self.block {
                None => self.text(rest, out),
                Some(_) => self.grow(rest, out),
            };
        }
    }

    /// Reads up to a line that opens a call; gives what follows it.
    fn text<'t>(&mut self, text: &'t str, out: &mut Vec<Piece>) -> &'t str {
        let mut held = String::new();
        if self.line == Line::Held {
            held.clone_from(&self.head);
        }
        // How far it is text for certain; from the first such byte on, so is what was held.
        let mut certain = 0;
        let mut at = 0;
        let mut opened = None;
        while at < text.len() && opened.is_none() {
            let end = line_end(text, at);
            match self.see(&text[at..end]) {
                Seen::Text => certain = end,
                Seen::Held => {}
                Seen::Opens(fence) => opened = Some(fence),
            }
            at = end;
        }
        if certain > 0 {
            held.push_str(&text[..certain]);
            put(out, held);
        }
        if let Some(fence) = opened {
            self.block = Some(Open::new(fence, std::mem::take(&mut self.head)));
        }
        &text[at..]
    }

    /// Takes a part of a line, with its line end if it has come.
    fn see(&mut self, part: &str) -> Seen {
        if self.line != Line::Plain {
            let room = part.floor_char_boundary(MAX_HEAD.saturating_sub(self.head.len()));
            self.head.push_str(&part[..room]);
            if self.line == Line::Held {
                match opener(&self.head) {
                    Opener::Maybe if room == part.len() => return Seen::Held,
                    Opener::Yes(fence) => return Seen::Opens(fence),
                    _ => self.line = Line::Open,
                }
            }
        }
        if part.ends_with('\n') {
            self.end_line();
        } else if self.line == Line::Open && !Fence::may_come(&self.head) {
            self.line = Line::Plain;
        }
        Seen::Text
    }

    /// The line under way is over, and is text: it may open or close a block of another kind.
    fn end_line(&mut self) {
        let fence = match self.line {
            Line::Plain => None,
            _ => Fence::on(&self.head),
        };
        match (&self.fence, fence) {
            (Some(opening), Some(fence)) if fence.closes(opening) => self.fence = None,
            (None, Some(fence)) if fence.opens() => self.fence = Some(fence),
            _ => {}
        }
        self.begin_line();
    }

    fn begin_line(&mut self) {
        self.head.clear();
        self.line = if self.fence.is_none() { Line::Held } else { Line::Open };
    }

    /// Reads up to the end of the block; gives what follows it.
    fn grow<'t>(&mut self, text: &'t str, out: &mut Vec<Piece>) -> &'t str {
        let mut at = 0;
        while at < text.len()
            && let Some(open) = &mut self.block
        {
            let end = line_end(text, at);
            let closed = open.push(&text[at..end], self.lenient);
            at = end;
            if closed == Closed::Yes {
                out.extend(self.block.take().map(|open| Piece::Block(open.close())));
                self.begin_line();
            } else if closed == Closed::No && open.len() > MAX_BLOCK {
                self.give_up(out);
            }
        }
        &text[at..]
    }

    /// What is too long to be a call is a block like any other.
    fn give_up(&mut self, out: &mut Vec<Piece>) {
        if let Some(open) = self.block.take() {
            self.fence = Some(open.fence());
            self.begin_line();
            put(out, open.into_raw());
        }
    }
}

/// The end of the line that goes on at `at`, its line end included.
fn line_end(text: &str, at: usize) -> usize {
    memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |newline| at + newline + 1)
}

fn put(out: &mut Vec<Piece>, text: String) {
    if text.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(Piece::Text(before)) => before.push_str(&text),
        _ => out.push(Piece::Text(text)),
    }
}

#[cfg(test)]
pub(super) mod tests;
