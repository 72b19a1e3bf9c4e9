//! The markers that stand in an answer's text for things other than text.

use memchr::memmem;

use super::super::protocol::Cleanup;

/// The longest marker in brackets, and the longest tag. They bound the work on texts that only look like them.
const MAX_BRACKET: usize = 512;
const MAX_TAG: usize = 4096;

/// Recognises markers in one text.
pub(super) struct Markers<'a> {
    rules: &'a Cleanup,
    raw: &'a str,
    finished: bool,
    first: [bool; 256],
    /// The end of a span was searched from here to the end of the text, in vain.
    no_span_end: bool,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// Text.
    None,
    /// What is there may become a marker.
    Open,
    /// A marker of this many bytes.
    Drop(usize),
    /// A tag of this many bytes, a marker only at the end of the text.
    Tag(usize),
}

impl<'a> Markers<'a> {
    pub(super) fn new(rules: &'a Cleanup, raw: &'a str, finished: bool) -> Self {
        let mut first = [false; 256];
        let spans = rules.spans.iter().map(|(begin, _)| begin);
        let lists = [
            &rules.placeholder_urls,
            &rules.trailing_tags,
            &rules.literals,
            &rules.brackets,
        ];
        for text in lists.into_iter().flatten().chain(spans) {
            if let Some(byte) = text.as_bytes().first() {
                first[usize::from(*byte)] = true;
            }
        }
        Self {
            rules,
            raw,
            finished,
            first,
            no_span_end: false,
        }
    }

    /// Whether any marker begins with this byte.
    pub(super) fn begin_with(&self, byte: u8) -> bool {
        self.first[usize::from(byte)]
    }

    /// Whether this line opens fenced code that the model ran for itself.
    pub(super) fn is_internal_fence(&self, line: &str) -> bool {
        self.rules
            .internal_fences
            .iter()
            .any(|part| line.contains(part.as_str()))
    }

    /// What stands at `at`.
    pub(super) fn at(&mut self, at: usize) -> Hit {
        let rest = &self.raw.as_bytes()[at..];
        let rules = self.rules;
        let begins = |text: &String| rest.starts_with(text.as_bytes());
        if let Some(text) = rules.literals.iter().find(|text| begins(text)) {
            return Hit::Drop(text.len());
        }
        if let Some(text) = rules.placeholder_urls.iter().find(|text| begins(text)) {
            return self.url(&self.raw[at..], text.len());
        }
        if let Some(text) = rules.trailing_tags.iter().find(|text| begins(text)) {
            return self.tag(rest, text.len());
        }
        if let Some(text) = rules.brackets.iter().find(|text| begins(text)) {
            return self.bracket(rest, text.len());
        }
        if let Some((_, end)) = rules.spans.iter().find(|(begin, _)| begins(begin)) {
            return self.span(rest, end);
        }
        self.beginning(rest)
    }

    /// A placeholder address: word segments, a number, and the newlines after it.
    fn url(&self, text: &str, prefix: usize) -> Hit {
        let mut at = prefix;
        let mut end = None;
        for segment in 0.. {
            let tail = &text[at..];
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            if segment > 0 && digits > 0 {
                end = Some(at + digits);
            }
            let word = tail
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(tail.len());
            at += word;
            if word == 0 || text.as_bytes().get(at) != Some(&b'/') {
                break;
            }
            at += 1;
        }
        match end {
            _ if at == text.len() && !self.finished => Hit::Open,
            None => Hit::None,
            Some(end) => {
                let newlines = text[end..].bytes().take_while(|byte| *byte == b'\n').count();
                Hit::Drop(end + newlines)
            }
        }
    }

    /// A tag up to its end; quotes may hold anything.
    fn tag(&self, rest: &[u8], prefix: usize) -> Hit {
        let mut quoted = false;
        for (n, byte) in rest.iter().enumerate().take(MAX_TAG).skip(prefix) {
            match byte {
                // The name goes on: another tag.
                _ if n == prefix && !(byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')) => return Hit::None,
                b'"' => quoted = !quoted,
                b'>' if !quoted => return Hit::Tag(n + 1),
                _ => {}
            }
        }
        if rest.len() < MAX_TAG { self.open() } else { Hit::None }
    }

    /// A marker in brackets, on one line.
    fn bracket(&self, rest: &[u8], prefix: usize) -> Hit {
        let inside = &rest[prefix..rest.len().min(MAX_BRACKET)];
        match inside.iter().position(|byte| matches!(byte, b']' | b'\n')) {
            Some(end) if inside[end] == b']' => Hit::Drop(prefix + end + 1),
            None if rest.len() < MAX_BRACKET => self.open(),
            _ => Hit::None,
        }
    }

    fn span(&mut self, rest: &[u8], end: &str) -> Hit {
        if !self.no_span_end
            && let Some(found) = memmem::find(rest, end.as_bytes())
        {
            return Hit::Drop(found + end.len());
        }
        self.no_span_end = true;
        self.open()
    }

    /// The text ends within the beginning of a marker.
    fn beginning(&self, rest: &[u8]) -> Hit {
        let rules = self.rules;
        let spans = rules.spans.iter().map(|(begin, _)| begin);
        let lists = [
            &rules.placeholder_urls,
            &rules.trailing_tags,
            &rules.literals,
            &rules.brackets,
        ];
        let mut texts = lists.into_iter().flatten().chain(spans);
        if texts.any(|text| text.as_bytes().starts_with(rest)) {
            self.open()
        } else {
            Hit::None
        }
    }

    fn open(&self) -> Hit {
        if self.finished { Hit::None } else { Hit::Open }
    }
}
