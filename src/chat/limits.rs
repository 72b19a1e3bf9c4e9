//! Stop texts and the token limit, applied to text as it streams.

mod stops;

use self::stops::Stops;
use super::{FinishReason, TokenCounter};

/// Applies a request's stop texts and token limit to its answer.
///
/// The answer ends before the earliest place where a stop text occurs, or where the estimate would exceed the token
/// limit, whichever comes first. How the answer is cut into pieces changes neither the text nor the reason. Text is
/// held back only while it may still turn out to begin a stop text. The cost is linear in the answer for each stop
/// text; memory is bounded by the longest stop text and the longest piece.
#[derive(Clone, Debug)]
pub struct Limiter {
    stops: Stops,
    budget: Option<Budget>,
    finished: Option<FinishReason>,
}

/// What [`Limiter::push`] lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The text that may go out now; may be empty.
    pub text: String,
    /// Set when a limit ended the answer: nothing more may go out.
    pub finished: Option<FinishReason>,
}

#[derive(Clone, Debug)]
struct Budget {
    max: u64,
    counter: TokenCounter,
}

impl Limiter {
    /// A limiter for these stop texts (empty ones are ignored) and this many tokens of visible answer.
    #[must_use]
    pub fn new(stop: &[String], max_tokens: Option<u64>) -> Self {
        Self {
            stops: Stops::new(stop),
            budget: max_tokens.map(|max| Budget {
                max,
                counter: TokenCounter::default(),
            }),
            finished: None,
        }
    }

    /// Takes a further piece of the answer.
    pub fn push(&mut self, piece: String) -> Limited {
        if self.finished.is_some() {
            return self.nothing();
        }
        let (text, stopped) = self.stops.push(piece);
        self.release(text, stopped)
    }

    /// The answer is complete: gives back what was held for a stop text that never came.
    pub fn finish(&mut self) -> Limited {
        if self.finished.is_some() {
            return self.nothing();
        }
        let (text, stopped) = self.stops.finish();
        self.release(text, stopped)
    }

    /// Something other than text comes next: gives what was held back in case it was the beginning of a stop text.
    /// The token limit counts on.
    pub fn pause(&mut self) -> Limited {
        if self.finished.is_some() {
            return self.nothing();
        }
        let (text, stopped) = self.stops.pause();
        self.release(text, stopped)
    }

    fn nothing(&self) -> Limited {
        Limited {
            text: String::new(),
            finished: self.finished,
        }
    }

    fn release(&mut self, mut text: String, stopped: Option<usize>) -> Limited {
        self.finished = stopped.map(FinishReason::StopText);
        if let Some(Budget { max, counter }) = &mut self.budget {
            let fits = counter.push_within(&text, *max);
            if fits < text.len() {
                text.truncate(fits);
                self.finished = Some(FinishReason::Length);
            }
        }
        Limited {
            text,
            finished: self.finished,
        }
    }
}

#[cfg(test)]
mod tests;
