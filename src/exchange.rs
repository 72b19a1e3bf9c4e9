//! What a handler is given of one request.

use std::sync::Arc;

use http::request::Parts;

use crate::{app::App, auth::KeyName, telemetry::access::Record};

/// What a handler is given.
pub(crate) struct Exchange {
    /// The gateway.
    pub(crate) app: Arc<App>,
    /// The request's record.
    pub(crate) record: Arc<Record>,
    /// The key that opened the door; none where there is no door.
    pub(crate) key: Option<KeyName>,
    /// The head, without any credential.
    pub(crate) head: Parts,
    /// What `{id}` in the route's path stands for.
    pub(crate) id: String,
}
