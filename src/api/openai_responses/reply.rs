//! The events of an answer as events of a response.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    echo::Echo,
    stream::{Stream, put_error},
    tools::Name,
    write,
};
use crate::{
    api::{Meta, Reply},
    chat::{Answer, Event, FinishReason, Usage},
    error::Failure,
};

/// One answer on its way to the client.
pub(super) struct ResponsesReply {
    echo: Echo,
    names: Vec<Name>,
    /// Whether later requests may refer to its items.
    keep: bool,
    /// None before the stream has begun.
    stream: Option<Stream>,
}

impl ResponsesReply {
    pub(super) fn new(echo: Echo, names: Vec<Name>, keep: bool) -> Self {
        Self {
            echo,
            names,
            keep,
            stream: None,
        }
    }
}

impl Reply for ResponsesReply {
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        write::whole(meta, &self.echo, &self.names, self.keep, answer, usage)
    }

    fn counts_tokens(&self) -> bool {
        true
    }

    fn begin(&mut self, meta: &Meta, out: &mut BytesMut) {
        self.stream
            .insert(Stream::new(meta, self.echo.clone(), self.keep))
            .begin(out);
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        let Some(stream) = &mut self.stream else { return };
        match event {
            Event::Text(piece) => stream.text(piece, out),
            Event::Reasoning(piece) => stream.thoughts(piece, out),
            Event::ToolCall(call) => stream.call(call, &self.names, out),
            Event::Citation(citation) => stream.cite(citation, out),
            _ => {}
        }
    }

    fn nothing(&mut self, out: &mut BytesMut) {
        if let Some(stream) = &mut self.stream {
            stream.in_progress(out);
        }
    }

    fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut) {
        if let Some(stream) = &mut self.stream {
            stream.finish(reason, usage, out);
        }
    }

    fn error(&mut self, failure: &Failure, out: &mut BytesMut) {
        match &mut self.stream {
            Some(stream) => stream.fail(failure, out),
            None => {
                out.put_slice(b"event: error\ndata: {\"type\":\"error\",");
                put_error(failure, out);
                out.put_slice(b",\"sequence_number\":0}\n\n");
            }
        }
    }
}

#[cfg(test)]
mod tests;
