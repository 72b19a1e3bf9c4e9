//! One answer, from the prompt to its last event.
//!
//! What can be mended without the client noticing is mended before the first output event: a refused token, a stale
//! page, a passing fault, a guest's answer to a session that can be made anew. After it a prompt is never sent again; a
//! cut answer is read back from the account's history where there is one, and is a failure otherwise.

use std::{sync::Arc, time::Duration};

use async_stream::try_stream;
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use super::{
    Inner,
    attempt::Attempt,
    prompt::{self, Attached, Prompt},
    proof::proven,
    session::{Live, Session},
    upload::Attachment,
};
use crate::{
    chat::{Event, Note, Part, Request},
    error::{Failure, Kind, Retry},
    upstream::{Call, EventStream},
};

/// The events of one answer.
pub(super) fn answer(web: Arc<Inner>, call: Call) -> EventStream {
    Box::pin(try_stream! {
        let (message, note) = Message::new(&web, &call.request)?;
        if let Some(note) = note {
            yield Event::Note(note);
        }
        let mut attempt = begin(&web, &call, &message).await?;
        while let Some(event) = attempt.next().await? {
            // Before it is given away: nobody asks again after the last event.
            if matches!(event, Event::Finished(_)) {
                web.note_success();
            }
            yield event;
        }
    })
}

/// What is sent: the prompt, and the files that go with it.
pub(super) struct Message {
    pub(super) text: String,
    pub(super) files: Vec<Attachment>,
}

impl Message {
    /// The message of a request, and what was done to make it fit, if anything.
    pub(super) fn new(web: &Inner, request: &Request) -> Result<(Self, Option<Note>), Failure> {
        let Prompt { text, attached } = prompt::pack(request, web.prompt_limits)?;
        if text.trim().is_empty() {
            let message = "The message has no text, and Gemini takes none without.";
            return Err(Failure::new(Kind::InvalidRequest, message).param("messages"));
        }
        let note = attached.as_ref().map(Attached::note);
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let mut files: Vec<_> = parts
            .filter_map(|part| match part {
                Part::File(file) => Attachment::of_file(file),
                Part::Text(_) => None,
            })
            .collect();
        // First, as its messages come first.
        files.splice(
            0..0,
            attached.map(|attached| Attachment::of_text(attached.name, attached.text)),
        );
        Ok((Self { text, files }, note))
    }
}

/// Tries until an attempt has its first output event, or nothing more may be tried.
async fn begin(web: &Arc<Inner>, call: &Call, message: &Message) -> Result<Attempt, Failure> {
    let mut patience = Patience::new();
    loop {
        // Asked for anew each time: the owner may have brought another one.
        let session = &web.session()?;
        let live = match session.ready(call.deadline).await {
            Err(_) if session.is_retired() => continue,
            live => live?,
        };
        let failure = match attempt(web, session, &live, call, message).await {
            Ok(attempt) => return Ok(attempt),
            Err(failure) => failure,
        };
        tracing::debug!(
            code = failure.kind().facts().code,
            "an attempt failed before any output"
        );
        match failure.retry_rule() {
            Retry::Refresh if session.is_retired() && !patience.replaced => patience.replaced = true,
            Retry::Refresh if patience.refreshed => {
                session.refreshed_in_vain();
                return Err(failure);
            }
            Retry::Refresh if session.may_help_to_refresh() => {
                patience.refreshed = true;
                match session.refresh(live.serial, call.deadline).await {
                    Err(_) if session.is_retired() => {}
                    refreshed => drop(refreshed?),
                }
            }
            Retry::Backoff => match patience.pause(&failure, call.deadline) {
                Some(pause) => sleep(pause).await,
                // It was tried often enough, whoever else may think of it.
                None => return Err(failure.retry(Retry::Never)),
            },
            _ => {
                if closes_the_door(failure.kind()) {
                    session.mark_down(live.serial, failure.share());
                }
                return Err(failure);
            }
        }
    }
}

/// One attempt, its files uploaded before as far as they are not known.
async fn attempt(
    web: &Arc<Inner>,
    session: &Arc<Session>,
    live: &Arc<Live>,
    call: &Call,
    message: &Message,
) -> Result<Attempt, Failure> {
    let references = session.uploads.references(session, live, &message.files, call.deadline);
    let references = references.await?;
    let started = Attempt::start(web, session, live, call, &message.text, &references);
    let outcome = match web.strict_model {
        true => proven(session, live, call.deadline, started).await,
        false => started.await,
    };
    outcome.inspect_err(|failure| {
        // A reference that is dead before its time is refused in one of these ways (protocol notes, errors).
        if matches!(
            failure.kind(),
            Kind::UpstreamRejectedRequest | Kind::UpstreamSessionRejected
        ) {
            session.uploads.forget(&message.files);
        }
    })
}

/// Failures that every next request would only repeat: they are answered from memory for a while.
fn closes_the_door(kind: Kind) -> bool {
    matches!(kind, Kind::UpstreamIpBlocked | Kind::UpstreamConsentRequired)
}

/// What one request may still spend on second chances.
struct Patience {
    refreshed: bool,
    /// Whether it went over to another session.
    replaced: bool,
    pauses: backon::ExponentialBackoff,
}

impl Patience {
    fn new() -> Self {
        const RETRIES: usize = 2;
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(8))
            .with_max_times(RETRIES)
            .with_jitter()
            .build();
        Self {
            refreshed: false,
            replaced: false,
            pauses,
        }
    }

    /// The pause before the next try, if there is time for one.
    fn pause(&mut self, failure: &Failure, deadline: Instant) -> Option<Duration> {
        let pause = self.pauses.next()?.max(failure.wait().unwrap_or_default());
        (Instant::now() + pause < deadline).then_some(pause)
    }
}
