//! How many tokens a prompt has, in any wire format that asks: by the gateway's own estimate, from memory.

use http::{Response, StatusCode};
use tokio::time::Instant;

use super::generate::{self, Disclosed};
use crate::{
    api::{Format, Purpose},
    body::{Body, Upload},
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
};

/// Reads the request as if it were to be answered, and counts. The upstream hears nothing of it.
///
/// # Errors
/// Whatever the request itself would be refused for: its body, its model.
pub(crate) async fn count(exchange: Exchange, format: Format, upload: &mut Upload) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    let deadline = Instant::now() + app.limits.request;
    let held = app.room.account();
    let incoming = generate::read(&exchange, format, Purpose::Count, upload, &held, deadline).await?;
    app.upstream.resolve(&incoming.request.model)?;
    let body = format.count(incoming.request.prompt_tokens()).ok_or_else(|| {
        let message = "This wire format has no way to count tokens.";
        Failure::new(Kind::UnknownUrl, message)
    })?;
    let mut response = respond::json(StatusCode::OK, body);
    generate::disclose(
        response.headers_mut(),
        &incoming.requested_model,
        &incoming.ignored,
        &Disclosed::default(),
    );
    Ok(response)
}
