//! The dry run: a request that says `x-gateway-dry-run: true` is explained instead of answered.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::{
    api::Incoming,
    app::App,
    body::Body,
    error::{Failure, Kind},
    explain::{self, Asked},
    respond,
};

const DRY_RUN: HeaderName = HeaderName::from_static("x-gateway-dry-run");

/// Whether a request wants to be explained.
///
/// # Errors
/// [`Kind::InvalidRequest`] for a value that is neither yes nor no: whoever sets the header must not be answered by
/// mistake.
pub(super) fn wanted(headers: &HeaderMap) -> Result<bool, Failure> {
    let Some(value) = headers.get(DRY_RUN) else {
        return Ok(false);
    };
    match value.as_bytes() {
        b"true" | b"1" => Ok(true),
        b"false" | b"0" => Ok(false),
        _ => {
            let message = "The header x-gateway-dry-run must be true or false.";
            Err(Failure::new(Kind::InvalidRequest, message).param(DRY_RUN.as_str()))
        }
    }
}

/// The explanation of a request whose model is resolved and whose files were inspected. Nothing was sent or fetched.
pub(super) fn answer(app: &App, incoming: &Incoming) -> Result<Response<Body>, Failure> {
    let text = explain::document(&Asked::new(incoming), &incoming.request, app.upstream.as_ref())?;
    let mut response = respond::json(StatusCode::OK, text);
    response.headers_mut().insert(DRY_RUN, HeaderValue::from_static("true"));
    Ok(response)
}
