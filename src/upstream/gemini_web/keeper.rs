//! Keeping the session alive: rotation on time, an account check after it, and new attempts when it is down.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
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
    /// Google will not rotate for this client at all; the session may live all the same.
    Refused,
    /// Nothing is known; ask again later.
    NotNow(Option<Duration>),
}

impl Session {
    /// Rotates, checks and signs in again, until the gateway ends.
    pub(super) async fn keep(self: Arc<Self>) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.retired.cancelled() => {}
            () = self.keep_going() => {}
        }
    }

    /// Saves and then uses each `__Secure-1PSIDTS` that came with an ordinary answer, until the gateway ends; what has
    /// come by then is saved too. Of a session that was replaced it goes to the one in use, if that is the same account's.
    pub(super) async fn take_news(self: Arc<Self>, mut news: mpsc::UnboundedReceiver<SecretString>) {
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.retired.cancelled() => break,
                Some(psidts) = news.recv() => self.take(psidts).await,
            }
        }
        // From here on only its answers under way keep a replaced session.
        let session = Arc::downgrade(&self);
        if !stop.is_cancelled() {
            drop(self);
        }
        while let Some(psidts) = tokio::select! {
            biased;
            psidts = news.recv() => psidts,
            () = stop.cancelled() => None,
        } {
            let Some(session) = session.upgrade() else { break };
            session.newest().take(psidts).await;
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
                // Only if an attempt broke without a word.
                View::Starting { .. } => Instant::now() + Duration::from_secs(1),
            };
            tokio::select! {
                () = sleep_until(due) => {}
                // A request or a rotation has found something out: think again.
                _ = views.changed() => continue,
            }
            match view {
                View::Ready { live, .. } => self.rotate_live(&live).await,
                // Whoever comes first makes the attempt: this task, or a request.
                View::Down { .. } => drop(self.ready(far()).await),
                View::Starting { .. } => drop(self.refresh(0, far()).await),
            }
        }
    }

    async fn take(&self, psidts: SecretString) {
        let _turn = self.writing.lock().await;
        // Two answers may bring the same value, and the second of them after a rotation has replaced it.
        if self.vault.has_seen(&psidts) {
            return;
        }
        self.vault.renew(&psidts, self.transport.jar.others()).await;
        self.transport.jar.adopt(&psidts);
        info!("an answer of Gemini brought a renewed cookie");
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
        match self.vault.since_asked() {
            // Never asked: do it now, and so learn whether these cookies can be renewed at all.
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
            if session.stop.is_cancelled() || session.is_retired() {
                return;
            }
            let renewal = session.renew(session.vault.current().as_ref()).await;
            let deadline = Instant::now() + ROTATION;
            match renewal {
                Renewal::Renewed(_) | Renewal::Unchanged => session.check_account(serial, deadline).await,
                Renewal::Over(failure) => session.verify(serial, failure, deadline).await,
                Renewal::Refused | Renewal::NotNow(_) => {}
            }
        });
        // An error here means that the runtime ends.
        let _ = task.await;
    }

    /// Rotates once with this partner cookie; a new value is saved first and then put in the jar. The caller holds
    /// `writing`.
    pub(super) async fn renew(&self, psidts: Option<&SecretString>) -> Renewal {
        let deadline = Instant::now() + ROTATION;
        let Rotation { outcome, next } = rotate(&self.transport, self.vault.psid(), psidts, deadline).await;
        let wait = next.unwrap_or(Duration::from_secs(self.transport.protocol.rotation.interval_s));
        let renewal = match outcome {
            Outcome::Renewed(value) => {
                self.vault.renew(&value, self.transport.jar.others()).await;
                self.transport.jar.adopt(&value);
                Renewal::Renewed(value)
            }
            Outcome::NotIssued => Renewal::Unchanged,
            Outcome::Stale => Renewal::Over(errors::signed_out()),
            Outcome::DeviceBound => Renewal::Over(errors::device_bound()),
            Outcome::UserAgent => Renewal::Refused,
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
        if !matches!(renewal, Renewal::Renewed(_)) {
            self.vault.asked().await;
        }
        self.note(&renewal, wait);
        renewal
    }

    /// A refused rotation does not prove that the session is over: only the account's own answer does. And then other
    /// cookies may still be good.
    async fn verify(&self, serial: u64, refusal: Failure, deadline: Instant) {
        match self.look(serial, deadline).await {
            Ok(()) => {}
            Err(failure) if failure.kind() != Kind::UpstreamAuthExpired => self.note_account(serial, failure),
            Err(_) if refusal.kind() == Kind::UpstreamDeviceBound => self.mark_down(serial, refusal),
            Err(_) => self.mark_stale(serial),
        }
    }

    /// The cheap proof that the session still lives, and what the account has to offer now.
    pub(super) async fn check_account(&self, serial: u64, deadline: Instant) {
        match self.look(serial, deadline).await {
            Ok(()) => {}
            Err(failure) if failure.kind() == Kind::UpstreamAuthExpired => {
                warn!("the account answers as signed out; signing in again");
                self.mark_stale(serial);
            }
            Err(failure) => self.note_account(serial, failure),
        }
    }

    /// What the account check found besides a signed-out session: a block ends the session's use, a passing fault
    /// does not.
    fn note_account(&self, serial: u64, failure: Failure) {
        let code = failure.kind().facts().code;
        let blocked = matches!(
            failure.kind(),
            Kind::UpstreamIpBlocked
                | Kind::UpstreamConsentRequired
                | Kind::UpstreamRegionBlocked
                | Kind::UpstreamAccountRestricted
        );
        if blocked {
            warn!(code, "{}", failure.message());
            self.mark_down(serial, failure);
        } else {
            warn!(code, "the account could not be asked whether it is still signed in");
        }
    }

    /// Asks the account of session `serial` and takes over what it says. A session that was replaced, or is known to
    /// be down, is not asked about.
    async fn look(&self, serial: u64, deadline: Instant) -> Result<(), Failure> {
        let live = match self.view() {
            View::Ready { live, .. } if live.serial == serial => live,
            _ => return Ok(()),
        };
        let mut tokens = live.tokens.clone();
        let account = self.account(&mut tokens, deadline).await.inspect_err(|failure| {
            if failure.kind() == Kind::UpstreamAuthExpired {
                self.proof.note_over(serial);
            }
        })?;
        self.amend(serial, |_| Live {
            tokens,
            account,
            serial,
        });
        Ok(())
    }

    fn note(&self, renewal: &Renewal, interval: Duration) {
        let now = Instant::now();
        let words = match renewal {
            Renewal::Renewed(_) => "renewed",
            Renewal::Unchanged => "accepted, nothing new issued",
            Renewal::Over(failure) if failure.kind() == Kind::UpstreamDeviceBound => "refused: bound to a device",
            Renewal::Over(_) => "refused: stale or signed out",
            Renewal::Refused => "refused: not for this user agent",
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
            Renewal::Refused if !report.warned => {
                report.warned = true;
                warn!(
                    "Google refuses to rotate cookies for this user agent. Set that of a desktop browser in the \
                     protocol overlay (headers.common), or look for a newer version of this gateway."
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
    // Only ever later: the floor between two rotations holds.
    interval + Duration::from_millis(fastrand::u64(0..=spread))
}
