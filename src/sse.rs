//! Server-sent events read from bytes in any chunking, with a bound on what one event may hold.
//!
//! The format is `sse_stream`'s affair; it keeps an unfinished event for as long as one comes. [`Meter`] stands before it
//! and counts.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sse_stream::SseByteStream;

#[cfg(test)]
mod tests;

/// One event that carries data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `event` field, if there was one.
    pub(crate) name: Option<String>,
    /// The `data` fields, joined with line feeds.
    pub(crate) data: String,
}

/// Why a stream of events ended before its bytes did. Nothing follows it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError<E: std::error::Error + Send + Sync + 'static> {
    /// One event is larger than the limit, in bytes.
    #[error("one event is larger than {0} bytes")]
    TooLarge(usize),
    /// A field is not UTF-8.
    #[error("an event is not valid UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// The bytes themselves failed.
    #[error(transparent)]
    Bytes(E),
    /// Anything else the format's reader may come to object to.
    #[error("an event cannot be read")]
    Malformed(#[source] sse_stream::Error),
}

/// Reads the events of `bytes`. Comments and events without data are passed over. What one event may hold is `limit` bytes
/// on the wire, field names and line ends included; comments do not count. Every event before a failure is given first. An
/// event that the end of the bytes cuts off is dropped, as the format demands.
pub(crate) fn events<S, E>(bytes: S, limit: usize) -> impl Stream<Item = Result<Event, ReadError<E>>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    let metered = Metered {
        bytes,
        meter: Meter::new(limit),
        full: false,
    };
    SseByteStream::new(metered).filter_map(|item| {
        std::future::ready(match item {
            Ok(event) => event.data.map(|data| {
                Ok(Event {
                    name: event.event,
                    data,
                })
            }),
            Err(error) => Some(Err(read_error(error))),
        })
    })
}

/// Undoes the wrapping of what [`Metered`] reported.
fn read_error<E: std::error::Error + Send + Sync + 'static>(error: sse_stream::Error) -> ReadError<E> {
    match error {
        sse_stream::Error::Utf8Parse(error) => ReadError::NotUtf8(error),
        sse_stream::Error::Body(inner) => match inner.downcast::<ReadError<E>>() {
            Ok(own) => *own,
            Err(inner) => ReadError::Malformed(sse_stream::Error::Body(inner)),
        },
        other => ReadError::Malformed(other),
    }
}

/// Bytes that end in an error where one event becomes too large.
struct Metered<S> {
    bytes: S,
    meter: Meter,
    /// The limit was passed; what stood before it has been given.
    full: bool,
}

impl<S, E> Stream for Metered<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    type Item = Result<Bytes, ReadError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.full {
            return Poll::Ready(Some(Err(ReadError::TooLarge(self.meter.limit))));
        }
        Poll::Ready(match ready!(self.bytes.poll_next_unpin(context)) {
            Some(Ok(chunk)) => {
                let fit = self.meter.fit(&chunk);
                self.full = fit < chunk.len();
                Some(Ok(chunk.slice(..fit)))
            }
            Some(Err(error)) => Some(Err(ReadError::Bytes(error))),
            None => None,
        })
    }
}

/// Counts the bytes of the event that is being read.
struct Meter {
    limit: usize,
    /// Bytes since the last event ended.
    held: usize,
    line: Line,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
}

/// What the line that is being read is so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Empty,
    Comment,
    Field,
}

impl Meter {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            held: 0,
            line: Line::Empty,
            after_return: false,
        }
    }

    /// How many of these bytes can be taken before an event is too large: all, or up to the first one too many.
    fn fit(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                at += 1;
                continue;
            }
            if self.line == Line::Empty && first == b':' {
                self.line = Line::Comment;
            }
            let rest = &bytes[at..];
            let end = memchr::memchr2(b'\n', b'\r', rest);
            let length = end.unwrap_or(rest.len());
            if self.line == Line::Empty && length > 0 {
                self.line = Line::Field;
            }
            if self.line == Line::Field {
                // The end of the line counts as one byte, whichever it is.
                let taken = length + usize::from(end.is_some());
                let room = self.limit.saturating_sub(self.held);
                if taken > room {
                    return at + room;
                }
                self.held += taken;
            }
            at += length;
            if end.is_some() {
                self.after_return = bytes[at] == b'\r';
                at += 1;
                if self.line == Line::Empty {
                    self.held = 0;
                }
                self.line = Line::Empty;
            }
        }
        at
    }
}
