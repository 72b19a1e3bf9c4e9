//! Arguments for an example, made from the client's own schema so that the example cannot mislead.

use serde_json::{Map, Value, json};

use crate::chat::ToolInput;

/// Arguments that show the form: the required ones, or the first if none is.
pub(super) fn arguments(input: &ToolInput) -> String {
    match input {
        ToolInput::Text => "an example text".to_owned(),
        ToolInput::Object(None) => "{}".to_owned(),
        ToolInput::Object(Some(schema)) => object(schema.value()).to_string(),
    }
}

fn object(schema: &Value) -> Value {
    let Some(properties) = schema["properties"].as_object() else {
        return json!({});
    };
    let required = schema["required"].as_array();
    let mut names: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() {
        names.extend(properties.keys().next().map(String::as_str));
    }
    let fields = names.into_iter().filter_map(|name| {
        let value = value(properties.get(name)?)?;
        Some((name.to_owned(), value))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A value of the right type, as far as the schema says it right there. One level deep: it is an example.
fn value(schema: &Value) -> Option<Value> {
    let given = ["const", "default", "example"]
        .iter()
        .find_map(|name| schema.get(*name));
    let listed = ["enum", "examples"]
        .iter()
        .find_map(|name| schema[*name].as_array()?.first());
    if let Some(value) = given.or(listed) {
        return Some(value.clone());
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first()?.as_str()?,
        kind => kind.as_str()?,
    };
    Some(match kind {
        "string" => json!("text"),
        "integer" => json!(1),
        "number" => json!(1.5),
        "boolean" => json!(true),
        "array" => json!([]),
        "object" => json!({}),
        _ => Value::Null,
    })
}
