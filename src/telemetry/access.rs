//! The record of one request, and the line and figures it ends in.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use http::{Method, StatusCode};
use tracing::Span;

use super::{ACCESS, metrics::Metrics, troubles::Troubles};
use crate::{auth::KeyName, error::Failure};

/// The longest model name in the log, in characters.
const LONGEST_MODEL: usize = 64;

/// What is known of one request. Shared by whoever handles it; written out once, when its [`Account`] is dropped.
#[derive(Debug)]
pub(crate) struct Record {
    metrics: Arc<Metrics>,
    troubles: Arc<Troubles>,
    id: String,
    method: Method,
    started: Instant,
    span: Span,
    // A plain mutex: held for a few assignments, never across an await.
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    route: Option<&'static str>,
    key: Option<KeyName>,
    model: Option<String>,
    served: Option<String>,
    status: Option<StatusCode>,
    failure: Option<&'static str>,
    first_output_ms: Option<u64>,
    bytes_in: u64,
}

impl Record {
    /// A request that has just arrived.
    pub(crate) fn new(metrics: Arc<Metrics>, troubles: Arc<Troubles>, id: String, method: Method) -> Arc<Self> {
        let span = tracing::info_span!("request", request_id = %id);
        Arc::new(Self {
            metrics,
            troubles,
            id,
            method,
            started: Instant::now(),
            span,
            facts: Mutex::default(),
        })
    }

    /// The request's id, as the client sees it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The span of everything logged about this request.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// The route, by its name in the table.
    pub(crate) fn route(&self, route: &'static str) {
        self.facts().route = Some(route);
    }

    /// The key that opened the door, by name.
    pub(crate) fn key(&self, key: KeyName) {
        self.facts().key = Some(key);
    }

    /// The model the client named.
    pub(crate) fn model(&self, model: &str) {
        self.facts().model = Some(printable(model));
    }

    /// The model that answers.
    pub(crate) fn served(&self, model: &str) {
        self.facts().served = Some(printable(model));
    }

    /// Further bytes of the request's body.
    pub(crate) fn received(&self, bytes: usize) {
        self.facts().bytes_in += bytes as u64;
    }

    /// The first output of an answer is there.
    pub(crate) fn first_output(&self) {
        let elapsed = self.started.elapsed();
        self.facts().first_output_ms.get_or_insert_with(|| {
            self.metrics.first_output(elapsed.as_secs_f64());
            millis(elapsed)
        });
    }

    /// The request failed. Logged here once, with the private cause, unless it is the client's to cure.
    pub(crate) fn failed(&self, failure: &Failure) {
        let facts = failure.kind().facts();
        self.facts().failure = Some(facts.code);
        self.troubles.note(failure);
        let cause = causes(failure);
        match facts.side {
            crate::error::Side::Client => {
                tracing::debug!(code = facts.code, param = failure.param_name(), "refused: {failure}");
            }
            _ => tracing::warn!(code = facts.code, cause, "failed: {failure}"),
        }
    }

    /// The request was refused for want of a connection's place. Whoever refuses it warns, once for many.
    pub(crate) fn refused(&self, failure: &Failure) {
        self.facts().failure = Some(failure.kind().facts().code);
    }

    /// The upstream reported a failure.
    pub(crate) fn upstream_failed(&self, failure: &Failure) {
        self.metrics.upstream_failure(failure.kind().facts().code);
    }

    /// The head goes out with this status.
    pub(crate) fn head(&self, status: StatusCode) {
        self.facts().status = Some(status);
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, bytes_out: u64, complete: bool) {
        let elapsed = self.started.elapsed();
        let facts = self.facts();
        let outcome = match (facts.failure, complete) {
            (Some(_), _) => "failed",
            (None, true) => "done",
            (None, false) => "cancelled",
        };
        let route = facts.route.unwrap_or("unknown");
        self.metrics
            .request(route, facts.status, outcome, elapsed.as_secs_f64());
        tracing::info!(
            target: ACCESS,
            parent: None,
            request_id = %self.id,
            method = standard(&self.method),
            route,
            key = facts.key.map(tracing::field::display),
            model = facts.model.as_deref(),
            served = facts.served.as_deref(),
            status = facts.status.map_or(0, |status| status.as_u16()),
            outcome,
            code = facts.failure,
            ttfb_ms = facts.first_output_ms,
            total_ms = millis(elapsed),
            bytes_in = facts.bytes_in,
            bytes_out,
            "request"
        );
    }
}

/// Writes a request's line when it is dropped, however that comes about.
#[derive(Debug)]
pub(crate) struct Account {
    /// The request.
    pub(crate) record: Arc<Record>,
    /// Bytes of body handed to the connection.
    pub(crate) bytes_out: u64,
    /// Whether the whole body was handed over. If not, the client has left (or the drain is over).
    pub(crate) complete: bool,
}

impl Account {
    /// Opens the account of a request.
    pub(crate) fn new(record: Arc<Record>) -> Self {
        Self {
            record,
            bytes_out: 0,
            complete: false,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.record.close(self.bytes_out, self.complete);
    }
}

/// The method by its name if it has one in the standards: others are text from a client.
fn standard(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => method.as_str(),
        Method::OPTIONS | Method::PATCH | Method::TRACE | Method::CONNECT => method.as_str(),
        _ => "other",
    }
}

/// Text from a client, made safe for a log line or a header: visible ASCII, and not much of it.
pub(crate) fn printable(text: &str) -> String {
    let visible = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let mut printable = String::with_capacity(text.len().min(LONGEST_MODEL));
    printable.extend(text.chars().take(LONGEST_MODEL).map(visible));
    printable
}

/// A label for people, safe for a header or a comment line: its blanks stay, and the rest is made visible ASCII.
pub(crate) fn visible(label: &str) -> String {
    let words: Vec<String> = label.split_ascii_whitespace().map(printable).collect();
    words.join(" ")
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The private causes of a failure, outermost first.
fn causes(failure: &Failure) -> Option<String> {
    let mut next = std::error::Error::source(failure);
    let mut text = next?.to_string();
    while let Some(cause) = next.and_then(std::error::Error::source) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = Some(cause);
    }
    Some(text)
}
