//! Holds arguments against a client's JSON schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Number, Value, value::RawValue};

use crate::chat::{Schema, TooMuch};

/// Why arguments were not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What is wrong with them, in words for the model.
    Wrong(String),
    /// They cannot be held against their schema.
    Unchecked,
}

impl From<TooMuch> for Refusal {
    fn from(TooMuch: TooMuch) -> Self {
        Refusal::Unchecked
    }
}

/// The arguments as the schema wants them.
///
/// A number or a boolean that the model put into quotes is taken out of them where the schema wants one and takes no
/// string. Nothing else is changed, and nothing is turned into a string; what is not changed keeps its own text.
///
/// # Errors
/// [`Refusal`], with the arguments lost.
pub(super) fn follow(schema: &Schema, arguments: &str) -> Result<String, Refusal> {
    let value = parsed(arguments)?;
    let quoted = Quoted::of(schema.errors(&value)?, &value);
    let mut changed = None;
    if !quoted.fixes.is_empty() {
        let mut out = String::with_capacity(arguments.len());
        rewrite(arguments, &quoted.fixes, "", &mut out);
        changed = Some((parsed(&out)?, out));
    }
    let (value, arguments) = changed.unwrap_or_else(|| (value, arguments.to_owned()));
    match schema.errors(&value)?.next() {
        None => Ok(arguments),
        Some(error) => Err(Refusal::Wrong(words(&error))),
    }
}

fn parsed(text: &str) -> Result<Value, Refusal> {
    serde_json::from_str(text).map_err(|_| Refusal::Wrong("they are not valid JSON".to_owned()))
}

/// An error as the model should read it: where, and what.
fn words(error: &ValidationError<'_>) -> String {
    /// The message shows the value, which may be long.
    const SHOWN: usize = 400;
    let message = error.to_string();
    let end = message.floor_char_boundary(SHOWN);
    let dots = if end < message.len() { " …" } else { "" };
    let path = error.instance_path().as_str();
    let at = if path.is_empty() { "" } else { " at " };
    format!("{}{dots}{at}{path}", &message[..end])
}

/// Values that are wrongly in quotes.
#[derive(Default)]
struct Quoted {
    /// What they should be, by the JSON pointer to them.
    fixes: BTreeMap<String, String>,
    /// Pointers to everything that is of the wrong type.
    mistyped: BTreeSet<String>,
}

impl Quoted {
    fn of<'e, E: std::borrow::Borrow<ValidationError<'e>>>(errors: impl IntoIterator<Item = E>, whole: &Value) -> Self {
        let mut quoted = Self::default();
        for error in errors {
            quoted.add(error.borrow(), whole);
        }
        quoted
    }

    fn add(&mut self, error: &ValidationError<'_>, whole: &Value) {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::Type { kind } => {
                self.mistyped.insert(path.to_owned());
                if let Some(Value::String(text)) = whole.pointer(path)
                    && is_quoted(text, kind)
                {
                    self.fixes.insert(path.to_owned(), text.clone());
                }
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                let branches = context.iter().map(|errors| Self::of(errors, whole));
                self.add_alternatives(&branches.collect::<Vec<_>>());
            }
            _ => {}
        }
    }

    /// Of alternatives, each has to refuse a string in that place.
    fn add_alternatives(&mut self, branches: &[Quoted]) {
        for (path, fixed) in branches.iter().flat_map(|branch| &branch.fixes) {
            if branches.iter().all(|branch| branch.refuses(path)) {
                self.mistyped.insert(path.clone());
                self.fixes.insert(path.clone(), fixed.clone());
            }
        }
    }

    /// Whether what is in this place, or what it is in, is of the wrong type.
    fn refuses(&self, path: &str) -> bool {
        let around = path.match_indices('/').map(|(at, _)| &path[..at]);
        around.chain([path]).any(|place| self.mistyped.contains(place))
    }
}

/// Whether a string is a number or a boolean in quotes, and that is wanted.
fn is_quoted(text: &str, wanted: &TypeKind) -> bool {
    let wants = |json_type| match wanted {
        TypeKind::Single(single) => *single == json_type,
        TypeKind::Multiple(several) => several.contains(json_type),
    };
    let number = || text.trim_ascii() == text && serde_json::from_str::<Number>(text).is_ok();
    let boolean = matches!(text, "true" | "false");
    ((wants(JsonType::Integer) || wants(JsonType::Number)) && number()) || (wants(JsonType::Boolean) && boolean)
}

/// Writes a JSON text with other texts for some of its values, given by the JSON pointers to them.
fn rewrite(raw: &str, fixes: &BTreeMap<String, String>, path: &str, out: &mut String) {
    if let Some(fixed) = fixes.get(path) {
        return out.push_str(fixed);
    }
    let below = format!("{path}/");
    let next = fixes.range(below.clone()..).next();
    if !next.is_some_and(|(fix, _)| fix.starts_with(&below)) {
        return out.push_str(raw);
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) {
        for (index, item) in items.into_iter().enumerate() {
            out.push(if index == 0 { '[' } else { ',' });
            rewrite(item.get(), fixes, &format!("{below}{index}"), out);
        }
        out.push(']');
    } else if let Ok(Fields(fields)) = serde_json::from_str(raw) {
        for (index, (name, value)) in fields.into_iter().enumerate() {
            out.push(if index == 0 { '{' } else { ',' });
            out.push_str(&Value::from(name.as_str()).to_string());
            out.push(':');
            let step = name.replace('~', "~0").replace('/', "~1");
            rewrite(value.get(), fixes, &format!("{below}{step}"), out);
        }
        out.push('}');
    }
}

/// An object's fields in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
