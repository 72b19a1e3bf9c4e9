//! JSON templates with placeholders, filled while they are written.

use serde::{
    Deserialize, Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Value;

/// A JSON value in which texts of the form `$name` stand for a value of the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Template(Value);

/// A value for a placeholder.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fill<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// Nothing.
    Null,
    /// A list: the template once for each of these.
    Each(&'a Template, &'a [Vec<(&'static str, Fill<'a>)>]),
}

/// The values of one request, by placeholder. Few enough for a linear search.
pub(crate) type Fills<'a> = [(&'static str, Fill<'a>)];

impl Template {
    /// This template with its placeholders filled, ready to be written. Nothing is copied: a prompt goes from the
    /// caller's text into the body in one pass.
    pub(crate) fn filled<'a>(&'a self, fills: &'a Fills<'a>) -> impl Serialize + 'a {
        Filled { value: &self.0, fills }
    }

    /// The filled template as a JSON text.
    ///
    /// # Errors
    /// None that a filled template can cause; the writer's type has one.
    pub(crate) fn to_json(&self, fills: &Fills<'_>) -> serde_json::Result<String> {
        serde_json::to_string(&self.filled(fills))
    }

    /// Whether it has this placeholder.
    pub(crate) fn mentions(&self, placeholder: &str) -> bool {
        fn within(value: &Value, placeholder: &str) -> bool {
            match value {
                Value::String(text) => text == placeholder,
                Value::Array(items) => items.iter().any(|item| within(item, placeholder)),
                Value::Object(map) => map.values().any(|item| within(item, placeholder)),
                _ => false,
            }
        }
        within(&self.0, placeholder)
    }

    /// Whether it is the same for every request: no placeholder is in it.
    pub(crate) fn is_constant(&self) -> bool {
        self.unknown_placeholders(&[]).is_empty()
    }

    /// Placeholders that are not among `known`.
    pub(crate) fn unknown_placeholders(&self, known: &[&str]) -> Vec<String> {
        let mut unknown = Vec::new();
        collect(&self.0, known, &mut unknown);
        unknown
    }
}

/// Whether a text is a placeholder rather than itself.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.strip_prefix('$')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

fn collect(value: &Value, known: &[&str], unknown: &mut Vec<String>) {
    match value {
        Value::String(text) if is_placeholder(text) && !known.contains(&text.as_str()) => unknown.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, known, unknown)),
        Value::Object(map) => map.values().for_each(|item| collect(item, known, unknown)),
        _ => {}
    }
}

struct Filled<'a> {
    value: &'a Value,
    fills: &'a Fills<'a>,
}

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let fills = self.fills;
        match self.value {
            Value::String(text) => match fills.iter().find(|(name, _)| name == text) {
                Some((_, Fill::Text(text))) => to.serialize_str(text),
                Some((_, Fill::Number(number))) => to.serialize_u64(*number),
                Some((_, Fill::Null)) => to.serialize_unit(),
                Some((_, Fill::Each(template, items))) => {
                    to.collect_seq(items.iter().map(|fills| template.filled(fills)))
                }
                None => to.serialize_str(text),
            },
            Value::Array(items) => {
                let mut seq = to.serialize_seq(Some(items.len()))?;
                for value in items {
                    seq.serialize_element(&Filled { value, fills })?;
                }
                seq.end()
            }
            Value::Object(items) => {
                let mut map = to.serialize_map(Some(items.len()))?;
                for (key, value) in items {
                    map.serialize_entry(key, &Filled { value, fills })?;
                }
                map.end()
            }
            other => other.serialize(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_wherever_they_stand_and_never_twice() {
        let template: Template = serde_json::from_str(r#"["$prompt", {"a": ["$n", "$none"]}, "$5", "x$n"]"#).unwrap();
        let fills = [
            ("$prompt", Fill::Text("$n \" \u{1F600}")),
            ("$n", Fill::Number(7)),
            ("$none", Fill::Null),
        ];
        let text = template.to_json(&fills).unwrap();
        assert_eq!(text, "[\"$n \\\" \u{1F600}\",{\"a\":[7,null]},\"$5\",\"x$n\"]");
    }

    #[test]
    fn a_list_is_one_template_filled_again_and_again() {
        let template: Template = serde_json::from_str(r#"["$files"]"#).unwrap();
        let file: Template = serde_json::from_str(r#"[["$name"], 1]"#).unwrap();
        let names = ["a", "b"].map(|name| vec![("$name", Fill::Text(name))]);
        let text = template.to_json(&[("$files", Fill::Each(&file, &names))]).unwrap();
        assert_eq!(text, r#"[[[["a"],1],[["b"],1]]]"#);
        assert!(template.mentions("$files") && !template.mentions("$name"));
    }

    #[test]
    fn unknown_placeholders_are_named() {
        let template: Template = serde_json::from_str(r#"["$prompt", ["$typo"], "$"]"#).unwrap();
        assert_eq!(template.unknown_placeholders(&["$prompt"]), ["$typo"]);
        assert!(!template.is_constant());
    }
}
