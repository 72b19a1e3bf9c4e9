//! Writes an answer: whole, or as server-sent events.

use bytes::{BufMut, Bytes, BytesMut};

use super::shown;
use crate::{
    api::{Meta, escape::json_string, openai_error},
    chat::{Answer, Citation, FinishReason, ToolCall, Usage},
    error::Failure,
};

mod calls;

pub(super) use self::calls::Form;

/// The body of a whole answer.
///
/// An answer without a finish reason was cut: the body says `length`, never `stop`. Callers that know why should fail
/// instead.
pub(super) fn whole(meta: &Meta, answer: &Answer, usage: &Usage, form: Form) -> Bytes {
    let mut out = BytesMut::with_capacity(512 + answer.text.len() + answer.reasoning.len());
    put_meta(&mut out, meta, "chat.completion");
    out.put_slice(b"{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if answer.text.is_empty() && !answer.tool_calls.is_empty() {
        out.put_slice(b"null");
    } else {
        json_string(&mut out, &answer.text);
    }
    out.put_slice(b",\"refusal\":null");
    calls::whole(&mut out, &answer.tool_calls, form);
    if !answer.reasoning.is_empty() {
        out.put_slice(b",\"reasoning_content\":");
        json_string(&mut out, &answer.reasoning);
    }
    shown::put_all(&mut out, answer);
    out.put_slice(b"},\"logprobs\":null,\"finish_reason\":");
    put_finish(&mut out, answer.finish.unwrap_or(FinishReason::Length), form);
    out.put_slice(b"}],\"usage\":");
    put_usage(&mut out, usage);
    out.put_slice(b"}");
    out.freeze()
}

/// Writes the events of a streamed answer, each appended to a buffer of the caller's.
///
/// The order is the caller's part: [`Stream::role`]; any number of [`Stream::reasoning`], [`Stream::text`],
/// [`Stream::call`] and [`Stream::empty_delta`]; then [`Stream::finish`], [`Stream::usage`] if the client asked for it, since many clients
/// expect a choice in every chunk, and [`Stream::done`].
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Everything up to the inside of the first `delta`: the same in all chunks but the last.
    head: Box<[u8]>,
    /// Where in `head` the list of choices begins.
    choices: usize,
}

impl Stream {
    /// A writer for one answer.
    pub(super) fn new(meta: &Meta) -> Self {
        let mut head = BytesMut::new();
        head.put_slice(b"data: ");
        put_meta(&mut head, meta, "chat.completion.chunk");
        let choices = head.len();
        head.put_slice(b"{\"index\":0,\"delta\":{");
        Self {
            head: head.as_ref().into(),
            choices,
        }
    }

    /// The first chunk, the only one with a role. Some clients fail without it.
    pub(super) fn role(&self, out: &mut BytesMut) {
        self.chunk(out, 40, |out| out.put_slice(b"\"role\":\"assistant\",\"content\":\"\""));
    }

    /// A piece of the visible answer.
    pub(super) fn text(&self, out: &mut BytesMut, piece: &str) {
        self.chunk(out, piece.len(), |out| {
            out.put_slice(b"\"content\":");
            json_string(out, piece);
        });
    }

    /// A piece of the model's thoughts.
    pub(super) fn reasoning(&self, out: &mut BytesMut, piece: &str) {
        self.chunk(out, piece.len(), |out| {
            out.put_slice(b"\"reasoning_content\":");
            json_string(out, piece);
        });
    }

    /// An image, the first of an answer having the index 0: a convention of other gateways that some clients know.
    pub(super) fn image(&self, out: &mut BytesMut, url: &str, index: usize) {
        self.chunk(out, url.len() + 64, |out| shown::put_images(out, index, [url]));
    }

    /// A source of the answer.
    pub(super) fn citation(&self, out: &mut BytesMut, citation: &Citation) {
        self.chunk(out, citation.url.len() + citation.title.len() + 128, |out| {
            shown::put_annotations(out, [citation]);
        });
    }

    /// A chunk that says nothing, for clients whose patience counts chunks and not bytes.
    pub(super) fn empty_delta(&self, out: &mut BytesMut) {
        self.chunk(out, 0, |_| {});
    }

    /// The call of a tool, the first of an answer having the index 0. Two chunks: clients put the text of the arguments
    /// together from all but the first, and read only one call of each.
    pub(super) fn call(&self, out: &mut BytesMut, call: &ToolCall, index: usize, form: Form) {
        self.chunk(out, call.name.len() + 64, |out| calls::begin(out, call, index, form));
        self.chunk(out, call.arguments.len() + 32, |out| {
            calls::arguments(out, call, index, form)
        });
    }

    /// The end of the answer.
    pub(super) fn finish(&self, out: &mut BytesMut, reason: FinishReason, form: Form) {
        out.put_slice(&self.head);
        out.put_slice(b"},\"logprobs\":null,\"finish_reason\":");
        put_finish(out, reason, form);
        out.put_slice(b"}]}\n\n");
    }

    /// The usage chunk, which has no choices.
    pub(super) fn usage(&self, out: &mut BytesMut, usage: &Usage) {
        out.put_slice(&self.head[..self.choices]);
        out.put_slice(b"],\"usage\":");
        put_usage(out, usage);
        out.put_slice(b"}\n\n");
    }

    /// The last event of a complete stream. The body has to end right after it.
    pub(super) fn done(&self, out: &mut BytesMut) {
        out.put_slice(b"data: [DONE]\n\n");
    }

    /// A chunk with one choice; `size` is about what its delta takes.
    fn chunk(&self, out: &mut BytesMut, size: usize, delta: impl FnOnce(&mut BytesMut)) {
        const TAIL: &[u8] = b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
        out.reserve(self.head.len() + size + 32 + TAIL.len());
        out.put_slice(&self.head);
        delta(out);
        out.put_slice(TAIL);
    }
}

/// The last event of a stream that fails: no finish reason, so that nobody takes what came for the whole answer.
pub(super) fn error(out: &mut BytesMut, failure: &Failure) {
    out.put_slice(b"data: ");
    openai_error::put(out, failure);
    out.put_slice(b"\n\n");
}

/// The beginning of an answer or chunk, up to the inside of its `choices`.
fn put_meta(out: &mut BytesMut, meta: &Meta, object: &str) {
    out.put_slice(b"{\"id\":\"chatcmpl-");
    out.put_slice(meta.id.as_bytes());
    out.put_slice(format!("\",\"object\":\"{object}\",\"created\":{},\"model\":", meta.created).as_bytes());
    json_string(out, &meta.model);
    out.put_slice(b",\"choices\":[");
}

fn put_finish(out: &mut BytesMut, reason: FinishReason, form: Form) {
    match (reason, form) {
        (FinishReason::ToolCalls, Form::Function) => out.put_slice(b"\"function_call\""),
        _ => json_string(out, &reason.to_string()),
    }
}

fn put_usage(out: &mut BytesMut, usage: &Usage) {
    let (prompt, completion, reasoning, total) = (usage.prompt, usage.completion, usage.reasoning, usage.total());
    let usage = format!(
        "{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{total},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":{reasoning}}}}}"
    );
    out.put_slice(usage.as_bytes());
}

#[cfg(test)]
mod tests;
