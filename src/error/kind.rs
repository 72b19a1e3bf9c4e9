//! What can go wrong, and what follows from it: the table of kinds.

use http::StatusCode;

use super::FileFault;

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
    /// An earlier answer is referred to, and answers are not kept.
    PreviousResponseNotFound,
    /// An earlier answer is asked for, and answers are not kept.
    ResponseNotFound,
    /// The rendered prompt is over the upstream's limit.
    ContextLength,
    /// An image the client sends cannot be taken.
    Image(FileFault),
    /// Another file the client sends cannot be taken.
    File(FileFault),
    /// More files than one request may carry.
    TooManyFiles,
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
    /// An image was wanted, and the upstream answered without one.
    NoImage,
    /// A picture, film or recording is not to be had, or its link is not one of the gateway's or too old.
    MediaNotFound,
    /// A film or recording is still being made.
    MediaNotReady,
    /// The upstream does not know the model, or has withdrawn it.
    UpstreamModelNotFound,
    /// The upstream refuses the gateway's own credential.
    UpstreamCredential,
    /// The upstream is loading the model.
    UpstreamLoading,
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
    /// The answer is not the JSON document that was asked for, and neither was a second one. A client that asks once
    /// more spends two further answers on the same odds, so it is advised not to.
    UpstreamInvalidOutput,
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
    pub const ALL: [Kind; 60] = {
        use Kind::*;
        [
            InvalidApiKey,
            NoClientKey,
            InvalidRequest,
            InvalidType,
            MissingParameter,
            UnsupportedParameter,
            ModelNotFound,
            PreviousResponseNotFound,
            ResponseNotFound,
            ContextLength,
            Image(FileFault::Url),
            Image(FileFault::Data),
            Image(FileFault::Format),
            Image(FileFault::Unsupported),
            Image(FileFault::TooLarge),
            Image(FileFault::Empty),
            Image(FileFault::Download),
            File(FileFault::Url),
            File(FileFault::Data),
            File(FileFault::Format),
            File(FileFault::Unsupported),
            File(FileFault::TooLarge),
            File(FileFault::Empty),
            File(FileFault::Download),
            TooManyFiles,
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
            NoImage,
            MediaNotFound,
            MediaNotReady,
            UpstreamModelNotFound,
            UpstreamCredential,
            UpstreamLoading,
            UpstreamUnavailable,
            UpstreamUnreachable,
            UpstreamTimeout,
            UpstreamInterrupted,
            UpstreamEmptyAnswer,
            UpstreamInvalidOutput,
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
            Kind::PreviousResponseNotFound => (
                StatusCode::BAD_REQUEST,
                "previous_response_not_found",
                Client,
                Never,
                false,
            ),
            Kind::ResponseNotFound => (StatusCode::NOT_FOUND, "response_not_found", Client, Never, false),
            Kind::ContextLength => (StatusCode::BAD_REQUEST, "context_length_exceeded", Client, Never, false),
            Kind::Image(fault) => (StatusCode::BAD_REQUEST, fault.image_code(), Client, Never, false),
            Kind::File(fault) => (StatusCode::BAD_REQUEST, fault.file_code(), Client, Never, false),
            Kind::TooManyFiles => (StatusCode::BAD_REQUEST, "too_many_files", Client, Never, false),
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
            Kind::NoImage => (StatusCode::BAD_GATEWAY, "no_image_generated", Upstream, Never, false),
            Kind::MediaNotFound => (StatusCode::NOT_FOUND, "media_not_found", Client, Never, false),
            Kind::MediaNotReady => (
                StatusCode::SERVICE_UNAVAILABLE,
                "media_not_ready",
                Upstream,
                Never,
                true,
            ),
            Kind::UpstreamModelNotFound => (
                StatusCode::NOT_FOUND,
                "upstream_model_not_found",
                Upstream,
                Never,
                false,
            ),
            Kind::UpstreamCredential => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_credential_refused",
                Gateway,
                Never,
                false,
            ),
            Kind::UpstreamLoading => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_loading",
                Upstream,
                Never,
                true,
            ),
            Kind::UpstreamUnavailable => (StatusCode::BAD_GATEWAY, "upstream_unavailable", Upstream, Backoff, true),
            Kind::UpstreamUnreachable => (StatusCode::BAD_GATEWAY, "upstream_unreachable", Upstream, Backoff, true),
            Kind::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", Upstream, Never, false),
            Kind::UpstreamInterrupted => (StatusCode::BAD_GATEWAY, "upstream_interrupted", Upstream, Never, false),
            Kind::UpstreamEmptyAnswer => (StatusCode::BAD_GATEWAY, "upstream_empty_answer", Upstream, Never, false),
            Kind::UpstreamInvalidOutput => (
                StatusCode::BAD_GATEWAY,
                "invalid_structured_output",
                Upstream,
                Never,
                false,
            ),
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
