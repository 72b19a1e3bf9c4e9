//! Events to server-sent events, with signs of life in between.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    api::openai_chat::write,
    chat::{Event, Served, TokenCounter, Usage},
    error::Failure,
    telemetry::access::{Record, visible},
};

/// Bytes after which events that are ready go out, even if more are: one write, and a bound on memory.
const BATCH_BYTES: usize = 16 << 10;

/// What one stream needs besides its events.
pub(super) struct Pump {
    /// What all chunks have in common, as far as it is known; its model may still change before the first chunk.
    pub(super) meta: write::Meta,
    /// Whether the client asks for usage.
    pub(super) include_usage: bool,
    /// Whether the upstream has not said a word yet: the first chunk then waits for it, since it names the model.
    pub(super) silent: bool,
    /// Where its end is recorded.
    pub(super) record: Arc<Record>,
    /// The estimated tokens of the prompt; none when the client does not ask for usage.
    pub(super) prompt_tokens: Option<u64>,
    /// Silence after which a comment is due.
    pub(super) comment_after: Duration,
    /// Silence after which an empty delta is due.
    pub(super) empty_delta_after: Duration,
}

/// The body of a stream: the role as soon as the upstream has said something or a sign of life is due, then `early`
/// and what follows, until the end or the first failure.
pub(super) fn pump(
    pump: Pump,
    early: Option<Event>,
    events: impl Stream<Item = Result<Event, Failure>> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send + 'static {
    async_stream::stream! {
        let mut events = Box::pin(events);
        let mut out = BytesMut::new();
        let mut tally = Tally::default();
        let mut silence = Silence::new(pump.comment_after, pump.empty_delta_after);
        let silent = pump.silent;
        let mut pump = Writing::new(pump);
        if silent {
            pump.writer.waiting_comment(&mut out);
        } else {
            pump.begin(&mut out);
        }
        let mut ended = early.is_some_and(|event| pump.write(Ok(event), &mut tally, &mut out));
        loop {
            while !ended && out.len() < BATCH_BYTES {
                let Some(event) = ready(&mut events).await else { break };
                ended = pump.write(event, &mut tally, &mut out);
            }
            if !out.is_empty() {
                silence.data();
                yield out.split().freeze();
            }
            if ended {
                return;
            }
            let next = tokio::select! {
                biased;
                event = events.next() => Next::Event(event),
                sign = silence.next() => Next::Sign(sign),
            };
            match next {
                Next::Event(Some(event)) => ended = pump.write(event, &mut tally, &mut out),
                Next::Event(None) => return,
                Next::Sign(sign) => {
                    pump.sign(&sign, &mut out);
                    yield out.split().freeze();
                }
            }
        }
    }
}

/// What comes next.
enum Next {
    Event(Option<Result<Event, Failure>>),
    Sign(Sign),
}

/// The next event if it is there already. The waker is registered, unlike in a poll with a waker of no effect.
async fn ready<S: Stream + Unpin>(events: &mut S) -> Option<S::Item> {
    poll_fn(|cx| match events.poll_next_unpin(cx) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// A stream that is being written.
struct Writing {
    pump: Pump,
    writer: write::Stream,
    /// Whether the first chunk is out: from then on the model stays what it is.
    begun: bool,
}

impl Writing {
    fn new(pump: Pump) -> Self {
        Self {
            writer: write::Stream::new(&pump.meta, pump.include_usage),
            pump,
            begun: false,
        }
    }

    /// Writes the first chunk unless it is out.
    fn begin(&mut self, out: &mut BytesMut) {
        if !self.begun {
            self.begun = true;
            self.writer.role(out);
        }
    }

    /// The head is out, so a comment tells who answers; chunks do too if none is out yet.
    fn served(&mut self, served: Served, out: &mut BytesMut) {
        if !self.begun && !served.model.is_empty() {
            self.pump.meta.model = served.model;
            self.writer = write::Stream::new(&self.pump.meta, self.pump.include_usage);
        }
        if let Some(label) = &served.label {
            self.writer.served_comment(out, &visible(label));
        }
        self.begin(out);
    }

    /// Writes one event; returns whether it was the last.
    fn write(&mut self, event: Result<Event, Failure>, tally: &mut Tally, out: &mut BytesMut) -> bool {
        match event {
            Ok(Event::Text(piece)) => {
                self.begin(out);
                if self.pump.prompt_tokens.is_some() {
                    tally.text.push(&piece);
                }
                self.writer.text(out, &piece);
                false
            }
            Ok(Event::Reasoning(piece)) => {
                self.begin(out);
                if self.pump.prompt_tokens.is_some() {
                    tally.reasoning.push(&piece);
                }
                self.writer.reasoning(out, &piece);
                false
            }
            Ok(Event::Served(served)) => {
                self.served(served, out);
                false
            }
            Ok(Event::Finished(reason)) => {
                self.begin(out);
                self.writer.finish(out, reason);
                if let Some(prompt) = self.pump.prompt_tokens {
                    let usage = Usage::new(prompt, tally.text.total(), tally.reasoning.total());
                    self.writer.usage(out, &usage);
                }
                self.writer.done(out);
                true
            }
            Err(failure) => {
                self.pump.record.failed(&failure);
                self.writer.error(out, &failure);
                true
            }
        }
    }

    /// Fills a silence: the first one of a stream with the first chunk.
    fn sign(&mut self, sign: &Sign, out: &mut BytesMut) {
        if !self.begun {
            return self.begin(out);
        }
        match sign {
            Sign::Comment => self.writer.keep_alive_comment(out),
            Sign::EmptyDelta => self.writer.empty_delta(out),
        }
    }
}

/// Tokens that went out.
#[derive(Default)]
struct Tally {
    text: TokenCounter,
    reasoning: TokenCounter,
}

/// What a silence has to be filled with.
enum Sign {
    Comment,
    EmptyDelta,
}

/// The clock of a stream's silence. Every event resets it, so that costs two stores and no timer operation: the
/// timer is set further only when it fires too early.
struct Silence {
    comment_after: Duration,
    empty_delta_after: Duration,
    /// When the client last got anything.
    bytes: Instant,
    /// When it last got a chunk: a comment is none.
    chunk: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    fn new(comment_after: Duration, empty_delta_after: Duration) -> Self {
        let now = Instant::now();
        Self {
            comment_after,
            empty_delta_after,
            bytes: now,
            chunk: now,
            timer: Box::pin(sleep_until(now + comment_after.min(empty_delta_after))),
        }
    }

    /// The client gets data now.
    fn data(&mut self) {
        self.bytes = Instant::now();
        self.chunk = self.bytes;
    }

    /// Waits until the silence has to be filled. Safe to drop while it waits.
    async fn next(&mut self) -> Sign {
        loop {
            self.timer.as_mut().await;
            let now = Instant::now();
            let sign = if now >= self.chunk + self.empty_delta_after {
                self.chunk = now;
                Some(Sign::EmptyDelta)
            } else if now >= self.bytes + self.comment_after {
                Some(Sign::Comment)
            } else {
                None
            };
            if sign.is_some() {
                self.bytes = now;
            }
            let due = (self.bytes + self.comment_after).min(self.chunk + self.empty_delta_after);
            self.timer.as_mut().reset(due);
            if let Some(sign) = sign {
                return sign;
            }
        }
    }
}
