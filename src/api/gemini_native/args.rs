//! The arguments of a call, as the object they are in this format.

use bytes::{BufMut, BytesMut};
use serde_json::value::RawValue;

use crate::api::escape::json_string;

/// Appends the arguments, a JSON text, on one line. Numbers and the order of fields stay as the model wrote them. What
/// is no JSON object, which no reader of calls lets through, is kept as a text in one.
pub(super) fn put(out: &mut BytesMut, arguments: &str) {
    let text = arguments.trim_ascii();
    if text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok() {
        return put_compact(out, text);
    }
    out.put_slice(b"{\"arguments\":");
    json_string(out, arguments);
    out.put_u8(b'}');
}

/// Appends valid JSON without white space between its tokens, so that it cannot end a line.
fn put_compact(out: &mut BytesMut, json: &str) {
    out.reserve(json.len());
    let mut rest = json;
    while let Some(quote) = rest.find('"') {
        put_tokens(out, &rest[..quote]);
        let after = &rest[quote + 1..];
        let end = string_end(after.as_bytes());
        put_string(out, &after[..end]);
        rest = after.get(end + 1..).unwrap_or_default();
    }
    put_tokens(out, rest);
}

fn put_tokens(out: &mut BytesMut, tokens: &str) {
    for token in tokens.split(|c: char| c.is_ascii_whitespace()) {
        out.put_slice(token.as_bytes());
    }
}

/// Where the string that has begun ends: at the first quotation mark without an escape.
fn string_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at = (at + 2).min(text.len());
    }
    text.len()
}

/// Appends the inside of a string. Three characters that some readers take for line ends may stand in it as they are.
fn put_string(out: &mut BytesMut, inside: &str) {
    out.put_u8(b'"');
    let mut copied = 0;
    for (at, found) in inside.match_indices(['\u{85}', '\u{2028}', '\u{2029}']) {
        out.put_slice(&inside.as_bytes()[copied..at]);
        for c in found.chars() {
            out.put_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
        }
        copied = at + found.len();
    }
    out.put_slice(&inside.as_bytes()[copied..]);
    out.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(arguments: &str) -> String {
        let mut out = BytesMut::new();
        put(&mut out, arguments);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn white_space_goes_and_everything_else_stays() {
        let arguments = " {\n \"b\" : [ 1.50 , true,\tnull ],\r\n\"a\\\"\\\\\" : \"x  \u{2028}\\n y\" }\n";
        assert_eq!(
            written(arguments),
            "{\"b\":[1.50,true,null],\"a\\\"\\\\\":\"x  \\u2028\\n y\"}"
        );
        assert_eq!(written("{}"), "{}");
    }

    #[test]
    fn what_is_no_object_is_kept_as_a_text() {
        for arguments in ["", "[1]", "{\"a\":", "free\ntext"] {
            let read: Value = serde_json::from_str(&written(arguments)).unwrap();
            assert_eq!(read, json!({ "arguments": arguments }));
        }
    }

    proptest! {
        #[test]
        fn any_object_is_read_back_from_one_line(
            key in ".*", text in "[\"\\\\\n\u{2028}\u{85}a{}:, ]*", pretty in any::<bool>(), number in any::<f64>(),
        ) {
            let value = json!({ key: { "text": text }, "number": number });
            let arguments = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let line = written(&arguments.unwrap());
            let line_ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
            prop_assert!(!line.contains(line_ends));
            prop_assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        }
    }
}
