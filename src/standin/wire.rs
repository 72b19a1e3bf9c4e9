//! Frames as the Gemini web app writes them.
//!
//! A body is the prefix `)]}'` with two newlines, then frames: a decimal length, a newline, one JSON array, a newline.
//! The length counts both newlines and the JSON in UTF-16 code units, as JavaScript counts. The last frame names the
//! length of the whole body, itself included. (Protocol notes, "Framing".)

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What stands before the first frame, so that a body can never be run as a script.
pub(super) const PREFIX: &str = ")]}'\n\n";

/// The message type that carries an error code inside an otherwise good answer.
const ERROR_TYPE: &str = "type.googleapis.com/assistant.boq.bard.application.BardErrorInfo";

/// Writes frames and keeps the total that the last frame announces.
pub(super) struct Wire {
    /// UTF-16 code units written so far.
    total: usize,
}

impl Wire {
    /// A body that starts with the prefix, which the caller writes.
    pub(super) fn new() -> Self {
        Self { total: PREFIX.len() }
    }

    /// One frame around the text of a JSON array.
    pub(super) fn frame(&mut self, json: &str) -> String {
        self.frame_claiming(json, 0)
    }

    /// One frame whose announced length is `excess` units too large: the fault a reader must survive.
    pub(super) fn frame_claiming(&mut self, json: &str, excess: usize) -> String {
        let units = utf16_units(json) + 2;
        let frame = format!("{}\n{json}\n", units + excess);
        self.total += frame.len() - json.len() - 2 + units;
        frame
    }

    /// The last frame. Its total counts its own digits, so the number of digits is found first.
    pub(super) fn close(&mut self) -> String {
        const AROUND: usize = "[[\"e\",4,null,null,]]".len() + 2;
        let total = (1..20)
            .map(|digits| (digits, self.total + "22".len() + AROUND + digits))
            .find(|(digits, total)| decimal_digits(*total) == *digits)
            .map_or(self.total, |(_, total)| total);
        self.frame(&format!("[[\"e\",4,null,null,{total}]]"))
    }
}

/// A whole body of one frame and the closing one.
pub(super) fn whole(entries: &Value) -> String {
    let mut wire = Wire::new();
    let frame = wire.frame(&entries.to_string());
    format!("{PREFIX}{frame}{}", wire.close())
}

/// A frame's JSON around one inner document of a streamed answer.
pub(super) fn answer_entry(inner: &Value) -> String {
    format!("[[\"wrb.fr\",null,{}]]", json_string(&google_json(inner)))
}

/// The entry of one remote call: its answer, or the status it is refused with.
pub(super) fn call_entry(id: &str, answer: Result<Value, u32>, identifier: &str) -> Value {
    match answer {
        Ok(inner) => json!(["wrb.fr", id, google_json(&inner), null, null, null, identifier]),
        Err(status) => json!(["wrb.fr", id, null, null, null, [status], identifier]),
    }
}

/// The entry that carries an error code of the service.
pub(super) fn error_entry(code: u32, grpc: u32) -> Value {
    json!(["wrb.fr", null, null, null, null, [grpc, null, [[ERROR_TYPE, [code]]]]])
}

/// The body of an HTTP error. A 400 may carry a fresh page token, which is how a client without one heals itself.
pub(super) fn http_error(status: u16, fresh_token: Option<(&str, &str)>) -> String {
    let entry = match fresh_token {
        Some((token, account)) => json!([
            "er", null, null, null, null, status, null, null, null, 3,
            [{"48448350": ["xsrf", token, [account]]}]
        ]),
        None => json!(["er", null, null, null, null, status, null, null, null, 9]),
    };
    whole(&json!([entry, ["di", 19]]))
}

/// The length JavaScript would give.
pub(super) fn utf16_units(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char::len_utf16).sum()
}

/// Compact JSON with the characters escaped that could matter inside an HTML page, as the inner documents have it.
fn google_json(value: &Value) -> String {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len() + 16);
    let mut rest = plain.as_str();
    while let Some(at) = rest.find(['<', '>', '&', '=', '\'', '\u{2028}', '\u{2029}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut chars = from.chars();
        if let Some(c) = chars.next() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// A JSON string literal.
fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn decimal_digits(n: usize) -> usize {
    n.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The frame length and total of a public capture: 187 characters, and a body of 225.
    #[test]
    fn lengths_and_total_are_those_of_a_capture() {
        let json = r#"[["wrb.fr","jSf9Qc","[1,[[600,0,1,[[1780373288,362509000]]],[12096,0,2,[[1780960088,362513000]]]],false]",null,null,null,"generic"],["di",193],["af.httprm",192,"-7132290681884234964",20]]"#;
        assert_eq!(json.len(), 187);
        let mut wire = Wire::new();
        assert_eq!(wire.frame(json), format!("189\n{json}\n"));
        assert_eq!(wire.close(), "25\n[[\"e\",4,null,null,225]]\n");
    }

    #[test]
    fn an_error_of_119_characters_announces_121() {
        let mut wire = Wire::new();
        let frame = wire.frame(&json!([error_entry(1003, 3)]).to_string());
        assert_eq!(frame.find('\n'), Some(3));
        assert!(frame.starts_with("121\n"), "{frame}");
    }

    #[test]
    fn astral_characters_count_two() {
        assert_eq!(utf16_units("a\u{1F600}\u{4E2D}"), 4);
        assert!(Wire::new().frame("[\"\u{1F600}\"]").starts_with("8\n"));
    }

    #[test]
    fn html_characters_and_line_separators_are_escaped_inside() {
        assert_eq!(
            google_json(&json!(["<a href='x'>&amp;\u{2028}</a> = ü"])),
            r#"["\u003ca href\u003d\u0027x\u0027\u003e\u0026amp;\u2028\u003c/a\u003e \u003d ü"]"#
        );
    }

    proptest! {
        #[test]
        fn the_total_is_the_length_of_the_body(texts in proptest::collection::vec(".{0,200}", 0..12)) {
            let mut wire = Wire::new();
            let mut body = PREFIX.to_owned();
            for text in &texts {
                body.push_str(&wire.frame(&answer_entry(&json!([text]))));
            }
            body.push_str(&wire.close());
            let total = utf16_units(&body);
            let closing = format!("null,{total}]]\n");
            prop_assert!(body.ends_with(&closing));
        }

        #[test]
        fn an_inner_document_survives_both_encodings(text in any::<String>()) {
            let inner = json!([null, [text]]);
            let entry: Value = serde_json::from_str(&answer_entry(&inner)).unwrap();
            let decoded: Value = serde_json::from_str(entry[0][2].as_str().unwrap()).unwrap();
            prop_assert_eq!(decoded, inner);
        }
    }
}
