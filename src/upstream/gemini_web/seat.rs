//! Which session answers: the one that was configured, one that was entered since, or none.

use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    account::Account,
    cookies::Credentials,
    ledger::Ledger,
    page::PageTokens,
    protocol::Protocol,
    session::{Session, View},
    transport::{Exit, ExitError, Transport},
    trial::Desk,
    vault::{Vault, digest},
};
use crate::state::StateDir;

/// See the module. Whoever answers a request takes the session once, and keeps it to the end of the answer.
pub(super) struct Seat {
    taken: RwLock<Option<Arc<Session>>>,
    parts: Parts,
    /// One trial at a time.
    pub(super) desk: tokio::sync::Mutex<Desk>,
}

/// What every session is made of.
pub(super) struct Parts {
    /// The log-in of the configuration.
    pub(super) configured: Option<Credentials>,
    pub(super) protocol: Arc<Protocol>,
    pub(super) exit: Exit,
    pub(super) state: Arc<StateDir>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// A session that nobody knows yet, and what it will be told from outside.
pub(super) struct Prepared {
    pub(super) session: Arc<Session>,
    news: mpsc::UnboundedReceiver<SecretString>,
    /// Chats to delete; none where another session of the same account does it already.
    queue: Option<mpsc::UnboundedReceiver<String>>,
}

impl Seat {
    /// Takes the session that was saved or configured, if there is one, and starts its background work.
    ///
    /// # Errors
    /// When the configured way out cannot be used, session or not.
    pub(super) fn open(parts: Parts) -> Result<Self, ExitError> {
        // Made in any case: whether the way out can be used must not first be found out by a trial.
        let transport = Transport::new(Arc::clone(&parts.protocol), &parts.exit)?;
        let seat = Self {
            taken: RwLock::new(None),
            parts,
            desk: tokio::sync::Mutex::default(),
        };
        let vault = Vault::open(Arc::clone(&seat.parts.state), seat.parts.configured.as_ref());
        if let Some(vault) = vault {
            let prepared = seat.prepare_with(transport, vault, None);
            seat.take(&prepared.session);
            seat.start(prepared);
        }
        Ok(seat)
    }

    /// The session in use.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.taken.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is known of the session in use.
    pub(super) fn view(&self) -> Option<View> {
        self.session().map(|session| session.view())
    }

    /// A session on the side, with a way out and a jar of its own. `running` is the one in use if it is of the same
    /// account.
    pub(super) fn prepare(&self, vault: Vault, running: Option<&Arc<Session>>) -> Result<Prepared, ExitError> {
        let transport = Transport::new(Arc::clone(&self.parts.protocol), &self.parts.exit)?;
        Ok(self.prepare_with(transport, vault, running))
    }

    fn prepare_with(
        &self,
        (transport, news): (Transport, mpsc::UnboundedReceiver<SecretString>),
        vault: Vault,
        running: Option<&Arc<Session>>,
    ) -> Prepared {
        let Parts { state, tasks, stop, .. } = &self.parts;
        let (ledger, queue) = match running {
            Some(running) => (Arc::clone(&running.ledger), None),
            None => {
                let (ledger, queue) = Ledger::open(Arc::clone(state), digest(vault.psid().expose_secret()));
                (Arc::new(ledger), Some(queue))
            }
        };
        let session = Session::new(transport, vault, ledger, tasks.clone(), stop.clone());
        Prepared {
            session: Arc::new(session),
            news,
            queue,
        }
    }

    /// Cookies to be tried, with what an earlier trial of them has rotated.
    pub(super) fn vault_for_trial(&self, credentials: Credentials) -> Vault {
        Vault::for_trial(Arc::clone(&self.parts.state), credentials)
    }

    /// Goes over to a session that has signed in on the side: it is on disk first, and then in use. Answers under way
    /// keep the session they began with. Gives whether a restart will find it.
    pub(super) async fn replace(&self, prepared: Prepared, signed_in: (PageTokens, Account)) -> bool {
        let new = Arc::clone(&prepared.session);
        let old = self.session();
        if let Some(old) = &old {
            old.vault.retire().await;
            if !Arc::ptr_eq(&old.ledger, &new.ledger) {
                old.ledger.retire().await;
            }
        }
        let kept = new.vault.promote(self.parts.configured.as_ref()).await;
        new.publish(Ok(signed_in));
        self.take(&new);
        if let Some(old) = &old {
            old.retire(&new);
        }
        self.start(prepared);
        kept
    }

    fn take(&self, session: &Arc<Session>) {
        *self.taken.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(session));
    }

    fn start(&self, prepared: Prepared) {
        let Prepared { session, news, queue } = prepared;
        let tasks = &self.parts.tasks;
        tasks.spawn(Arc::clone(&session).keep());
        tasks.spawn(Arc::clone(&session).take_news(news));
        if let Some(queue) = queue {
            let ledger = Arc::clone(&session.ledger);
            tasks.spawn(ledger.clean(session, queue, self.parts.stop.clone()));
        }
    }
}
