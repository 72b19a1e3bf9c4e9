//! An answer on its way to the client: a message, or the events it grows from.

use bytes::{BufMut, Bytes, BytesMut};

use super::write::{self, SIGNATURE, Stop};
use crate::{
    api::{Meta, Reply},
    chat::{Answer, Event, FinishReason, ToolCall, Usage},
    error::Failure,
};

/// One answer.
///
/// Its blocks are thoughts (if they are asked for), text, and calls. Images and sources have no block that another
/// model than Claude could fill: images are links in the text, sources a list below it with `CITATION_FOOTNOTES`.
pub(super) struct MessagesReply {
    show_thinking: bool,
    /// The request's stop texts: the message names the one that was met.
    stop: Vec<String>,
    /// The block that is being streamed.
    open: Option<Open>,
    /// The index of the block that is being streamed, or of the next one.
    index: usize,
}

/// A block that further pieces may come for.
struct Open {
    kind: Piece,
    /// What each of its deltas begins with.
    head: Vec<u8>,
}

/// What streams piece by piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Text,
    Thinking,
}

impl MessagesReply {
    pub(super) fn new(show_thinking: bool, stop: Vec<String>) -> Self {
        Self {
            show_thinking,
            stop,
            open: None,
            index: 0,
        }
    }

    fn piece(&mut self, kind: Piece, piece: &str, out: &mut BytesMut) {
        if let Some(open) = &self.open
            && open.kind == kind
        {
            return write::delta(out, &open.head, piece);
        }
        self.close(out);
        self.start(out, |out| match kind {
            Piece::Text => write::text_block(out, ""),
            Piece::Thinking => write::thinking_block(out, "", ""),
        });
        let head = match kind {
            Piece::Text => write::delta_head(self.index, "text_delta", "text"),
            Piece::Thinking => write::delta_head(self.index, "thinking_delta", "thinking"),
        };
        write::delta(out, &head, piece);
        self.open = Some(Open { kind, head });
    }

    fn call(&mut self, call: &ToolCall, out: &mut BytesMut) {
        self.close(out);
        self.start(out, |out| write::tool_block(out, call, "{}"));
        let head = write::delta_head(self.index, "input_json_delta", "partial_json");
        write::delta(out, &head, &write::input(call));
        self.stop_block(out);
    }

    fn start(&self, out: &mut BytesMut, block: impl FnOnce(&mut BytesMut)) {
        write::event(out, "content_block_start", |out| {
            out.put_slice(format!(",\"index\":{},\"content_block\":", self.index).as_bytes());
            block(out);
        });
    }

    /// Ends the block that is being streamed, if one is.
    fn close(&mut self, out: &mut BytesMut) {
        let Some(open) = self.open.take() else { return };
        if open.kind == Piece::Thinking {
            let head = write::delta_head(self.index, "signature_delta", "signature");
            write::delta(out, &head, SIGNATURE);
        }
        self.stop_block(out);
    }

    fn stop_block(&mut self, out: &mut BytesMut) {
        write::event(out, "content_block_stop", |out| {
            out.put_slice(format!(",\"index\":{}", self.index).as_bytes());
        });
        self.index += 1;
    }

    fn content(&self, answer: &Answer, out: &mut BytesMut) {
        let mut separator = b'[';
        let mut block = |out: &mut BytesMut, put: &dyn Fn(&mut BytesMut)| {
            out.put_u8(separator);
            separator = b',';
            put(out);
        };
        if self.show_thinking && !answer.reasoning.is_empty() {
            block(out, &|out| write::thinking_block(out, &answer.reasoning, SIGNATURE));
        }
        if !answer.text.is_empty() {
            block(out, &|out| write::text_block(out, &answer.text));
        }
        for call in &answer.tool_calls {
            block(out, &|out| write::tool_block(out, call, &write::input(call)));
        }
        if separator == b'[' {
            out.put_u8(b'[');
        }
        out.put_u8(b']');
    }
}

impl Reply for MessagesReply {
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        let mut out = BytesMut::with_capacity(640 + answer.text.len() + answer.reasoning.len());
        write::message_head(&mut out, meta);
        self.content(answer, &mut out);
        out.put_slice(b",");
        Stop::new(answer.finish, &self.stop).put(&mut out);
        out.put_slice(b",\"usage\":");
        write::usage(&mut out, usage);
        out.put_slice(b"}");
        out.freeze()
    }

    fn counts_tokens(&self) -> bool {
        true
    }

    fn begin(&mut self, meta: &Meta, out: &mut BytesMut) {
        write::event(out, "message_start", |out| {
            out.put_slice(b",\"message\":");
            write::message_head(out, meta);
            out.put_slice(b"[],\"stop_reason\":null,\"stop_sequence\":null,\"stop_details\":null,\"usage\":");
            let usage = Usage {
                prompt: meta.prompt_tokens,
                ..Usage::default()
            };
            write::usage(out, &usage);
            out.put_slice(b"}");
        });
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Text(piece) => self.piece(Piece::Text, piece, out),
            Event::Reasoning(piece) if self.show_thinking => self.piece(Piece::Thinking, piece, out),
            Event::ToolCall(call) => self.call(call, out),
            _ => {}
        }
    }

    fn nothing(&mut self, out: &mut BytesMut) {
        write::event(out, "ping", |_| {});
    }

    fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut) {
        self.close(out);
        write::event(out, "message_delta", |out| {
            out.put_slice(b",\"delta\":{");
            Stop::new(Some(reason), &self.stop).put(out);
            out.put_slice(b"},\"usage\":");
            write::usage(out, &usage.copied().unwrap_or_default());
        });
        write::event(out, "message_stop", |_| {});
    }

    fn error(&mut self, failure: &Failure, out: &mut BytesMut) {
        write::error_event(out, failure);
    }
}

#[cfg(test)]
mod tests;
