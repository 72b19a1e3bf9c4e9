//! Where conversations lie: a pure store with bounds. It has no clock; whoever uses it says what time it is.

use std::{collections::VecDeque, sync::Arc};

use lru::LruCache;
use tokio::time::Instant;

use super::{Bounds, Round, Summary, Whose};

/// What a conversation and a round take beside their texts, about: books, allocations.
const PER_CONVERSATION: usize = 512;
const PER_ROUND: usize = 128;

/// Conversations, in the order in which they were last used.
pub(super) struct Shelf {
    kept: LruCache<Whose, Conversation>,
    /// The sum of what they weigh.
    bytes: usize,
}

struct Conversation {
    rounds: VecDeque<Arc<Round>>,
    model: String,
    used: Instant,
    /// What it weighs, its name included.
    bytes: usize,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self {
            kept: LruCache::unbounded(),
            bytes: 0,
        }
    }

    /// What was said in a conversation. It counts as used now.
    pub(super) fn open(&mut self, whose: &Whose, bounds: &Bounds, now: Instant) -> Vec<Arc<Round>> {
        self.expire(bounds, now);
        let Some(conversation) = self.kept.get_mut(whose) else {
            return Vec::new();
        };
        conversation.used = now;
        conversation.rounds.iter().cloned().collect()
    }

    /// What can be told of a conversation, without using it.
    pub(super) fn summary(&mut self, whose: &Whose, bounds: &Bounds, now: Instant) -> Summary {
        self.expire(bounds, now);
        let found = self.kept.peek(whose);
        found.map_or_else(Summary::default, |conversation| Summary {
            rounds: conversation.rounds.len(),
            model: Some(conversation.model.clone()),
        })
    }

    /// Puts a conversation in the place of what lies there: what was said before and one round more, without its oldest
    /// rounds where these are too many. A round that is too large alone changes nothing.
    pub(super) fn put(
        &mut self,
        whose: Whose,
        history: impl IntoIterator<Item = Arc<Round>>,
        round: Round,
        model: &str,
        bounds: &Bounds,
        now: Instant,
    ) {
        self.expire(bounds, now);
        let mut rounds: VecDeque<Arc<Round>> = history.into_iter().collect();
        let own = PER_CONVERSATION + whose.session.as_ref().map_or(0, String::len) + model.len();
        let most = bounds.each_bytes.min(bounds.bytes);
        if own + weight(&round) > most {
            return;
        }
        rounds.push_back(Arc::new(round));
        let mut bytes = own + rounds.iter().map(|round| weight(round)).sum::<usize>();
        while rounds.len() > bounds.rounds || bytes > most {
            let Some(oldest) = rounds.pop_front() else { return };
            bytes -= weight(&oldest);
        }
        self.remove(&whose);
        self.bytes += bytes;
        let conversation = Conversation {
            rounds,
            model: model.to_owned(),
            used: now,
            bytes,
        };
        self.kept.put(whose, conversation);
        while self.kept.len() > bounds.number || self.bytes > bounds.bytes {
            self.drop_oldest();
        }
    }

    /// Forgets a conversation.
    pub(super) fn remove(&mut self, whose: &Whose) {
        if let Some(conversation) = self.kept.pop(whose) {
            self.bytes -= conversation.bytes;
        }
    }

    /// Forgets what is too old. The order of use is the order of age.
    fn expire(&mut self, bounds: &Bounds, now: Instant) {
        let too_old = |conversation: &Conversation| now.saturating_duration_since(conversation.used) > bounds.age;
        while self.kept.peek_lru().is_some_and(|(_, oldest)| too_old(oldest)) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, oldest)) = self.kept.pop_lru() {
            self.bytes -= oldest.bytes;
        }
    }
}

fn weight(round: &Round) -> usize {
    PER_ROUND + round.text_bytes()
}

#[cfg(test)]
mod tests;
