//! Estimated token counts.

/// Counts tokens of a text that arrives in pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenCounter {
    bytes: u64,
}

impl TokenCounter {
    /// Counts a further piece.
    pub fn push(&mut self, text: &str) {
        self.bytes += text.len() as u64;
    }

    /// The estimate so far; at least 1 once any text was counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bytes.div_ceil(4)
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
