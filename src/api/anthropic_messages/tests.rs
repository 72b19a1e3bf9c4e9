//! Whatever a client sends is read or refused as its own fault.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    api::{
        Defaults, Format, Incoming, Purpose, Target,
        hostile::{self, any_json, damage, damages, mutate, mutation},
    },
    error::Failure,
};

fn read(body: &[u8], purpose: Purpose) -> Result<Incoming, Failure> {
    let aliases = BTreeMap::from([("claude-opus-4-8".to_owned(), "gemini-pro".to_owned())]);
    let defaults = Defaults {
        default_model: None,
        aliases: &aliases,
    };
    let target = Target {
        purpose,
        ..Target::default()
    };
    Format::AnthropicMessages.read(body, &target, &defaults)
}

fn survives(body: &[u8]) -> Result<(), TestCaseError> {
    hostile::survives(Format::AnthropicMessages, &Target::default(), body)?;
    // Whatever can be answered can be counted.
    prop_assert!(read(body, Purpose::Answer).is_err() || read(body, Purpose::Count).is_ok());
    Ok(())
}

/// A request as an agent sends it, with every field this format knows, so that a mutation hits any of them.
fn full_request() -> Value {
    json!({
        "model": "claude-opus-4-8", "max_tokens": 32000, "stream": true, "temperature": 1, "top_p": 1, "top_k": 4,
        "stop_sequences": ["a", "b"], "metadata": {"user_id": "u"}, "service_tier": "auto",
        "system": [
            {"type": "text", "text": "s"},
            {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "thinking": {"type": "adaptive", "budget_tokens": 0, "display": "summarized"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "medium", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [
            {"name": "Bash", "description": "d", "input_schema": {"type": "object"}, "eager_input_streaming": true},
            {"type": "custom", "name": "Read", "input_schema": {}, "strict": true, "defer_loading": true},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
            {"type": "bash_20250124", "name": "bash", "input_schema": {"type": "object"}},
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "mcp_servers": [],
        "messages": [
            {"role": "user", "content": "u"},
            {"role": "user", "content": [
                {"type": "text", "text": "t"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "document", "title": "t", "context": "c", "citations": {"enabled": true},
                 "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "d"}]}},
                {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "f"}]},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "text", "text": "a", "citations": null},
                {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "1", "content": []},
                {"type": "tool_use", "id": "2", "name": "Bash", "input": {"command": "ls"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "2", "is_error": true, "content": [
                    {"type": "text", "text": "r"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                ]},
                {"type": "text", "text": "go on"},
            ]},
            {"role": "system", "content": "note"},
        ],
    })
}

#[test]
fn the_full_request_is_valid() {
    let incoming = read(full_request().to_string().as_bytes(), Purpose::Answer).unwrap();
    assert_eq!(incoming.request.model, "gemini-pro");
    let mut ignored = incoming.ignored;
    ignored.sort();
    let expected = [
        "context_management",
        "messages.citations",
        "messages.server_tool_use",
        "messages.thinking",
        "metadata",
        "output_config.effort",
        "service_tier",
        "system.cache_control",
        "temperature",
        "thinking.budget_tokens",
        "tools.defer_loading",
        "tools.eager_input_streaming",
        "tools.web_search",
        "top_k",
        "top_p",
    ];
    assert_eq!(ignored, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn arbitrary_json_is_the_clients_fault(body in any_json()) {
        survives(body.to_string().as_bytes())?;
    }

    #[test]
    fn mutated_requests_are_read_or_refused(
        mutations in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..8), mutation()), 1..4),
    ) {
        let mut body = full_request();
        for (way, mutation) in mutations {
            mutate(&mut body, &way, mutation);
        }
        survives(body.to_string().as_bytes())?;
    }

    #[test]
    fn damaged_requests_are_read_or_refused(all_damage in damages()) {
        let mut body = full_request().to_string().into_bytes();
        for (at, byte, how) in all_damage {
            damage(&mut body, at, byte, how);
        }
        survives(&body)?;
    }
}
