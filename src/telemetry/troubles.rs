//! What has failed lately, for the owner's page: in memory, bounded, without anything a client sent.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde::Serialize;

use crate::error::{Failure, Kind, Side};

/// Kinds of trouble remembered. Each is a few hundred bytes.
const MOST: usize = 20;

/// The last failures, those of the same code and words counted as one.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    known: Mutex<VecDeque<Known>>,
}

#[derive(Debug)]
struct Known {
    code: &'static str,
    message: String,
    count: u64,
    last: Instant,
}

/// One of them, as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Trouble {
    code: &'static str,
    /// Cause and cure.
    message: String,
    /// How often since the start, or since it was last forgotten.
    count: u64,
    /// Seconds since the last time.
    age_s: u64,
}

impl Troubles {
    /// Notes a failure, unless it is a client's own matter: the words of those may repeat what the client sent. A wrong
    /// key is the owner's matter too, and its message is always the same.
    pub(crate) fn note(&self, failure: &Failure) {
        let facts = failure.kind().facts();
        if facts.side == Side::Client && failure.kind() != Kind::InvalidApiKey {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known
            .iter()
            .position(|known| known.code == facts.code && known.message == failure.message());
        let count = same.and_then(|at| known.remove(at)).map_or(0, |known| known.count);
        known.push_front(Known {
            code: facts.code,
            message: failure.message().to_owned(),
            count: count + 1,
            last: Instant::now(),
        });
        known.truncate(MOST);
    }

    /// All of them, the latest first.
    pub(crate) fn list(&self) -> Vec<Trouble> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = known.iter().map(|known| Trouble {
            code: known.code,
            message: known.message.clone(),
            count: known.count,
            age_s: known.last.elapsed().as_secs(),
        });
        shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_come_first_equal_ones_are_counted_and_old_ones_forgotten() {
        let troubles = Troubles::default();
        let failed = |text: String| troubles.note(&Failure::new(Kind::UpstreamUnreachable, text));
        for number in 0..MOST + 5 {
            failed(number.to_string());
        }
        failed("10".to_owned());
        let list = troubles.list();
        assert_eq!(list.len(), MOST);
        assert_eq!((list[0].message.as_str(), list[0].count), ("10", 2));
        assert_eq!(list[1].message, (MOST + 4).to_string());
    }

    #[test]
    fn what_a_client_did_wrong_is_not_shown_but_a_wrong_key_is() {
        let troubles = Troubles::default();
        troubles.note(&Failure::new(Kind::InvalidRequest, "'my secret' is not a number."));
        troubles.note(&Failure::new(Kind::ModelNotFound, "No such model."));
        assert!(troubles.list().is_empty());
        troubles.note(&Failure::new(Kind::InvalidApiKey, "Incorrect API key provided."));
        assert_eq!(troubles.list()[0].code, "invalid_api_key");
    }
}
