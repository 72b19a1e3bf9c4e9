//! The events of an answer as chat chunks.

use bytes::{Bytes, BytesMut};

use super::{
    shown,
    write::{self, Stream},
};
use crate::{
    api::{Meta, Reply},
    chat::{Answer, Event, FinishReason, Usage},
    error::Failure,
};

/// One answer on its way to the client.
pub(super) struct ChatReply {
    include_usage: bool,
    /// None before the stream has begun.
    stream: Option<Stream>,
}

impl ChatReply {
    pub(super) fn new(include_usage: bool) -> Self {
        Self {
            include_usage,
            stream: None,
        }
    }
}

impl Reply for ChatReply {
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        write::whole(meta, answer, usage)
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
                    stream.image(out, url);
                }
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
        stream.finish(out, reason);
        if let Some(usage) = usage {
            stream.usage(out, usage);
        }
        stream.done(out);
    }

    fn error(&mut self, failure: &Failure, out: &mut BytesMut) {
        write::error(out, failure);
    }
}
