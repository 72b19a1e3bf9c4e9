//! `GET /metrics`: the figures, behind the key because they tell how the gateway is used.

use http::{Response, StatusCode};

use crate::{body::Body, exchange::Exchange, respond};

/// All figures as OpenMetrics text.
pub(crate) fn metrics(exchange: &Exchange) -> Response<Body> {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    respond::answer(StatusCode::OK, OPEN_METRICS, exchange.app.metrics.encode())
}
