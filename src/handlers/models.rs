//! `GET {prefix}/models` and `GET {prefix}/models/{id}`: from memory, never waiting for the upstream.

use http::{Response, StatusCode};

use crate::{
    api::openai_chat,
    body::Body,
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
};

/// The list.
pub(crate) fn list(exchange: &Exchange) -> Response<Body> {
    let models = exchange.app.upstream.models();
    respond::json(StatusCode::OK, openai_chat::models::list(&models))
}

/// One model, by its id or any of its other names.
///
/// # Errors
/// When no model has this name.
pub(crate) fn single(exchange: &Exchange) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    let asked = app.aliases.get(&exchange.id).unwrap_or(&exchange.id);
    let id = app.upstream.resolve(asked)?;
    let body = openai_chat::models::one(&app.upstream.models(), &id).ok_or_else(|| {
        let message = format!(
            "This model is not in the list of this gateway's models. GET {}/models has the list.",
            app.prefix
        );
        Failure::new(Kind::ModelNotFound, message)
    })?;
    Ok(respond::json(StatusCode::OK, body))
}
