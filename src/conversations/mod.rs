//! What was said in plain chats: the conversations that the gateway keeps for clients that keep none themselves.
//!
//! One for each key and session id, in memory alone, bounded in number, bytes and age; the least recently used are
//! forgotten first. In one conversation one message is answered at a time, in the order in which they came. A round
//! enters it when its answer is complete, and not before.

mod shelf;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{sync::OwnedMutexGuard, time::Instant};

use self::shelf::Shelf;
use crate::auth::KeyName;

/// How much is kept, and for how long.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Rounds of one conversation; the oldest goes first.
    pub rounds: usize,
    /// Bytes of one conversation; the oldest round goes first. A round that is larger alone is not kept.
    pub each_bytes: usize,
    /// Conversations.
    pub number: usize,
    /// Bytes of all conversations together, the books included.
    pub bytes: usize,
    /// Time since a message was last sent in a conversation.
    pub age: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rounds: 20,
            each_bytes: 1 << 20,
            number: 4_096,
            bytes: 32 << 20,
            age: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Whose conversation it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    /// The key that opened the door.
    pub(crate) key: Option<KeyName>,
    /// The client's name for it, if it has several.
    pub(crate) session: Option<String>,
}

/// What a client may call a conversation, as a regular expression: see [`is_session_id`].
pub(crate) const SESSION_ID_PATTERN: &str = "^[A-Za-z0-9._:@-]{1,128}$";

/// Whether a client may call a conversation so.
pub(crate) fn is_session_id(id: &str) -> bool {
    const LONGEST: usize = 128;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
}

/// A message and its answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) message: String,
    pub(crate) answer: String,
}

impl Round {
    /// The bytes of its texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.message.len() + self.answer.len()
    }
}

/// All conversations of a gateway.
pub(crate) struct Conversations {
    inner: Arc<Mutex<Inner>>,
    since: SystemTime,
}

// A plain mutex around it: held for a look-up or a change, never across an await.
struct Inner {
    shelf: Shelf,
    lines: HashMap<Whose, Line>,
}

/// Those who want to say something in one conversation. It is there as long as anybody stands in it.
#[derive(Default)]
struct Line {
    /// Held by the one whose turn it is; fair to the others.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// How many stand in it, the one whose turn it is included.
    present: usize,
    /// How often the conversation was cleared meanwhile.
    resets: u64,
}

/// What can be told of a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Its rounds.
    pub(crate) rounds: usize,
    /// The model that answered last.
    pub(crate) model: Option<String>,
}

impl Conversations {
    /// None yet.
    pub(crate) fn new() -> Self {
        let inner = Inner {
            shelf: Shelf::new(),
            lines: HashMap::new(),
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            since: SystemTime::now(),
        }
    }

    /// Since when they are kept.
    pub(crate) fn since(&self) -> SystemTime {
        self.since
    }

    /// Waits for one's turn in a conversation. Dropping the future leaves the line.
    pub(crate) async fn turn(&self, whose: Whose, bounds: &Bounds) -> Turn {
        let (place, turn) = Place::take(&self.inner, whose);
        let guard = turn.lock_owned().await;
        let mut inner = lock(&self.inner);
        let history = inner.shelf.open(&place.whose, bounds, Instant::now());
        let resets = inner.lines.get(&place.whose).map_or(0, |line| line.resets);
        drop(inner);
        Turn {
            _guard: guard,
            place,
            history,
            resets,
            bounds: bounds.clone(),
        }
    }

    /// Forgets a conversation at once. A message that is being answered in it does not enter it any more.
    pub(crate) fn clear(&self, whose: &Whose) {
        let mut inner = lock(&self.inner);
        inner.shelf.remove(whose);
        if let Some(line) = inner.lines.get_mut(whose) {
            line.resets += 1;
        }
    }

    /// What is kept of a conversation now. To ask for it does not make it younger.
    pub(crate) fn summary(&self, whose: &Whose, bounds: &Bounds) -> Summary {
        lock(&self.inner).shelf.summary(whose, bounds, Instant::now())
    }
}

/// One's turn in a conversation. Dropped without [`Turn::end`] it leaves everything as it was.
pub(crate) struct Turn {
    // Before the place: who leaves the line gives the turn to the next one first.
    _guard: OwnedMutexGuard<()>,
    place: Place,
    history: Vec<Arc<Round>>,
    resets: u64,
    bounds: Bounds,
}

impl Turn {
    /// What was said before, oldest first.
    pub(crate) fn history(&self) -> &[Arc<Round>] {
        &self.history
    }

    /// Ends it with a round that this model answered, if one is to be kept: it is, unless the conversation was cleared
    /// meanwhile or the round is too large. Gives the rounds that are kept from now on.
    pub(crate) fn end(self, round: Option<Round>, model: &str) -> usize {
        let (whose, now) = (&self.place.whose, Instant::now());
        let mut inner = lock(&self.place.inner);
        let cleared = inner.lines.get(whose).is_none_or(|line| line.resets != self.resets);
        if let Some(round) = round.filter(|_| !cleared) {
            let history = self.history.iter().cloned();
            inner.shelf.put(whose.clone(), history, round, model, &self.bounds, now);
        }
        inner.shelf.summary(whose, &self.bounds, now).rounds
    }
}

/// A place in a line.
struct Place {
    inner: Arc<Mutex<Inner>>,
    whose: Whose,
}

impl Place {
    fn take(inner: &Arc<Mutex<Inner>>, whose: Whose) -> (Self, Arc<tokio::sync::Mutex<()>>) {
        let mut locked = lock(inner);
        let line = locked.lines.entry(whose.clone()).or_default();
        line.present += 1;
        let turn = Arc::clone(&line.turn);
        drop(locked);
        let inner = Arc::clone(inner);
        (Self { inner, whose }, turn)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = lock(&self.inner);
        if let Some(line) = inner.lines.get_mut(&self.whose) {
            line.present -= 1;
            if line.present == 0 {
                inner.lines.remove(&self.whose);
            }
        }
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
