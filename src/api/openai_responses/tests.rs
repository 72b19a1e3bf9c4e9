//! Whatever a client sends is read or refused as its own fault.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::{
    Format, Target,
    hostile::{self, any_json, mutate, mutation},
};

fn survives(body: &[u8]) -> Result<(), TestCaseError> {
    hostile::survives(Format::OpenAiResponses, &Target::default(), body)
}

/// A request that uses every field this format knows, so that a mutation hits any of them.
fn full_request() -> Value {
    json!({
        "model": "gpt-4o", "stream": true, "stream_options": {"include_obfuscation": false}, "instructions": "i",
        "max_output_tokens": 5, "temperature": 0.5, "top_p": 1, "top_logprobs": 0, "store": false,
        "include": ["reasoning.encrypted_content"], "parallel_tool_calls": false, "background": false,
        "reasoning": {"effort": "high", "summary": "auto"}, "truncation": "auto", "metadata": {"a": "b"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true},
            {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
            {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "f"}]},
            {"type": "web_search"}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "g"}]},
        "input": [
            {"role": "developer", "content": "s"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "t"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "o"}]},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}", "namespace": "n"},
            {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "r"}]},
            {"type": "custom_tool_call", "call_id": "2", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "2", "output": "r"},
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "h"}]}],
    })
}

#[test]
fn the_full_request_is_valid() {
    super::read::tests::read(&full_request()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

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
}
