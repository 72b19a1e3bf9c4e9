//! The Gemini web app as an upstream, through the owner's own session.
//!
//! The pure half knows bytes and shapes: `protocol` holds every volatile fact as data, `request` builds what is
//! sent, `frames` and `reply` read what comes back, `page` and `account` the rest. The other half keeps the session:
//! `transport` is the only way out, `cookies` and `vault` hold the log-in, `session` hands out what is fresh, `keeper`
//! rotates, `proof` knows a guest's answer, `seat` holds the session in use, `trial` replaces it by one that `paste` has
//! read, and `generate` drives one answer.

mod account;
mod attempt;
mod clean;
mod cookies;
mod delta;
mod errors;
mod explain;
mod frames;
mod generate;
mod keeper;
mod ledger;
mod media;
mod opening;
mod page;
mod paste;
mod prompt;
mod proof;
mod protocol;
mod reply;
mod request;
mod rotate;
mod rpc;
mod seat;
mod session;
mod signin;
mod transport;
mod trial;
mod upload;
mod vault;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    account::AccountModels,
    seat::{Parts, Seat},
    session::{Live, Session, View},
};
pub use self::{
    cookies::Credentials,
    protocol::Protocol,
    transport::{Exit, ExitError},
};
use super::{Call, Download, EventStream, Explanation, Health, HealthState, Model, ModelSource, Replacement, Upstream};
use crate::{
    chat,
    error::{Failure, Kind, Retry},
    state::StateDir,
};

/// What the upstream needs to know of the configuration.
#[derive(Debug)]
pub struct Settings {
    /// The owner's cookies; without them every request is answered with the cure.
    pub credentials: Option<Credentials>,
    /// The protocol's facts, overlay applied.
    pub protocol: Protocol,
    /// The way out.
    pub exit: Exit,
    /// Where rotated cookies are kept.
    pub state: Arc<StateDir>,
    /// Whether each request is a temporary chat, which Google neither lists nor keeps.
    pub temporary_chats: bool,
    /// Whether an answer of another model family is a failure.
    pub strict_model: bool,
    /// The longest prompt, in UTF-8 bytes: beyond some 130 000 Google cuts the newest message without a word.
    pub max_prompt_bytes: usize,
    /// Whether older messages of a longer prompt are attached as a text; if not, it is refused.
    pub attach_long_prompts: bool,
    /// The longest silence of an answer.
    pub idle_timeout: Duration,
}

/// The upstream.
pub struct GeminiWeb {
    inner: Arc<Inner>,
}

/// What every answer shares.
struct Inner {
    seat: Seat,
    protocol: Arc<Protocol>,
    fallback: AccountModels,
    state: Arc<StateDir>,
    temporary_chats: bool,
    strict_model: bool,
    prompt_limits: prompt::Limits,
    idle_timeout: Duration,
    started: Instant,
    last_success: Mutex<Option<Instant>>,
    tasks: TaskTracker,
}

impl GeminiWeb {
    /// Makes the upstream and starts its background work on `tasks`, until `stop`. Signs in there too: this returns
    /// at once.
    ///
    /// # Errors
    /// When the configured way out cannot be used.
    pub fn start(settings: Settings, tasks: TaskTracker, stop: &CancellationToken) -> Result<Self, ExitError> {
        let protocol = Arc::new(settings.protocol);
        let seat = Seat::open(Parts {
            configured: settings.credentials,
            protocol: Arc::clone(&protocol),
            exit: settings.exit,
            state: Arc::clone(&settings.state),
            tasks: tasks.clone(),
            stop: stop.clone(),
        })?;
        let prompt_limits = prompt::Limits {
            prompt: settings.max_prompt_bytes,
            attached: settings.attach_long_prompts.then_some(protocol.limits.attachment_bytes),
        };
        let inner = Inner {
            seat,
            fallback: AccountModels::fallback(&protocol),
            protocol,
            state: settings.state,
            temporary_chats: settings.temporary_chats,
            strict_model: settings.strict_model,
            prompt_limits,
            idle_timeout: settings.idle_timeout,
            started: Instant::now(),
            last_success: Mutex::new(None),
            tasks,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Upstream for GeminiWeb {
    fn models(&self) -> Vec<Model> {
        self.inner.with_models(public)
    }

    /// Without a copy of the list: it is asked for each request.
    fn lists(&self, name: &str) -> bool {
        self.inner.with_models(|models, _| {
            let (list, named) = (models.list(), |model: &account::AccountModel| model.public_id == name);
            list.iter().any(named) || list.iter().any(|model| model.has_alias(name))
        })
    }

    fn resolve(&self, name: &str) -> Result<String, Failure> {
        self.inner.with_models(|models, _| match models.resolve(name) {
            Some(model) => Ok(model.public_id.clone()),
            None => self.inner.unresolved(name, models),
        })
    }

    fn check(&self, request: &chat::Request) -> Result<(), Failure> {
        self.inner.check(request)
    }

    fn explain(&self, request: &chat::Request) -> Result<Explanation, Failure> {
        explain::explain(&self.inner, request)
    }

    fn generate(&self, call: Call) -> EventStream {
        generate::answer(Arc::clone(&self.inner), call)
    }

    fn media(&self, reference: &str, deadline: Instant) -> BoxFuture<'static, Result<Download, Failure>> {
        let (web, reference) = (Arc::clone(&self.inner), reference.to_owned());
        Box::pin(async move { media::download(&web, &reference, deadline).await })
    }

    fn replace_credentials(&self, text: SecretString) -> BoxFuture<'static, Result<Replacement, Failure>> {
        let web = Arc::clone(&self.inner);
        Box::pin(async move {
            let found = paste::read(&text, unix_now())?;
            trial::run(web, found).await
        })
    }

    fn health(&self) -> Vec<Health> {
        vec![self.inner.health()]
    }
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

impl Inner {
    /// The account's models if they are known, else the built-in table.
    fn with_models<T>(&self, use_them: impl FnOnce(&AccountModels, ModelSource) -> T) -> T {
        match self.seat.view() {
            Some(View::Ready { live, .. }) if !live.account.models.list().is_empty() => {
                use_them(&live.account.models, ModelSource::Account)
            }
            _ => use_them(&self.fallback, ModelSource::Static),
        }
    }

    /// The models to judge an answer by: the account's own, or the built-in table where it names none.
    fn models_of<'a>(&'a self, live: &'a Live) -> &'a AccountModels {
        match live.account.models.list() {
            [] => &self.fallback,
            _ => &live.account.models,
        }
    }

    /// A name that no known model has: while the account's models are not known that proves nothing.
    fn unresolved(&self, name: &str, models: &AccountModels) -> Result<String, Failure> {
        match self.seat.view() {
            Some(View::Starting { .. }) => Ok(name.to_owned()),
            Some(View::Down { failure, .. }) => Err(failure.share()),
            Some(View::Ready { .. }) | None => Err(unknown_model(models)),
        }
    }

    /// What can be told without waiting. The prompt is rendered only where its texts alone are over the limit; its exact
    /// length is counted when it is sent.
    fn check(&self, request: &chat::Request) -> Result<(), Failure> {
        let session = self.session()?;
        if let View::Down { failure, retry_at, .. } = session.view()
            && Instant::now() < retry_at
        {
            return Err(failure.share());
        }
        let texts = request.messages.iter().flat_map(|message| &message.parts);
        let bytes: usize = texts.filter_map(chat::Part::as_text).map(str::len).sum();
        if bytes <= self.prompt_limits.prompt {
            return Ok(());
        }
        prompt::pack(request, self.prompt_limits).map(drop)
    }

    /// The session, or what to do to have one.
    fn session(&self) -> Result<Arc<Session>, Failure> {
        self.seat.session().ok_or_else(not_configured)
    }

    fn note_success(&self) {
        *self.last_success.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn health(&self) -> Health {
        let last_success = *self.last_success.lock().unwrap_or_else(PoisonError::into_inner);
        let mut health = Health {
            name: Cow::Borrowed(NAME),
            state: HealthState::Starting,
            since: self.started.elapsed(),
            last_success: last_success.map(|at| at.elapsed()),
            code: None,
            reason: None,
            details: vec![("state", self.state.in_short().to_owned())],
        };
        let Some(session) = self.seat.session() else {
            let failure = not_configured();
            health.fail(&failure);
            return health;
        };
        match session.view() {
            View::Starting { since } => {
                health.since = since.elapsed();
                health.reason = Some("Signing in to Gemini. This takes a few seconds after the start.".to_owned());
            }
            View::Ready { live, since } => {
                (health.state, health.since) = (HealthState::Ready, since.elapsed());
                health.details.push(("account_status", live.account.status.to_string()));
            }
            View::Down { failure, since, .. } => {
                health.since = since.elapsed();
                health.fail(&failure);
            }
        }
        let report = session.report();
        if let Some((words, at)) = report.last {
            health
                .details
                .push(("rotation", format!("{words} {} s ago", at.elapsed().as_secs())));
        }
        if let Some(next) = report.next {
            let wait = next.saturating_duration_since(Instant::now());
            health
                .details
                .push(("next_rotation", format!("in {} s", wait.as_secs())));
        }
        health
    }
}

/// Who provides its models.
const OWNER: &str = "google";

/// Name of this upstream, in headers, logs and `/health`.
pub const NAME: &str = "gemini-web";

fn not_configured() -> Failure {
    Failure::new(
        Kind::UpstreamNotConfigured,
        "No Gemini cookies are configured. Enter the cookies __Secure-1PSID and __Secure-1PSIDTS of gemini.google.com \
         on the gateway's page at /, which says how to get them, or set SECURE_1PSID and SECURE_1PSIDTS to their values \
         and restart.",
    )
}

fn unknown_model(models: &AccountModels) -> Failure {
    let names: Vec<&str> = models.list().iter().map(|model| model.public_id.as_str()).collect();
    Failure::new(
        Kind::ModelNotFound,
        format!(
            "The model does not exist or you do not have access to it. Available: {}.",
            names.join(", ")
        ),
    )
    .param("model")
}

/// The web app's own codes for errors, and what becomes of each: for the docs.
pub(crate) fn known_errors() -> Vec<(u32, Kind, Retry)> {
    let Ok(protocol) = Protocol::built_in() else {
        return Vec::new();
    };
    let told = |code: &u32| {
        let failure = errors::stream(
            &protocol,
            reply::StreamError::Code {
                code: *code,
                status: None,
            },
        );
        (*code, failure.kind(), failure.retry_rule())
    };
    protocol.errors.keys().map(told).collect()
}

/// The models as clients see them.
fn public(models: &AccountModels, source: ModelSource) -> Vec<Model> {
    let public = |model: &account::AccountModel| Model {
        id: model.public_id.clone(),
        name: model.display.clone(),
        aliases: model.aliases(),
        owner: Cow::Borrowed(OWNER),
        source,
    };
    models.list().iter().map(public).collect()
}

/// For the fuzzers: an answer's bytes, read whole and byte by byte, must give the same events.
#[cfg(fuzzing)]
pub(crate) fn fuzz_frames(data: &[u8]) {
    let Ok(protocol) = Protocol::built_in() else { return };
    let protocol = Arc::new(protocol);
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut frames = frames::Frames::new(1 << 16);
        let mut reply = reply::Reply::new(Arc::clone(&protocol), true);
        let mut steps = Vec::new();
        let mut failed = None;
        for piece in pieces {
            failed = failed.or(frames.push(piece).err());
        }
        frames.finish();
        while let Some(frame) = frames.next_frame() {
            reply.feed(&frame, &mut steps);
        }
        reply.final_flush(&mut steps);
        (steps, failed)
    };
    assert_eq!(read(&mut std::iter::once(data)), read(&mut data.chunks(1)));
}

/// For the fuzzers: a page's bytes.
#[cfg(fuzzing)]
pub(crate) fn fuzz_page(data: &[u8]) {
    let Ok(protocol) = Protocol::built_in() else { return };
    let _ = page::scrape(&protocol, data);
    let _ = page::classify(&protocol, &protocol.page_url(), data);
    let _ = page::xsrf_token(data);
}
