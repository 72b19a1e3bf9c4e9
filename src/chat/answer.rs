//! A whole answer: the fold over its events.

use bytes::Bytes;

use super::{Citation, Event, FinishReason, Media, Note, Served, TokenCounter, ToolCall, Usage};

/// Everything an answer consists of. Streams keep one too, for the usage at their end, without the texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Who answered.
    pub served: Served,
    /// What was done on the client's behalf.
    pub notes: Vec<Note>,
    /// The model's thoughts.
    pub reasoning: String,
    /// The visible answer.
    pub text: String,
    /// The tools it calls, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Its images, films and recordings.
    pub media: Vec<Media>,
    /// Its sources.
    pub citations: Vec<Citation>,
    /// The whole answer in the client's own format, where the upstream speaks it too. Nothing else is then set of what
    /// can be seen.
    pub original: Option<Bytes>,
    /// The upstream's own count, if it gave one.
    pub counted: Option<Usage>,
    /// Why it ended; none while it has not.
    pub finish: Option<FinishReason>,
}

impl Answer {
    /// Takes the next event.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Served(served) => self.served = served,
            Event::Note(note) => self.notes.push(note),
            Event::Reasoning(piece) => append(&mut self.reasoning, piece),
            Event::Text(piece) => append(&mut self.text, piece),
            Event::ToolCall(call) => self.tool_calls.push(call),
            Event::Media(media) => self.media.push(media),
            Event::Citation(citation) => self.citations.push(citation),
            Event::Original(body) => self.original = Some(body),
            Event::Usage(usage) => self.counted = Some(usage),
            Event::Finished(reason) => self.finish = Some(reason),
        }
    }

    /// The usage of this answer: what the upstream counted, else an estimate for a prompt of so many tokens.
    #[must_use]
    pub fn usage(&self, prompt_tokens: u64) -> Usage {
        if let Some(counted) = self.counted {
            return counted;
        }
        let mut counter = TokenCounter::default();
        counter.push(&self.text);
        for call in &self.tool_calls {
            counter.push_call(call);
        }
        Usage::new(prompt_tokens, counter.total(), super::estimate_tokens(&self.reasoning))
    }
}

/// The first piece is kept as it is: a whole answer most often comes in one.
fn append(to: &mut String, piece: String) {
    if to.is_empty() {
        *to = piece;
    } else {
        to.push_str(&piece);
    }
}
