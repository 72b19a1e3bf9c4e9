//! The list of models and each of them, in any wire format: from memory, never waiting for the upstream.

use http::{Response, StatusCode};

use crate::{
    api::Format,
    body::Body,
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
};

/// The list.
pub(crate) fn list(exchange: &Exchange, format: Format) -> Response<Body> {
    let models = exchange.app.upstream.models();
    respond::json(StatusCode::OK, format.models(&models))
}

/// One model, by its id or any of its other names.
///
/// # Errors
/// When no model has this name.
pub(crate) fn single(exchange: &Exchange, format: Format) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    let asked = app.aliases.get(&exchange.id).unwrap_or(&exchange.id);
    let id = app.upstream.resolve(asked)?;
    let body = format.model(&app.upstream.models(), &id).ok_or_else(|| {
        Failure::new(
            Kind::ModelNotFound,
            "This model is not in the list of this gateway's models. Ask for the list.",
        )
    })?;
    Ok(respond::json(StatusCode::OK, body))
}
