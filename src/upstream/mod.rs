//! Who answers: the upstream trait, and what the rest of the gateway may know of an upstream.

pub mod emulated;
pub(crate) mod explanation;
pub mod gemini_web;
pub mod openai_compatible;
mod replacement;
pub mod router;

use std::{borrow::Cow, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, future::BoxFuture};
use secrecy::SecretString;
use tokio::time::Instant;

pub use self::{
    explanation::{ExplainedFile, Explanation},
    replacement::{Replacement, Verdict},
};
use crate::{
    chat,
    error::{Failure, Kind},
};

/// The events of one answer. Dropping it cancels the request on the wire: an HTTP/2 stream is reset, an HTTP/1.1
/// connection closed. Nothing else is needed when a client goes away.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<chat::Event, Failure>> + Send>>;

/// One request on its way to an upstream.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub request: Arc<chat::Request>,
    /// The public id of the model that is to answer: that of the request, or one it falls back to.
    pub model: Arc<str>,
    /// Whether pieces are wanted as they come. If not, the upstream gives the final text in one [`chat::Event::Text`],
    /// so that text it rewrote on the way is right in the whole answer.
    pub incremental: bool,
    /// When the client's patience ends: queueing, retries and the answer all fit before it.
    pub deadline: Instant,
}

/// A service that can answer chat requests.
pub trait Upstream: Send + Sync + 'static {
    /// The models on offer, from memory: never waits for the network.
    fn models(&self) -> Vec<Model>;

    /// Whether a model of the list has this name, as its id or an alias.
    fn lists(&self, name: &str) -> bool {
        let is_its = |model: &Model| model.id == name || model.aliases.iter().any(|alias| alias == name);
        self.models().iter().any(is_its)
    }

    /// Resolves a model name a client sent to a public id, or fails with `model_not_found` and the list.
    ///
    /// # Errors
    /// [`crate::error::Kind::ModelNotFound`] when no model has this name.
    fn resolve(&self, name: &str) -> Result<String, Failure>;

    /// Refuses at once, from memory, what can never be answered: a prompt over the limit, an empty one, an upstream
    /// known to be down. Called before a request waits for its turn, so that the refusal is an HTTP status and comes
    /// without a wait. It never waits for the network; a request it lets through may still fail.
    ///
    /// # Errors
    /// The failure that [`Upstream::generate`] would end in.
    fn check(&self, _request: &chat::Request) -> Result<(), Failure> {
        Ok(())
    }

    /// Whether a request for this model (its public id; none: for any) can be answered in the wire format it came in, so
    /// that [`chat::Request::original`] is worth keeping. From memory, and cheap.
    fn speaks(&self, _model: Option<&str>, _dialect: chat::Dialect) -> Speaks {
        Speaks::No
    }

    /// The name of the upstream that is asked for this model (its public id).
    fn name_for(&self, _model: &str) -> Cow<'static, str> {
        let first = self.health().into_iter().next();
        first.map(|health| health.name).unwrap_or_default()
    }

    /// Starts one answer. Retries that no client can notice happen inside, before the first output event. A failure that
    /// still says [`crate::error::Retry::Backoff`] is worth one more try of whoever holds it.
    fn generate(&self, call: Call) -> EventStream;

    /// Fetches what a [`chat::MediaSource::Account`] of this upstream refers to, as the account.
    ///
    /// # Errors
    /// [`Kind::MediaNotReady`] while it is still being made, [`Kind::UpstreamProtocol`] when it is not what it was said to
    /// be, and whatever may fail on the way.
    fn media(&self, _reference: &str, _deadline: Instant) -> BoxFuture<'static, Result<Download, Failure>> {
        let failure = Failure::new(Kind::UnknownUrl, "This upstream makes no images.");
        Box::pin(std::future::ready(Err(failure)))
    }

    /// What would be sent for a request, from memory: nothing is sent, fetched or waited for.
    ///
    /// # Errors
    /// Those the request would meet before it is sent; [`Kind::UnsupportedParameter`] where the upstream cannot tell.
    fn explain(&self, _request: &chat::Request) -> Result<Explanation, Failure> {
        Err(Failure::new(
            Kind::UnsupportedParameter,
            "This upstream cannot explain requests. Send it without x-gateway-dry-run.",
        ))
    }

    /// Tries new credentials of the owner's, in whatever shape the text has them, and goes over to them if they work;
    /// what was in use goes on otherwise. Answers under way are not cut, and the trial is not when the caller leaves.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] when the text holds none, [`Kind::UnsupportedParameter`] where the upstream has none, and
    /// [`Kind::Overloaded`] while others are being tried. That they do not work is an outcome and no error.
    fn replace_credentials(&self, _text: SecretString) -> BoxFuture<'static, Result<Replacement, Failure>> {
        let failure = Failure::new(
            Kind::UnsupportedParameter,
            "This upstream takes no new cookies while it runs.",
        );
        Box::pin(std::future::ready(Err(failure)))
    }

    /// What is known of the upstream now, from memory: of each, where there are several behind it.
    fn health(&self) -> Vec<Health>;
}

/// Whether the wire format of a request is the upstream's own, see [`Upstream::speaks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// No: the request has to be understood.
    No,
    /// Of those that may come to answer it, some do, but not the first: it has to be understood if it can be.
    Later,
    /// The one that is asked first does, and not all behind it: it is worth to be understood.
    First,
    /// All do: nothing of it has to be understood but the model and whether to stream.
    All,
}

/// A file on its way from an upstream.
pub struct Download {
    /// What its first bytes say it is.
    pub mime: &'static str,
    /// Its length in bytes, if the upstream tells.
    pub length: Option<u64>,
    /// Its bytes. An error cuts it.
    pub bytes: Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>,
}

/// Where a model's name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The account's own list.
    Account,
    /// The list of a server for everybody who may use it.
    Server,
    /// The built-in table or the configuration: the upstream was not asked yet, did not answer, or has no list.
    Static,
}

/// One model as clients see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Stable public id.
    pub id: String,
    /// The upstream's own name for people, if known (`3.6 Flash`).
    pub name: Option<String>,
    /// Other names a client may use for it.
    pub aliases: Vec<String>,
    /// Who provides it: a company for Gemini's own, else the upstream's name.
    pub owner: Cow<'static, str>,
    /// Where its name comes from.
    pub source: ModelSource,
}

/// The state of one upstream. Holds no secret: it is shown without a key.
#[derive(Clone, Debug)]
pub struct Health {
    /// Name of the upstream (`gemini-web`).
    pub name: Cow<'static, str>,
    /// Whether it can answer.
    pub state: HealthState,
    /// Time since it entered this state.
    pub since: Duration,
    /// Time since the last answer that really arrived, if one did.
    pub last_success: Option<Duration>,
    /// Why it cannot answer (or is only just about to): stable code.
    pub code: Option<&'static str>,
    /// Why, in a sentence, with the cure.
    pub reason: Option<String>,
    /// Further facts in display order: cookie rotation, account status, where the state is kept.
    pub details: Vec<(&'static str, String)>,
}

impl Health {
    /// Marks it as failed, and why.
    pub fn fail(&mut self, failure: &Failure) {
        self.state = HealthState::Failed;
        self.code = Some(failure.kind().facts().code);
        self.reason = Some(failure.message().to_owned());
    }
}

/// Whether an upstream can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Still finding out; requests wait for it.
    Starting,
    /// Nothing was asked of it yet, and nothing is wrong with its configuration.
    Untried,
    /// Verified with the upstream.
    Ready,
    /// It cannot answer now; see the reason.
    Failed,
}
