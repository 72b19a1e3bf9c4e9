//! Finds the document in what a model says around it.

use super::syntax::{Step, Syntax};

/// Reads one document from its first byte on, in any pieces.
#[derive(Debug)]
pub(super) struct Document {
    syntax: Syntax,
    /// Whether a backslash waits for what follows it.
    waiting: bool,
}

/// How far a document has come with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All of it belongs to the document, which goes on.
    Open,
    /// The document ended after so many of its bytes.
    Ended(usize),
    /// With this piece it cannot be one any more.
    Broken,
}

impl Document {
    pub(super) fn new() -> Self {
        Self {
            syntax: Syntax::new(),
            waiting: false,
        }
    }

    /// Whether this is hardly prose that happens to begin with a bracket.
    pub(super) fn is_proven(&self) -> bool {
        self.syntax.is_proven()
    }

    /// Takes a piece and appends what of it belongs to the document.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) -> Progress {
        let bytes = piece.as_bytes();
        // What is kept and not yet copied. It is cut beside ASCII only, so between characters.
        let mut kept_from = 0;
        let mut at = 0;
        while at < bytes.len() {
            at += self.syntax.plain(&bytes[at..]);
            let Some(&byte) = bytes.get(at) else { break };
            let step = self.syntax.step(byte);
            match step {
                Step::Keep if self.waiting => out.push('\\'),
                Step::Keep | Step::Last | Step::Unescaped => {}
                Step::Instead(_) | Step::Wait | Step::Broken => {
                    out.push_str(&piece[kept_from..at]);
                    kept_from = at + 1;
                }
            }
            self.waiting = step == Step::Wait;
            at += 1;
            match step {
                Step::Instead(text) => out.push_str(text),
                Step::Last => {
                    out.push_str(&piece[kept_from..at]);
                    return Progress::Ended(at);
                }
                Step::Broken => return Progress::Broken,
                Step::Keep | Step::Wait | Step::Unescaped => {}
            }
        }
        out.push_str(&piece[kept_from..]);
        Progress::Open
    }
}

/// Looks for documents in a text that grows. It is read about once, whatever is in it: a document is not looked into
/// for another, and after one that breaks off nothing more is found, since it may be a part of that one.
#[derive(Debug)]
pub(super) struct Search {
    /// How much of the text was read.
    read: usize,
    /// The document under way, and where it began.
    open: Option<(Document, usize)>,
    /// What of the text belongs to the document, or belonged to the last one.
    text: String,
    /// Whether one broke off.
    broken: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A document that goes on beyond the text so far.
    Open,
    /// A complete one; whether it is hardly prose. An empty object in running text is seldom what was asked for.
    Complete { proven: bool },
    /// What looked like one, and goes on as none does.
    Broken,
}

impl Search {
    pub(super) fn new() -> Self {
        Self {
            read: 0,
            open: None,
            text: String::new(),
            broken: false,
        }
    }

    /// The next document in `seen`, which has to begin with what it was before. After none and after [`Found::Open`]
    /// there is nothing new until it has grown.
    pub(super) fn next(&mut self, seen: &str) -> Option<Found> {
        if self.broken {
            return None;
        }
        loop {
            let rest = &seen[self.read..];
            let (document, start) = match &mut self.open {
                Some((document, start)) => (document, *start),
                none => {
                    let Some(skipped) = memchr::memchr2(b'{', b'[', rest.as_bytes()) else {
                        self.read = seen.len();
                        return None;
                    };
                    self.read += skipped;
                    self.text.clear();
                    *none = Some((Document::new(), self.read));
                    continue;
                }
            };
            let progress = document.push(rest, &mut self.text);
            let proven = document.is_proven();
            match progress {
                Progress::Open => {
                    self.read = seen.len();
                    return proven.then_some(Found::Open);
                }
                Progress::Ended(used) => {
                    self.read += used;
                    self.open = None;
                    return Some(Found::Complete { proven });
                }
                Progress::Broken if proven => {
                    self.broken = true;
                    return Some(Found::Broken);
                }
                Progress::Broken => {
                    self.read = start + 1;
                    self.open = None;
                }
            }
        }
    }

    /// What belongs to the document found last.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The document found last, if it is open, and what came of it so far.
    pub(super) fn into_open(self) -> (Option<Document>, String) {
        (self.open.map(|(document, _)| document), self.text)
    }
}

/// A text without white space and the fence around it, should there be one.
pub(super) fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    // The rest of the fence's line names the language.
    inner
        .and_then(|inner| inner.split_once('\n'))
        .map_or(text, |(_, inner)| inner.trim())
}
