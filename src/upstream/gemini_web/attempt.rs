//! One request to Google and the reading of its answer.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::{
    Inner, errors,
    frames::{FrameError, Frames},
    ledger::OwnChat,
    media,
    opening::{healing, open},
    reply::{Reply, Step, StreamError},
    request::RpcCall,
    session::{Live, Session},
    signin::unreadable_frames,
    transport::{broken_off, read_all, too_slow},
    upload::References,
};
use crate::{
    chat::{Citation, Event, FinishReason, OutputForm, Served},
    error::{Failure, Kind, Retry},
    upstream::Call,
};

/// An answer under way.
pub(super) struct Attempt {
    web: Arc<Inner>,
    session: Arc<Session>,
    live: Arc<Live>,
    /// Public id of the model that was asked for.
    model: String,
    /// Whether the head of the answer raised a doubt that the session is signed in.
    doubtful: bool,
    /// Whether an answer without an image is none.
    wants_image: bool,
    body: Option<Response>,
    frames: Frames,
    reply: Reply,
    ready: VecDeque<Event>,
    /// Whether any text or picture was queued for the client.
    has_output: bool,
    finished: bool,
    /// Bytes of the body so far.
    received: u64,
    deadline: Instant,
    /// Deletes the chat when the attempt ends, if it is one that is kept.
    own_chat: Option<OwnChat>,
}

impl Attempt {
    /// Sends the prompt and reads up to the first output event, so that a failure before it can still be retried.
    pub(super) async fn start(
        web: &Arc<Inner>,
        session: &Arc<Session>,
        live: &Arc<Live>,
        call: &Call,
        prompt: &str,
        references: &References,
    ) -> Result<Self, Failure> {
        let response = open(web, session, live, call, prompt, &references.list).await?;
        let protocol = &web.protocol;
        let mut attempt = Self {
            web: Arc::clone(web),
            session: Arc::clone(session),
            live: Arc::clone(live),
            model: call.model.to_string(),
            doubtful: web.strict_model && session.doubts(response.headers()),
            wants_image: call.request.form == OutputForm::Image,
            body: Some(response),
            frames: Frames::new(protocol.limits.frame_bytes),
            received: 0,
            reply: Reply::new(Arc::clone(protocol), call.incremental),
            ready: VecDeque::new(),
            has_output: false,
            finished: false,
            deadline: call.deadline,
            own_chat: None,
        };
        while !attempt.ready.iter().any(Event::is_output) {
            if let Err(failure) = attempt.advance().await {
                // Once Google has begun to answer, the prompt was taken: it is not sent again, even if none of the
                // answer has gone out yet.
                return Err(if attempt.reply.has_started() {
                    failure.retry(Retry::Never)
                } else if references.remembered && failure.kind() == Kind::UpstreamRejectedRequest {
                    // Perhaps only the references were dead: with new ones the same request may be taken.
                    failure.retry(Retry::Refresh)
                } else {
                    failure
                });
            }
        }
        Ok(attempt)
    }

    /// Whether the answer may be a guest's, by its head.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// The next event; none after [`Event::Finished`].
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.finished {
                return Ok(None);
            }
            self.advance().await?;
        }
    }

    /// Reads one piece of the body and takes in the frames it completes.
    async fn advance(&mut self) -> Result<(), Failure> {
        match self.chunk().await {
            Ok(Some(chunk)) => self.take_bytes(chunk).await,
            Ok(None) => self.end_of_body().await,
            Err(failure) => self.recover(failure).await,
        }
    }

    /// The next piece of the body, within the limits of silence.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let silence = match self.received {
            0 => Duration::from_secs(self.web.protocol.limits.first_byte_s),
            _ => self.web.idle_timeout,
        };
        let limit = self.deadline.min(Instant::now() + silence);
        match timeout_at(limit, body.chunk()).await {
            Err(_) => Err(too_slow()),
            Ok(Err(error)) => Err(broken_off(error)),
            Ok(Ok(chunk)) => Ok(chunk),
        }
    }

    async fn take_bytes(&mut self, chunk: Bytes) -> Result<(), Failure> {
        self.received += chunk.len() as u64;
        let outcome = self.frames.push(&chunk);
        // Whole frames before a bad one count.
        self.take_frames().await?;
        match outcome {
            _ if self.finished => Ok(()),
            Ok(()) if self.received <= self.web.protocol.limits.stream_bytes => Ok(()),
            Ok(()) => Err(errors::frame(FrameError::TooLarge)),
            Err(FrameError::Html) => Err(self.a_page(chunk).await),
            Err(error) => Err(errors::frame(error)),
        }
    }

    /// The failure of a page in place of an answer: its kind tells what to do.
    async fn a_page(&mut self, beginning: Bytes) -> Failure {
        const PATIENCE: Duration = Duration::from_secs(5);
        const BYTES: usize = 1 << 20;
        let mut page = Vec::from(beginning);
        if let Some(body) = self.body.take() {
            let rest = read_all(body, BYTES, self.deadline.min(Instant::now() + PATIENCE)).await;
            page.extend_from_slice(&rest.unwrap_or_default());
        }
        healing(unreadable_frames(&self.web.protocol, FrameError::Html, &page))
    }

    async fn take_frames(&mut self) -> Result<(), Failure> {
        let mut steps = Vec::new();
        let mut outcome = Ok(());
        while outcome.is_ok()
            && let Some(frame) = self.frames.next_frame()
        {
            self.reply.feed(&frame, &mut steps);
            outcome = steps.drain(..).try_for_each(|step| self.take(step));
        }
        // Before a failure ends the attempt: its chat is in the account all the same.
        self.note_own_chat().await;
        outcome?;
        if self.reply.complete() && !self.finished {
            self.finish(FinishReason::Stop)?;
        }
        Ok(())
    }

    fn take(&mut self, step: Step) -> Result<(), Failure> {
        if self.finished {
            return Ok(());
        }
        match step {
            Step::Text(piece) => {
                self.has_output = true;
                self.ready.push_back(Event::Text(piece));
            }
            Step::Reasoning(piece) => self.ready.push_back(Event::Reasoning(piece)),
            Step::Served(label) => self.served(label)?,
            Step::Failed(error) => return self.refused(error),
            // The end is made of it once its whole batch of frames was read.
            Step::Busy | Step::Complete => {}
        }
        Ok(())
    }

    /// Notes who answers. Another family than the one asked for is a failure in strict mode, and a reason to look at
    /// the session in any: most often it has become a guest's without a word.
    fn served(&mut self, label: String) -> Result<(), Failure> {
        let models = self.web.models_of(&self.live);
        let requested = models.resolve(&self.model);
        if requested.is_none_or(|requested| !models.same_family(requested, &label)) {
            tracing::warn!(requested = self.model, served = label, "another model answered");
            if self.web.strict_model {
                return Err(errors::downgraded(&self.model, &label));
            }
            // The answer goes out all the same; nobody waits for what the account says.
            let _ = self.session.suspect(self.live.serial);
        }
        let model = models.public_id_of(&label);
        self.ready.push_back(Event::Served(Served {
            model,
            label: Some(label),
            native: false,
        }));
        Ok(())
    }

    /// An error code inside the answer.
    fn refused(&mut self, error: StreamError) -> Result<(), Failure> {
        let protocol = Arc::clone(&self.web.protocol);
        match errors::finish_after_output(&protocol, error) {
            Some(reason) if self.reply.has_started() => self.finish(reason),
            _ => Err(errors::stream(&protocol, error)),
        }
    }

    /// The body has ended. Whether the answer has too is for its marks to say.
    async fn end_of_body(&mut self) -> Result<(), Failure> {
        self.body = None;
        self.frames.finish();
        self.take_frames().await?;
        if self.finished {
            return Ok(());
        }
        // Without the completion mark, one of the secondary marks of a whole answer must have come.
        let whole = self.reply.saw_end() || self.reply.done() || self.reply.context().is_some();
        match (whole, self.reply.has_started()) {
            (true, true) => self.finish(FinishReason::Stop),
            (true, false) => self.recover(errors::empty_answer()).await,
            (false, _) => self.recover(errors::interrupted()).await,
        }
    }

    /// Emits what was held back and the end.
    fn finish(&mut self, reason: FinishReason) -> Result<(), Failure> {
        let mut steps = Vec::new();
        self.reply.final_flush(&mut steps);
        for step in steps {
            self.take(step)?;
        }
        self.add_media();
        if !self.has_output {
            return Err(errors::empty_answer());
        }
        if self.wants_image && !self.reply.media().iter().any(media::is_image) {
            return Err(errors::no_image());
        }
        if let Some(error) = self.reply.late_error() {
            tracing::debug!(?error, "an error after the complete answer does not matter");
        }
        self.ready.push_back(Event::Finished(reason));
        self.finished = true;
        self.note_oddities();
        self.drain();
        Ok(())
    }

    /// What was not as the protocol notes say: a first sign that Google has changed something.
    fn note_oddities(&self) {
        let (rewrites, counts) = (self.reply.rewrites(), self.frames.counts());
        if rewrites > 0 || counts.skipped > 0 || counts.wrong_lengths > 0 {
            tracing::info!(
                rewrites,
                skipped_frames = counts.skipped,
                wrong_lengths = counts.wrong_lengths,
                "the answer was not quite as expected"
            );
        }
    }

    /// What stands beside the text: pictures, films, recordings, sources.
    fn add_media(&mut self) {
        let turn = self.reply.turn();
        for media in self.reply.media() {
            let Some(shown) = media::event(media, turn) else {
                continue;
            };
            self.has_output = true;
            self.ready.extend(media::source(&shown).map(Event::Citation));
            self.ready.push_back(Event::Media(shown));
        }
        for source in self.reply.sources() {
            self.ready.push_back(Event::Citation(Citation {
                url: source.url,
                title: source.title,
                passage: source.passage.map(|range| (range.start, range.end)),
            }));
        }
    }

    /// Reads the rest of a complete answer aside, so that its connection can be used again. Bounded: the answer is
    /// complete, whatever follows.
    fn drain(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        const BYTES: usize = 256 << 10;
        if let Some(mut body) = self.body.take() {
            // Most often the end is there already.
            if matches!(body.chunk().now_or_never(), Some(Ok(None) | Err(_))) {
                return;
            }
            self.web.tasks.spawn(async move {
                let _ = read_all(body, BYTES, Instant::now() + PATIENCE).await;
            });
        }
    }

    /// Notes a chat that the account keeps, as soon as its id is known.
    async fn note_own_chat(&mut self) {
        if self.web.temporary_chats || self.own_chat.is_some() {
            return;
        }
        if let Some(chat) = self.reply.cid() {
            self.own_chat = Some(self.session.ledger.note(chat).await);
        }
    }

    /// The answer broke off. Where the account keeps the chat, Google usually finishes the turn all the same: it is
    /// read back instead of asked for again. Fails with the cause otherwise.
    async fn recover(&mut self, cause: Failure) -> Result<(), Failure> {
        const PAUSES: [u64; 6] = [1, 2, 3, 5, 8, 10];
        let protocol = Arc::clone(&self.web.protocol);
        self.body = None;
        let until = self
            .deadline
            .min(Instant::now() + Duration::from_secs(protocol.limits.recovery_s));
        let recoverable = matches!(
            cause.kind(),
            Kind::UpstreamInterrupted | Kind::UpstreamTimeout | Kind::UpstreamEmptyAnswer | Kind::UpstreamUnreachable
        );
        let Some(chat) = self.reply.cid().filter(|_| recoverable && self.own_chat.is_some()) else {
            return Err(cause);
        };
        tracing::info!(
            code = cause.kind().facts().code,
            "the answer broke off; reading it back from the history"
        );
        let call = RpcCall::read_chat(&protocol, chat, 2)?;
        let mut tokens = self.live.tokens.clone();
        for pause in PAUSES.into_iter().chain(std::iter::repeat(10)) {
            let pause = Instant::now() + Duration::from_secs(pause);
            if pause >= until {
                break;
            }
            tokio::time::sleep_until(pause).await;
            let Ok(history) = self.session.rpc(&mut tokens, &call, until).await else {
                continue;
            };
            let mut steps = Vec::new();
            if self.reply.read_back(&history, &mut steps) {
                for step in steps {
                    self.take(step)?;
                }
                return self.finish(FinishReason::Stop);
            }
        }
        Err(cause)
    }
}
