use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    chat::{FileContent, FileKind, Message, OutputForm, Part, Role, ThinkingLevel, ToolChoice, ToolInput},
    error::Kind,
};

mod conversation;
mod wishes;

const VALUE: Kind = Kind::InvalidRequest;
const TYPE: Kind = Kind::InvalidType;
const MISSING: Kind = Kind::MissingParameter;
const UNSUPPORTED: Kind = Kind::UnsupportedParameter;

fn read_for(purpose: Purpose, body: &Value) -> Result<Asked, Failure> {
    let aliases = BTreeMap::from([("gpt-4o".to_owned(), "gemini-flash".to_owned())]);
    let defaults = Defaults {
        default_model: None,
        aliases: &aliases,
    };
    let target = Target {
        id: "gpt-4o:generateContent",
        query: "",
        purpose,
    };
    request(body.to_string().as_bytes(), &target, &defaults)
}

fn read(body: &Value) -> Result<Asked, Failure> {
    read_for(Purpose::Answer, body)
}

/// A valid request with some fields set.
fn with(fields: Value) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[track_caller]
fn accept(fields: Value) -> Asked {
    read(&with(fields)).unwrap()
}

#[track_caller]
fn refuse(fields: Value, kind: Kind, param: &str) {
    let failure = read(&with(fields)).unwrap_err();
    assert_eq!((failure.kind(), failure.param_name()), (kind, Some(param)), "{failure}");
}

#[test]
fn the_smallest_request() {
    assert_eq!(
        accept(json!({})),
        Asked {
            request: Request {
                model: "gemini-flash".to_owned(),
                messages: vec![Message::text(Role::User, "Hello")],
                ..Request::default()
            },
            requested_model: "gpt-4o".to_owned(),
            delivery: Delivery::Whole,
            include_thoughts: false,
            ignored: Vec::new(),
        }
    );
}

#[test]
fn the_body_may_name_the_same_model_and_no_other() {
    assert!(accept(json!({"model": "models/gpt-4o"})).ignored.is_empty());
    assert!(accept(json!({"model": "gpt-4o"})).ignored.is_empty());
    refuse(json!({"model": "models/gemini-pro"}), VALUE, "model");
    refuse(json!({"model": 4}), TYPE, "model");
}

#[test]
fn snake_case_is_read_and_errors_name_what_was_written() {
    let snake = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "generation_config": {"max_output_tokens": 5, "stop_sequences": ["x"], "top_p": 1,
            "thinking_config": {"thinking_level": "HIGH", "include_thoughts": true},
            "response_mime_type": "application/json", "response_schema": {"type": "STRING"}},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        "safety_settings": [],
    });
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "generationConfig": {"maxOutputTokens": 5, "stopSequences": ["x"], "topP": 1,
            "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true},
            "responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "safetySettings": [],
    });
    assert_eq!(accept(snake), accept(camel));
    refuse(
        json!({"generation_config": {"max_output_tokens": 0}}),
        VALUE,
        "generation_config.max_output_tokens",
    );
    refuse(
        json!({"generationConfig": {"max_output_tokens": 0}}),
        VALUE,
        "generationConfig.max_output_tokens",
    );
    let both = accept(json!({"generationConfig": {"maxOutputTokens": 5, "max_output_tokens": 6}}));
    assert_eq!(both.request.max_tokens, Some(5));
    assert_eq!(both.ignored, ["generationConfig.max_output_tokens"]);
}

#[test]
fn unknown_fields_are_named_with_their_place() {
    let asked = accept(json!({
        "x": 1,
        "generationConfig": {"y": 1, "temperature": 0.5},
        "contents": [{"parts": [{"text": "a", "z": 1}], "w": 1}],
    }));
    assert_eq!(
        asked.ignored,
        [
            "contents.w",
            "contents.parts.z",
            "generationConfig.temperature",
            "generationConfig.y",
            "x"
        ]
    );
}

#[test]
fn null_counts_as_absent_everywhere() {
    let nulls = [
        "systemInstruction",
        "generationConfig",
        "tools",
        "toolConfig",
        "cachedContent",
        "model",
        "labels",
    ];
    let fields: Value = nulls.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    assert_eq!(accept(fields), accept(json!({})));
}

#[test]
fn a_request_to_count_may_hold_a_whole_request() {
    let count = |body: Value| read_for(Purpose::Count, &body);
    let inner = with(json!({"model": "models/gpt-4o", "systemInstruction": {"parts": [{"text": "s"}]}}));
    let asked = count(json!({"generateContentRequest": inner})).unwrap();
    assert_eq!(asked.request.messages.len(), 2);
    assert_eq!(count(with(json!({}))).unwrap().request.messages.len(), 1);
    let failure = count(json!({"generateContentRequest": {"contents": [{"role": "x"}]}})).unwrap_err();
    assert_eq!(failure.param_name(), Some("generateContentRequest.contents[0].role"));
    let both = count(with(json!({"generateContentRequest": inner}))).unwrap_err();
    assert_eq!(
        (both.kind(), both.param_name()),
        (VALUE, Some("generateContentRequest"))
    );
    // In a request for an answer it is nothing but an unknown field.
    assert_eq!(
        accept(json!({"generateContentRequest": {}})).ignored,
        ["generateContentRequest"]
    );
}
