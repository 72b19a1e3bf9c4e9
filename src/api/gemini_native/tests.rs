//! Whatever a client sends is read or refused as its own fault.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::{
    Defaults, Format, Purpose, Target,
    hostile::{self, any_json, damage, damages, mutate, mutation},
};

fn survives(body: &[u8], purpose: Purpose) -> Result<(), TestCaseError> {
    let target = Target {
        id: "m:streamGenerateContent",
        query: "alt=sse",
        purpose,
    };
    hostile::survives(Format::GeminiNative, &target, body)
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

#[test]
fn the_full_request_is_valid() {
    let target = Target {
        id: "m:generateContent",
        ..Target::default()
    };
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let body = full_request().to_string();
    Format::GeminiNative.read(body.as_bytes(), &target, &defaults).unwrap();
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
    let call = json!({"functionCall": {"name": "f"}});
    let result = json!({"functionResponse": {"name": "g", "response": {}}});
    let body = json!({"contents": [
        {"role": "model", "parts": vec![call; 60_000]},
        {"role": "user", "parts": vec![result; 60_000]},
    ]});
    survives(body.to_string().as_bytes(), Purpose::Answer).unwrap();
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
    fn damaged_requests_are_read_or_refused(all_damage in damages()) {
        let mut body = full_request().to_string().into_bytes();
        for (at, byte, how) in all_damage {
            damage(&mut body, at, byte, how);
        }
        survives(&body, Purpose::Answer)?;
    }
}
