//! Events to the bytes of a stream, with signs of life in between.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    api::{Meta, Reply},
    chat::{Event, Served, TokenCounter, Usage},
    error::Failure,
    telemetry::access::{Record, visible},
};

/// Bytes after which events that are ready go out, even if more are: one write, and a bound on memory.
const BATCH_BYTES: usize = 16 << 10;

/// What one stream needs besides its events.
pub(super) struct Pump {
    /// What all chunks have in common, as far as it is known; its model may still change before the first chunk.
    pub(super) meta: Meta,
    /// How it is written.
    pub(super) reply: Box<dyn Reply>,
    /// Whether the upstream has not said a word yet: the first chunk then waits for it, since it names the model.
    pub(super) silent: bool,
    /// Whether the answer may come in the client's own format: it then opens the stream itself.
    pub(super) passes_on: bool,
    /// Where its end is recorded.
    pub(super) record: Arc<Record>,
    /// Silence after which a comment is due.
    pub(super) comment_after: Duration,
    /// Silence after which an empty delta is due.
    pub(super) empty_delta_after: Duration,
}

/// The body of a stream: the role as soon as the upstream has said something or a sign of life is due, then `early`
/// and what follows, until the end or the first failure.
pub(super) fn pump(
    pump: Pump,
    early: impl Iterator<Item = Event> + Send + 'static,
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
            // It gets the head through proxies.
            pump.reply.comment("waiting", &mut out);
        } else if !pump.passes_on {
            pump.begin(&mut out);
        }
        let mut ended = false;
        for event in early {
            ended = pump.write(Ok(event), &mut tally, &mut out);
        }
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
    meta: Meta,
    reply: Box<dyn Reply>,
    record: Arc<Record>,
    /// Whether the stream is opened: from then on the model stays what it is.
    begun: bool,
    passes_on: bool,
    /// Whether what goes out is in the client's own format already.
    original: bool,
}

impl Writing {
    fn new(pump: Pump) -> Self {
        Self {
            meta: pump.meta,
            reply: pump.reply,
            record: pump.record,
            begun: false,
            passes_on: pump.passes_on,
            original: false,
        }
    }

    /// Opens the stream unless it is.
    fn begin(&mut self, out: &mut BytesMut) {
        if !self.begun {
            self.begun = true;
            self.reply.begin(&self.meta, out);
        }
    }

    /// The head is out, so a comment tells who answers; the stream itself does too unless it has been opened.
    fn served(&mut self, served: Served, out: &mut BytesMut) {
        if let Some(label) = &served.label {
            self.reply.comment(&format!("served-by {}", visible(label)), out);
        }
        if !self.begun && !served.model.is_empty() {
            self.meta.model = served.model;
        }
        if !self.passes_on {
            self.begin(out);
        }
    }

    /// Writes one event; returns whether it was the last.
    fn write(&mut self, event: Result<Event, Failure>, tally: &mut Tally, out: &mut BytesMut) -> bool {
        match event {
            Ok(Event::Served(served)) => {
                self.served(served, out);
                false
            }
            Ok(Event::Note(note)) => {
                self.reply.comment(&format!("{} {}", note.name, note.value), out);
                false
            }
            Ok(Event::Usage(usage)) => {
                tally.counted = Some(usage);
                false
            }
            Ok(Event::Original(piece)) => {
                self.original = true;
                self.reply.original(&piece, out);
                false
            }
            Ok(Event::Finished(_)) if self.original => {
                self.reply.finish_original(out);
                true
            }
            Ok(Event::Finished(reason)) => {
                self.begin(out);
                let usage = self.reply.counts_tokens().then(|| tally.usage(self.meta.prompt_tokens));
                self.reply.finish(reason, usage.as_ref(), out);
                true
            }
            Ok(output) => {
                self.begin(out);
                if self.reply.counts_tokens() {
                    tally.push(&output);
                }
                self.reply.event(&output, out);
                false
            }
            Err(failure) => {
                self.record.failed(&failure);
                self.reply.error(&failure, out);
                true
            }
        }
    }

    /// Fills a silence: the first one of a stream with its opening.
    fn sign(&mut self, sign: &Sign, out: &mut BytesMut) {
        if self.passes_on && !self.begun {
            return self.reply.comment("keep-alive", out);
        }
        if !self.begun {
            return self.begin(out);
        }
        match sign {
            Sign::Comment => self.reply.comment("keep-alive", out),
            Sign::EmptyDelta => self.reply.nothing(out),
        }
    }
}

/// Tokens that went out.
#[derive(Default)]
struct Tally {
    visible: TokenCounter,
    reasoning: TokenCounter,
    /// The upstream's own count, which goes before the estimate.
    counted: Option<Usage>,
}

impl Tally {
    fn push(&mut self, output: &Event) {
        match output {
            Event::Text(piece) => self.visible.push(piece),
            Event::ToolCall(call) => self.visible.push_call(call),
            Event::Reasoning(piece) => self.reasoning.push(piece),
            _ => {}
        }
    }

    fn usage(&self, prompt: u64) -> Usage {
        let estimate = || Usage::new(prompt, self.visible.total(), self.reasoning.total());
        self.counted.unwrap_or_else(estimate)
    }
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
