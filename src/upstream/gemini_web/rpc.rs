//! The answers of RPCs, found by id and identifier among the frames.

use serde_json::Value;

use super::{frames::Frame, request::RpcCall};

/// What an RPC answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RpcAnswer {
    /// Its JSON document.
    Document(Value),
    /// The upstream refused it with a status number like gRPC's: 3 invalid, 5 not found, 7 not authenticated.
    Rejected(u64),
    /// The whole request was refused with this HTTP status inside the body.
    Http(u64),
    /// No answer to it is there, or none that can be read.
    Missing,
}

/// The answer to `call` among the frames of its response.
pub(crate) fn answer(frames: &[Frame], call: &RpcCall<'_>) -> RpcAnswer {
    let entries = || frames.iter().flat_map(|frame| &frame.0);
    let tag = |entry: &Value| entry.get(0).and_then(Value::as_str).map(str::to_owned);
    let is_it = |entry: &&Value| {
        let identifier = entry.get(6).and_then(Value::as_str).unwrap_or(&call.rule.identifier);
        tag(entry).as_deref() == Some("wrb.fr")
            && entry.get(1).and_then(Value::as_str) == Some(&call.rule.id)
            && identifier == call.rule.identifier
    };
    if let Some(entry) = entries().find(is_it) {
        let status = entry.get(5).and_then(|list| list.get(0)).and_then(Value::as_u64);
        let document = entry.get(2).and_then(Value::as_str);
        return match (status, document.map(serde_json::from_str)) {
            (Some(status), _) => RpcAnswer::Rejected(status),
            (None, Some(Ok(document))) => RpcAnswer::Document(document),
            (None, _) => RpcAnswer::Missing,
        };
    }
    let error = entries().find(|entry| tag(entry).as_deref() == Some("er"));
    match error.and_then(|entry| entry.get(5)).and_then(Value::as_u64) {
        Some(status) => RpcAnswer::Http(status),
        None => RpcAnswer::Missing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::protocol::Protocol, *};

    #[track_caller]
    fn check(entries: Value, expected: RpcAnswer) {
        let protocol = Protocol::built_in().unwrap();
        let call = RpcCall::account(&protocol).unwrap();
        let frame = Frame(serde_json::from_value(entries).unwrap());
        assert_eq!(answer(&[Frame(vec![json!(["di", 1])]), frame], &call), expected);
    }

    #[test]
    fn answers_are_matched_by_id_and_identifier() {
        check(
            json!([
                ["wrb.fr", "ESY5D", "[1]", null, null, null, "generic"],
                ["wrb.fr", "otAQ7b", "[2]", null, null, null, "other"],
                ["wrb.fr", "otAQ7b", "[3]", null, null, null, "generic"],
            ]),
            RpcAnswer::Document(json!([3])),
        );
        check(json!([["wrb.fr", "otAQ7b", "[4]"]]), RpcAnswer::Document(json!([4])));
    }

    #[test]
    fn refusals_and_gaps_are_told_apart() {
        check(
            json!([["wrb.fr", "otAQ7b", null, null, null, [7], "generic"]]),
            RpcAnswer::Rejected(7),
        );
        check(json!([["er", null, null, null, null, 400]]), RpcAnswer::Http(400));
        check(json!([["wrb.fr", "otAQ7b", "{broken"]]), RpcAnswer::Missing);
        check(json!([["wrb.fr", "otAQ7b", null]]), RpcAnswer::Missing);
        check(json!([5, null, {}, []]), RpcAnswer::Missing);
    }
}
