//! The upstream of a gateway that has none yet: it says what is missing.

use std::time::{Duration, Instant};

use super::{Call, EventStream, Health, HealthState, ModelSource, Models, Upstream};
use crate::error::{Failure, Kind};

const CURE: &str = "No Gemini session is configured. Set SECURE_1PSID and SECURE_1PSIDTS to the cookies of your own \
                    session at gemini.google.com, and restart the gateway.";

/// Answers every request with the cure.
#[derive(Debug)]
pub struct Absent {
    since: Instant,
}

impl Absent {
    /// Absent from now on.
    #[must_use]
    pub fn new() -> Self {
        Self { since: Instant::now() }
    }
}

impl Default for Absent {
    fn default() -> Self {
        Self::new()
    }
}

impl Upstream for Absent {
    fn models(&self) -> Models {
        Models {
            source: ModelSource::Static,
            list: Vec::new(),
        }
    }

    /// Any name: that nothing is configured is the more useful answer.
    fn resolve(&self, name: &str) -> Result<String, Failure> {
        Ok(name.to_owned())
    }

    fn generate(&self, _call: Call) -> EventStream {
        let failure = Failure::new(Kind::UpstreamNotConfigured, CURE);
        Box::pin(futures_util::stream::iter([Err(failure)]))
    }

    fn health(&self) -> Health {
        Health {
            name: "none",
            state: HealthState::Failed,
            since: Duration::from_secs(self.since.elapsed().as_secs()),
            last_success: None,
            code: Some(Kind::UpstreamNotConfigured.facts().code),
            reason: Some(CURE.to_owned()),
            details: Vec::new(),
        }
    }
}
