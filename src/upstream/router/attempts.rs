//! What was tried for one request: the header, and the lines of the log.

use std::{fmt::Write, time::Duration};

use tokio::time::Instant;
use tracing::Span;

use crate::{error::Failure, telemetry::access::printable};

/// The attempts of one request so far.
pub(super) struct Attempts {
    /// A list of structured fields (RFC 9651): the model's id as a string, what came of it as its parameters.
    header: String,
    /// Where the lines of the log belong, wherever the stream is polled.
    span: Span,
}

impl Attempts {
    pub(super) fn new(span: Span) -> Self {
        Self {
            header: String::new(),
            span,
        }
    }

    /// The model answers: its first output is there.
    pub(super) fn answered(&mut self, upstream: &str, model: &str, began: Instant) {
        const OK: u16 = 200;
        let ms = millis(began.elapsed());
        self.add(model, format_args!(";status={OK};ms={ms}"));
        tracing::info!(parent: &self.span, upstream, model, status = OK, ms, "attempt");
    }

    /// The model was asked, and failed.
    pub(super) fn failed(&mut self, upstream: &str, model: &str, failure: &Failure, began: Instant) {
        let (code, status, ms) = (
            failure.kind().facts().code,
            failure.seen_status(),
            millis(began.elapsed()),
        );
        self.add(model, format_args!(";status={status};code={code};ms={ms}"));
        tracing::info!(parent: &self.span, upstream, model, status, code, ms, "attempt");
    }

    /// The model was not asked.
    pub(super) fn skipped(&mut self, upstream: &str, model: &str, failure: &Failure) {
        let code = failure.kind().facts().code;
        self.add(model, format_args!(";skipped;code={code}"));
        tracing::info!(parent: &self.span, upstream, model, code, "attempt skipped");
    }

    /// The value of `x-gateway-attempts`.
    pub(super) fn header(&self) -> String {
        self.header.clone()
    }

    fn add(&mut self, model: &str, parameters: std::fmt::Arguments<'_>) {
        if !self.header.is_empty() {
            self.header.push_str(", ");
        }
        let model = printable(model).replace(['"', '\\'], "?");
        // Writing to a string cannot fail.
        let _ = write!(self.header, "\"{model}\"{parameters}");
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
