//! The events of an answer as chat chunks.

use bytes::{Bytes, BytesMut};

use super::{
    shown,
    write::{self, Form, Stream},
};
use crate::{
    api::{Meta, Reply},
    chat::{Answer, Event, FinishReason, Usage},
    error::Failure,
};

/// One answer on its way to the client.
pub(super) struct ChatReply {
    include_usage: bool,
    form: Form,
    /// How many tools the stream has called.
    calls: usize,
    /// How many images it has shown.
    images: usize,
    /// None before the stream has begun.
    stream: Option<Stream>,
}

impl ChatReply {
    /// A reply that ends its stream with usage if so wanted, and calls tools `functions`, as they were called before.
    pub(super) fn new(include_usage: bool, functions: bool) -> Self {
        Self {
            include_usage,
            form: if functions { Form::Function } else { Form::Tools },
            calls: 0,
            images: 0,
            stream: None,
        }
    }
}

impl Reply for ChatReply {
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        write::whole(meta, answer, usage, self.form)
    }

    fn counts_tokens(&self) -> bool {
        self.include_usage
    }

    fn begin(&mut self, meta: &Meta, out: &mut BytesMut) {
        self.stream.insert(Stream::new(meta)).role(out);
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        let Some(stream) = &self.stream else { return };
        match event {
            Event::Text(piece) => stream.text(out, piece),
            Event::Reasoning(piece) => stream.reasoning(out, piece),
            Event::Citation(citation) => stream.citation(out, citation),
            Event::Media(media) => {
                if let Some(url) = shown::image(media) {
                    stream.image(out, url, self.images);
                    self.images += 1;
                }
            }
            Event::ToolCall(call) => {
                stream.call(out, call, self.calls, self.form);
                self.calls += 1;
            }
            _ => {}
        }
    }

    fn nothing(&mut self, out: &mut BytesMut) {
        if let Some(stream) = &self.stream {
            stream.empty_delta(out);
        }
    }

    fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut) {
        let Some(stream) = &self.stream else { return };
        stream.finish(out, reason, self.form);
        if let Some(usage) = usage {
            stream.usage(out, usage);
        }
        stream.done(out);
    }

    fn error(&mut self, failure: &Failure, out: &mut BytesMut) {
        write::error(out, failure);
    }
}
