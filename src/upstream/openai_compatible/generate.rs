//! One answer of an OpenAI-compatible upstream, from the request to its last event.

use std::sync::Arc;

use async_stream::try_stream;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use http::header;
use reqwest::Response;

use super::{
    Inner,
    answer::{Chunk, Listener, finish},
    failures,
    silence::Silence,
    stream::{Reading, Step, served},
};
use crate::{
    chat::{Event, FinishReason},
    error::Failure,
    sse::{self, ReadError},
    upstream::{Call, EventStream},
};

/// The largest event of a stream, in bytes: an image in a `data:` URL fits.
const MOST_EVENT_BYTES: usize = 16 << 20;

/// The events of one answer.
pub(super) fn answer(upstream: Arc<Inner>, call: Call) -> EventStream {
    Box::pin(try_stream! {
        let mut out = Vec::new();
        let mut source = match begin(&upstream, &call, &mut out).await {
            Ok(source) => source,
            Err(failure) => {
                upstream.note_failure(&failure);
                Err(failure)?;
                return;
            }
        };
        loop {
            for event in out.drain(..) {
                yield event;
            }
            let Some(streaming) = &mut source else { return };
            match streaming.advance(&upstream, &call, &mut out).await {
                Ok(Step::More) => {}
                Ok(Step::Done) => source = None,
                Err(failure) => {
                    upstream.note_failure(&failure);
                    for event in out.drain(..) {
                        yield event;
                    }
                    Err(failure)?;
                }
            }
        }
    })
}

/// Asks. A whole answer is then in `out`; of a streamed one what comes is to be had from what this gives.
async fn begin(upstream: &Inner, call: &Call, out: &mut Vec<Event>) -> Result<Option<Streaming>, Failure> {
    upstream.check(&call.request)?;
    let model = upstream.own_id(&call.model);
    let body = Bytes::from(upstream.body(&call.request, model, call.incremental)?);
    let response = upstream.line.chat(model, body, call.incremental, call.deadline).await?;
    open(upstream, call, response, out).await
}

/// An answer by its head: whole or streamed. A server that knows no streams answers whole, and that is taken.
async fn open(
    upstream: &Inner,
    call: &Call,
    response: Response,
    out: &mut Vec<Event>,
) -> Result<Option<Streaming>, Failure> {
    let content_type = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is = |mime: &str| content_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with(mime));
    if is("text/event-stream") {
        let original = call.request.original.is_some();
        return Ok(Some(Streaming {
            events: sse::events(Box::pin(response.bytes_stream()), MOST_EVENT_BYTES).boxed(),
            reading: Reading::new(&call.model, original && call.incremental),
            silence: Silence::new(upstream.settings.timeout, call.deadline),
        }));
    }
    if is("text/html") {
        return Err(failures::protocol(&upstream.settings.name, "a page"));
    }
    let body = upstream.line.whole(response, call.deadline).await?;
    whole(upstream, call, body, out)?;
    upstream.note_success();
    Ok(None)
}

/// A whole answer.
fn whole(upstream: &Inner, call: &Call, body: Bytes, out: &mut Vec<Event>) -> Result<(), Failure> {
    let name = &upstream.settings.name;
    let answer: Chunk<'_> =
        serde_json::from_slice(&body).map_err(|error| failures::protocol(name, "a body").source(error))?;
    if answer.error.is_some() {
        return Err(failures::of_body(&upstream.line.said(), &body));
    }
    let Some(first) = answer.choices.as_ref().and_then(|choices| choices.first()) else {
        return Err(failures::protocol(name, "a body without any choice"));
    };
    out.push(served(&call.model, answer.model.as_deref()));
    out.extend(answer.usage.as_ref().map(|usage| Event::Usage(usage.usage())));
    let reason = first.finish_reason.as_deref().map_or(FinishReason::Stop, finish);
    if call.request.original.is_some() && !call.incremental {
        out.push(Event::Original(body.clone()));
        out.push(Event::Finished(reason));
        return Ok(());
    }
    let mut listener = Listener::default();
    if let Some(said) = &first.delta {
        listener.hear(said, out);
    }
    let called = listener.finish(call.request.tools.as_ref(), out);
    out.push(Event::Finished(if called { FinishReason::ToolCalls } else { reason }));
    Ok(())
}

/// A streamed answer on its way.
struct Streaming {
    events: BoxStream<'static, Result<sse::Event, ReadError<reqwest::Error>>>,
    reading: Reading,
    silence: Silence,
}

impl Streaming {
    /// Takes the next event from the wire.
    async fn advance(&mut self, upstream: &Inner, call: &Call, out: &mut Vec<Event>) -> Result<Step, Failure> {
        let name = &upstream.settings.name;
        let said = upstream.line.said();
        let next = tokio::select! {
            biased;
            next = self.events.next() => next,
            () = self.silence.lasts() => return Err(upstream.line.too_slow()),
        };
        let step = match next {
            Some(Ok(event)) => self.reading.take(event.data, &call.request, &said, out)?,
            None => {
                self.reading.end_of_bytes(&call.request, &said, out)?;
                Step::Done
            }
            Some(Err(ReadError::Bytes(error))) => return Err(failures::interrupted(name).source(error.without_url())),
            Some(Err(error @ ReadError::TooLarge(_))) => {
                return Err(failures::protocol(name, "an event over the size limit").source(error));
            }
            Some(Err(error)) => return Err(failures::protocol(name, "an event").source(error)),
        };
        if step == Step::Done {
            upstream.note_success();
        }
        Ok(step)
    }
}
