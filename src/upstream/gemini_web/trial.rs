//! New cookies from the owner while the gateway runs: tried on the side, and in use only if they work.
//!
//! A trial signs in and rotates once, with a jar and a file of its own, so that the session in use notices nothing of one
//! that fails. It runs to its end whether or not anybody waits for it: between Google's answer to a rotation and the disk
//! nothing may be cut.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    Inner,
    cookies::Credentials,
    errors::NEW_COOKIES,
    keeper::Renewal,
    paste::Found,
    seat::Prepared,
    session::{Session, View},
    vault::Vault,
};
use crate::{
    error::{Failure, Kind},
    upstream::{Replacement, Verdict},
};

/// How long a sign-in may take here: somebody waits at a page, behind a proxy that may give up after a minute.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tries what was found, one trial after another.
pub(super) async fn run(web: Arc<Inner>, found: Found) -> Result<Replacement, Failure> {
    let tasks = web.tasks.clone();
    let report = found.report;
    let credentials = found.credentials;
    let trial = tasks.spawn(async move {
        let mut desk = timeout(PATIENCE, web.seat.desk.lock()).await.map_err(|_| busy())?;
        let trial = Trial::new(&web, &credentials);
        if trial.is_in_use(&credentials).await {
            return Ok(trial.unchanged());
        }
        // One writer per account.
        let _turn = match &trial.same_account {
            Some(session) => {
                let turn = Arc::clone(&session.writing).lock_owned();
                Some(timeout(PATIENCE, turn).await.map_err(|_| busy())?)
            }
            None => None,
        };
        let earlier = desk.rotated.take().filter(|vault| vault.holds(&credentials));
        let vault = earlier.unwrap_or_else(|| web.seat.vault_for_trial(credentials));
        if let Some(running) = &trial.same_account {
            vault.follow(&running.vault);
        }
        let prepared = web.seat.prepare(vault, trial.same_account.as_ref()).map_err(|error| {
            Failure::new(
                Kind::Internal,
                "The way out to Google cannot be used; the log says why.",
            )
            .source(error)
        })?;
        trial.judge(prepared, &mut desk).await
    });
    let outcome = trial.await.unwrap_or_else(|error| {
        Err(Failure::new(
            Kind::Internal,
            "A defect of the gateway stopped the trial; the log says where.",
        )
        .source(error))
    });
    outcome.map(|replacement| {
        let (verdict, in_use) = (replacement.verdict, replacement.in_use);
        tracing::info!(
            ?verdict,
            in_use,
            kept = replacement.kept,
            "cookies were entered and tried"
        );
        Replacement {
            found: report,
            ..replacement
        }
    })
}

/// What a trial leaves for the next one.
#[derive(Default)]
pub(super) struct Desk {
    /// The cookies of a trial that failed after it had rotated them: entered again, they go on from there.
    rotated: Option<Vault>,
    /// Which cookies were found to end within hours, and why. Asked again at once, Google would only say "too often".
    short_lived: Option<(String, (Verdict, &'static str))>,
}

/// One trial, as far as it looks at the session in use.
struct Trial<'a> {
    web: &'a Inner,
    running: Option<Arc<Session>>,
    /// The same, if it is of the account that the cookies name.
    same_account: Option<Arc<Session>>,
}

impl<'a> Trial<'a> {
    fn new(web: &'a Inner, credentials: &Credentials) -> Self {
        let running = web.seat.session();
        let is_of = |session: &&Arc<Session>| session.vault.is_of(&credentials.psid);
        Self {
            web,
            same_account: running.as_ref().filter(is_of).cloned(),
            running,
        }
    }

    fn works(&self) -> bool {
        matches!(
            self.running.as_ref().map(|session| session.view()),
            Some(View::Ready { .. })
        )
    }

    /// Whether these cookies are in use and work, by the account's own word of this moment.
    async fn is_in_use(&self, credentials: &Credentials) -> bool {
        let Some(session) = self
            .same_account
            .as_ref()
            .filter(|session| session.vault.holds(credentials))
        else {
            return false;
        };
        if let View::Ready { live, .. } = session.view() {
            session.check_account(live.serial, Instant::now() + PATIENCE).await;
        }
        self.works()
    }

    async fn judge(&self, prepared: Prepared, desk: &mut Desk) -> Result<Replacement, Failure> {
        let side = Arc::clone(&prepared.session);
        // To renew signed-out cookies of the very account that is served would turn its own stale.
        let signed_in = if self.same_account.is_some() && self.works() {
            side.sign_in_unrenewed(0, PATIENCE).await
        } else {
            side.establish(0, PATIENCE).await
        };
        let signed_in = match signed_in {
            Ok(signed_in) => signed_in,
            Err(failure) => {
                drop(prepared);
                side.vault.discard().await;
                desk.rotated = Arc::into_inner(side).map(|side| side.vault).filter(Vault::has_rotated);
                return Ok(self.refused(&failure));
            }
        };
        let (verdict, message) = Self::renewability(&side, desk).await;
        let for_hours = matches!(verdict, Verdict::DeviceBound | Verdict::Stale);
        if for_hours && self.works() {
            side.vault.discard().await;
            let message = format!("{message} So they are not used: the session that works was kept. {NEW_COOKIES}");
            return Ok(outcome(verdict, None, message));
        }
        if side.stop.is_cancelled() {
            return Err(Failure::new(
                Kind::ShuttingDown,
                "The gateway is shutting down. Try again in a moment.",
            ));
        }
        let kept = self.web.seat.replace(prepared, signed_in).await;
        if self.running.is_some() && self.same_account.is_none() {
            tracing::warn!("another account answers from now on: its cookies were entered with a client key");
        }
        let until = if for_hours {
            format!(" They are used until they end, because there are no better ones. {NEW_COOKIES}")
        } else {
            String::new()
        };
        Ok(Replacement {
            in_use: true,
            kept,
            ..outcome(verdict, None, format!("{message}{until} {}", where_kept(kept)))
        })
    }

    /// Whether a session that has signed in can be renewed; what was found out about the same cookies before counts
    /// where nothing new is.
    async fn renewability(side: &Session, desk: &mut Desk) -> (Verdict, &'static str) {
        let cookies = side.vault.fingerprint();
        let found = Self::renewed(side).await;
        match (found.0, desk.short_lived.take()) {
            (Verdict::DeviceBound | Verdict::Stale, _) => desk.short_lived = Some((cookies, found)),
            (Verdict::Unproven, Some((known, before))) if known == cookies => {
                desk.short_lived = Some((known, before));
                return before;
            }
            _ => {}
        }
        found
    }

    /// One rotation, unless the account was asked for one within the shortest time between two.
    async fn renewed(side: &Session) -> (Verdict, &'static str) {
        const RENEWABLE: &str = "The cookies work and can be renewed. The gateway answers with them from now on and renews \
            them by itself.";
        const NOT_ISSUED: &str = "The cookies work and are in use. Google had no new ones to give just now, so it is not \
            known yet whether it will: should the session end within hours, they were bound to the browser they come from.";
        const NOT_ASKED: &str = "The cookies work and are in use. Whether Google renews them could not be found out just \
            now; the gateway tries it within minutes, and this page shows what came of it.";
        let rules = &side.transport.protocol.rotation;
        let shortest = Duration::from_secs(rules.min_interval_s);
        if side.vault.has_rotated() {
            return (Verdict::Renewable, RENEWABLE);
        }
        if side.vault.since_asked().is_some_and(|since| since < shortest) {
            return (Verdict::Unproven, NOT_ASKED);
        }
        match side.renew(side.vault.current().as_ref()).await {
            Renewal::Renewed(_) => (Verdict::Renewable, RENEWABLE),
            Renewal::Unchanged => (Verdict::Unproven, NOT_ISSUED),
            Renewal::Over(failure) if failure.kind() == Kind::UpstreamDeviceBound => (
                Verdict::DeviceBound,
                "The cookies are signed in, but bound to the device that logged in, as Chrome on Windows makes them: no \
                 server can renew them, and they end within hours.",
            ),
            Renewal::Over(_) => (
                Verdict::Stale,
                "The cookies are signed in, but Google refuses to renew them: a browser has renewed them since they were \
                 copied. They end within hours.",
            ),
            Renewal::Refused | Renewal::NotNow(_) => (Verdict::Unproven, NOT_ASKED),
        }
    }

    /// Cookies that do not sign in.
    fn refused(&self, failure: &Failure) -> Replacement {
        let verdict = match failure.kind() {
            Kind::UpstreamAuthExpired => Verdict::Guest,
            Kind::UpstreamDeviceBound => Verdict::DeviceBound,
            Kind::UpstreamIpBlocked
            | Kind::UpstreamConsentRequired
            | Kind::UpstreamRegionBlocked
            | Kind::UpstreamAccountRestricted => Verdict::Blocked,
            Kind::UpstreamUnreachable
            | Kind::UpstreamUnavailable
            | Kind::UpstreamTimeout
            | Kind::UpstreamInterrupted
            | Kind::UpstreamRateLimited => Verdict::Unreachable,
            _ => Verdict::Failed,
        };
        let cause = match verdict {
            Verdict::Guest => format!(
                "Google takes these cookies for nobody's: their session is over, or a browser has renewed them since they \
                 were copied. {NEW_COOKIES}"
            ),
            Verdict::Unreachable => format!("{} Nothing was found out about the cookies.", failure.message()),
            _ => failure.message().to_owned(),
        };
        let before = if self.works() {
            " The session that works was kept."
        } else {
            ""
        };
        outcome(verdict, Some(failure), format!("{cause}{before}"))
    }

    fn unchanged(&self) -> Replacement {
        let kept = self.web.state.is_durable();
        let message = format!(
            "These are the cookies in use, or older ones of the same session, and the session works. Nothing was changed. {}",
            where_kept(kept)
        );
        Replacement {
            in_use: true,
            kept,
            ..outcome(Verdict::Unchanged, None, message)
        }
    }
}

/// Not in use, and found nowhere yet.
fn outcome(verdict: Verdict, failure: Option<&Failure>, message: String) -> Replacement {
    Replacement {
        verdict,
        in_use: false,
        kept: false,
        code: failure.map(|failure| failure.kind().facts().code),
        message,
        found: Vec::new(),
    }
}

fn where_kept(kept: bool) -> &'static str {
    if kept {
        "They are kept over restarts."
    } else {
        "They are kept in memory only: a restart falls back to the configured cookies. Give the gateway a STATE_DIR that \
         lasts, or configure these too."
    }
}

fn busy() -> Failure {
    let message = "The gateway is still busy with the session, or with other cookies. Try again in a moment.";
    Failure::new(Kind::Overloaded, message).retry_after(Duration::from_secs(10))
}
