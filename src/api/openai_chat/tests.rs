//! Whatever a client sends is read or refused as its own fault.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::{
    Defaults, Format, Target,
    hostile::{self, any_json, damage, damages, mutate, mutation},
};

fn survives(body: &[u8]) -> Result<(), TestCaseError> {
    hostile::survives(Format::OpenAiChat, &Target::default(), body)
}

/// A request that uses every field this format knows, so that a mutation hits any of them.
fn full_request() -> Value {
    json!({
        "model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true}, "n": 1, "stop": ["a", "b"],
        "max_tokens": 5, "max_completion_tokens": 6, "temperature": 0.5, "top_p": 1, "seed": 1, "logprobs": false,
        "top_logprobs": 0, "modalities": ["text"], "reasoning_effort": "high", "response_format": {"type": "text"},
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
        "parallel_tool_calls": true, "functions": [],
        "function_call": "auto", "logit_bias": {}, "metadata": {"a": "b"}, "top_k": 3,
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "t"}]},
            {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "r"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        ],
    })
}

#[test]
fn the_full_request_is_valid() {
    survives(full_request().to_string().as_bytes()).unwrap();
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let body = full_request().to_string();
    assert!(
        Format::OpenAiChat
            .read(body.as_bytes(), &Target::default(), &defaults)
            .is_ok()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn arbitrary_bytes_are_the_clients_fault(body in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&body)?;
    }

    #[test]
    fn arbitrary_json_is_the_clients_fault(body in any_json()) {
        survives(body.to_string().as_bytes())?;
    }

    #[test]
    fn mutated_requests_are_read_or_refused(
        mutations in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..6), mutation()), 1..4),
    ) {
        let mut body = full_request();
        for (way, mutation) in mutations {
            mutate(&mut body, &way, mutation);
        }
        survives(body.to_string().as_bytes())?;
    }

    #[test]
    fn damaged_requests_are_read_or_refused(
        all_damage in damages(),
    ) {
        let mut body = full_request().to_string().into_bytes();
        for (at, byte, how) in all_damage {
            damage(&mut body, at, byte, how);
        }
        survives(&body)?;
    }
}
