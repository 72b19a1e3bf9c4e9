//! An upstream that does as it is told.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gemini_gateway::{
    chat::{Event, FinishReason, Media, MediaKind, MediaSource, Request, Served},
    error::{Failure, Kind, Retry},
    upstream::{Call, Download, EventStream, Health, HealthState, Model, ModelSource, Upstream},
};
use tokio::{sync::Notify, time::Instant};

/// One step of an answer.
pub(crate) enum Step {
    Say(Event),
    Fail(Kind),
    /// Until the test gives the sign.
    Until(Arc<Notify>),
    Panic,
    /// Never again a word.
    Hang,
}

pub(crate) fn text(piece: &str) -> Step {
    Step::Say(Event::Text(piece.to_owned()))
}

/// One step of a download.
pub(crate) enum Piece {
    Bytes(&'static [u8]),
    Fail(Kind),
    /// Until the test gives the sign.
    Until(Arc<Notify>),
    /// Never another byte.
    Hang,
}

impl Step {
    /// A picture that only the account can open.
    pub(crate) fn picture() -> Self {
        Step::Say(Event::Media(Media {
            kind: MediaKind::Image,
            alt: "dot".to_owned(),
            source: MediaSource::Account("the reference".to_owned()),
        }))
    }

    pub(crate) fn finish() -> Self {
        Step::Say(Event::Finished(FinishReason::Stop))
    }

    pub(crate) fn served() -> Self {
        Self::served_by("gemini-flash", "3.6 Flash")
    }

    pub(crate) fn served_by(model: &str, label: &str) -> Self {
        Step::Say(Event::Served(Served {
            model: model.to_owned(),
            label: Some(label.to_owned()),
            native: false,
        }))
    }
}

/// Answers requests with prepared scripts, first come first served; without one, with `Hello`.
pub(crate) struct Scripted {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    pub(crate) calls: Mutex<Vec<Call>>,
    /// Downloads, first come first served: the announced length, and what comes.
    downloads: Mutex<VecDeque<(Option<u64>, Vec<Piece>)>>,
    live: Arc<AtomicUsize>,
    pub(crate) health: Mutex<(HealthState, Option<String>)>,
    /// What every check fails with.
    pub(crate) refuses: Mutex<Option<Kind>>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            scripts: Mutex::default(),
            calls: Mutex::default(),
            downloads: Mutex::default(),
            live: Arc::default(),
            health: Mutex::new((HealthState::Ready, None)),
            refuses: Mutex::default(),
        }
    }
}

impl Scripted {
    pub(crate) fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.scripts.lock().unwrap().push_back(steps.into_iter().collect());
    }

    pub(crate) fn download(&self, length: Option<u64>, pieces: impl IntoIterator<Item = Piece>) {
        let pieces = pieces.into_iter().collect();
        self.downloads.lock().unwrap().push_back((length, pieces));
    }

    /// How many of its streams exist, answers and downloads together.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub(crate) fn call_count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Upstream for Scripted {
    fn models(&self) -> Vec<Model> {
        let model = |id: &str, aliases: &[&str]| Model {
            id: id.to_owned(),
            name: None,
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            owner: "google".into(),
            source: ModelSource::Account,
        };
        vec![model("gemini-flash", &["flash"]), model("org/gemini pro", &[])]
    }

    fn resolve(&self, name: &str) -> Result<String, Failure> {
        assert_ne!(name, "panic", "as the test wants it: the-prompt-in-a-panic");
        let found = self
            .models()
            .into_iter()
            .find(|model| model.id == name || model.aliases.iter().any(|alias| alias == name));
        found.map(|model| model.id).ok_or_else(|| {
            Failure::new(
                Kind::ModelNotFound,
                "No such model; there are gemini-flash, org/gemini pro.",
            )
            .param("model")
        })
    }

    fn check(&self, _request: &Request) -> Result<(), Failure> {
        let refuses = *self.refuses.lock().unwrap();
        refuses.map_or(Ok(()), |kind| Err(Failure::new(kind, "Refused at once.")))
    }

    fn generate(&self, call: Call) -> EventStream {
        self.calls.lock().unwrap().push(call);
        let default = || vec![Step::served(), text("Hel"), text("lo"), Step::finish()];
        let script = self.scripts.lock().unwrap().pop_front().unwrap_or_else(default);
        self.live.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(&self.live));
        Box::pin(async_stream::stream! {
            let _alive = alive;
            for step in script {
                match step {
                    Step::Say(event) => yield Ok(event),
                    // As an upstream does that has tried again itself.
                    Step::Fail(kind) => yield Err(Failure::new(kind, "As the script says.").retry(Retry::Never)),
                    Step::Until(sign) => sign.notified().await,
                    Step::Panic => panic!("as the script says: the-prompt-in-a-panic"),
                    Step::Hang => std::future::pending::<()>().await,
                }
            }
        })
    }

    fn media(&self, reference: &str, _deadline: Instant) -> BoxFuture<'static, Result<Download, Failure>> {
        assert_eq!(reference, "the reference");
        let (length, pieces) = self.downloads.lock().unwrap().pop_front().unwrap();
        self.live.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(&self.live));
        let bytes = async_stream::stream! {
            let _alive = alive;
            for piece in pieces {
                match piece {
                    Piece::Bytes(bytes) => yield Ok(Bytes::from_static(bytes)),
                    Piece::Fail(kind) => yield Err(Failure::new(kind, "As the script says.")),
                    Piece::Until(sign) => sign.notified().await,
                    Piece::Hang => std::future::pending::<()>().await,
                }
            }
        };
        let (mime, bytes) = ("image/png", Box::pin(bytes));
        Box::pin(std::future::ready(Ok(Download { mime, length, bytes })))
    }

    fn health(&self) -> Vec<Health> {
        let (state, reason) = self.health.lock().unwrap().clone();
        vec![Health {
            name: "scripted".into(),
            state,
            since: Duration::from_secs(5),
            last_success: None,
            code: reason.as_ref().map(|_| "upstream_auth_expired"),
            reason,
            details: vec![("rotation", "renewed 10 s ago".to_owned())],
        }]
    }
}
