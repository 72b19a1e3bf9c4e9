//! The bytes of a message and of the events of a stream.

use bytes::{BufMut, BytesMut};
use serde_json::value::RawValue;

use super::error;
use crate::{
    api::{Meta, escape::json_string},
    chat::{FinishReason, ToolCall, Usage},
    error::Failure,
};

/// Where Anthropic puts a proof that thoughts are its own. Clients send it back unread, and some drop thoughts
/// without one, so it is a fixed mark, which proves nothing. The gateway never looks at it.
pub(super) const SIGNATURE: &str = "gemini-gateway";

/// Why a message ended, in the format's own words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop<'a> {
    reason: &'static str,
    sequence: Option<&'a str>,
}

impl<'a> Stop<'a> {
    /// The end of an answer to a request with these stop texts. None: it was cut, which is never a natural end.
    pub(super) fn new(finish: Option<FinishReason>, texts: &'a [String]) -> Self {
        let (reason, sequence) = match finish {
            Some(FinishReason::Stop) => ("end_turn", None),
            Some(FinishReason::StopText(index)) => ("stop_sequence", texts.get(index).map(String::as_str)),
            Some(FinishReason::ToolCalls) => ("tool_use", None),
            Some(FinishReason::ContentFilter) => ("refusal", None),
            Some(FinishReason::Length) | None => ("max_tokens", None),
        };
        Self { reason, sequence }
    }

    /// Appends its three fields.
    pub(super) fn put(self, out: &mut BytesMut) {
        out.put_slice(b"\"stop_reason\":");
        json_string(out, self.reason);
        out.put_slice(b",\"stop_sequence\":");
        match self.sequence {
            Some(text) => json_string(out, text),
            None => out.put_slice(b"null"),
        }
        out.put_slice(b",\"stop_details\":");
        out.put_slice(match self.reason {
            "refusal" => br#"{"type":"refusal","category":null,"explanation":null}"#,
            _ => b"null",
        });
    }
}

/// Appends the beginning of a message, up to its content.
pub(super) fn message_head(out: &mut BytesMut, meta: &Meta) {
    out.put_slice(b"{\"id\":\"msg_");
    out.put_slice(meta.id.as_bytes());
    out.put_slice(b"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    json_string(out, &meta.model);
    out.put_slice(b",\"content\":");
}

/// Appends a block of text.
pub(super) fn text_block(out: &mut BytesMut, text: &str) {
    out.put_slice(b"{\"type\":\"text\",\"text\":");
    json_string(out, text);
    out.put_slice(b"}");
}

/// Appends a block of thoughts.
pub(super) fn thinking_block(out: &mut BytesMut, thinking: &str, signature: &str) {
    out.put_slice(b"{\"type\":\"thinking\",\"thinking\":");
    json_string(out, thinking);
    out.put_slice(b",\"signature\":");
    json_string(out, signature);
    out.put_slice(b"}");
}

/// Appends a call with this input, which is JSON.
pub(super) fn tool_block(out: &mut BytesMut, call: &ToolCall, input: &str) {
    out.put_slice(b"{\"type\":\"tool_use\",\"id\":");
    json_string(out, &call.id);
    out.put_slice(b",\"name\":");
    json_string(out, &call.name);
    out.put_slice(b",\"input\":");
    out.put_slice(input.as_bytes());
    out.put_slice(b"}");
}

/// The input of a call: a JSON object. No tool of this format takes anything else; should arguments ever be another
/// text, they are not lost.
pub(super) fn input(call: &ToolCall) -> String {
    let raw = call.arguments.trim_ascii();
    if raw.starts_with('{') && serde_json::from_str::<&RawValue>(raw).is_ok() {
        return raw.to_owned();
    }
    let mut wrapped = BytesMut::from(&b"{\"arguments\":"[..]);
    json_string(&mut wrapped, raw);
    wrapped.put_u8(b'}');
    String::from_utf8_lossy(&wrapped).into_owned()
}

/// Appends a usage object.
pub(super) fn usage(out: &mut BytesMut, usage: &Usage) {
    let (input, output, thinking) = (usage.prompt, usage.completion, usage.reasoning);
    let usage = format!(
        "{{\"input_tokens\":{input},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
         \"output_tokens\":{output},\"output_tokens_details\":{{\"thinking_tokens\":{thinking}}}}}"
    );
    out.put_slice(usage.as_bytes());
}

/// Appends an event: its name, and its data from behind the type on.
pub(super) fn event(out: &mut BytesMut, name: &str, rest: impl FnOnce(&mut BytesMut)) {
    out.put_slice(b"event: ");
    out.put_slice(name.as_bytes());
    out.put_slice(b"\ndata: {\"type\":\"");
    out.put_slice(name.as_bytes());
    out.put_slice(b"\"");
    rest(out);
    out.put_slice(END);
}

/// Appends the event of a failure.
pub(super) fn error_event(out: &mut BytesMut, failure: &Failure) {
    out.put_slice(b"event: error\ndata: ");
    error::put(out, failure, None);
    out.put_slice(b"\n\n");
}

/// The beginning of a delta's event, up to the JSON string of its piece.
pub(super) fn delta_head(index: usize, kind: &str, field: &str) -> Vec<u8> {
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\
         \"delta\":{{\"type\":\"{kind}\",\"{field}\":"
    )
    .into_bytes()
}

/// Appends a delta with this head.
pub(super) fn delta(out: &mut BytesMut, head: &[u8], piece: &str) {
    out.reserve(head.len() + piece.len() + 32);
    out.put_slice(head);
    json_string(out, piece);
    out.put_slice(b"}");
    out.put_slice(END);
}

const END: &[u8] = b"}\n\n";
