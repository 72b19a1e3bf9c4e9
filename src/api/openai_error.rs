//! The error body of OpenAI's formats: `{"error":{"message","type","param","code"}}`, all four keys on every path and
//! status.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    api::escape::json_string,
    error::{Failure, Kind},
};

/// How the message of a wrong key begins. One client library tells a wrong key from a bad request by these words only.
const WRONG_KEY: &str = "Incorrect API key provided";

/// The body for a failure; its status and headers are the caller's.
///
/// The wording obeys a widely used client library that sorts failures by their text: a wrong key begins as OpenAI's
/// does, and only a 429 speaks of rate limits.
#[must_use]
pub(in crate::api) fn body(failure: &Failure) -> Bytes {
    let mut out = BytesMut::with_capacity(160 + failure.message().len());
    put(&mut out, failure);
    out.freeze()
}

/// Appends the body of a failure, on one line.
pub(in crate::api) fn put(out: &mut BytesMut, failure: &Failure) {
    out.put_slice(b"{\"error\":");
    put_object(out, failure);
    out.put_slice(b"}");
}

/// Appends the error alone.
pub(in crate::api) fn put_object(out: &mut BytesMut, failure: &Failure) {
    out.put_slice(b"{\"message\":");
    json_string(out, &message(failure));
    out.put_slice(b",\"type\":");
    json_string(out, error_type(failure.kind()));
    put_param_and_code(out, failure);
    out.put_slice(b"}");
}

/// Appends what is not its type, as the fields of an object of the caller's.
pub(in crate::api) fn put_flat(out: &mut BytesMut, failure: &Failure) {
    out.put_slice(b"\"message\":");
    json_string(out, &message(failure));
    put_param_and_code(out, failure);
}

fn put_param_and_code(out: &mut BytesMut, failure: &Failure) {
    out.put_slice(b",\"param\":");
    match failure.param_name() {
        Some(param) => json_string(out, param),
        None => out.put_slice(b"null"),
    }
    out.put_slice(b",\"code\":");
    json_string(out, failure.kind().facts().code);
}

fn error_type(kind: Kind) -> &'static str {
    match kind.facts().status.as_u16() {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn message(failure: &Failure) -> Cow<'_, str> {
    let kind = failure.kind();
    if kind.facts().status.as_u16() == 429 {
        return failure.told();
    }
    let message = match failure.told() {
        Cow::Borrowed(message) => without_rate_limits(message),
        Cow::Owned(message) => Cow::Owned(without_rate_limits(&message).into_owned()),
    };
    if kind == Kind::InvalidApiKey && !message.starts_with(WRONG_KEY) {
        return Cow::Owned(format!("{WRONG_KEY}. {message}"));
    }
    message
}

/// Says `request limit` where a message speaks of a rate limit in any spelling.
fn without_rate_limits(message: &str) -> Cow<'_, str> {
    const LIMIT: &str = "limit";
    let mut out = String::new();
    let mut copied = 0;
    // Lowering ASCII only keeps the byte positions.
    let lower = message.to_ascii_lowercase();
    for (at, rate) in lower.match_indices("rate") {
        let after = at + rate.len();
        let gap = lower[after..]
            .chars()
            .take_while(|c| matches!(c, ' ' | '_' | '-'))
            .count();
        if lower[after + gap..].starts_with(LIMIT) {
            out.push_str(&message[copied..at]);
            out.push_str("request limit");
            copied = after + gap + LIMIT.len();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(message);
    }
    out.push_str(&message[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn parsed(failure: &Failure) -> Value {
        serde_json::from_slice(&body(failure)).unwrap()
    }

    #[test]
    fn all_four_keys_are_there() {
        let failure = Failure::new(Kind::InvalidRequest, "Say \"please\".").param("messages[0].role");
        insta::assert_snapshot!(
            str::from_utf8(&body(&failure)).unwrap(),
            @r#"{"error":{"message":"Say \"please\".","type":"invalid_request_error","param":"messages[0].role","code":"invalid_value"}}"#
        );
        let failure = Failure::new(Kind::UpstreamTimeout, "The upstream was silent.");
        insta::assert_snapshot!(
            str::from_utf8(&body(&failure)).unwrap(),
            @r#"{"error":{"message":"The upstream was silent.","type":"server_error","param":null,"code":"upstream_timeout"}}"#
        );
    }

    #[test]
    fn only_a_429_speaks_of_rate_limits() {
        let message = "Hit a Rate Limit, a rate_limit, a ratelimit, a RATE-LIMIT; the rate is limitless.";
        for kind in Kind::ALL {
            let error = &parsed(&Failure::new(kind, message))["error"];
            let text = error.to_string().to_lowercase().replace(['_', ' ', '-'], "");
            let is_429 = kind.facts().status == 429;
            assert_eq!(text.contains("ratelimit"), is_429, "{kind:?}: {text}");
            assert_eq!(error["type"] == "rate_limit_error", is_429, "{kind:?}");
            assert!(
                error["message"].as_str().unwrap().ends_with("the rate is limitless."),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wrong_key_begins_as_openai_says_it() {
        let plain = parsed(&Failure::new(Kind::InvalidApiKey, "Send one of the configured keys."));
        assert_eq!(
            plain["error"]["message"],
            "Incorrect API key provided. Send one of the configured keys."
        );
        let own = parsed(&Failure::new(Kind::InvalidApiKey, "Incorrect API key provided: none."));
        assert_eq!(own["error"]["message"], "Incorrect API key provided: none.");
        assert_eq!(own["error"]["type"], "invalid_request_error");
        assert_eq!(own["error"]["code"], "invalid_api_key");
    }

    #[test]
    fn the_type_tells_the_callers_fault_from_the_servers() {
        for kind in Kind::ALL {
            let status = kind.facts().status.as_u16();
            let error_type = parsed(&Failure::new(kind, "x"))["error"]["type"].clone();
            assert_eq!(error_type == "server_error", status >= 500, "{kind:?}");
        }
    }
}
