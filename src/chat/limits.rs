//! Stop texts and the token limit, applied to text as it streams.

use super::FinishReason;

/// Applies a request's stop texts and token limit to its answer.
#[derive(Clone, Debug)]
pub struct Limiter {}

/// What [`Limiter::push`] lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The text that may go out now; may be empty.
    pub text: String,
    /// Set when a limit ended the answer: nothing more may go out.
    pub finished: Option<FinishReason>,
}

impl Limiter {
    /// A limiter for these stop texts (empty ones are ignored) and this many tokens of visible answer.
    #[must_use]
    pub fn new(_stop: &[String], _max_tokens: Option<u64>) -> Self {
        Self {}
    }

    /// Takes a further piece of the answer.
    pub fn push(&mut self, piece: String) -> Limited {
        Limited {
            text: piece,
            finished: None,
        }
    }

    /// The answer is complete: gives back what was held for a stop text that never came.
    pub fn finish(&mut self) -> Limited {
        Limited {
            text: String::new(),
            finished: None,
        }
    }
}
