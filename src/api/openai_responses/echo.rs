//! What a response repeats of its request.

use std::fmt::Write as _;

/// What is repeated, as far as the client set it; JSON as it stands in the body.
#[derive(Debug)]
pub(super) struct Echoed<'a> {
    pub(super) instructions: Option<&'a str>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) metadata: Option<&'a str>,
    /// Whether several calls may come at once.
    pub(super) parallel: bool,
    /// The effort that is in force.
    pub(super) effort: Option<&'static str>,
    pub(super) summary: Option<&'static str>,
    /// `text.format`.
    pub(super) format: Option<&'a str>,
    pub(super) tool_choice: Option<&'a str>,
    pub(super) tools: Option<&'a str>,
}

impl Default for Echoed<'_> {
    fn default() -> Self {
        Self {
            instructions: None,
            max_output_tokens: None,
            metadata: None,
            parallel: true,
            effort: None,
            summary: None,
            format: None,
            tool_choice: None,
            tools: None,
        }
    }
}

/// Fields of a response, each followed by a comma, on one line. What has no effect is `null`, whatever was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Echo(Box<str>);

impl Echo {
    pub(super) fn new(echoed: &Echoed<'_>) -> Self {
        let raw = |json: Option<&str>, default: &str| json.map_or_else(|| default.to_owned(), one_line);
        let word = |word: Option<&str>| word.map_or_else(|| "null".to_owned(), |word| format!("\"{word}\""));
        let tokens = echoed.max_output_tokens;
        let fields = [
            ("background", "false".to_owned()),
            ("instructions", raw(echoed.instructions, "null")),
            (
                "max_output_tokens",
                tokens.map_or_else(|| "null".to_owned(), |tokens| tokens.to_string()),
            ),
            ("max_tool_calls", "null".to_owned()),
            ("metadata", raw(echoed.metadata, "{}")),
            ("parallel_tool_calls", echoed.parallel.to_string()),
            ("previous_response_id", "null".to_owned()),
            (
                "reasoning",
                format!(
                    "{{\"effort\":{},\"summary\":{}}}",
                    word(echoed.effort),
                    word(echoed.summary)
                ),
            ),
            ("store", "false".to_owned()),
            ("temperature", "null".to_owned()),
            (
                "text",
                format!("{{\"format\":{}}}", raw(echoed.format, "{\"type\":\"text\"}")),
            ),
            ("tool_choice", raw(echoed.tool_choice, "\"auto\"")),
            ("tools", raw(echoed.tools, "[]")),
            ("top_logprobs", "0".to_owned()),
            ("top_p", "null".to_owned()),
            ("truncation", "\"disabled\"".to_owned()),
        ];
        let mut out = String::with_capacity(fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum());
        for (name, value) in fields {
            for piece in ["\"", name, "\":", &value, ","] {
                out.push_str(piece);
            }
        }
        Self(out.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON text without white space between its values, and without what some readers of event streams take for line
/// ends.
fn one_line(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            ' ' | '\t' | '\n' | '\r' if !in_text => continue,
            '\u{85}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
                continue;
            }
            '"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_text_keeps_its_blanks_and_loses_its_line_ends() {
        assert_eq!(
            one_line("{ \"a \\\" b\" :\n[ 1 ,\t\"\\\\\" , \" \u{2028}\" ] }"),
            "{\"a \\\" b\":[1,\"\\\\\",\" \\u2028\"]}"
        );
    }

    proptest! {
        #[test]
        fn the_value_stays_the_same(texts in prop::collection::vec(".*", 0..4), blank in "[ \t\r\n]{0,2}") {
            let texts: Vec<String> = texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect();
            let json = format!("{blank}[{}]{blank}", texts.join(&format!("{blank},{blank}")));
            let short = one_line(&json);
            let line_end = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
            prop_assert!(!short.contains(line_end));
            let (long, short): (Value, Value) =
                (serde_json::from_str(&json).unwrap(), serde_json::from_str(&short).unwrap());
            prop_assert_eq!(long, short);
        }
    }
}
