//! One answer on its way to the client: whole, as server-sent events, or as a JSON array.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    target::Delivery,
    write::{self, Chunks},
};
use crate::{
    api::{Meta, Reply},
    chat::{Answer, Citation, Event, FinishReason, Usage},
    error::Failure,
};

/// One answer on its way to the client.
pub(super) struct GeminiReply {
    delivery: Delivery,
    include_thoughts: bool,
    /// None before the stream has begun.
    chunks: Option<Chunks>,
    /// Whether the array has an element, so that the next one needs a comma.
    elements: bool,
    /// Sources come with the last chunk.
    citations: Vec<Citation>,
}

impl GeminiReply {
    pub(super) fn new(delivery: Delivery, include_thoughts: bool) -> Self {
        Self {
            delivery,
            include_thoughts,
            chunks: None,
            elements: false,
            citations: Vec::new(),
        }
    }

    /// One event of the stream, or one element of the array.
    fn item(&mut self, out: &mut BytesMut, write: impl FnOnce(&Self, &mut BytesMut)) {
        if self.delivery == Delivery::Events {
            out.put_slice(b"data: ");
            write(self, out);
            out.put_slice(b"\n\n");
            return;
        }
        if self.elements {
            out.put_slice(b"\n,\n");
        }
        write(self, out);
        self.elements = true;
    }

    fn chunk(&mut self, out: &mut BytesMut, write: impl FnOnce(&Chunks, &mut BytesMut)) {
        self.item(out, |reply, out| {
            if let Some(chunks) = &reply.chunks {
                write(chunks, out);
            }
        });
    }

    fn close(&self, out: &mut BytesMut) {
        if self.delivery != Delivery::Events {
            out.put_u8(b']');
        }
    }
}

impl Reply for GeminiReply {
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        write::whole(meta, answer, usage, self.include_thoughts)
    }

    fn stream_type(&self) -> &'static str {
        match self.delivery {
            Delivery::Events => "text/event-stream",
            Delivery::Whole | Delivery::Array => "application/json",
        }
    }

    fn counts_tokens(&self) -> bool {
        true
    }

    fn begin(&mut self, meta: &Meta, out: &mut BytesMut) {
        self.chunks = Some(Chunks::new(meta));
        // An array has its bracket; events have nothing to say yet, and a blank line is the least that is a sign of
        // life.
        out.put_u8(if self.delivery == Delivery::Events { b'\n' } else { b'[' });
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Text(piece) => self.chunk(out, |chunks, out| chunks.text(out, piece)),
            Event::Reasoning(piece) if self.include_thoughts => {
                self.chunk(out, |chunks, out| chunks.thought(out, piece));
            }
            Event::ToolCall(call) => self.chunk(out, |chunks, out| chunks.call(out, call)),
            Event::Citation(citation) => self.citations.push(citation.clone()),
            _ => {}
        }
    }

    fn nothing(&mut self, out: &mut BytesMut) {
        self.chunk(out, |chunks, out| chunks.text(out, ""));
    }

    /// A blank line, which is white space between the elements of an array too. The official client for Python takes
    /// every line of a stream that is not `data:` for the beginning of a JSON text, comments included, and fails.
    fn comment(&mut self, _text: &str, out: &mut BytesMut) {
        out.put_u8(b'\n');
    }

    fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut) {
        let citations = std::mem::take(&mut self.citations);
        self.chunk(out, |chunks, out| chunks.finish(out, reason, usage, &citations));
        self.close(out);
    }

    fn error(&mut self, failure: &Failure, out: &mut BytesMut) {
        if self.chunks.is_none() && self.delivery != Delivery::Events {
            out.put_u8(b'[');
        }
        self.item(out, |_, out| super::error::put(out, failure));
        self.close(out);
    }
}
