//! The chats this gateway made in the owner's account, so that they are deleted and no other chat ever is.
//!
//! Only used when temporary chats are off. A chat is noted on disk as soon as its id is known, and deleted when its
//! request ends in whatever way; what a killed process left over is deleted by the next one.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{request::RpcCall, session::Session};
use crate::state::StateDir;

const FILE: &str = "chats.json";

/// See the module.
pub(super) struct Ledger {
    state: Arc<StateDir>,
    open: Mutex<BTreeSet<String>>,
    finished: mpsc::UnboundedSender<String>,
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
    /// Reads what an earlier process left over, and gives it to the cleaner at once.
    pub(super) fn open(state: Arc<StateDir>) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (finished, queue) = mpsc::unbounded_channel();
        let left: BTreeSet<String> = match state.load(FILE) {
            Ok(bytes) => bytes
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default(),
            Err(error) => {
                warn!(%error, "the list of own chats cannot be read; chats of an earlier run may stay in the account");
                BTreeSet::new()
            }
        };
        for id in &left {
            let _ = finished.send(id.clone());
        }
        (
            Self {
                state,
                open: Mutex::new(left),
                finished,
            },
            queue,
        )
    }

    /// Notes a new chat.
    pub(super) async fn note(&self, id: &str) -> OwnChat {
        self.change(|open| open.insert(id.to_owned())).await;
        OwnChat {
            id: id.to_owned(),
            finished: self.finished.clone(),
        }
    }

    /// Deletes finished chats, one after another, until `stop`.
    pub(super) async fn clean(
        self: Arc<Self>,
        session: Arc<Session>,
        mut queue: mpsc::UnboundedReceiver<String>,
        stop: CancellationToken,
    ) {
        /// How long a chat that could not be deleted is left alone.
        const PAUSE: Duration = Duration::from_secs(60);
        let mut later: Vec<String> = Vec::new();
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => return,
                id = queue.recv() => id.into_iter().collect(),
                () = sleep(PAUSE), if !later.is_empty() => std::mem::take(&mut later),
            };
            for id in due {
                if !self.delete(&session, &id).await {
                    later.push(id);
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
        let bytes = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if !change(&mut open) {
                return;
            }
            serde_json::to_vec(&*open)
        };
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
