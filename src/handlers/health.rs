//! `GET /livez` and `GET /health`.

use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::{
    app::App,
    body::Body,
    exchange::Exchange,
    respond,
    upstream::{Health, HealthState},
};

/// Alive: constant, so that nothing but the process itself is asked.
pub(crate) fn alive() -> Response<Body> {
    respond::json(StatusCode::OK, &br#"{"status":"alive"}"#[..])
}

/// Whether the gateway can answer, and if not, why and what cures it. Starting counts as not: a balancer must not
/// send a request that would only wait.
pub(crate) fn health(exchange: &Exchange) -> Response<Body> {
    let report = Report::of(&exchange.app);
    let status = if matches!(report.status, State::Ready | State::Degraded) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = respond::json(status, report.json());
    if report.status == State::Starting {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The state of the gateway as anyone may see it. No secret, no figure that tells of its use.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The whole.
    pub(crate) status: State,
    /// Why the whole cannot answer, where no upstream says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// Set when the upstream is a stand-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stand_in: Option<&'static str>,
    /// The gateway's version.
    pub(crate) version: &'static str,
    /// Seconds since it started.
    pub(crate) uptime_s: u64,
    /// Whether any key is configured.
    pub(crate) client_keys_configured: bool,
    /// Every upstream.
    pub(crate) upstreams: Vec<UpstreamReport>,
}

/// Whether something can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Starting,
    Untried,
    Ready,
    Degraded,
    Failed,
}

/// One upstream.
#[derive(Debug, Serialize)]
pub(crate) struct UpstreamReport {
    pub(crate) name: Cow<'static, str>,
    pub(crate) state: State,
    pub(crate) since_s: u64,
    pub(crate) last_success_s: Option<u64>,
    pub(crate) code: Option<&'static str>,
    pub(crate) reason: Option<String>,
    #[serde(serialize_with = "as_map")]
    pub(crate) details: Vec<(&'static str, String)>,
}

impl Report {
    /// The state now.
    pub(crate) fn of(app: &App) -> Self {
        let upstreams: Vec<_> = app.upstream.health().into_iter().map(UpstreamReport::of).collect();
        let keys = !app.keyring.is_empty();
        Self {
            status: if keys { together(&upstreams) } else { State::Failed },
            reason: (!keys).then_some("No client key is configured, so nobody is served: set API_KEY and restart."),
            stand_in: app.stand_in,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: app.started.elapsed().as_secs(),
            client_keys_configured: keys,
            upstreams,
        }
    }

    /// As a JSON text.
    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| {
            tracing::error!(%error, "the health report could not be written");
            br#"{"status":"failed"}"#.to_vec()
        })
    }
}

impl UpstreamReport {
    fn of(health: Health) -> Self {
        Self {
            name: health.name,
            state: match health.state {
                HealthState::Starting => State::Starting,
                HealthState::Untried => State::Untried,
                HealthState::Ready => State::Ready,
                HealthState::Failed => State::Failed,
            },
            since_s: health.since.as_secs(),
            last_success_s: health.last_success.map(|age| age.as_secs()),
            code: health.code,
            reason: health.reason,
            details: health.details,
        }
    }
}

/// The state of the whole: what works is worth a request, and what does not is not hidden by it.
fn together(upstreams: &[UpstreamReport]) -> State {
    let any = |state| upstreams.iter().any(|upstream| upstream.state == state);
    let able = any(State::Ready) || any(State::Untried);
    match (able, any(State::Failed)) {
        (true, true) => State::Degraded,
        (true, false) => State::Ready,
        (false, _) if any(State::Starting) => State::Starting,
        (false, _) => State::Failed,
    }
}

fn as_map<S: serde::Serializer>(details: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(details.iter().map(|(name, text)| (name, text)))
}

#[cfg(test)]
impl UpstreamReport {
    /// A failed upstream that says this everywhere.
    pub(crate) fn hostile(text: &str) -> Self {
        Self::of(Health {
            name: "test".into(),
            state: HealthState::Failed,
            since: std::time::Duration::ZERO,
            last_success: None,
            code: Some("code"),
            reason: Some(text.to_owned()),
            details: vec![("detail", text.to_owned())],
        })
    }
}
