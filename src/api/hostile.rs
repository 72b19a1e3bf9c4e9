//! Requests that are almost right, for the property tests of every format.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Defaults, Format, Incoming, Target};
use crate::error::Side;

/// Words that mean something somewhere in a request of some format.
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
        "name",
        "id",
        "",
        "input",
        "output",
        "input_text",
        "input_image",
        "call_id",
        "function_call",
        "custom",
        "namespace",
        "item_reference",
        "tool_use",
        "tool_result",
        "thinking",
        "image",
        "source",
        "base64",
        "input_schema",
        "auto",
        "contents",
        "parts",
        "functionCall",
        "functionResponse",
        "inlineData",
        "document",
        "message",
        "max_tokens",
        "temperature",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

/// Any JSON value, rich in such words.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
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

/// A change of one value.
#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Replace(Value),
    Remove,
    Rename(String),
}

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => any_json().prop_map(Mutation::Replace),
        1 => Just(Mutation::Remove),
        1 => word().prop_map(Mutation::Rename),
    ]
}

/// Walks down from the root, one choice per level, and changes what it arrives at.
pub(super) fn mutate(value: &mut Value, way: &[prop::sample::Index], mutation: Mutation) {
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
pub(super) fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..6)
}

/// Overwrites a byte, inserts one, or cuts the body off.
pub(super) fn damage(body: &mut Vec<u8>, at: prop::sample::Index, byte: u8, how: u8) {
    let at = at.index(body.len());
    match how {
        0 => body[at] = byte,
        1 => body.insert(at, byte),
        _ => body.truncate(at + 1),
    }
}

/// Reads a body: it must be accepted with a sound result, or refused with a 4xx and a body of its own.
pub(super) fn survives(format: Format, target: &Target<'_>, body: &[u8]) -> Result<(), TestCaseError> {
    let aliases = BTreeMap::from([("gpt-4o".to_owned(), "gemini-flash".to_owned())]);
    let defaults = Defaults {
        default_model: Some("gemini-flash"),
        aliases: &aliases,
    };
    match format.read(body, target, &defaults) {
        Ok(incoming) => is_sound(&incoming),
        Err(failure) => {
            let facts = failure.kind().facts();
            prop_assert_eq!(facts.side, Side::Client);
            prop_assert!(facts.status.is_client_error());
            let body: Value = serde_json::from_slice(&format.error_body(&failure, "id")).unwrap();
            prop_assert!(body["error"].is_object() || body["error"].is_string());
            Ok(())
        }
    }
}

fn is_sound(incoming: &Incoming) -> Result<(), TestCaseError> {
    let request = &incoming.request;
    prop_assert!(!request.messages.is_empty());
    prop_assert!(request.stop.iter().all(|stop| !stop.is_empty()));
    prop_assert_ne!(request.max_tokens, Some(0));
    if let Some(toolbox) = &request.tools {
        prop_assert!(!toolbox.tools.is_empty());
        let names: BTreeSet<_> = toolbox.tools.iter().map(|tool| &tool.name).collect();
        prop_assert_eq!(names.len(), toolbox.tools.len());
    }
    let named: BTreeSet<_> = incoming.ignored.iter().collect();
    prop_assert_eq!(named.len(), incoming.ignored.len(), "{:?}", incoming.ignored);
    for name in named {
        prop_assert!((1..=64).contains(&name.len()) && http::HeaderValue::from_str(name).is_ok());
    }
    Ok(())
}
