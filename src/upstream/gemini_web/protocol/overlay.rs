//! Laying one document over another, and saying where it does not fit.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Objects whose names are free: tables by number.
const OPEN: [&str; 4] = ["request.slots", "errors", "statuses", "account_statuses"];

/// Lays `over` on `under`: objects merge, any other value replaces.
pub(super) fn merge(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Where an overlay does not have the shape of the built-in document: unknown names and values of another type.
pub(super) fn shape_problems(overlay: &Value, built_in: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    compare(overlay, built_in, "", &mut problems);
    problems
}

/// Takes one section out of the document and reads it; a problem is noted under the section's name.
pub(super) fn section<T: DeserializeOwned>(
    document: &mut Map<String, Value>,
    name: &str,
    problems: &mut Vec<String>,
) -> Option<T> {
    let value = document.remove(name).unwrap_or(Value::Null);
    serde_json::from_value(value)
        .map_err(|error| problems.push(format!("{name}: {error}")))
        .ok()
}

fn compare(overlay: &Value, built_in: &Value, path: &str, problems: &mut Vec<String>) {
    match (overlay, built_in) {
        (Value::Object(overlay), Value::Object(built_in)) => {
            for (key, value) in overlay {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                match built_in.get(key) {
                    _ if OPEN.iter().any(|open| path.starts_with(&format!("{open}."))) => {}
                    Some(known) => compare(value, known, &path, problems),
                    None => problems.push(format!("{path}: no such setting")),
                }
            }
        }
        // Nothing is known of the type of an optional value that is not set.
        (_, Value::Null) => {}
        (overlay, built_in) if type_of(overlay) != type_of(built_in) => {
            let place = if path.is_empty() { "the document" } else { path };
            problems.push(format!(
                "{place}: must be {}, not {}",
                type_of(built_in),
                type_of(overlay)
            ));
        }
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
