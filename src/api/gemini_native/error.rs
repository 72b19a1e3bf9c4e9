//! The error body: `{"error":{"code","message","status","details"}}`, with details in the types of `google.rpc`.

use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;

use crate::{
    api::escape::json_string,
    error::{Failure, Kind},
};

/// Who the codes are of, in an `ErrorInfo`.
const DOMAIN: &str = "gemini-gateway";

/// The body for a failure; its status and headers are the caller's.
#[must_use]
pub(super) fn body(failure: &Failure) -> Bytes {
    let mut out = BytesMut::with_capacity(320 + failure.message().len());
    put(&mut out, failure);
    out.freeze()
}

/// Appends the body of a failure, on one line. `error` is its first key: one client library looks for it there.
pub(super) fn put(out: &mut BytesMut, failure: &Failure) {
    let facts = failure.kind().facts();
    out.put_slice(format!("{{\"error\":{{\"code\":{},\"message\":", facts.status.as_u16()).as_bytes());
    let told = failure.told();
    json_string(out, &told);
    out.put_slice(b",\"status\":");
    json_string(out, status(failure.kind()));
    out.put_slice(b",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":");
    json_string(out, facts.code);
    out.put_slice(b",\"domain\":");
    json_string(out, DOMAIN);
    out.put_u8(b'}');
    if let Some(param) = failure.param_name() {
        out.put_slice(b",{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":");
        json_string(out, param);
        out.put_slice(b",\"description\":");
        json_string(out, &told);
        out.put_slice(b"}]}");
    }
    if let Some(wait) = failure.wait() {
        // Whole seconds, rounded up, as in the header.
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        let delay =
            format!(",{{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"{seconds}s\"}}");
        out.put_slice(delay.as_bytes());
    }
    out.put_slice(b"]}}");
}

/// The canonical name of Google's that says most: who reads it wants to know whether to try again.
fn status(kind: Kind) -> &'static str {
    let facts = kind.facts();
    match facts.status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "UNIMPLEMENTED",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        // The state of the gateway or of its session has to change first.
        StatusCode::SERVICE_UNAVAILABLE if !facts.client_may_retry => "FAILED_PRECONDITION",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        StatusCode::BAD_GATEWAY if facts.client_may_retry => "UNAVAILABLE",
        status if status.is_server_error() => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_shape_is_googles() {
        let failure = Failure::new(Kind::InvalidRequest, "Say \"please\".").param("contents[0].role");
        insta::assert_snapshot!(
            str::from_utf8(&body(&failure)).unwrap(),
            @r#"{"error":{"code":400,"message":"Say \"please\".","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"invalid_value","domain":"gemini-gateway"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents[0].role","description":"Say \"please\"."}]}]}}"#
        );
        let failure = Failure::new(Kind::UpstreamRateLimited, "Slow down.").retry_after(Duration::from_millis(1_500));
        insta::assert_snapshot!(
            str::from_utf8(&body(&failure)).unwrap(),
            @r#"{"error":{"code":429,"message":"Slow down.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"rate_limit_exceeded","domain":"gemini-gateway"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"}]}}"#
        );
    }

    #[test]
    fn every_kind_tells_its_status_and_code() {
        for kind in Kind::ALL {
            let facts = kind.facts();
            let error = &serde_json::from_slice::<Value>(&body(&Failure::new(kind, "x"))).unwrap()["error"];
            assert_eq!(error["code"], facts.status.as_u16(), "{kind:?}");
            assert_eq!(error["details"][0]["reason"], facts.code, "{kind:?}");
            let name = error["status"].as_str().unwrap();
            let server = ["INTERNAL", "UNAVAILABLE", "FAILED_PRECONDITION", "DEADLINE_EXCEEDED"];
            if facts.status.is_server_error() {
                assert!(server.contains(&name), "{kind:?}: {name}");
            }
            if name == "UNAVAILABLE" {
                assert!(facts.client_may_retry, "{kind:?}");
            }
        }
    }
}
