//! Bodies that no client should send, for the tests of every reader.

use proptest::prelude::*;
use serde_json::{Map, Value};

/// Words that mean something somewhere in a request.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "user",
        "assistant",
        "tool",
        "function",
        "image_url",
        "tool_calls",
        "arguments",
        "json_schema",
        "stop",
        "none",
        "required",
        "refusal",
        "tool_use",
        "tool_result",
        "thinking",
        "image",
        "source",
        "base64",
        "input_schema",
        "auto",
        "name",
        "id",
        "",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

/// Any JSON value of moderate size.
pub(in crate::api) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..4)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// A change of a JSON value.
#[derive(Clone, Debug)]
pub(in crate::api) enum Mutation {
    Replace(Value),
    Remove,
    Rename(String),
}

/// Any change.
pub(in crate::api) fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => any_json().prop_map(Mutation::Replace),
        1 => Just(Mutation::Remove),
        1 => word().prop_map(Mutation::Rename),
    ]
}

/// Walks down from the root, one choice per level, and changes what it arrives at.
pub(in crate::api) fn mutate(value: &mut Value, way: &[prop::sample::Index], mutation: Mutation) {
    let Some((step, way)) = way.split_first() else {
        if let Mutation::Replace(new) = mutation {
            *value = new;
        }
        return;
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = step.index(items.len());
            match mutation {
                Mutation::Remove if way.is_empty() => drop(items.remove(at)),
                mutation => mutate(&mut items[at], way, mutation),
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            let name = fields.keys().nth(step.index(fields.len())).unwrap().clone();
            match mutation {
                Mutation::Remove if way.is_empty() => drop(fields.remove(&name)),
                Mutation::Rename(new) if way.is_empty() => {
                    let moved = fields.remove(&name).unwrap();
                    fields.insert(new, moved);
                }
                mutation => mutate(&mut fields[&name], way, mutation),
            }
        }
        _ => mutate(value, &[], mutation),
    }
}

/// Places in a body, bytes, and what to do there.
pub(in crate::api) fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..6)
}

/// Overwrites a byte, inserts one, or cuts the body off.
pub(in crate::api) fn damage(body: &mut Vec<u8>, at: prop::sample::Index, byte: u8, how: u8) {
    let at = at.index(body.len());
    match how {
        0 => body[at] = byte,
        1 => body.insert(at, byte),
        _ => body.truncate(at + 1),
    }
}
