//! The chats this gateway made in the owner's account, so that they are deleted and no other chat ever is.
//!
//! Only used when temporary chats are off. A chat is noted on disk as soon as its id is known, and deleted when its
//! request ends in whatever way; what a killed process left over is deleted by the next one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{request::RpcCall, session::Session};
use crate::state::StateDir;

const FILE: &str = "chats.json";

/// See the module.
pub(super) struct Ledger {
    state: Arc<StateDir>,
    chats: tokio::sync::Mutex<Chats>,
    finished: mpsc::UnboundedSender<String>,
}

/// The file: chats not deleted yet.
#[derive(Default, Deserialize, Serialize)]
struct Chats {
    /// Digest of the account they are in; another account's list is of no use.
    account: String,
    open: BTreeSet<String>,
    /// The file is another account's by now: this list is in memory alone.
    #[serde(skip)]
    replaced: bool,
}

/// A chat of the gateway's own, in use. When dropped, the chat is deleted.
pub(super) struct OwnChat {
    id: String,
    finished: mpsc::UnboundedSender<String>,
}

impl Drop for OwnChat {
    fn drop(&mut self) {
        // Without a receiver the process ends; the file tells the next one.
        let _ = self.finished.send(std::mem::take(&mut self.id));
    }
}

impl Ledger {
    /// Reads what an earlier process left over in this account, and gives it to the cleaner at once.
    pub(super) fn open(state: Arc<StateDir>, account: String) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (finished, queue) = mpsc::unbounded_channel();
        let left: Option<Chats> = match state.load(FILE) {
            Ok(bytes) => bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
            Err(error) => {
                warn!(%error, "the list of own chats cannot be read; chats of an earlier run may stay in the account");
                None
            }
        };
        let left = left.filter(|left| left.account == account);
        let chats = left.unwrap_or_else(|| Chats {
            account,
            ..Chats::default()
        });
        for id in &chats.open {
            let _ = finished.send(id.clone());
        }
        (
            Self {
                state,
                chats: chats.into(),
                finished,
            },
            queue,
        )
    }

    /// The file goes to another account. What is open still is deleted as usual, but not by a later process.
    pub(super) async fn retire(&self) {
        self.chats.lock().await.replaced = true;
    }

    /// Notes a new chat.
    pub(super) async fn note(&self, id: &str) -> OwnChat {
        // Made before anything is awaited, so that a client that leaves meanwhile still has its chat deleted.
        let chat = OwnChat {
            id: id.to_owned(),
            finished: self.finished.clone(),
        };
        self.change(|open| open.insert(id.to_owned())).await;
        chat
    }

    /// Deletes finished chats, one after another, until `stop`.
    pub(super) async fn clean(
        self: Arc<Self>,
        session: Arc<Session>,
        queue: mpsc::UnboundedReceiver<String>,
        stop: CancellationToken,
    ) {
        stop.run_until_cancelled(self.clean_on(session, queue)).await;
    }

    async fn clean_on(&self, mut session: Arc<Session>, mut queue: mpsc::UnboundedReceiver<String>) {
        /// How long a chat that could not be deleted is left alone, and how often it is tried again in one run.
        const PAUSE: Duration = Duration::from_secs(60);
        const TRIES: u32 = 5;
        let mut later: Vec<(String, u32)> = Vec::new();
        let mut next_round = Instant::now();
        let mut last = false;
        loop {
            let due = tokio::select! {
                id = queue.recv() => id.map(|id| vec![(id, 0)]).unwrap_or_default(),
                () = sleep_until(next_round), if !later.is_empty() => std::mem::take(&mut later),
                // Another session of this account took its place, or one of another account: then it stays the last.
                () = session.retired.cancelled(), if !last => {
                    let newest = session.newest();
                    last = Arc::ptr_eq(&newest, &session);
                    session = newest;
                    continue;
                }
            };
            for (id, tries) in due {
                if self.delete(&session, &id).await {
                    continue;
                }
                if tries < TRIES {
                    later.push((id, tries + 1));
                    next_round = Instant::now() + PAUSE;
                } else {
                    warn!("a chat of the gateway's own could not be deleted; the next start tries again");
                }
            }
        }
    }

    /// Deletes one chat; false if that has to be tried again.
    async fn delete(&self, session: &Arc<Session>, id: &str) -> bool {
        const PATIENCE: Duration = Duration::from_secs(60);
        let deadline = Instant::now() + PATIENCE;
        let result = match session.ready(deadline).await {
            Ok(live) => match RpcCall::delete_chat(&session.transport.protocol, id) {
                Ok(call) => session.rpc(&mut live.tokens.clone(), &call, deadline).await.map(drop),
                Err(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        };
        match result {
            Ok(()) => {
                debug!("a finished chat was deleted from the account");
                self.change(|open| open.remove(id)).await;
                true
            }
            Err(failure) => {
                debug!(
                    code = failure.kind().facts().code,
                    "a finished chat could not be deleted yet"
                );
                false
            }
        }
    }

    async fn change(&self, change: impl FnOnce(&mut BTreeSet<String>) -> bool) {
        // Held until the file is written: an older list must not replace a newer one.
        let mut chats = self.chats.lock().await;
        if !change(&mut chats.open) || chats.replaced {
            return;
        }
        let bytes = serde_json::to_vec(&*chats);
        let state = Arc::clone(&self.state);
        let saved = tokio::task::spawn_blocking(move || match bytes {
            Ok(bytes) => state.save(FILE, &bytes),
            Err(error) => Err(error.into()),
        });
        if let Ok(Err(error)) = saved.await {
            warn!(%error, "the list of own chats could not be saved");
        }
    }
}
