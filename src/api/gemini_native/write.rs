//! Writes the body that all answers have: whole, or one for each piece.

use bytes::{BufMut, Bytes, BytesMut};

use super::args;
use crate::{
    api::{Meta, escape::json_string},
    chat::{Answer, Citation, FinishReason, ToolCall, Usage},
};

const HEAD: &[u8] = b"{\"candidates\":[{\"content\":{\"parts\":[";
const AFTER_PARTS: &[u8] = b"],\"role\":\"model\"}";
const AFTER_CANDIDATE: &[u8] = b",\"index\":0}]";

/// The body of a whole answer.
///
/// An answer without a finish reason was cut: the body says `MAX_TOKENS`, never `STOP`. Callers that know why should
/// fail instead.
pub(super) fn whole(meta: &Meta, answer: &Answer, usage: &Usage, include_thoughts: bool) -> Bytes {
    let mut out = BytesMut::with_capacity(512 + answer.text.len() + answer.reasoning.len());
    out.put_slice(HEAD);
    let mut parts = Parts::new(&mut out);
    if include_thoughts && !answer.reasoning.is_empty() {
        put_text(parts.next(), &answer.reasoning, true);
    }
    // Clients take an answer without any part for none at all.
    if !answer.text.is_empty() || answer.tool_calls.is_empty() {
        put_text(parts.next(), &answer.text, false);
    }
    for call in &answer.tool_calls {
        put_call(parts.next(), call);
    }
    out.put_slice(AFTER_PARTS);
    put_finish(&mut out, answer.finish.unwrap_or(FinishReason::Length));
    put_grounding(&mut out, &answer.citations);
    out.put_slice(AFTER_CANDIDATE);
    put_usage(&mut out, usage);
    out.put_slice(&tail(meta));
    out.freeze()
}

/// Writes the pieces of a streamed answer, each a whole body.
///
/// Every one has a content with a part: the chat helpers of the official clients forget an answer of which any piece
/// has none.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    /// What all of them end in.
    tail: Box<[u8]>,
}

impl Chunks {
    /// A writer for one answer.
    pub(super) fn new(meta: &Meta) -> Self {
        Self {
            tail: tail(meta).as_ref().into(),
        }
    }

    /// A piece of the visible answer.
    pub(super) fn text(&self, out: &mut BytesMut, piece: &str) {
        self.chunk(out, piece.len(), |out| put_text(out, piece, false));
    }

    /// A piece of the model's thoughts.
    pub(super) fn thought(&self, out: &mut BytesMut, piece: &str) {
        self.chunk(out, piece.len(), |out| put_text(out, piece, true));
    }

    /// A call, whole.
    pub(super) fn call(&self, out: &mut BytesMut, call: &ToolCall) {
        self.chunk(out, call.arguments.len(), |out| put_call(out, call));
    }

    /// The end of the answer.
    pub(super) fn finish(
        &self,
        out: &mut BytesMut,
        reason: FinishReason,
        usage: Option<&Usage>,
        citations: &[Citation],
    ) {
        out.put_slice(HEAD);
        put_text(out, "", false);
        out.put_slice(AFTER_PARTS);
        put_finish(out, reason);
        put_grounding(out, citations);
        out.put_slice(AFTER_CANDIDATE);
        if let Some(usage) = usage {
            put_usage(out, usage);
        }
        out.put_slice(&self.tail);
    }

    /// A body with one part; `size` is about what that takes.
    fn chunk(&self, out: &mut BytesMut, size: usize, part: impl FnOnce(&mut BytesMut)) {
        out.reserve(HEAD.len() + size + 64 + self.tail.len());
        out.put_slice(HEAD);
        part(out);
        out.put_slice(AFTER_PARTS);
        out.put_slice(AFTER_CANDIDATE);
        out.put_slice(&self.tail);
    }
}

/// The parts of a content, with commas between them.
struct Parts<'o> {
    out: &'o mut BytesMut,
    first: bool,
}

impl<'o> Parts<'o> {
    fn new(out: &'o mut BytesMut) -> Self {
        Self { out, first: true }
    }

    fn next(&mut self) -> &mut BytesMut {
        if !self.first {
            self.out.put_u8(b',');
        }
        self.first = false;
        self.out
    }
}

fn put_text(out: &mut BytesMut, text: &str, thought: bool) {
    out.put_slice(b"{\"text\":");
    json_string(out, text);
    out.put_slice(if thought { b",\"thought\":true}" } else { b"}" });
}

fn put_call(out: &mut BytesMut, call: &ToolCall) {
    out.put_slice(b"{\"functionCall\":{\"id\":");
    json_string(out, &call.id);
    out.put_slice(b",\"name\":");
    json_string(out, &call.name);
    out.put_slice(b",\"args\":");
    args::put(out, &call.arguments);
    out.put_slice(b"}}");
}

/// Google has no word for an answer that ends in calls.
fn put_finish(out: &mut BytesMut, reason: FinishReason) {
    out.put_slice(match reason {
        FinishReason::Stop | FinishReason::StopText(_) | FinishReason::ToolCalls => {
            b",\"finishReason\":\"STOP\"".as_slice()
        }
        FinishReason::Length => b",\"finishReason\":\"MAX_TOKENS\"",
        FinishReason::ContentFilter => b",\"finishReason\":\"SAFETY\"",
    });
}

/// The sources, as the web pages an answer rests on.
fn put_grounding(out: &mut BytesMut, citations: &[Citation]) {
    if citations.is_empty() {
        return;
    }
    out.put_slice(b",\"groundingMetadata\":{\"groundingChunks\":[");
    for (index, citation) in citations.iter().enumerate() {
        out.put_slice(if index > 0 {
            b",{\"web\":{\"uri\":"
        } else {
            b"{\"web\":{\"uri\":"
        });
        json_string(out, &citation.url);
        out.put_slice(b",\"title\":");
        json_string(out, &citation.title);
        out.put_slice(b"}}");
    }
    out.put_slice(b"]}");
}

/// Google counts thoughts beside the candidates and not among them.
fn put_usage(out: &mut BytesMut, usage: &Usage) {
    let (prompt, thoughts, total) = (usage.prompt, usage.reasoning, usage.total());
    let candidates = usage.completion - thoughts;
    let usage = format!(
        ",\"usageMetadata\":{{\"promptTokenCount\":{prompt},\"candidatesTokenCount\":{candidates},\
         \"thoughtsTokenCount\":{thoughts},\"totalTokenCount\":{total}}}"
    );
    out.put_slice(usage.as_bytes());
}

fn tail(meta: &Meta) -> BytesMut {
    let mut out = BytesMut::with_capacity(80 + meta.model.len());
    out.put_slice(b",\"modelVersion\":");
    json_string(&mut out, &meta.model);
    out.put_slice(b",\"responseId\":");
    json_string(&mut out, &meta.id);
    out.put_u8(b'}');
    out
}

#[cfg(test)]
mod tests;
