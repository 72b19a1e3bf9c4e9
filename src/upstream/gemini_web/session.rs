//! The signed-in session as the rest sees it: fresh tokens for whoever asks, or the reason why there are none.
//!
//! The session is made in the background and remade by whoever first notices that it is stale; everybody else waits
//! for that one attempt and shares its result. A session known to be over is refused at once, from memory.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    account::Account,
    keeper::RotationReport,
    ledger::Ledger,
    page::PageTokens,
    proof::Proof,
    transport::{Transport, too_slow},
    upload::Uploads,
    vault::Vault,
};
use crate::error::{Failure, Kind};

/// A session with its owner's account, and everything a request needs of it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) tokens: PageTokens,
    pub(super) account: Account,
    /// Which attempt made it; a later one has a higher number.
    pub(super) serial: u64,
}

impl Live {
    /// The same session with other tokens.
    pub(super) fn with_tokens(&self, tokens: PageTokens) -> Self {
        Self {
            tokens,
            account: self.account.clone(),
            serial: self.serial,
        }
    }
}

/// See the module.
pub(super) struct Session {
    pub(super) transport: Transport,
    pub(super) vault: Vault,
    /// The chats it keeps in its account.
    pub(super) ledger: Arc<Ledger>,
    /// What was uploaded to its account.
    pub(super) uploads: Uploads,
    pub(super) report: Mutex<RotationReport>,
    pub(super) proof: Proof,
    pub(super) tasks: TaskTracker,
    /// The client's identity towards Google, made once (protocol notes, model selection: element 16).
    pub(super) client_id: Uuid,
    view: watch::Sender<View>,
    /// Held by the one attempt to make the session, and by each rotation: one writer per account.
    pub(super) writing: Arc<tokio::sync::Mutex<()>>,
    attempts: AtomicU64,
    failures_in_a_row: AtomicU32,
    /// When a refresh last proved useless.
    in_vain: Mutex<Option<Instant>>,
    /// Cancelled when the gateway ends: no rotation begins any more.
    pub(super) stop: CancellationToken,
    /// Cancelled when another session has taken its place: from then on it only ends what it has begun.
    pub(super) retired: CancellationToken,
    /// The session that took its place in the same account.
    successor: OnceLock<Arc<Session>>,
    request_ids: AtomicU32,
}

/// What is known of the session.
#[derive(Clone, Debug)]
pub(super) enum View {
    /// The first attempt is under way.
    Starting { since: Instant },
    /// Signed in.
    Ready { live: Arc<Live>, since: Instant },
    /// Not signed in.
    Down {
        failure: Arc<Failure>,
        since: Instant,
        retry_at: Instant,
    },
}

impl Session {
    pub(super) fn new(
        transport: Transport,
        vault: Vault,
        ledger: Arc<Ledger>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            uploads: Uploads::new(&transport.protocol),
            transport,
            vault,
            ledger,
            report: Mutex::default(),
            proof: Proof::default(),
            tasks,
            client_id: Uuid::new_v4(),
            view: watch::Sender::new(View::Starting { since: Instant::now() }),
            writing: Arc::default(),
            attempts: AtomicU64::new(0),
            failures_in_a_row: AtomicU32::new(0),
            in_vain: Mutex::default(),
            stop,
            retired: CancellationToken::new(),
            successor: OnceLock::new(),
            // Google's page begins with a random five-digit number and counts up by 100000 a request.
            request_ids: AtomicU32::new(fastrand::u32(10_000..100_000)),
        }
    }

    /// The present view, from memory.
    pub(super) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Every later view.
    pub(super) fn views(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// The live session. Waits for an attempt that is under way until `deadline`; answers at once when the session
    /// is up, or known to be down for a while yet.
    pub(super) async fn ready(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Live>, Failure> {
        let mut views = self.view.subscribe();
        let starting = |view: &View| matches!(view, View::Starting { .. });
        let view = match timeout_at(deadline, views.wait_for(|view| !starting(view))).await {
            Err(_) => return Err(too_slow()),
            Ok(Err(_)) => return Err(ending()),
            Ok(Ok(view)) => view.clone(),
        };
        match view {
            View::Ready { live, .. } => Ok(live),
            View::Down { failure, retry_at, .. } if Instant::now() < retry_at => Err(failure.share()),
            _ => self.refresh(self.attempts.load(Ordering::Acquire), deadline).await,
        }
    }

    /// A session newer than attempt `stale`: the result of the attempt under way, or of a new one. The attempt goes
    /// on when the caller goes away, because it may carry a rotation that must not be lost.
    pub(super) async fn refresh(self: &Arc<Self>, stale: u64, deadline: Instant) -> Result<Arc<Live>, Failure> {
        let session = Arc::clone(self);
        let attempt = self.tasks.spawn(async move {
            let _turn = session.writing.lock().await;
            if session.attempts.load(Ordering::Acquire) <= stale && !session.is_retired() {
                session.attempt().await;
            }
        });
        match timeout_at(deadline, attempt).await {
            Err(_) => return Err(too_slow()),
            Ok(Err(_)) => return Err(ending()),
            Ok(Ok(())) if self.is_retired() => return Err(replaced()),
            Ok(Ok(())) => {}
        }
        match self.view() {
            View::Ready { live, .. } => Ok(live),
            View::Down { failure, .. } => Err(failure.share()),
            View::Starting { .. } => Err(ending()),
        }
    }

    /// Makes the session anew and publishes the result. The caller holds `writing`.
    async fn attempt(&self) {
        let before = self.attempts.load(Ordering::Acquire);
        let result = self.establish(before, ATTEMPT).await;
        self.publish(result);
    }

    /// Makes an attempt's result known. Its caller holds `writing`, or is the only one who knows the session.
    pub(super) fn publish(&self, result: Result<(PageTokens, Account), Failure>) {
        let serial = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let view = match result {
            Ok((tokens, account)) => {
                self.failures_in_a_row.store(0, Ordering::Relaxed);
                tracing::info!(
                    status = account.status,
                    models = account.models.list().len(),
                    "signed in to Gemini"
                );
                let live = Arc::new(Live {
                    tokens,
                    account,
                    serial,
                });
                View::Ready {
                    live,
                    since: self.ready_since(),
                }
            }
            Err(failure) => {
                let row = self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                let wait = retry_wait(&failure, row);
                tracing::warn!(
                    code = failure.kind().facts().code,
                    retry_in_s = wait.as_secs(),
                    cause = cause(&failure),
                    "{}",
                    failure.message()
                );
                self.down(failure, wait)
            }
        };
        self.view.send_replace(view);
    }

    /// Notes what a request or a rotation found out about session `serial`: it cannot answer for a while.
    pub(super) fn mark_down(&self, serial: u64, failure: Failure) {
        let wait = retry_wait(&failure, 0);
        self.take_down(serial, failure, wait);
    }

    /// Notes that session `serial` may be over: the next one who needs it makes it anew.
    pub(super) fn mark_stale(&self, serial: u64) {
        self.take_down(serial, super::errors::signed_out(), Duration::ZERO);
    }

    /// A late failure of an old session says nothing about the one that took its place.
    fn take_down(&self, serial: u64, failure: Failure, wait: Duration) {
        let now = Instant::now();
        self.view.send_if_modified(|view| match view {
            View::Ready { live, .. } if live.serial == serial => {
                *view = View::Down {
                    failure: Arc::new(failure),
                    since: now,
                    retry_at: now + wait,
                };
                true
            }
            _ => false,
        });
    }

    /// Notes that a fresh session was refused like the one before it.
    pub(super) fn refreshed_in_vain(&self) {
        *self.in_vain.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether making the session fresh may help a refused request: not for a minute after it did not. A lasting
    /// refusal would otherwise cost four requests for each one of a client's, just when Google refuses.
    pub(super) fn may_help_to_refresh(&self) -> bool {
        const PAUSE: Duration = Duration::from_secs(60);
        let last = *self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    /// Replaces tokens or account of the live session, if `serial` is still the one in force.
    pub(super) fn amend(&self, serial: u64, amend: impl FnOnce(&Live) -> Live) {
        self.view.send_if_modified(|view| match view {
            View::Ready { live, .. } if live.serial == serial => {
                *live = Arc::new(amend(live));
                true
            }
            _ => false,
        });
    }

    /// Ends its use: who waits for it, or needs it made anew, finds `successor` in its place. Answers under way go on
    /// with what they have.
    pub(super) fn retire(self: &Arc<Self>, successor: &Arc<Session>) {
        if successor.vault.is_of(self.vault.psid()) {
            let _ = self.successor.set(Arc::clone(successor));
        }
        self.retired.cancel();
        let now = Instant::now();
        self.view.send_if_modified(|view| {
            let waiting = !matches!(view, View::Ready { .. });
            if waiting {
                *view = View::Down {
                    failure: Arc::new(replaced()),
                    since: now,
                    retry_at: now,
                };
            }
            waiting
        });
    }

    /// Whether another session has taken its place.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.is_cancelled()
    }

    /// The session in use in its account: itself, or what came after it.
    pub(super) fn newest(self: &Arc<Self>) -> Arc<Session> {
        let mut newest = self;
        while let Some(next) = newest.successor.get() {
            newest = next;
        }
        Arc::clone(newest)
    }

    /// The number of the next request.
    pub(super) fn request_id(&self) -> u32 {
        self.request_ids.fetch_add(100_000, Ordering::Relaxed)
    }

    /// Notes on rotation, for `/health`.
    pub(super) fn report(&self) -> std::sync::MutexGuard<'_, RotationReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refreshing a session that is up does not start a new age.
    fn ready_since(&self) -> Instant {
        match &*self.view.borrow() {
            View::Ready { since, .. } => *since,
            _ => Instant::now(),
        }
    }

    fn down(&self, failure: Failure, wait: Duration) -> View {
        let now = Instant::now();
        let since = match &*self.view.borrow() {
            View::Down { since, .. } => *since,
            _ => now,
        };
        View::Down {
            failure: Arc::new(failure),
            since,
            retry_at: now + wait,
        }
    }
}

/// The longest one attempt may take, so that a silent upstream cannot hold every waiter.
const ATTEMPT: Duration = Duration::from_secs(60);

/// How long a failed session is left alone. Asking sooner would not help, and would feed the reason for some blocks.
fn retry_wait(failure: &Failure, failures_in_a_row: u32) -> Duration {
    const SHORTEST: Duration = Duration::from_secs(2);
    const LONGEST_PASSING: Duration = Duration::from_secs(60);
    /// After a refusal to serve this address or account: asking again soon feeds the reason for it.
    const REFUSED: Duration = Duration::from_secs(60);
    const FOR_THE_OWNER: Duration = Duration::from_secs(600);
    let backoff = (SHORTEST * 2u32.pow(failures_in_a_row.min(5))).min(LONGEST_PASSING);
    let asked = failure.wait().unwrap_or_default();
    match failure.kind() {
        Kind::UpstreamAuthExpired
        | Kind::UpstreamDeviceBound
        | Kind::UpstreamAccountRestricted
        | Kind::UpstreamConsentRequired
        | Kind::UpstreamRegionBlocked => FOR_THE_OWNER,
        Kind::UpstreamIpBlocked | Kind::UpstreamRateLimited => asked.max(REFUSED),
        _ => backoff.max(asked),
    }
}

/// The chain of private causes in one line, for the log.
pub(super) fn cause(failure: &Failure) -> String {
    let mut line = String::new();
    let mut next = std::error::Error::source(failure);
    while let Some(error) = next {
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&error.to_string());
        next = error.source();
    }
    line
}

fn replaced() -> Failure {
    Failure::new(
        Kind::UpstreamUnavailable,
        "The owner has just replaced the cookies of the Gemini session. Try again.",
    )
    .retry_after(Duration::from_secs(1))
}

fn ending() -> Failure {
    Failure::new(
        Kind::ShuttingDown,
        "The gateway is shutting down. Try again in a moment.",
    )
    .retry_after(Duration::from_secs(1))
}
