//! A server that speaks OpenAI's chat completions: the Hugging Face router, OpenAI, vLLM, llama.cpp, TGI, Ollama.
//!
//! A request that came in the same format is handed on as it is, and so is its answer (`original`); one in another
//! format is put into its words (`render`), and the answer is read (`answer`, `stream`). `failures` knows what statuses
//! mean, `listing` keeps the list of models, `line` is the only way out, `silence` how long it may last, `generate` drives one
//! answer.

mod answer;
pub(crate) mod failures;
mod generate;
mod line;
mod listing;
mod name;
mod original;
mod render;
mod silence;
mod stream;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

pub use self::name::is_safe as is_safe_model_id;
use self::{line::Line, listing::Listing};
use super::{
    Call, EventStream, Explanation, Health, HealthState, Model, ModelSource, Speaks, Upstream,
    gemini_web::{Exit, ExitError},
    router::SEPARATOR,
};
use crate::{
    chat::{Dialect, OutputForm, Request},
    error::{Failure, Kind},
};

/// What such an upstream needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, which stands before its models': lower case letters, digits and hyphens.
    pub name: String,
    /// Where its API is, without a slash at the end: `https://router.huggingface.co/v1`.
    pub base_url: Url,
    /// Where chat requests go, if not to `<base_url>/chat/completions`. `{model}` in its path stands for the model.
    pub chat_url: Option<Url>,
    /// What it is shown as a bearer token.
    pub key: Option<SecretString>,
    /// Where the owner has set that, for messages: `HF_API_TOKEN`.
    pub key_setting: String,
    /// The only models that are offered, by the upstream's own ids. Empty: all that it lists.
    pub models: Vec<String>,
    /// Further headers of every request; they may hold secrets.
    pub headers: HeaderMap,
    /// The longest silence, before the answer and within it.
    pub timeout: Duration,
    /// Whether it wants the token limit as `max_completion_tokens`, as OpenAI does; others know `max_tokens`.
    pub newer_limit: bool,
}

/// The upstream.
pub struct OpenAiCompatible {
    inner: Arc<Inner>,
}

/// What every answer shares.
struct Inner {
    settings: Settings,
    line: Line,
    listing: Listing,
    state: Mutex<State>,
}

/// What is known of it.
#[derive(Debug)]
struct State {
    health: HealthState,
    since: Instant,
    last_success: Option<Instant>,
    failure: Option<Failure>,
}

impl OpenAiCompatible {
    /// Makes the upstream. Nothing is sent before a request comes or [`OpenAiCompatible::keep_list`] is called.
    ///
    /// # Errors
    /// When the configured way out cannot be used.
    pub fn new(settings: Settings, exit: &Exit) -> Result<Self, ExitError> {
        let inner = Arc::new(Inner {
            line: Line::new(&settings, exit)?,
            listing: Listing::new(&settings),
            settings,
            state: Mutex::new(State {
                health: HealthState::Untried,
                since: Instant::now(),
                last_success: None,
                failure: None,
            }),
        });
        Ok(Self { inner })
    }

    /// Asks for its list of models once. None: the list is configured.
    pub async fn ask_for_list(&self) -> Option<Result<(), Failure>> {
        if !self.inner.listing.is_asked_for() {
            return None;
        }
        Some(self.inner.ask_for_list().await)
    }

    /// Asks for its list of models, now and then, on `tasks`, until `stop`; not where the list is configured.
    pub fn keep_list(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        if self.inner.listing.is_asked_for() {
            tasks.spawn(Arc::clone(&self.inner).keep_list(stop.clone()));
        }
    }
}

impl Upstream for OpenAiCompatible {
    fn models(&self) -> Vec<Model> {
        let (ids, source) = self.inner.listing.get();
        let public = |id: &String| Model {
            id: self.inner.public_id(id),
            name: None,
            aliases: Vec::new(),
            owner: Cow::Owned(self.inner.settings.name.clone()),
            source,
        };
        ids.iter().map(public).collect()
    }

    /// Any name may be tried unless the owner has said which there are: a list is old as soon as it is there.
    fn resolve(&self, name: &str) -> Result<String, Failure> {
        let id = self.inner.own_id(name);
        let allowed = &self.inner.settings.models;
        if name::is_safe(id) && (allowed.is_empty() || allowed.iter().any(|model| model == id)) {
            return Ok(self.inner.public_id(id));
        }
        Err(self.inner.unknown_model())
    }

    fn check(&self, request: &Request) -> Result<(), Failure> {
        self.inner.check(request)
    }

    fn speaks(&self, _model: Option<&str>, dialect: Dialect) -> Speaks {
        match dialect {
            Dialect::OpenAiChat => Speaks::All,
        }
    }

    fn generate(&self, call: Call) -> EventStream {
        generate::answer(Arc::clone(&self.inner), call)
    }

    fn explain(&self, request: &Request) -> Result<Explanation, Failure> {
        self.inner.explain(request)
    }

    fn health(&self) -> Vec<Health> {
        vec![self.inner.health()]
    }
}

impl Inner {
    /// The upstream's own id of a model, from a public one.
    fn own_id<'a>(&self, model: &'a str) -> &'a str {
        let rest = model.strip_prefix(self.settings.name.as_str());
        rest.and_then(|rest| rest.strip_prefix(SEPARATOR)).unwrap_or(model)
    }

    fn public_id(&self, own: &str) -> String {
        format!("{}{SEPARATOR}{own}", self.settings.name)
    }

    /// # Errors
    /// For what no chat completion can be.
    fn check(&self, request: &Request) -> Result<(), Failure> {
        if request.form == OutputForm::Image {
            let text = format!(
                "The upstream {} makes no images. Ask for one of Gemini's models.",
                self.settings.name
            );
            return Err(Failure::new(Kind::UnsupportedParameter, text).param("model"));
        }
        Ok(())
    }

    fn explain(&self, request: &Request) -> Result<Explanation, Failure> {
        self.check(request)?;
        let model = self.own_id(&request.model);
        let body = self.body(request, model, false)?;
        let prompt = String::from_utf8_lossy(&body).into_owned();
        Ok(Explanation {
            model: model.to_owned(),
            method: "POST".to_owned(),
            url: self.line.chat_url(model).to_string(),
            headers: self.line.shown_headers(),
            prompt_limit: prompt.len(),
            prompt,
            attachments: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// The body of a chat request: the client's own where it came in this format.
    fn body(&self, request: &Request, model: &str, stream: bool) -> Result<Vec<u8>, Failure> {
        match &request.original {
            Some(original) => original::with_model(&original.body, model),
            None => Ok(render::body(request, model, stream, self.settings.newer_limit)),
        }
    }

    fn unknown_model(&self) -> Failure {
        let name = &self.settings.name;
        let text = match self.settings.models.as_slice() {
            [] => format!("That cannot be the name of a model of {name}. Its models are {name}:<id>; see /models."),
            models => format!(
                "The upstream {name} has no such model here. Available: {}.",
                models
                    .iter()
                    .map(|model| self.public_id(model))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        Failure::new(Kind::ModelNotFound, text).param("model")
    }

    fn note_success(&self) {
        let mut state = self.state();
        state.last_success = Some(Instant::now());
        state.enter(HealthState::Ready, None);
    }

    /// Notes a failure that says something about the upstream as a whole.
    fn note_failure(&self, failure: &Failure) {
        let whole = matches!(
            failure.kind(),
            Kind::UpstreamCredential | Kind::UpstreamUnreachable | Kind::UpstreamUnavailable | Kind::UpstreamProtocol
        );
        if whole {
            self.state().enter(HealthState::Failed, Some(failure.share()));
        }
    }

    fn health(&self) -> Health {
        let state = self.state();
        let mut health = Health {
            name: Cow::Owned(self.settings.name.clone()),
            state: state.health,
            since: state.since.elapsed(),
            last_success: state.last_success.map(|at| at.elapsed()),
            code: None,
            reason: None,
            details: Vec::new(),
        };
        if let Some(failure) = &state.failure {
            health.fail(failure);
        }
        let (models, source) = self.listing.get();
        let of = match source {
            ModelSource::Account | ModelSource::Server => "listed",
            ModelSource::Static => "configured",
        };
        health.details.push(("models", format!("{} {of}", models.len())));
        health
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, health: HealthState, failure: Option<Failure>) {
        if self.health != health {
            self.since = Instant::now();
        }
        self.health = health;
        self.failure = failure;
    }
}
