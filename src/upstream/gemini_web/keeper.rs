//! Keeping the session alive: rotation on time, an account check after it, and new attempts when it is down.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    errors,
    rotate::{Outcome, Rotation, rotate},
    session::{Live, Session, View},
};
use crate::error::{Failure, Kind};

/// The longest a rotation may take.
const ROTATION: Duration = Duration::from_secs(30);

/// What is known of rotation, for `/health` and for the warnings that are given once.
#[derive(Debug, Default)]
pub(super) struct RotationReport {
    /// The last outcome, in words.
    pub(super) last: Option<(&'static str, Instant)>,
    /// When the next one is due.
    pub(super) next: Option<Instant>,
    /// Since when nothing has been renewed although Google was asked.
    unrenewed_since: Option<Instant>,
    warned: bool,
}

/// What a rotation means for the session.
pub(super) enum Renewal {
    /// A new value, saved and in the jar.
    Renewed(SecretString),
    /// The present value stays in force.
    Unchanged,
    /// Google refuses this log-in.
    Over(Failure),
    /// Nothing is known; ask again later.
    NotNow(Option<Duration>),
}

impl Session {
    /// Runs until `stop`. `news` brings values that came with ordinary answers.
    pub(super) async fn keep(self: Arc<Self>, news: mpsc::UnboundedReceiver<SecretString>, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_going() => {}
            () = self.take_news(news) => {}
        }
    }

    async fn keep_going(self: &Arc<Self>) {
        let far = || Instant::now() + Duration::from_secs(3600);
        let mut views = self.views();
        let _ = self.refresh(0, far()).await;
        loop {
            let view = views.borrow_and_update().clone();
            let due = match &view {
                View::Ready { .. } => {
                    let due = self.rotation_due();
                    self.report().next = Some(due);
                    due
                }
                View::Down { retry_at, .. } => *retry_at,
                View::Starting { .. } => Instant::now(),
            };
            tokio::select! {
                () = sleep_until(due) => {}
                // A request or a rotation has found something out: think again.
                _ = views.changed() => continue,
            }
            match view {
                View::Ready { live, .. } => self.rotate_live(&live).await,
                // Whoever comes first makes the attempt: this task, or a request.
                _ => drop(self.ready(far()).await),
            }
        }
    }

    /// Saves and then uses each `__Secure-1PSIDTS` that came with an ordinary answer.
    async fn take_news(self: &Arc<Self>, mut news: mpsc::UnboundedReceiver<SecretString>) {
        while let Some(psidts) = news.recv().await {
            let _turn = self.writing.lock().await;
            self.vault.renew(&psidts, self.transport.jar.others(), None).await;
            self.transport.jar.adopt(&psidts);
            info!("an answer of Gemini brought a renewed cookie");
        }
        // The sender lives as long as the session; pending for ever leaves the end to `stop`.
        std::future::pending::<()>().await;
    }

    /// When to rotate next: by the last answer's hint, never sooner than the protocol's floor after the last one,
    /// also over restarts; with a jitter, so that a restart does not fix the beat.
    fn rotation_due(&self) -> Instant {
        let rules = &self.transport.protocol.rotation;
        let now = Instant::now();
        if let Some(next) = self.report().next.filter(|next| *next > now) {
            return next;
        }
        let interval = Duration::from_secs(rules.interval_s.max(rules.min_interval_s));
        match self.vault.since_rotation() {
            // Never rotated: do it now, and so learn whether these cookies can be renewed at all.
            None => now,
            Some(since) => now + interval.saturating_sub(since),
        }
    }

    /// One rotation of the live session, in a task of its own so that nothing can cut it off between Google's answer
    /// and the disk.
    async fn rotate_live(self: &Arc<Self>, live: &Arc<Live>) {
        let (session, serial) = (Arc::clone(self), live.serial);
        let task = self.tasks.spawn(async move {
            let _turn = session.writing.lock().await;
            let deadline = Instant::now() + ROTATION;
            let renewal = session.renew(session.vault.current().as_ref(), deadline).await;
            match renewal {
                Renewal::Renewed(_) | Renewal::Unchanged => session.check_account(serial, deadline).await,
                Renewal::Over(failure) => session.verify(serial, failure, deadline).await,
                Renewal::NotNow(_) => {}
            }
        });
        // An error here means that the runtime ends.
        let _ = task.await;
    }

    /// Rotates once with this partner cookie; a new value is saved first and then put in the jar. The caller holds
    /// `writing`.
    pub(super) async fn renew(&self, psidts: Option<&SecretString>, deadline: Instant) -> Renewal {
        let Rotation { outcome, next } = rotate(&self.transport, self.vault.psid(), psidts, deadline).await;
        let wait = next.unwrap_or(Duration::from_secs(self.transport.protocol.rotation.interval_s));
        let renewal = match outcome {
            Outcome::Renewed(value) => {
                self.vault.renew(&value, self.transport.jar.others(), None).await;
                self.transport.jar.adopt(&value);
                Renewal::Renewed(value)
            }
            Outcome::NotIssued => Renewal::Unchanged,
            Outcome::Stale => Renewal::Over(errors::signed_out()),
            Outcome::DeviceBound => Renewal::Over(errors::device_bound()),
            Outcome::UserAgent => Renewal::NotNow(None),
            Outcome::Throttled(wait) => Renewal::NotNow(wait),
            Outcome::Unexpected(status) => {
                warn!(%status, "the cookie rotation was refused in a way that is not known");
                Renewal::NotNow(None)
            }
            Outcome::Unreachable(ref failure) => {
                warn!(code = failure.kind().facts().code, "the cookie rotation got no answer");
                Renewal::NotNow(None)
            }
        };
        self.note(&renewal, wait);
        renewal
    }

    /// A refused rotation does not prove that the session is over: only the account's own answer does.
    async fn verify(&self, serial: u64, refusal: Failure, deadline: Instant) {
        match self.look(serial, deadline).await {
            Ok(live) => self.amend(serial, |_| live),
            Err(failure) if failure.kind() == Kind::UpstreamAuthExpired => self.mark_down(refusal),
            // Not signed out, as far as is known; the next request or rotation will tell more.
            Err(_) => {}
        }
    }

    /// The cheap proof that the session still lives, and what the account has to offer now.
    pub(super) async fn check_account(&self, serial: u64, deadline: Instant) {
        match self.look(serial, deadline).await {
            Ok(live) => self.amend(serial, |_| live),
            Err(failure) if failure.kind() == Kind::UpstreamAuthExpired => {
                warn!("the account answers as signed out; signing in again");
                self.mark_stale();
            }
            Err(_) => {}
        }
    }

    async fn look(&self, serial: u64, deadline: Instant) -> Result<Live, Failure> {
        let View::Ready { live, .. } = self.view() else {
            return Err(errors::signed_out());
        };
        let mut tokens = live.tokens.clone();
        let account = self.account(&mut tokens, deadline).await?;
        Ok(Live {
            tokens,
            account,
            serial,
        })
    }

    fn note(&self, renewal: &Renewal, interval: Duration) {
        let now = Instant::now();
        let words = match renewal {
            Renewal::Renewed(_) => "renewed",
            Renewal::Unchanged => "accepted, nothing new issued",
            Renewal::Over(failure) if failure.kind() == Kind::UpstreamDeviceBound => "refused: bound to a device",
            Renewal::Over(_) => "refused: stale or signed out",
            Renewal::NotNow(_) => "no result",
        };
        let wait = match renewal {
            Renewal::NotNow(Some(wait)) => (*wait).max(interval),
            _ => interval,
        };
        let mut report = self.report();
        report.last = Some((words, now));
        report.next = Some(now + jittered(wait));
        match renewal {
            Renewal::Renewed(_) => {
                (report.unrenewed_since, report.warned) = (None, false);
                info!(next_in_s = wait.as_secs(), "cookie rotated and saved");
            }
            Renewal::Over(failure) if !report.warned => {
                report.warned = true;
                warn!(
                    code = failure.kind().facts().code,
                    "cookie rotation refused. {}",
                    failure.message()
                );
            }
            Renewal::Unchanged => report.warn_when_nothing_comes(now),
            _ => {}
        }
    }
}

impl RotationReport {
    /// For how long "nothing issued" is ordinary.
    const PATIENCE: Duration = Duration::from_secs(3600);

    fn warn_when_nothing_comes(&mut self, now: Instant) {
        let since = *self.unrenewed_since.get_or_insert(now);
        if !self.warned && now.duration_since(since) > Self::PATIENCE {
            self.warned = true;
            warn!(
                "Google has accepted every rotation for an hour and issued no new cookie. If the session ends soon, it \
                 is bound to the browser it came from: export the cookies from Firefox, in a private window, and \
                 close that window without logging out."
            );
        }
    }
}

/// A few seconds more or less, so that rotations of many gateways do not fall into step.
fn jittered(interval: Duration) -> Duration {
    const SPREAD_MS: u64 = 15_000;
    let spread = SPREAD_MS.min(u64::try_from(interval.as_millis() / 10).unwrap_or(SPREAD_MS));
    let late = fastrand::u64(0..=2 * spread);
    (interval + Duration::from_millis(late)).saturating_sub(Duration::from_millis(spread))
}
