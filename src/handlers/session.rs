//! The owner's view of the session. It needs a key.

use http::{Response, StatusCode};
use serde::Serialize;

use super::health::Report;
use crate::{body::Body, exchange::Exchange, respond, telemetry::troubles::Trouble};

/// `GET /session`: what `/health` says, and what has failed lately.
pub(crate) fn session(exchange: &Exchange) -> Response<Body> {
    #[derive(Serialize)]
    struct Session {
        #[serde(flatten)]
        report: Report,
        /// The latest first.
        errors: Vec<Trouble>,
    }
    let session = Session {
        report: Report::of(&exchange.app),
        errors: exchange.app.troubles.list(),
    };
    answer(&session)
}

fn answer(document: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(document) {
        Ok(body) => respond::json(StatusCode::OK, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            respond::json(StatusCode::INTERNAL_SERVER_ERROR, "{}")
        }
    }
}
