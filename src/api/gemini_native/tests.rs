//! Whatever a client sends is read or refused as its own fault.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::error;
use crate::{
    api::{Defaults, Format, Purpose, Target},
    error::Side,
};

/// Reads a body: it must be accepted with a sound result, or refused with a 4xx and a sound error body.
fn survives(body: &[u8], purpose: Purpose) -> Result<(), TestCaseError> {
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let target = Target {
        id: "m:streamGenerateContent",
        query: "alt=sse",
        purpose,
    };
    match Format::GeminiNative.read(body, &target, &defaults) {
        Ok(incoming) => {
            prop_assert!(!incoming.request.messages.is_empty());
            prop_assert!(incoming.request.stop.iter().all(|stop| !stop.is_empty()));
            prop_assert_ne!(incoming.request.max_tokens, Some(0));
            prop_assert!(incoming.request.tools.is_none_or(|toolbox| !toolbox.tools.is_empty()));
            for name in &incoming.ignored {
                prop_assert!((1..=64).contains(&name.len()));
                prop_assert!(http::HeaderValue::from_str(name).is_ok());
                prop_assert_eq!(incoming.ignored.iter().filter(|other| *other == name).count(), 1);
            }
        }
        Err(failure) => {
            let facts = failure.kind().facts();
            prop_assert_eq!(facts.side, Side::Client);
            prop_assert!(facts.status.is_client_error());
            let body: Value = serde_json::from_slice(&error::body(&failure)).unwrap();
            prop_assert_eq!(&body["error"]["code"], facts.status.as_u16());
        }
    }
    Ok(())
}

/// A request that uses every field this format reads, so that a mutation hits any of them.
fn full_request() -> Value {
    json!({
        "model": "models/m",
        "systemInstruction": {"role": "user", "parts": [{"text": "s"}]},
        "generationConfig": {
            "stopSequences": ["a"], "maxOutputTokens": 5, "candidateCount": 1, "temperature": 0.5, "topP": 1,
            "responseModalities": ["TEXT"], "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": true}},
                "propertyOrdering": ["a"]},
            "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 5, "thinkingLevel": "HIGH"},
            "responseLogprobs": false, "logprobs": 0,
        },
        "tools": [{"functionDeclarations": [
            {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "anyOf": [{"type": "NUMBER"}]}},
            {"name": "g", "parametersJsonSchema": {"type": "object"}},
        ]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "safetySettings": [], "labels": {"a": "b"},
        "contents": [
            {"role": "user", "parts": [{"text": "t"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a"}}]},
            {"role": "model", "parts": [{"text": "x", "thought": true}, {"text": "y", "thoughtSignature": "aGk="},
                {"functionCall": {"id": "1", "name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"output": "r"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}}]},
        ],
    })
}

/// Words that mean something somewhere in a request.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "contents",
        "parts",
        "role",
        "user",
        "model",
        "text",
        "inlineData",
        "file_data",
        "functionCall",
        "functionResponse",
        "response",
        "output",
        "name",
        "id",
        "args",
        "type",
        "properties",
        "nullable",
        "anyOf",
        "ANY",
        "thought",
        "generateContentRequest",
        "",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn any_json() -> impl Strategy<Value = Value> {
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

#[derive(Clone, Debug)]
enum Mutation {
    Replace(Value),
    Remove,
    Rename(String),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => any_json().prop_map(Mutation::Replace),
        1 => Just(Mutation::Remove),
        1 => word().prop_map(Mutation::Rename),
    ]
}

/// Walks down from the root, one choice per level, and changes what it arrives at.
fn mutate(value: &mut Value, way: &[prop::sample::Index], mutation: Mutation) {
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

#[test]
fn the_full_request_is_valid() {
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let target = Target {
        id: "m:generateContent",
        ..Target::default()
    };
    let body = full_request().to_string();
    assert!(Format::GeminiNative.read(body.as_bytes(), &target, &defaults).is_ok());
}

#[test]
fn long_histories_are_read_in_time_that_grows_with_them() {
    let turn = json!({"role": "user", "parts": [{"text": "t", "unknown": 1, "thoughtSignature": "x"}]});
    let call = json!({"role": "model", "parts": [{"functionCall": {"name": "f"}}]});
    let result = |name: &str| json!({"parts": [{"functionResponse": {"name": name, "response": {}}}]});
    let contents = [
        vec![turn; 20_000],
        vec![call; 20_000],
        vec![result("g"); 10_000],
        vec![result("f"); 10_000],
    ];
    let function = |number: u32| json!({"name": format!("f{number}")});
    let functions: Vec<Value> = (0..20_000).map(function).collect();
    let body = json!({"contents": contents.concat(), "tools": [{"functionDeclarations": functions}]}).to_string();
    survives(body.as_bytes(), Purpose::Answer).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn arbitrary_bytes_are_the_clients_fault(body in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&body, Purpose::Answer)?;
    }

    #[test]
    fn arbitrary_json_is_the_clients_fault(body in any_json()) {
        survives(body.to_string().as_bytes(), Purpose::Count)?;
    }

    #[test]
    fn mutated_requests_are_read_or_refused(
        mutations in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..8), mutation()), 1..4),
    ) {
        let mut body = full_request();
        for (way, mutation) in mutations {
            mutate(&mut body, &way, mutation);
        }
        survives(body.to_string().as_bytes(), Purpose::Answer)?;
    }

    #[test]
    fn damaged_requests_are_read_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..6),
    ) {
        let mut body = full_request().to_string().into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => body.truncate(at + 1),
            }
        }
        survives(&body, Purpose::Answer)?;
    }
}
