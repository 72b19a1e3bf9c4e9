//! A whole answer: the fold over its events.

use super::{Event, FinishReason, Served, TokenCounter, Usage};

/// Everything an answer consists of. Streams keep one too, for the usage at their end, without the texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Who answered.
    pub served: Served,
    /// The model's thoughts.
    pub reasoning: String,
    /// The visible answer.
    pub text: String,
    /// Why it ended; none while it has not.
    pub finish: Option<FinishReason>,
}

impl Answer {
    /// Takes the next event.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Served(served) => self.served = served,
            Event::Reasoning(piece) => append(&mut self.reasoning, piece),
            Event::Text(piece) => append(&mut self.text, piece),
            Event::Finished(reason) => self.finish = Some(reason),
        }
    }

    /// The estimated usage of this answer.
    #[must_use]
    pub fn usage(&self, prompt_tokens: u64) -> Usage {
        let count = |text: &str| {
            let mut counter = TokenCounter::default();
            counter.push(text);
            counter.total()
        };
        Usage::new(prompt_tokens, count(&self.text), count(&self.reasoning))
    }
}

/// Moves the first piece instead of copying it: most whole answers are one piece.
fn append(to: &mut String, piece: String) {
    if to.is_empty() {
        *to = piece;
    } else {
        to.push_str(&piece);
    }
}
