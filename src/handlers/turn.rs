//! One answer as a stream of events: the permit, the upstream, the limits. Whole answers and streams both read this.

use std::{panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream::CatchUnwind};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until, timeout_at},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{footnotes::Footnotes, media::Delivery};
use crate::{
    app::App,
    chat::{Event, Limiter},
    error::{Failure, Kind},
    room::Held,
    telemetry::access::Record,
    upstream::{Call, EventStream},
};

/// The events of one answer, after stop texts and token limit, from the wait for a permit on.
///
/// It ends after [`Event::Finished`] or after an error, and always in one of the two: a stream the upstream cut ends
/// in [`Kind::UpstreamInterrupted`], one that outlives the deadline in [`Kind::UpstreamTimeout`], one
/// that the gateway's own end overtakes in [`Kind::ShuttingDown`]. Dropping it gives the permit and the room back and cancels the upstream's
/// request.
pub(super) fn events(
    app: Arc<App>,
    record: Arc<Record>,
    call: Call,
    delivery: Delivery,
    held: Held,
) -> impl Stream<Item = Result<Event, Failure>> + Send + 'static {
    async_stream::stream! {
        let (deadline, mut limiter) = (call.deadline, Limiter::new(&call.request.stop, call.request.max_tokens));
        let permit = match permit(&app, deadline).await {
            Ok(permit) => permit,
            Err(failure) => {
                yield Err(failure);
                return;
            }
        };
        let in_flight = app.metrics.generation();
        let mut footnotes = Footnotes::new(app.footnotes, &call.request);
        let mut upstream = Guarded::new(app.upstream.generate(call), deadline, app.ending.clone());
        let mut silent = true;
        let mut text = false;
        let (rest, reason) = loop {
            let event = upstream.next().await;
            if silent && event.as_ref().is_ok_and(Event::is_output) {
                silent = false;
                record.first_output();
            }
            match event {
                Ok(Event::Text(piece)) => {
                    text = true;
                    let limited = limiter.push(piece);
                    if let Some(reason) = limited.finished {
                        break (limited.text, reason);
                    }
                    if !limited.text.is_empty() {
                        yield Ok(Event::Text(limited.text));
                    }
                }
                Ok(Event::Finished(reason)) => {
                    // What was held back for a stop text that never came.
                    let held = limiter.finish();
                    break (held.text, held.finished.unwrap_or(reason));
                }
                Ok(Event::Served(served)) => {
                    record.served(&served.model);
                    if served.native {
                        limiter = Limiter::new(&[], None);
                    }
                    yield Ok(Event::Served(served));
                }
                Ok(Event::ToolCall(call)) => {
                    // What was held back comes before the call, as the model said it.
                    let held = limiter.pause();
                    if let Some(reason) = held.finished {
                        break (held.text, reason);
                    }
                    if !held.text.is_empty() {
                        yield Ok(Event::Text(held.text));
                    }
                    yield Ok(Event::ToolCall(call));
                }
                Ok(Event::Media(media)) => {
                    let held = limiter.pause();
                    if let Some(reason) = held.finished {
                        break (held.text, reason);
                    }
                    if !held.text.is_empty() {
                        yield Ok(Event::Text(held.text));
                    }
                    let delivered = tokio::select! {
                        delivered = delivery.events(media, text) => delivered,
                        () = app.ending.cancelled() => Err(closing()),
                    };
                    match delivered {
                        Ok(events) => {
                            text = true;
                            for event in events {
                                yield Ok(event);
                            }
                        }
                        Err(failure) => {
                            record.upstream_failed(&failure);
                            yield Err(failure);
                            return;
                        }
                    }
                }
                Ok(Event::Citation(source)) => {
                    footnotes.push(&source);
                    yield Ok(Event::Citation(source));
                }
                Ok(other) => yield Ok(other),
                Err(failure) => {
                    record.upstream_failed(&failure);
                    yield Err(failure);
                    return;
                }
            }
        };
        // Before the client hears of the end: nothing is generated that nobody reads, and a client that is slow to
        // take the last piece keeps no place.
        drop((upstream, in_flight, permit, held));
        if !rest.is_empty() {
            yield Ok(Event::Text(rest));
        }
        if let Some(footnotes) = footnotes.text(reason) {
            yield Ok(Event::Text(footnotes));
        }
        yield Ok(Event::Finished(reason));
    }
}

/// Waits for a free place, as long as the client would.
async fn permit(app: &App, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
    const COME_BACK: Duration = Duration::from_secs(5);
    let acquired = tokio::select! {
        () = app.closing.cancelled() => return Err(closing()),
        acquired = timeout_at(deadline, Arc::clone(&app.permits).acquire_owned()) => acquired,
    };
    match acquired {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_closed)) => Err(closing()),
        Err(_elapsed) => {
            let message = "The gateway generates as many answers as it may (MAX_CONCURRENT), and none ended in time. Try again later.";
            Err(Failure::new(Kind::Overloaded, message).retry_after(COME_BACK))
        }
    }
}

pub(super) fn closing() -> Failure {
    let failure = Failure::new(
        Kind::ShuttingDown,
        "The gateway is shutting down. Try again in a moment.",
    );
    failure.retry_after(Duration::from_secs(1))
}

/// The upstream's stream with everything it must not do turned into a failure: to end without an end, to outlive
/// the deadline or the gateway, to panic.
struct Guarded {
    events: CatchUnwind<AssertUnwindSafe<EventStream>>,
    /// One timer for the whole answer, looked at only when there is nothing to pass on.
    deadline: Pin<Box<Sleep>>,
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Guarded {
    fn new(events: EventStream, deadline: Instant, ending: CancellationToken) -> Self {
        Self {
            events: AssertUnwindSafe(events).catch_unwind(),
            deadline: Box::pin(sleep_until(deadline)),
            ending: Box::pin(ending.cancelled_owned()),
        }
    }

    async fn next(&mut self) -> Result<Event, Failure> {
        let event = tokio::select! {
            biased;
            event = self.events.next() => event,
            () = &mut self.deadline => return Err(late()),
            () = &mut self.ending => return Err(closing()),
        };
        match event {
            Some(Ok(event)) => event,
            Some(Err(_panic)) => Err(Failure::new(
                Kind::Internal,
                "A defect of the gateway stopped this answer. The log has its place, under the request id.",
            )),
            None => Err(Failure::new(
                Kind::UpstreamInterrupted,
                "The answer broke off before its end. Ask again.",
            )),
        }
    }
}

fn late() -> Failure {
    Failure::new(
        Kind::UpstreamTimeout,
        "The answer was not complete in time (REQUEST_TIMEOUT). Ask for less, or raise it.",
    )
}
