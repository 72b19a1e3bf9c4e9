//! How answers are put together: JSON, text, and failures in the client's own shape.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{
    api::Format,
    body::Body,
    error::{Failure, Kind},
};

/// An answer of this type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    answer(status, "application/json", body)
}

/// A failure as its client reads it: status, error body, and what a retry would be worth.
pub(crate) fn failure(failure: &Failure, shape: Format, request_id: &str) -> Response<Body> {
    let facts = failure.kind().facts();
    let mut response = json(shape.status(facts.status), shape.error_body(failure, request_id));
    let headers = response.headers_mut();
    if !facts.client_may_retry {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    if let Some(wait) = failure.wait() {
        headers.insert(header::RETRY_AFTER, seconds_up(wait));
    }
    if let Some(attempts) = failure
        .attempts_made()
        .and_then(|made| HeaderValue::from_str(made).ok())
    {
        headers.insert("x-gateway-attempts", attempts);
    }
    if failure.kind() == Kind::InvalidApiKey {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(methods) = failure.allowed_methods() {
        headers.insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    response
}

/// A wait in whole seconds, rounded up: a client that comes back early only fails again.
pub(crate) fn seconds_up(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}
