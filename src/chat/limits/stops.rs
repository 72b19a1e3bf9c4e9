//! Finds the earliest of several texts in a text that arrives in pieces.

use memchr::memchr;

/// The stop texts of one answer and how far each of them has been seen.
#[derive(Clone, Debug)]
pub(super) struct Stops {
    patterns: Vec<Pattern>,
    /// Seen but not released yet: it may be the beginning of a stop text. What lies before `held_from` has gone out.
    held: String,
    held_from: usize,
    /// Bytes seen so far.
    seen: usize,
    /// The earliest stop text seen so far.
    found: Option<Found>,
}

/// Where a stop text begins, counted from the beginning of the answer; how long it is; its index among all of them.
/// The least one counts: of two that begin in one place the shorter is complete first, however the text is cut.
type Found = (usize, usize, usize);

impl Stops {
    pub(super) fn new(texts: &[String]) -> Self {
        Self {
            patterns: texts
                .iter()
                .enumerate()
                .filter(|(_, text)| !text.is_empty())
                .map(|(index, text)| Pattern::new(index, text))
                .collect(),
            held: String::new(),
            held_from: 0,
            seen: 0,
            found: None,
        }
    }

    /// Takes a piece; gives back what may go out, and the index of the stop text that ends the answer there.
    pub(super) fn push(&mut self, piece: String) -> (String, Option<usize>) {
        if self.patterns.is_empty() {
            return (piece, None);
        }
        let released = self.seen - self.held_len();
        self.search(piece.as_bytes());
        // A longer stop text that began before the one found may still be under way; the earlier beginning wins.
        let undecided = self
            .patterns
            .iter()
            .filter(|pattern| pattern.matched > 0)
            .map(|pattern| self.seen - pattern.matched)
            .min();
        let end = self.end();
        let safe = undecided.map_or(end, |start| start.min(end));
        let stopped = self.found.filter(|(start, ..)| *start == safe);
        let stopped = stopped.map(|(.., index)| index);
        (self.release(piece, safe - released), stopped)
    }

    /// The answer is complete; gives back what was held, up to a stop text if one was found.
    pub(super) fn finish(&mut self) -> (String, Option<usize>) {
        let released = self.seen - self.held_len();
        let text = self.release(String::new(), self.end() - released);
        (text, self.found.map(|(.., index)| index))
    }

    /// Text that comes later does not join what came so far: gives back what was held.
    pub(super) fn pause(&mut self) -> (String, Option<usize>) {
        for pattern in &mut self.patterns {
            pattern.matched = 0;
        }
        self.finish()
    }

    /// Where the answer ends, as far as is known.
    fn end(&self) -> usize {
        self.found.map_or(self.seen, |(start, ..)| start)
    }

    fn held_len(&self) -> usize {
        self.held.len() - self.held_from
    }

    fn search(&mut self, piece: &[u8]) {
        for pattern in self.patterns.iter_mut().filter(|pattern| !pattern.done) {
            if let Some(end) = pattern.advance(piece) {
                let start = self.seen + end - pattern.text.len();
                let found = (start, pattern.text.len(), pattern.index);
                self.found = Some(self.found.map_or(found, |earlier| earlier.min(found)));
            }
        }
        self.seen += piece.len();
    }

    /// Gives out the first `len` bytes of what is held and `piece`, and holds the rest. `len` is a character boundary:
    /// a stop text is whole characters, so both its beginning and the beginning of a part of it are.
    fn release(&mut self, mut piece: String, len: usize) -> String {
        if self.held_len() == 0 {
            self.held = piece.split_off(len);
            self.held_from = 0;
            return piece;
        }
        self.held.push_str(&piece);
        let out = self.held[self.held_from..self.held_from + len].to_owned();
        self.held_from += len;
        // Moving the rest to the front only when it is the smaller half keeps the cost linear.
        if self.held_from > self.held.len() / 2 {
            self.held.drain(..self.held_from);
            self.held_from = 0;
        }
        out
    }
}

/// One stop text, found by the Knuth-Morris-Pratt automaton: whatever the pieces, each byte is looked at once.
#[derive(Clone, Debug)]
struct Pattern {
    /// Its place among all stop texts.
    index: usize,
    text: Box<[u8]>,
    /// For each beginning of `text`: the length of its longest proper beginning that is also its end.
    fallback: Box<[usize]>,
    /// How much of `text` the answer ends with so far.
    matched: usize,
    /// It was found; later finds cannot be earlier.
    done: bool,
}

impl Pattern {
    fn new(index: usize, text: &str) -> Self {
        let text: Box<[u8]> = text.as_bytes().into();
        let mut fallback = vec![0; text.len()];
        let mut len = 0;
        for at in 1..text.len() {
            while len > 0 && text[at] != text[len] {
                len = fallback[len - 1];
            }
            len += usize::from(text[at] == text[len]);
            fallback[at] = len;
        }
        Self {
            index,
            text,
            fallback: fallback.into(),
            matched: 0,
            done: false,
        }
    }

    /// Looks at a further piece; returns where in it the text is complete for the first time.
    fn advance(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            if self.matched == 0 {
                // Nothing is under way: jump to where the text could begin.
                at += memchr(self.text[0], &piece[at..])?;
            }
            while self.matched > 0 && self.text[self.matched] != piece[at] {
                self.matched = self.fallback[self.matched - 1];
            }
            self.matched += usize::from(self.text[self.matched] == piece[at]);
            at += 1;
            if self.matched == self.text.len() {
                self.matched = 0;
                self.done = true;
                return Some(at);
            }
        }
        None
    }
}
