//! A streamed answer: its events, from one server-sent event to the next. Pure.

use bytes::Bytes;

use super::{
    answer::{Chunk, Listener, finish},
    failures::{self, Said},
};
use crate::{
    chat::{Event, FinishReason, Request, Served},
    error::Failure,
};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// The most bytes of opening chunks that are kept until one says something.
const MOST_HELD: usize = 64 << 10;

/// A streamed answer as far as it has come.
pub(super) struct Reading {
    /// Whether chunks go to the client as they are.
    original: bool,
    /// The public id of the model that was asked.
    model: String,
    served: bool,
    listener: Listener,
    /// Chunks that say nothing, until one does: they are part of an answer only if there is one.
    held: Vec<Bytes>,
    held_bytes: usize,
    spoken: bool,
    reason: Option<FinishReason>,
}

/// What one event means for the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to come.
    More,
    /// That was the end of a complete answer.
    Done,
}

impl Reading {
    /// Of an answer by this model (its public id).
    pub(super) fn new(model: &str, original: bool) -> Self {
        Self {
            original,
            model: model.to_owned(),
            served: false,
            listener: Listener::default(),
            held: Vec::new(),
            held_bytes: 0,
            spoken: false,
            reason: None,
        }
    }

    /// Takes the data of one event.
    ///
    /// # Errors
    /// An error that came as an event; what is no chunk at all.
    pub(super) fn take(
        &mut self,
        data: String,
        request: &Request,
        said: &Said<'_>,
        out: &mut Vec<Event>,
    ) -> Result<Step, Failure> {
        if data.trim() == DONE {
            self.end(request, out);
            return Ok(Step::Done);
        }
        let chunk: Chunk<'_> =
            serde_json::from_str(&data).map_err(|error| failures::protocol(said.upstream, "an event").source(error))?;
        if chunk.error.is_some() {
            return Err(failures::of_body(said, data.as_bytes()));
        }
        if !self.served {
            self.served = true;
            out.push(served(&self.model, chunk.model.as_deref()));
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        let reason = choices.iter().find_map(|choice| choice.finish_reason.as_deref());
        if let Some(reason) = reason {
            self.reason.get_or_insert(finish(reason));
        }
        out.extend(chunk.usage.as_ref().map(|usage| Event::Usage(usage.usage())));
        if !self.original {
            // Only the first choice has a place in other formats, and only one is asked for.
            if let Some(said) = choices.first().and_then(|choice| choice.delta.as_ref()) {
                self.listener.hear(said, out);
            }
            return Ok(Step::More);
        }
        let speaks = choices.iter().any(super::answer::Choice::says_something);
        self.pass_on(data, speaks, out);
        Ok(Step::More)
    }

    fn pass_on(&mut self, data: String, speaks: bool, out: &mut Vec<Event>) {
        let piece = Bytes::from(data);
        if !self.spoken && !speaks && self.held_bytes + piece.len() <= MOST_HELD {
            self.held_bytes += piece.len();
            self.held.push(piece);
            return;
        }
        self.spoken = true;
        out.extend(self.held.drain(..).map(Event::Original));
        out.push(Event::Original(piece));
    }

    /// The bytes have ended without the mark. Some servers never send it: then an answer that has said why it ends has
    /// ended.
    ///
    /// # Errors
    /// When it has not.
    pub(super) fn end_of_bytes(
        &mut self,
        request: &Request,
        said: &Said<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        if self.reason.is_none() {
            return Err(failures::interrupted(said.upstream));
        }
        self.end(request, out);
        Ok(())
    }

    fn end(&mut self, request: &Request, out: &mut Vec<Event>) {
        out.extend(self.held.drain(..).map(Event::Original));
        let called = std::mem::take(&mut self.listener).finish(request.tools.as_ref(), out);
        let reason = self.reason.unwrap_or(FinishReason::Stop);
        out.push(Event::Finished(if called { FinishReason::ToolCalls } else { reason }));
    }
}

/// Who answers: the upstream's own word for it is the label.
pub(super) fn served(model: &str, label: Option<&str>) -> Event {
    Event::Served(Served {
        model: model.to_owned(),
        label: label.filter(|label| !label.is_empty()).map(str::to_owned),
        native: true,
    })
}

#[cfg(test)]
mod tests;
