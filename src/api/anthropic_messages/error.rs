//! The error body: `{"type":"error","error":{"type","message","details"},"request_id"}`.
//!
//! `details` is where Anthropic's clients look for a stable code; the gateway's own stands there, and the field at
//! fault.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    api::escape::json_string,
    error::{Failure, Kind},
};

/// How the message of a prompt over the limit begins. Agents tell by these words that they have to shorten the
/// conversation, and do so.
const TOO_LONG: &str = "prompt is too long: ";

/// The body for a failure of the request of this id; its status and headers are the caller's.
#[must_use]
pub fn body(failure: &Failure, request_id: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(256 + failure.message().len());
    put(&mut out, failure, Some(request_id));
    out.freeze()
}

/// Appends the body of a failure, on one line.
pub(super) fn put(out: &mut BytesMut, failure: &Failure, request_id: Option<&str>) {
    let kind = failure.kind();
    out.put_slice(b"{\"type\":\"error\",\"error\":{\"type\":");
    json_string(out, error_type(kind));
    out.put_slice(b",\"message\":");
    json_string(out, &message(failure));
    out.put_slice(b",\"details\":{\"error_code\":");
    json_string(out, kind.facts().code);
    if let Some(param) = failure.param_name() {
        out.put_slice(b",\"param\":");
        json_string(out, param);
    }
    out.put_slice(b"}}");
    if let Some(id) = request_id {
        out.put_slice(b",\"request_id\":");
        json_string(out, id);
    }
    out.put_slice(b"}");
}

fn error_type(kind: Kind) -> &'static str {
    match (kind, kind.facts().status.as_u16()) {
        (Kind::Overloaded | Kind::ShuttingDown, _) => "overloaded_error",
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 404) => "not_found_error",
        (_, 413) => "request_too_large",
        (_, 429) => "rate_limit_error",
        (_, 408 | 504) => "timeout_error",
        (_, 500..) => "api_error",
        _ => "invalid_request_error",
    }
}

fn message(failure: &Failure) -> Cow<'_, str> {
    if failure.kind() == Kind::ContextLength {
        return Cow::Owned(format!("{TOO_LONG}{}", failure.told()));
    }
    failure.told()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn text(failure: &Failure) -> String {
        String::from_utf8(body(failure, "req-1").to_vec()).unwrap()
    }

    #[test]
    fn cause_code_field_and_request_are_there() {
        let failure = Failure::new(Kind::InvalidRequest, "Say \"please\".").param("messages[0].role");
        insta::assert_snapshot!(
            text(&failure),
            @r#"{"type":"error","error":{"type":"invalid_request_error","message":"Say \"please\".","details":{"error_code":"invalid_value","param":"messages[0].role"}},"request_id":"req-1"}"#
        );
        let failure = Failure::new(Kind::UpstreamTimeout, "The upstream was silent.");
        insta::assert_snapshot!(
            text(&failure),
            @r#"{"type":"error","error":{"type":"timeout_error","message":"The upstream was silent.","details":{"error_code":"upstream_timeout"}},"request_id":"req-1"}"#
        );
    }

    #[test]
    fn every_failure_has_a_type_that_anthropic_has() {
        for kind in Kind::ALL {
            let error: Value = serde_json::from_str(&text(&Failure::new(kind, "x"))).unwrap();
            let status = kind.facts().status.as_u16();
            let expected: &[&str] = match status {
                400 | 405 | 431 => &["invalid_request_error"],
                401 => &["authentication_error"],
                404 => &["not_found_error"],
                408 | 504 => &["timeout_error"],
                413 => &["request_too_large"],
                429 => &["rate_limit_error"],
                503 => &["overloaded_error", "api_error"],
                500 | 502 => &["api_error"],
                _ => panic!("{kind:?} has no expectation"),
            };
            let found = error["error"]["type"].as_str().unwrap();
            assert!(expected.contains(&found), "{kind:?}: {found}");
            assert_eq!(error["error"]["details"]["error_code"], kind.facts().code);
        }
    }

    #[test]
    fn an_agent_can_tell_that_the_prompt_is_too_long() {
        let error = text(&Failure::new(Kind::ContextLength, "It takes 9 bytes."));
        assert!(
            error.contains(r#""message":"prompt is too long: It takes 9 bytes.""#),
            "{error}"
        );
    }
}
