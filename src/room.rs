//! Room for what clients send: a bound on the bytes of requests that are held in memory, over all clients together.
//!
//! Each request has limits of its own, but a thousand connections times the largest of them is more than any machine
//! has. So bytes are counted as they arrive, those of bodies and of files that were fetched, until their request is
//! answered. There is no queue for room: requests that hold some and wait for more would wait for each other. Who finds
//! none is told to come back.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::error::{Failure, Kind};

/// What every request may hold without being counted: plain chats are answered however full it is. Times the
/// connections, a bound as well.
const FREE: usize = 64 << 10;

/// The room of one gateway.
#[derive(Debug)]
pub(crate) struct Room {
    left: AtomicUsize,
}

/// What one request holds of it; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    room: Arc<Room>,
    // A plain mutex: held for an addition, never across an await.
    bytes: Mutex<usize>,
}

/// There is no room for more.
#[derive(Debug, thiserror::Error)]
#[error("the gateway holds as many bytes of requests as it may")]
pub(crate) struct Full;

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }

    /// The account of a request that holds nothing yet.
    pub(crate) fn account(self: &Arc<Self>) -> Held {
        Held {
            room: Arc::clone(self),
            bytes: Mutex::new(0),
        }
    }
}

impl Held {
    /// Counts these bytes too.
    ///
    /// # Errors
    /// [`Full`]: then they are not counted, and must not be kept.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Full> {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = held.saturating_add(bytes);
        let more = counted(sum) - counted(*held);
        let left = |left: usize| left.checked_sub(more);
        let outcome = self.room.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        outcome.map_err(|_| Full)?;
        *held = sum;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let held = self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.room.left.fetch_add(counted(*held), Ordering::Relaxed);
    }
}

impl Full {
    /// What a client is told.
    pub(crate) fn failure(self) -> Failure {
        const COME_BACK: Duration = Duration::from_secs(5);
        let message = "The gateway holds as many bytes of large requests as it may (MAX_HELD_BYTES). Try again when \
                       others are answered.";
        Failure::new(Kind::Overloaded, message)
            .retry_after(COME_BACK)
            .source(self)
    }
}

fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(FREE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let room = Room::new(100);
        let (first, second) = (room.account(), room.account());
        first.take(FREE + 60).unwrap();
        second.take(FREE).unwrap();
        assert!(second.take(41).is_err());
        second.take(40).unwrap();
        assert!(first.take(1).is_err());
        drop(second);
        first.take(40).unwrap();
        assert!(room.account().take(usize::MAX).is_err());
        room.account().take(FREE).unwrap();
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_it_is_taken(takes in prop::collection::vec((0usize..4, 0usize..90_000), 0..60)) {
            let room = Room::new(150_000);
            let mut accounts: Vec<Held> = (0..4).map(|_| room.account()).collect();
            for (which, bytes) in takes {
                if accounts[which].take(bytes).is_err() {
                    accounts[which] = room.account();
                }
                let held = |account: &Held| counted(*account.bytes.lock().unwrap());
                let sum: usize = accounts.iter().map(held).sum();
                prop_assert_eq!(sum + room.left.load(Ordering::Relaxed), 150_000);
            }
            accounts.clear();
            prop_assert_eq!(room.left.load(Ordering::Relaxed), 150_000);
        }
    }
}
