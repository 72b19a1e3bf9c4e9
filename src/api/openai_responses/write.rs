//! The response object, and a whole answer as one.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    echo::Echo,
    items::{Call, Message, Status, Thoughts},
    kept,
    tools::Name,
};
use crate::{
    api::{Meta, escape::json_string, openai_error},
    chat::{Answer, FinishReason, Usage},
    error::Failure,
};

/// How far a response has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum State<'a> {
    InProgress,
    Completed,
    /// Cut, for the reason named.
    Incomplete(&'static str),
    Failed(&'a Failure),
}

impl State<'_> {
    /// How a complete answer ends.
    pub(super) fn of(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Length => State::Incomplete("max_output_tokens"),
            FinishReason::ContentFilter => State::Incomplete("content_filter"),
            _ => State::Completed,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            State::InProgress => "in_progress",
            State::Completed => "completed",
            State::Incomplete(_) => "incomplete",
            State::Failed(_) => "failed",
        }
    }

    /// The state of the item that came last.
    pub(super) fn of_the_last_item(&self) -> Status {
        match self {
            State::Completed => Status::Completed,
            _ => Status::Incomplete,
        }
    }
}

/// What all writings of one response have in common.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The beginning, up to the state.
    head: Box<[u8]>,
    /// From the model to the fields that repeat the request.
    model: Box<[u8]>,
    echo: Echo,
}

impl Frame {
    pub(super) fn new(meta: &Meta, echo: Echo) -> Self {
        let Meta { id, created, .. } = meta;
        let head = format!("{{\"id\":\"resp_{id}\",\"object\":\"response\",\"created_at\":{created},\"status\":\"");
        let mut model = BytesMut::new();
        model.put_slice(b",\"model\":");
        json_string(&mut model, &meta.model);
        model.put_slice(b",\"output\":[");
        Self {
            head: head.into_bytes().into(),
            model: model.as_ref().into(),
            echo,
        }
    }

    /// Appends the response with these items of output, which are JSON separated by commas.
    pub(super) fn put(&self, state: State<'_>, output: &[u8], usage: Option<&Usage>, out: &mut BytesMut) {
        out.reserve(self.head.len() + self.echo.as_str().len() + output.len() + 512);
        out.put_slice(&self.head);
        out.put_slice(state.word().as_bytes());
        out.put_slice(b"\",\"error\":");
        match state {
            State::Failed(failure) => openai_error::put_object(out, failure),
            _ => out.put_slice(b"null"),
        }
        out.put_slice(b",\"incomplete_details\":");
        match state {
            State::Incomplete(reason) => out.put_slice(format!("{{\"reason\":\"{reason}\"}}").as_bytes()),
            _ => out.put_slice(b"null"),
        }
        out.put_slice(&self.model);
        out.put_slice(output);
        out.put_slice(b"],");
        out.put_slice(self.echo.as_str().as_bytes());
        out.put_slice(b"\"usage\":");
        match usage {
            Some(usage) => put_usage(out, usage),
            None => out.put_slice(b"null"),
        }
        out.put_u8(b'}');
    }
}

/// The body of a whole answer: thoughts, then the message, then the calls.
///
/// An answer without a finish reason was cut, and is told as cut by a length limit.
pub(super) fn whole(meta: &Meta, echo: &Echo, names: &[Name], keep: bool, answer: &Answer, usage: &Usage) -> Bytes {
    let state = State::of(answer.finish.unwrap_or(FinishReason::Length));
    let mut output = BytesMut::with_capacity(256 + answer.text.len() + answer.reasoning.len());
    let mut scratch = BytesMut::new();
    let mut index = 0;
    if !answer.reasoning.is_empty() {
        let mut thoughts = Thoughts::new(&meta.id, index);
        thoughts.text.push(&answer.reasoning, &mut scratch);
        thoughts.put(true, &mut output);
        index += 1;
    }
    // An answer is never without any item: an empty text is one, too.
    if !answer.text.is_empty() || answer.tool_calls.is_empty() {
        let mut message = Message::new(&meta.id, index, 0);
        message.push(&answer.text, &mut scratch);
        for citation in &answer.citations {
            message.cite(citation, &mut scratch);
        }
        if keep {
            kept::message(&message.place.id, answer.text.clone());
        }
        let last = answer.tool_calls.is_empty();
        separate(&mut output);
        message.put(
            if last {
                state.of_the_last_item()
            } else {
                Status::Completed
            },
            &mut output,
        );
        index += 1;
    }
    for call in &answer.tool_calls {
        separate(&mut output);
        let item = Call::new(&meta.id, index, names, call);
        item.put(Status::Completed, &mut output);
        if keep {
            kept::call(&item.place.id, call);
        }
        index += 1;
    }
    let mut out = BytesMut::new();
    Frame::new(meta, echo.clone()).put(state, &output, Some(usage), &mut out);
    out.freeze()
}

/// Puts a comma before a further item.
pub(super) fn separate(items: &mut BytesMut) {
    if !items.is_empty() {
        items.put_u8(b',');
    }
}

fn put_usage(out: &mut BytesMut, usage: &Usage) {
    let (prompt, completion, reasoning, total) = (usage.prompt, usage.completion, usage.reasoning, usage.total());
    let usage = format!(
        "{{\"input_tokens\":{prompt},\"input_tokens_details\":{{\"cached_tokens\":0,\"cache_write_tokens\":0}},\
         \"output_tokens\":{completion},\"output_tokens_details\":{{\"reasoning_tokens\":{reasoning}}},\
         \"total_tokens\":{total}}}"
    );
    out.put_slice(usage.as_bytes());
}
