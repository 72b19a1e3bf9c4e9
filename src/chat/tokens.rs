//! Estimated token counts.
//!
//! The upstream publishes neither its vocabulary nor the counts of an answer, so every number here is an estimate.
//! It follows what is publicly known of large multilingual vocabularies:
//!
//! | text | estimate |
//! |---|---|
//! | Latin words | a token per word and per further six letters; capitals and accents cost more; `camelCase` is two words |
//! | digits | a token each: Gemini's family of vocabularies splits numbers |
//! | ASCII punctuation | a token for two, less for rows of the same character |
//! | white space | one blank belongs to the next word; longer rows and line ends cost a token, seldom more |
//! | Han, Kana, Hangul | 0.7 tokens per character |
//! | Cyrillic, Greek, Arabic, Hebrew | about a token for three letters |
//! | other alphabets | a token for two letters |
//! | emoji and other symbols | one to three tokens each |
//!
//! Ordinary prose in these scripts comes out within about a third of real counts; see the table in the tests.

use super::ToolCall;

/// Counts tokens of a text that arrives in pieces. How the text is cut into pieces does not change the total.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenCounter {
    /// Tokens of all runs that are over.
    closed: u64,
    /// Weight of the run under way, in parts of a token: see [`TOKEN`].
    open: u64,
    /// The last character and its class; none before the first.
    last: Option<(Class, char)>,
}

impl TokenCounter {
    /// Counts a further piece.
    pub fn push(&mut self, text: &str) {
        for c in text.chars() {
            match self.last {
                // Most characters by far: a small letter that goes on with a word.
                Some((Class::Word, _)) if c.is_ascii_lowercase() => {
                    self.open += SMALL_LETTER;
                    self.last = Some((Class::Word, c));
                }
                _ => self.push_char(c),
            }
        }
    }

    /// Counts a tool call, which clients count as part of the answer.
    pub fn push_call(&mut self, call: &ToolCall) {
        self.push(&call.name);
        self.push(&call.arguments);
    }

    /// The estimate so far; at least 1 once any text was counted. It never shrinks.
    #[must_use]
    pub fn total(&self) -> u64 {
        let total = self.closed + self.open.div_ceil(TOKEN);
        if self.last.is_some() { total.max(1) } else { total }
    }

    /// Counts the longest beginning of `text` that keeps the total within `max`, and returns its length in bytes.
    pub(super) fn push_within(&mut self, text: &str, max: u64) -> usize {
        for (at, c) in text.char_indices() {
            let before = self.clone();
            self.push_char(c);
            if self.total() > max {
                *self = before;
                return at;
            }
        }
        text.len()
    }

    fn push_char(&mut self, c: char) {
        let (class, weight) = classify(c, self.last);
        if !self.last.is_some_and(|(last, before)| same_run(last, before, class, c)) {
            self.closed += self.open.div_ceil(TOKEN);
            self.open = 0;
        }
        self.open += weight;
        self.last = Some((class, c));
    }
}

/// The estimated tokens of one text.
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    let mut counter = TokenCounter::default();
    counter.push(text);
    counter.total()
}

/// What an answer cost, in estimated tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens the model read.
    pub prompt: u64,
    /// Tokens the model wrote, thoughts included.
    pub completion: u64,
    /// The part of `completion` that is thoughts.
    pub reasoning: u64,
}

impl Usage {
    /// Usage of an answer with `text` visible and `reasoning` thought tokens.
    #[must_use]
    pub fn new(prompt: u64, text: u64, reasoning: u64) -> Self {
        Self {
            prompt: prompt.max(1),
            completion: (text + reasoning).max(1),
            reasoning,
        }
    }

    /// Prompt and completion together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.prompt + self.completion
    }
}

/// The weight of a whole token. Sixty, so that halves, thirds, fifths and sixths are whole numbers: with fractions
/// the total would depend on how the text was cut.
const TOKEN: u64 = 60;
const SMALL_LETTER: u64 = TOKEN / 6;

/// Characters of one class in a row form a run, and a run costs its weight rounded up to whole tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Word,
    Letters,
    Cjk,
    Digit,
    Blank,
    LineEnd,
    Symbol,
    Wide,
}

fn same_run(last: Class, before: char, class: Class, c: char) -> bool {
    let camel_case = before.is_ascii_lowercase() && c.is_ascii_uppercase();
    last == class && !camel_case
}

/// The class and weight of a character after `last`.
fn classify(c: char, last: Option<(Class, char)>) -> (Class, u64) {
    let after = |class| last.is_some_and(|(last, _)| last == class);
    match c {
        'a'..='z' => (Class::Word, SMALL_LETTER),
        'A'..='Z' => (Class::Word, TOKEN / 4),
        // An apostrophe in a word: vocabularies know `n't` and `'s`.
        '\'' | '\u{2019}' if after(Class::Word) => (Class::Word, TOKEN / 6),
        '0'..='9' => (Class::Digit, TOKEN),
        // The first blank belongs to the next word; rows of blanks (indents) have tokens of their own.
        ' ' | '\t' | '\u{a0}' | '\u{3000}' => (Class::Blank, if after(Class::Blank) { TOKEN / 15 } else { 0 }),
        '\n' | '\r' => (Class::LineEnd, TOKEN / 4),
        '\0'..='\x7f' if last == Some((Class::Symbol, c)) => (Class::Symbol, TOKEN / 6),
        '\0'..='\x7f' => (Class::Symbol, TOKEN / 2),
        _ => classify_beyond_ascii(c),
    }
}

fn classify_beyond_ascii(c: char) -> (Class, u64) {
    match c {
        // Latin with accents, Vietnamese included.
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => (Class::Word, TOKEN / 3),
        // Greek, Cyrillic, Armenian, Hebrew, Arabic.
        '\u{370}'..='\u{7ff}' => (Class::Letters, TOKEN / 3),
        // Jamo, radicals to Han with Kana between, Hangul, compatibility and full-width forms.
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}' => (Class::Cjk, TOKEN * 7 / 10),
        // What joins or colours emoji.
        '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' => (Class::Wide, TOKEN / 2),
        // General punctuation, arrows, mathematics, boxes, dingbats.
        '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{2bff}' => (Class::Symbol, TOKEN),
        '\u{1f000}'..='\u{1faff}' => (Class::Wide, TOKEN * 3 / 2),
        // The rest of the first plane: Indic scripts, Thai, Georgian and many more.
        '\0'..='\u{d7ff}' => (Class::Letters, TOKEN / 2),
        // Rare Han, historic scripts, private use: vocabularies fall back to bytes.
        _ => (Class::Wide, TOKEN * 3),
    }
}

#[cfg(test)]
mod tests;
