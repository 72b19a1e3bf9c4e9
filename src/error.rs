//! The one error of the gateway: what went wrong, who can cure it, and whether to try again.
//!
//! A [`Failure`] knows nothing of wire formats: `api::*` turns it into the client's own error body, and
//! [`Kind`] alone decides the HTTP status, the stable code and the retry advice. The public message names
//! the cause and the cure; a source error, which may hold hosts or paths, goes to the log and never to a client.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use http::StatusCode;

/// What went wrong. Each kind has exactly one HTTP status, one `code` and one retry rule: see [`Kind::facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The presented key matches no configured key, or none was presented.
    InvalidApiKey,
    /// No client key is configured, so nothing but liveness is served.
    NoClientKey,
    /// The body is not what the wire format asks for: no JSON, or a wrong value.
    InvalidRequest,
    /// A field is of another JSON type than the wire format asks for.
    InvalidType,
    /// A required field is missing.
    MissingParameter,
    /// A field asks for something this gateway or its upstream cannot do.
    UnsupportedParameter,
    /// No such model.
    ModelNotFound,
    /// The rendered prompt is over the upstream's limit.
    ContextLength,
    /// No such path.
    UnknownUrl,
    /// The path exists with other methods.
    MethodNotAllowed,
    /// The head is over the gateway's limits.
    HeadTooLarge,
    /// The body is over the configured limit.
    BodyTooLarge,
    /// The client did not send its body in time.
    BodyTimeout,
    /// The gateway has no free place within the deadline.
    Overloaded,
    /// The gateway is shutting down.
    ShuttingDown,
    /// A defect of the gateway.
    Internal,
    /// No upstream credentials (cookies) are configured.
    UpstreamNotConfigured,
    /// The upstream session is over: new cookies are needed.
    UpstreamAuthExpired,
    /// The upstream session is device-bound and cannot be renewed by any server.
    UpstreamDeviceBound,
    /// The account is restricted, or waits for its owner to accept something.
    UpstreamAccountRestricted,
    /// The upstream wants consent given in a browser first.
    UpstreamConsentRequired,
    /// The upstream does not serve the region of the gateway's address.
    UpstreamRegionBlocked,
    /// The upstream has blocked the gateway's address for a while.
    UpstreamIpBlocked,
    /// The upstream asks to slow down.
    UpstreamRateLimited,
    /// The account's quota for this model is used up.
    UpstreamUsageLimit,
    /// The upstream refuses this request as such.
    UpstreamRejectedRequest,
    /// The upstream does not accept the session's token, model header or thread.
    UpstreamSessionRejected,
    /// The model cannot be used by this account now.
    UpstreamModelUnavailable,
    /// Another model than the requested one answered.
    ModelDowngraded,
    /// A passing fault of the upstream.
    UpstreamUnavailable,
    /// The upstream could not be reached.
    UpstreamUnreachable,
    /// The upstream was silent for too long.
    UpstreamTimeout,
    /// The answer broke off before its end.
    UpstreamInterrupted,
    /// The upstream ended its answer without any text.
    UpstreamEmptyAnswer,
    /// The upstream answered in a form this gateway does not know.
    UpstreamProtocol,
    /// An error code of the upstream that no table knows.
    UpstreamUnknownError,
}

/// Who can do something about a [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The caller: another request may succeed.
    Client,
    /// The gateway or its configuration.
    Gateway,
    /// The upstream.
    Upstream,
}

/// What the gateway itself may do about a failure before the first event has reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing: the same request would fail again.
    Never,
    /// Make the session fresh (page, tokens, models) and try once more.
    Refresh,
    /// Wait a little, with jitter, and try again a few times.
    Backoff,
}

/// The fixed facts of one [`Kind`].
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// HTTP status while the head is still open.
    pub status: StatusCode,
    /// Stable machine-readable code.
    pub code: &'static str,
    /// Who can act.
    pub side: Side,
    /// What the gateway may do.
    pub retry: Retry,
    /// Whether a client that repeats the request unchanged, after the hinted wait, may succeed.
    pub client_may_retry: bool,
}

impl Kind {
    /// Every kind, for tests and generated documentation.
    pub const ALL: [Kind; 36] = {
        use Kind::*;
        [
            InvalidApiKey,
            NoClientKey,
            InvalidRequest,
            InvalidType,
            MissingParameter,
            UnsupportedParameter,
            ModelNotFound,
            ContextLength,
            UnknownUrl,
            MethodNotAllowed,
            HeadTooLarge,
            BodyTooLarge,
            BodyTimeout,
            Overloaded,
            ShuttingDown,
            Internal,
            UpstreamNotConfigured,
            UpstreamAuthExpired,
            UpstreamDeviceBound,
            UpstreamAccountRestricted,
            UpstreamConsentRequired,
            UpstreamRegionBlocked,
            UpstreamIpBlocked,
            UpstreamRateLimited,
            UpstreamUsageLimit,
            UpstreamRejectedRequest,
            UpstreamSessionRejected,
            UpstreamModelUnavailable,
            ModelDowngraded,
            UpstreamUnavailable,
            UpstreamUnreachable,
            UpstreamTimeout,
            UpstreamInterrupted,
            UpstreamEmptyAnswer,
            UpstreamProtocol,
            UpstreamUnknownError,
        ]
    };

    /// The table: status, code, side, retry rule, advice to the client.
    ///
    /// Upstream log-in failures are 503 and never 401 or 403, because a client would blame its own key.
    #[must_use]
    pub const fn facts(self) -> Facts {
        use Retry::{Backoff, Never, Refresh};
        use Side::{Client, Gateway, Upstream};
        let (status, code, side, retry, client_may_retry) = match self {
            Kind::InvalidApiKey => (StatusCode::UNAUTHORIZED, "invalid_api_key", Client, Never, false),
            Kind::NoClientKey => (StatusCode::SERVICE_UNAVAILABLE, "no_client_key", Gateway, Never, false),
            Kind::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_value", Client, Never, false),
            Kind::InvalidType => (StatusCode::BAD_REQUEST, "invalid_type", Client, Never, false),
            Kind::MissingParameter => (
                StatusCode::BAD_REQUEST,
                "missing_required_parameter",
                Client,
                Never,
                false,
            ),
            Kind::UnsupportedParameter => (StatusCode::BAD_REQUEST, "unsupported_parameter", Client, Never, false),
            Kind::ModelNotFound => (StatusCode::NOT_FOUND, "model_not_found", Client, Never, false),
            Kind::ContextLength => (StatusCode::BAD_REQUEST, "context_length_exceeded", Client, Never, false),
            Kind::UnknownUrl => (StatusCode::NOT_FOUND, "unknown_url", Client, Never, false),
            Kind::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                Client,
                Never,
                false,
            ),
            Kind::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "request_headers_too_large",
                Client,
                Never,
                false,
            ),
            Kind::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", Client, Never, false),
            Kind::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout", Client, Never, true),
            Kind::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", Gateway, Never, true),
            Kind::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down", Gateway, Never, true),
            Kind::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamNotConfigured => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_not_configured",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamAuthExpired => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_auth_expired",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamDeviceBound => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_device_bound",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamAccountRestricted => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_account_restricted",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamConsentRequired => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_consent_required",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamRegionBlocked => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_region_blocked",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamIpBlocked => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_ip_blocked",
                Upstream,
                Never,
                false,
            ),
            Kind::UpstreamRateLimited => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_exceeded",
                Upstream,
                Never,
                true,
            ),
            Kind::UpstreamUsageLimit => (
                StatusCode::TOO_MANY_REQUESTS,
                "usage_limit_reached",
                Upstream,
                Never,
                false,
            ),
            Kind::UpstreamRejectedRequest => (
                StatusCode::BAD_REQUEST,
                "upstream_rejected_request",
                Client,
                Never,
                false,
            ),
            Kind::UpstreamSessionRejected => (
                StatusCode::BAD_GATEWAY,
                "upstream_session_rejected",
                Upstream,
                Refresh,
                true,
            ),
            Kind::UpstreamModelUnavailable => (
                StatusCode::BAD_GATEWAY,
                "upstream_model_unavailable",
                Upstream,
                Refresh,
                false,
            ),
            Kind::ModelDowngraded => (StatusCode::BAD_GATEWAY, "model_downgraded", Upstream, Never, false),
            Kind::UpstreamUnavailable => (StatusCode::BAD_GATEWAY, "upstream_unavailable", Upstream, Backoff, true),
            Kind::UpstreamUnreachable => (StatusCode::BAD_GATEWAY, "upstream_unreachable", Upstream, Backoff, true),
            Kind::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", Upstream, Never, false),
            Kind::UpstreamInterrupted => (StatusCode::BAD_GATEWAY, "upstream_interrupted", Upstream, Never, false),
            Kind::UpstreamEmptyAnswer => (StatusCode::BAD_GATEWAY, "upstream_empty_answer", Upstream, Never, false),
            Kind::UpstreamProtocol => (
                StatusCode::BAD_GATEWAY,
                "upstream_protocol_changed",
                Upstream,
                Never,
                false,
            ),
            Kind::UpstreamUnknownError => (
                StatusCode::BAD_GATEWAY,
                "upstream_unknown_error",
                Upstream,
                Never,
                false,
            ),
        };
        Facts {
            status,
            code,
            side,
            retry,
            client_may_retry,
        }
    }
}

/// A failure on its way to the client.
pub struct Failure {
    kind: Kind,
    message: Cow<'static, str>,
    param: Option<String>,
    retry_after: Option<Duration>,
    retry: Option<Retry>,
    allow: Option<&'static str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A failure with its public message: one or two sentences, the cause and then the cure. Never a secret, never
    /// the text of a prompt, never a credential a client presented.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            retry_after: None,
            retry: None,
            allow: None,
            source: None,
        }
    }

    /// Names the request field at fault, in the client's own path syntax (`messages[0].content`).
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// How long a client should wait before it tries again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Overrides what the gateway itself may do, where a table of the upstream knows better than the kind.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The methods a 405 allows, as the value of its `Allow` header.
    #[must_use]
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Attaches the private cause, for the log only.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request field at fault, if one is.
    #[must_use]
    pub fn param_name(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The wait to advise, if one helps.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the gateway may do before the first event.
    #[must_use]
    pub fn retry_rule(&self) -> Retry {
        self.retry.unwrap_or(self.kind.facts().retry)
    }

    /// The `Allow` header of a 405.
    #[must_use]
    pub fn allowed_methods(&self) -> Option<&'static str> {
        self.allow
    }

    /// A copy for another waiter of the same failed operation; the private cause stays with the original.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            param: self.param.clone(),
            retry_after: self.retry_after,
            retry: self.retry,
            allow: self.allow,
            source: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("param", &self.param)
            .field("retry_after", &self.retry_after)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_no_gateway_side_failure_looks_like_a_wrong_client_key() {
        let mut codes = std::collections::HashSet::new();
        for kind in Kind::ALL {
            let facts = kind.facts();
            assert!(codes.insert(facts.code), "{} twice", facts.code);
            if facts.side != Side::Client {
                assert!(!matches!(facts.status.as_u16(), 401 | 403), "{kind:?}");
            }
        }
    }
}
