//! What an upstream that only chats cannot do by itself: call a client's tools, answer in a given form.
//!
//! The prompt asks for it, the answer is read back and held against what the client said, and an answer that fails
//! gets one further turn to put it right, which the client sees only as time. Pure readers do the reading
//! (`Reading`); this module drives them over the upstream's events.

mod document;
mod entities;
mod reading;
mod tools;

use std::sync::Arc;

use async_stream::try_stream;
use futures_util::{StreamExt, future::BoxFuture};
use secrecy::SecretString;
use tokio::time::Instant;

use self::reading::{Both, Ending, Plain, Reading, Repair, Verdict};
#[cfg(fuzzing)]
pub(crate) use self::tools::fuzz_tool_calls;
pub(super) use self::tools::past_call;
use super::{Call, Download, EventStream, Explanation, Health, Model, Replacement, Upstream};
use crate::{
    chat::{Citation, Event, FinishReason, Message, Note, OutputForm, Request, Role},
    error::{Failure, Kind},
};

/// An upstream with tools and output forms added. A request that wants neither passes through untouched.
pub struct Emulated {
    inner: Arc<dyn Upstream>,
}

impl Emulated {
    /// Adds to this upstream what it lacks.
    #[must_use]
    pub fn new(inner: Arc<dyn Upstream>) -> Self {
        Self { inner }
    }
}

impl Upstream for Emulated {
    fn models(&self) -> Vec<Model> {
        self.inner.models()
    }

    fn lists(&self, name: &str) -> bool {
        self.inner.lists(name)
    }

    fn resolve(&self, name: &str) -> Result<String, Failure> {
        self.inner.resolve(name)
    }

    /// The prompt that is really sent counts, instructions included.
    fn check(&self, request: &Request) -> Result<(), Failure> {
        match wanted(request) {
            None => self.inner.check(request),
            Some(_) => self.inner.check(&prepared(request)),
        }
    }

    fn generate(&self, call: Call) -> EventStream {
        match wanted(&call.request) {
            None => self.inner.generate(call),
            Some(what) => answer(Arc::clone(&self.inner), call, what),
        }
    }

    fn media(&self, reference: &str, deadline: Instant) -> BoxFuture<'static, Result<Download, Failure>> {
        self.inner.media(reference, deadline)
    }

    /// With the instructions, as they would be sent.
    fn explain(&self, request: &Request) -> Result<Explanation, Failure> {
        match wanted(request) {
            None => self.inner.explain(request),
            Some(_) => self.inner.explain(&prepared(request)),
        }
    }

    fn replace_credentials(&self, text: SecretString) -> BoxFuture<'static, Result<Replacement, Failure>> {
        self.inner.replace_credentials(text)
    }

    fn health(&self) -> Vec<Health> {
        self.inner.health()
    }
}

/// What has to be emulated for this request, as the response header says it; none: nothing.
fn wanted(request: &Request) -> Option<&'static str> {
    match (&request.tools, &request.form) {
        (None, OutputForm::Text | OutputForm::Image) => None,
        (Some(_), _) => Some("tools"),
        (None, _) => Some("json"),
    }
}

/// The request as the upstream gets it: with the instructions that what it lacks takes.
fn prepared(request: &Request) -> Request {
    let mut request = request.clone();
    tools::prepare(&mut request);
    document::prepare(&mut request);
    request
}

/// Whether nothing goes out before the upstream has said all. It is then asked for its final text, in which nothing
/// is provisional.
fn is_held(request: &Request) -> bool {
    request.tools.is_none() && matches!(request.form, OutputForm::JsonSchema(_))
}

/// A reader for the first answer to this call. With both, a text that is no call has to be the document.
fn reader(call: &Call) -> Result<Box<dyn Reading>, Failure> {
    let form = document::reader(&call.request, call.incremental)?;
    Ok(match (tools::reader(&call.request), form) {
        (Some(tools), Some(form)) => Box::new(Both::new(tools, Box::new(form))),
        (Some(tools), None) => tools,
        (None, Some(form)) => Box::new(form),
        (None, None) => Box::new(Plain),
    })
}

/// One answer: the upstream's, read, and when it fails the reader, once more.
fn answer(inner: Arc<dyn Upstream>, call: Call, what: &'static str) -> EventStream {
    Box::pin(try_stream! {
        yield note("emulated", what);
        let call = Call { incremental: call.incremental && !is_held(&call.request), ..call };
        let first = Arc::new(prepared(&call.request));
        let mut turn = Turn {
            reader: reader(&call)?,
            events: inner.generate(Call { request: Arc::clone(&first), ..call.clone() }),
            last: false,
        };
        let document = call.request.form.is_document();
        let mut out = Vec::new();
        // What stands beside a document, until it is known to be one: of an answer that fails nothing is shown.
        let mut beside = Vec::new();
        loop {
            beside.clear();
            let ended = loop {
                match turn.events.next().await {
                    Some(Ok(Event::Text(piece))) => turn.reader.push(piece, &mut out),
                    Some(Ok(Event::Finished(reason))) => break Ok(reason),
                    // Passages are counted in the text as the upstream said it.
                    Some(Ok(Event::Citation(citation))) => {
                        let citation = Event::Citation(Citation { passage: None, ..citation });
                        if document {
                            beside.push(citation);
                        } else {
                            yield citation;
                        }
                    }
                    Some(Ok(event @ Event::Media(_))) if document => beside.push(event),
                    Some(Ok(event)) => yield event,
                    Some(Err(failure)) => break Err(failure),
                    None => break Err(cut()),
                }
                for event in out.drain(..) {
                    yield event;
                }
            };
            let verdict = turn.end(ended, &mut out);
            for event in out.drain(..) {
                yield event;
            }
            match verdict {
                Outcome::Finished(reason) => {
                    for event in beside {
                        yield event;
                    }
                    yield Event::Finished(reason);
                    return;
                }
                Outcome::Failed(failure) => Err(failure)?,
                Outcome::Repair(repair) => {
                    tracing::debug!("the answer is not of the form asked for; asking once more");
                    yield note("repaired", "1");
                    let request = Arc::new(second(&first, &repair));
                    turn = Turn {
                        events: inner.generate(Call { request, ..call.clone() }),
                        reader: repair.next,
                        last: true,
                    };
                }
            }
        }
    })
}

/// One question to the upstream, and the reader of its answer.
struct Turn {
    events: EventStream,
    reader: Box<dyn Reading>,
    /// No further turn may follow it.
    last: bool,
}

/// What a turn comes to.
enum Outcome {
    Finished(FinishReason),
    Repair(Repair),
    Failed(Failure),
}

impl Turn {
    fn end(&mut self, ended: Result<FinishReason, Failure>, out: &mut Vec<Event>) -> Outcome {
        let (verdict, reason) = match ended {
            Ok(reason) => {
                let ending = match reason {
                    FinishReason::Stop if self.last => Ending::Last,
                    FinishReason::Stop => Ending::Whole,
                    // What was cut cannot be put right by asking again.
                    _ => Ending::Cut,
                };
                (self.reader.finish(ending, out), reason)
            }
            Err(failure) if self.last => (self.reader.lost(failure, out), FinishReason::Stop),
            Err(failure) => return Outcome::Failed(failure),
        };
        match verdict {
            Verdict::Done => Outcome::Finished(reason),
            Verdict::DoneWith(reason) => Outcome::Finished(reason),
            Verdict::Fail(failure) => Outcome::Failed(failure),
            Verdict::Repair(repair) => Outcome::Repair(repair),
        }
    }
}

/// The request of the second turn: the first, what came of it, and what is wrong with that.
fn second(first: &Request, repair: &Repair) -> Request {
    let mut request = first.clone();
    request.messages.push(Message::text(Role::Assistant, &*repair.said));
    request.messages.push(Message::text(Role::User, &*repair.complaint));
    request
}

fn note(name: &'static str, value: &str) -> Event {
    Event::Note(Note {
        name,
        value: value.to_owned(),
    })
}

fn cut() -> Failure {
    Failure::new(
        Kind::UpstreamInterrupted,
        "The answer broke off before its end. Ask again.",
    )
}
