//! Who may be asked now: cool-downs that an upstream named, and a circuit breaker for one that keeps failing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::rules::{Step, rule};
use crate::error::{Failure, Kind};

/// Failures in a row, each the upstream's own, after which it is left alone.
const FAILURES: u32 = 5;

/// How long it is left alone at first, and at most: each probe that fails doubles it.
const FIRST_WINDOW: Duration = Duration::from_secs(5);
const LONGEST_WINDOW: Duration = Duration::from_secs(300);

/// When to come back while somebody else's probe is under way.
const PROBE_UNDER_WAY: Duration = Duration::from_secs(1);

/// The longest cool-down, whatever an upstream says.
const LONGEST_COOL: Duration = Duration::from_secs(24 * 60 * 60);

/// The most models remembered as cooling down.
const MOST_COOLING: usize = 1_024;

/// One upstream's gate.
#[derive(Debug)]
pub(super) struct Gate {
    name: Arc<str>,
    // A plain mutex: held for a few assignments, never across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    /// The window of the next time it opens.
    window: Duration,
    /// Until when the whole upstream cools down, and after which failure.
    all: Option<Cooling>,
    /// The same for single models.
    models: HashMap<String, Cooling>,
}

#[derive(Debug)]
enum Breaker {
    /// It is asked; so many failures in a row so far.
    Closed { failures: u32 },
    /// It is left alone until then.
    Open { until: Instant },
    /// One request finds out how it is; the others wait for what it brings.
    Probing,
}

#[derive(Debug)]
struct Cooling {
    until: Instant,
    failure: Failure,
}

/// Whether a half-open breaker let this attempt through, to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ordinary,
    Probe,
}

/// The permission for one attempt. It has to be told how the attempt went; dropped without, as when a client goes
/// away, it says nothing, and a probe is another's to make.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    role: Role,
    told: bool,
}

impl Gate {
    pub(super) fn new(name: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            name,
            state: Mutex::new(State::new()),
        })
    }

    /// Forgets what went wrong: the upstream is another one from now on, as with new credentials.
    pub(super) fn reopen(&self) {
        *self.state() = State::new();
    }

    /// Permission to ask for this model at `now`, or the failure that stands in its way. A model that cools down is
    /// passed over only where `others` are left to ask, with the failure the upstream gave and what is left of its wait:
    /// the last one may say so itself.
    pub(super) fn admit(self: &Arc<Self>, model: &str, others: bool, now: Instant) -> Result<Pass, Failure> {
        let mut state = self.state();
        if others {
            state.cooling(model, now)?;
        }
        let role = match state.breaker {
            Breaker::Closed { .. } => Role::Ordinary,
            Breaker::Open { until } if now < until => return Err(self.left_alone(until - now)),
            Breaker::Open { .. } => {
                state.breaker = Breaker::Probing;
                Role::Probe
            }
            Breaker::Probing => return Err(self.left_alone(PROBE_UNDER_WAY)),
        };
        drop(state);
        Ok(Pass {
            gate: Arc::clone(self),
            role,
            told: false,
        })
    }

    /// Why nothing is asked of it now, for `/health`.
    pub(super) fn closed_by(&self, now: Instant) -> Option<Failure> {
        let state = self.state();
        if let Some(cooling) = state.all.as_ref().filter(|cooling| now < cooling.until) {
            return Some(cooling.remaining(now));
        }
        match state.breaker {
            Breaker::Open { until } if now < until => Some(self.left_alone(until - now)),
            Breaker::Probing => Some(self.left_alone(PROBE_UNDER_WAY)),
            _ => None,
        }
    }

    fn left_alone(&self, wait: Duration) -> Failure {
        let text = format!(
            "The upstream {} failed {FAILURES} times in a row, so it is left alone for a while. Try again then, or ask \
             for a model of another upstream.",
            self.name
        );
        Failure::new(Kind::UpstreamUnavailable, text).retry_after(wait)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new() -> Self {
        Self {
            breaker: Breaker::Closed { failures: 0 },
            window: FIRST_WINDOW,
            all: None,
            models: HashMap::new(),
        }
    }

    fn cooling(&self, model: &str, now: Instant) -> Result<(), Failure> {
        for cooling in self.all.iter().chain(self.models.get(model)) {
            if now < cooling.until {
                return Err(cooling.remaining(now));
            }
        }
        Ok(())
    }

    fn cool(&mut self, model: Option<&str>, failure: &Failure, now: Instant) {
        let Some(wait) = failure.wait() else { return };
        let cooling = Cooling {
            until: now + wait.min(LONGEST_COOL),
            failure: failure.share(),
        };
        match model {
            None => self.all = Some(cooling),
            Some(model) => {
                self.models.retain(|_, earlier| now < earlier.until);
                if self.models.len() < MOST_COOLING {
                    self.models.insert(model.to_owned(), cooling);
                }
            }
        }
    }

    fn open(&mut self, now: Instant) {
        // With jitter, so that several gateways do not come back together.
        let window = self.window.mul_f64(0.8 + 0.4 * fastrand::f64());
        self.breaker = Breaker::Open { until: now + window };
        self.window = (self.window * 2).min(LONGEST_WINDOW);
    }
}

impl Cooling {
    fn remaining(&self, now: Instant) -> Failure {
        self.failure
            .share()
            .retry_after(self.until.saturating_duration_since(now))
    }
}

impl Pass {
    /// Whether it is to find out whether the upstream is back.
    pub(super) fn is_probe(&self) -> bool {
        self.role == Role::Probe
    }

    /// The upstream has answered.
    pub(super) fn succeeded(&mut self) {
        self.told = true;
        let mut state = self.gate.state();
        state.breaker = Breaker::Closed { failures: 0 };
        state.window = FIRST_WINDOW;
    }

    /// The attempt for this model failed, perhaps after it had succeeded at first.
    pub(super) fn failed(&mut self, model: &str, failure: &Failure, now: Instant) {
        self.told = true;
        let rule = rule(failure.kind());
        let mut state = self.gate.state();
        match rule.step {
            Step::Cool => state.cool(Some(model), failure, now),
            Step::CoolAll => state.cool(None, failure, now),
            _ => {}
        }
        match (&mut state.breaker, self.role) {
            (Breaker::Probing, Role::Probe) if rule.counts => state.open(now),
            // It refuses, so it is there.
            (Breaker::Probing, Role::Probe) => state.breaker = Breaker::Closed { failures: 0 },
            (Breaker::Closed { failures }, _) if rule.counts => {
                *failures += 1;
                if *failures >= FAILURES {
                    state.open(now);
                }
            }
            (Breaker::Closed { failures }, _) => *failures = 0,
            // Let in before it opened: that it fails is known.
            _ => {}
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.told || self.role != Role::Probe {
            return;
        }
        let mut state = self.gate.state();
        if matches!(state.breaker, Breaker::Probing) {
            state.breaker = Breaker::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests;
