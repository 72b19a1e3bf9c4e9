//! Whether the session is still signed in while it answers.
//!
//! Google does not refuse a session that is over: it may answer as to a guest, and the guest may get the very model
//! that was asked for. Nothing within such an answer tells (protocol notes, response); only the account's status call
//! does (protocol notes, page request: signed in or not). So in strict mode an answer is let out while the account's
//! own word is fresh, and else the account is asked beside the answer, once for everybody who waits for its word.
//!
//! One thing about an answer is a hint, though no proof: nearly every answer to a signed-in session renews its side
//! cookies. When they have come before and stay away, the account is asked however fresh its word is.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    attempt::Attempt,
    cookies::sets_any,
    errors,
    opening::healing,
    session::{Live, Session},
};
use crate::error::{Failure, Kind};

/// Begins an answer and gives it out when nothing speaks for its being a guest's. A guest's is dropped, none of it
/// delivered, and is the failure of a session that is over: the caller makes the session fresh and may ask once more.
/// An account that cannot be asked holds nothing up for longer than the protocol's `signin_wait_s`.
pub(super) async fn proven(
    session: &Arc<Session>,
    live: &Live,
    deadline: Instant,
    attempt: impl Future<Output = Result<Attempt, Failure>>,
) -> Result<Attempt, Failure> {
    let serial = live.serial;
    let asked = session.proof_is_old().then(|| session.ask_account(serial));
    let attempt = match &asked {
        None => attempt.await,
        Some(asked) => tokio::select! {
            attempt = attempt => attempt,
            // A long silence before the answer need not be waited out for nothing.
            () = found_over(session, serial, asked.clone()) => return Err(guest()),
        },
    };
    let began = Instant::now();
    let doubtful = attempt.as_ref().is_ok_and(Attempt::is_doubtful);
    let asked = match &attempt {
        Ok(_) if doubtful => asked.or_else(|| Some(session.ask_account(serial))),
        Ok(_) => asked,
        Err(failure) if failure.kind() == Kind::ModelDowngraded => asked.or_else(|| session.suspect(serial)),
        Err(_) => None,
    };
    if let Some(mut asked) = asked {
        // The channel carries nothing: it closes when the account has answered, or cannot.
        let _ = timeout_at(deadline, asked.changed()).await;
    }
    if session.proof.is_over(serial) {
        return Err(guest());
    }
    if doubtful && session.proof.is_from(began) {
        session.proof.trust_no_cookies();
    }
    attempt
}

/// What is known of the sign-in.
#[derive(Default)]
pub(super) struct Proof {
    known: Mutex<Known>,
}

/// Open while the account is being asked.
pub(super) type Asked = watch::Receiver<()>;

#[derive(Default)]
struct Known {
    /// When the account was last asked and said that it is signed in.
    at: Option<Instant>,
    /// The newest session that turned out to be signed out; with it, every one before.
    over: u64,
    /// Whether answers to the session have renewed its side cookies.
    renewing: bool,
    /// Whether cookies that stayed away once meant nothing.
    misleading: bool,
    asking: Option<Asked>,
    /// When an answer of another model family was last taken for a sign of a guest.
    suspected: Option<Instant>,
}

impl Proof {
    /// The account, asked at this time, has said that it is signed in; `renewing` tells whether the session's side
    /// cookies have come by now.
    pub(super) fn note(&self, asked: Instant, renewing: bool) {
        let mut known = self.known();
        known.at = known.at.max(Some(asked));
        known.renewing = renewing;
    }

    /// Session `serial` is signed out, and so was every one before it.
    pub(super) fn note_over(&self, serial: u64) {
        let mut known = self.known();
        known.over = known.over.max(serial);
    }

    fn is_over(&self, serial: u64) -> bool {
        serial <= self.known().over
    }

    /// Whether the account was asked at this time or later, and said that it is signed in.
    fn is_from(&self, time: Instant) -> bool {
        self.known().at.is_some_and(|at| at >= time)
    }

    /// Whether an answer that renews no cookies is suspect.
    fn expects_cookies(&self) -> bool {
        let known = self.known();
        known.renewing && !known.misleading
    }

    fn trust_no_cookies(&self) {
        self.known().misleading = true;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Whether the head of an answer makes it doubtful that the session is signed in.
    pub(super) fn doubts(&self, head: &HeaderMap) -> bool {
        self.proof.expects_cookies() && !sets_any(head, &self.transport.protocol.response.session_cookies)
    }

    /// An answer looks as if the session had become a guest's. Asks the account, at most every ten minutes: an account
    /// that simply lacks the model would look the same.
    pub(super) fn suspect(self: &Arc<Self>, serial: u64) -> Option<Asked> {
        const PAUSE: Duration = Duration::from_secs(600);
        let last = self.proof.known().suspected.replace(Instant::now());
        if let Some(last) = last.filter(|last| last.elapsed() < PAUSE) {
            self.proof.known().suspected = Some(last);
            return None;
        }
        Some(self.ask_account(serial))
    }

    fn proof_is_old(&self) -> bool {
        let good_for = Duration::from_secs(self.transport.protocol.limits.signin_proof_s);
        self.proof.known().at.is_none_or(|at| at.elapsed() >= good_for)
    }

    /// Asks the account, or joins the question under way. It goes on when the caller goes away: others wait for it.
    fn ask_account(self: &Arc<Self>, serial: u64) -> Asked {
        let mut known = self.proof.known();
        if let Some(asked) = known.asking.as_ref().filter(|asked| asked.has_changed().is_ok()) {
            return asked.clone();
        }
        let (answered, asked) = watch::channel(());
        known.asking = Some(asked.clone());
        drop(known);
        let session = Arc::clone(self);
        let wait = Duration::from_secs(self.transport.protocol.limits.signin_wait_s);
        self.tasks.spawn(async move {
            session.check_account(serial, Instant::now() + wait).await;
            drop(answered);
        });
        asked
    }
}

/// Ends only when the account has said that session `serial` is signed out.
async fn found_over(session: &Session, serial: u64, mut asked: Asked) {
    let _ = asked.changed().await;
    if !session.proof.is_over(serial) {
        pending::<()>().await;
    }
}

fn guest() -> Failure {
    healing(errors::signed_out())
}
