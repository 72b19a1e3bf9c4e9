//! The list of an upstream's models: configured, or asked for now and then.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Inner, Settings, failures, name};
use crate::{error::Failure, upstream::ModelSource};

/// How often the list is asked for, and how soon after it could not be had: twice as long each time.
const EVERY: Duration = Duration::from_secs(10 * 60);
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The time for one list.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most models kept. The Hub's router lists some hundred.
const MOST: usize = 5_000;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Listing {
    known: Mutex<Arc<Vec<String>>>,
    source: ModelSource,
    ask: bool,
}

impl Listing {
    pub(super) fn new(settings: &Settings) -> Self {
        // One fixed address serves one model, and often no list.
        let ask = settings.models.is_empty() && settings.chat_url.is_none();
        Self {
            known: Mutex::new(Arc::new(settings.models.clone())),
            source: if ask { ModelSource::Server } else { ModelSource::Static },
            ask,
        }
    }

    /// Whether the upstream is asked at all.
    pub(super) fn is_asked_for(&self) -> bool {
        self.ask
    }

    /// The ids as last seen, and where they are from.
    pub(super) fn get(&self) -> (Arc<Vec<String>>, ModelSource) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&known), self.source)
    }

    fn set(&self, ids: Vec<String>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(ids);
    }
}

impl Inner {
    /// Keeps the list fresh until `stop`. A list that cannot be had leaves the last one in place.
    pub(super) async fn keep_list(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = FIRST_RETRY;
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = self.ask_for_list() => asked,
            };
            let next = match asked {
                Ok(()) => {
                    pause = FIRST_RETRY;
                    EVERY
                }
                Err(failure) => {
                    let code = failure.kind().facts().code;
                    tracing::warn!(upstream = self.settings.name, code, "no list of models: {failure}");
                    let now = pause;
                    pause = (pause * 2).min(EVERY);
                    now
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(next) => {}
            }
        }
    }

    /// Asks once, and notes what that says about the upstream.
    pub(super) async fn ask_for_list(&self) -> Result<(), Failure> {
        let asked = self.line.models(Instant::now() + PATIENCE).await;
        let ids = asked
            .and_then(|body| read(&body).ok_or_else(|| failures::protocol(&self.settings.name, "no list of models")));
        match ids {
            Ok(ids) => {
                self.listing.set(ids);
                self.state().enter(crate::upstream::HealthState::Ready, None);
                Ok(())
            }
            Err(failure) => {
                self.note_failure(&failure);
                Err(failure)
            }
        }
    }
}

/// The ids of a list, without those that could not be asked for.
fn read(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: String,
    }
    let list: List = serde_json::from_slice(body).ok()?;
    let ids = list
        .data
        .into_iter()
        .map(|entry| entry.id)
        .filter(|id| name::is_safe(id));
    Some(ids.take(MOST).collect())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_list_is_read_without_what_cannot_be_asked_for() {
        let body = br#"{"object":"list","data":[{"id":"a/b","x":1},{"id":"../etc"},{"id":""},{"id":"c"}]}"#;
        assert_eq!(read(body).unwrap(), ["a/b", "c"]);
        for wrong in ["", "[]", "{}", r#"{"data":[{}]}"#, "<html>"] {
            assert!(read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
