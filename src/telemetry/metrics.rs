//! Counters, gauges and histograms, as Prometheus text on `/metrics`.

use std::sync::atomic::AtomicI64;

use http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Upper bounds of the histogram buckets, in seconds: from a local refusal to the longest thinking.
const SECONDS: [f64; 14] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0,
];

/// Every figure of the gateway. Labels are names from tables, never text from a client.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RouteStatus, Counter>,
    outcomes: Family<RouteOutcome, Counter>,
    in_flight: Gauge<i64, AtomicI64>,
    upstream_failures: Family<Code, Counter>,
    first_output: Histogram,
    duration: Family<Route, Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteStatus {
    route: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteOutcome {
    route: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

impl Metrics {
    /// All figures at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("gemini_gateway"),
            requests: Family::default(),
            outcomes: Family::default(),
            in_flight: Gauge::default(),
            upstream_failures: Family::default(),
            first_output: Histogram::new(SECONDS),
            duration: Family::new_with_constructor(|| Histogram::new(SECONDS)),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests by route and status of the head",
            self.requests.clone(),
        );
        registry.register(
            "outcomes",
            "Requests by route and outcome: done, cancelled, failed",
            self.outcomes.clone(),
        );
        registry.register(
            "generations_in_flight",
            "Answers being generated now",
            self.in_flight.clone(),
        );
        registry.register(
            "upstream_failures",
            "Failures the upstream reported, by code",
            self.upstream_failures.clone(),
        );
        registry.register_with_unit(
            "first_output",
            "From a chat request to its first output",
            Unit::Seconds,
            self.first_output.clone(),
        );
        registry.register_with_unit(
            "duration",
            "From a request to the end of its answer",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// The OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }

    /// A request is over.
    pub(crate) fn request(&self, route: &'static str, status: Option<StatusCode>, outcome: &'static str, seconds: f64) {
        // 0: the client left before there was a head.
        let status = status.map_or(0, |status| u32::from(status.as_u16()));
        self.requests.get_or_create(&RouteStatus { route, status }).inc();
        self.outcomes.get_or_create(&RouteOutcome { route, outcome }).inc();
        self.duration.get_or_create(&Route { route }).observe(seconds);
    }

    /// The first output of an answer came after this many seconds.
    pub(crate) fn first_output(&self, seconds: f64) {
        self.first_output.observe(seconds);
    }

    /// The upstream reported a failure.
    pub(crate) fn upstream_failure(&self, code: &'static str) {
        self.upstream_failures.get_or_create(&Code { code }).inc();
    }

    /// Counts a generation until the guard is dropped.
    pub(crate) fn generation(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// One generation in flight.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge<i64, AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
