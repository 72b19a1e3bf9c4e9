use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::chat::{
    File, FileContent, FileKind, JsonSchema, OutputForm, Part, Tool, ToolCall, ToolChoice, ToolInput, Toolbox,
};

mod items;
mod tools;

pub(in crate::api::openai_responses) fn read(body: &Value) -> Result<Asked, Failure> {
    let aliases = BTreeMap::from([("gpt-4o".to_owned(), "gemini-flash".to_owned())]);
    let defaults = Defaults {
        default_model: None,
        aliases: &aliases,
    };
    request(body.to_string().as_bytes(), &defaults)
}

/// A valid request with some fields set.
fn with(fields: &Value) -> Value {
    let mut body = json!({"model": "gemini-flash", "input": "Hello"});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[track_caller]
fn accept(fields: Value) -> Asked {
    read(&with(&fields)).unwrap_or_else(|failure| panic!("{fields}: {failure:?}"))
}

/// The request is refused with this code and path.
#[track_caller]
fn refuse(fields: Value, code: &str, param: &str) {
    let failure = read(&with(&fields)).expect_err(&fields.to_string());
    assert_eq!(
        (failure.kind().facts().code, failure.param_name()),
        (code, Some(param)),
        "{fields}: {failure}"
    );
    assert!(failure.message().ends_with('.'), "{failure}");
}

/// The request is accepted, and these fields are named as ignored.
#[track_caller]
fn ignores(fields: Value, names: &[&str]) {
    assert_eq!(accept(fields.clone()).ignored, names, "{fields}");
}

const VALUE: &str = "invalid_value";
const TYPE: &str = "invalid_type";
const MISSING: &str = "missing_required_parameter";
const UNSUPPORTED: &str = "unsupported_parameter";

#[test]
fn a_text_is_the_users_message() {
    let asked = accept(json!({"model": "gpt-4o"}));
    assert_eq!(
        asked.request,
        Request {
            model: "gemini-flash".to_owned(),
            messages: vec![Message::text(Role::User, "Hello")],
            ..Request::default()
        }
    );
    assert_eq!((asked.requested_model.as_str(), asked.stream), ("gpt-4o", false));
    assert!(asked.ignored.is_empty());
}

#[test]
fn instructions_come_first() {
    let asked = accept(json!({"instructions": "Be brief.", "stream": true}));
    let said = [
        Message::text(Role::System, "Be brief."),
        Message::text(Role::User, "Hello"),
    ];
    assert_eq!(asked.request.messages, said);
    assert!(asked.stream);
    assert_eq!(accept(json!({"instructions": ""})).request.messages.len(), 1);
}

#[test]
fn null_is_absent() {
    let names = FIELDS.iter().map(|field| field.name.split('.').next().unwrap());
    let nulls: Value = names
        .filter(|name| !matches!(*name, "model" | "input"))
        .map(|name| (name.to_owned(), Value::Null))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(accept(nulls).request, accept(json!({})).request);
}

#[test]
fn limits_and_effort_are_read() {
    assert_eq!(accept(json!({"max_output_tokens": 7})).request.max_tokens, Some(7));
    refuse(json!({"max_output_tokens": 0}), VALUE, "max_output_tokens");
    refuse(json!({"max_output_tokens": "7"}), TYPE, "max_output_tokens");
    for (effort, level, ignored) in [
        ("low", ThinkingLevel::Standard, vec!["reasoning.effort"]),
        ("medium", ThinkingLevel::Standard, vec![]),
        ("xhigh", ThinkingLevel::Extended, vec![]),
    ] {
        let asked = accept(json!({"reasoning": {"effort": effort, "summary": "auto"}}));
        assert_eq!(
            (asked.request.thinking, asked.ignored),
            (Some(level), ignored.into_iter().map(Cow::Borrowed).collect())
        );
    }
    ignores(json!({"reasoning": {"summary": "detailed"}}), &["reasoning.summary"]);
    ignores(json!({"reasoning": {}}), &[]);
    refuse(json!({"reasoning": {"effort": "huge"}}), VALUE, "reasoning.effort");
    refuse(json!({"reasoning": {"summary": 1}}), TYPE, "reasoning.summary");
    refuse(json!({"reasoning": "high"}), TYPE, "reasoning");
}

#[test]
fn the_form_is_read() {
    assert_eq!(
        accept(json!({"text": {"format": {"type": "text"}}})).request.form,
        OutputForm::Text
    );
    let form = accept(json!({"text": {"format": {"type": "json_object"}, "verbosity": "low"}}));
    assert_eq!(
        (form.request.form, form.ignored),
        (OutputForm::JsonObject, vec![Cow::Borrowed("text.verbosity")])
    );
    let schema = json!({"type": "json_schema", "name": "n", "description": "d", "strict": true,
        "schema": {"type": "object"}});
    assert_eq!(
        accept(json!({"text": {"format": schema}})).request.form,
        OutputForm::JsonSchema(JsonSchema {
            name: "n".to_owned(),
            description: Some("d".to_owned()),
            schema: crate::chat::Json::new(r#"{"type":"object"}"#).unwrap(),
        })
    );
    refuse(json!({"text": {"format": {"type": "xml"}}}), VALUE, "text.format.type");
    refuse(json!({"text": {"format": {}}}), MISSING, "text.format.type");
    refuse(
        json!({"text": {"format": {"type": "json_schema", "name": "n"}}}),
        MISSING,
        "text.format.schema",
    );
    refuse(
        json!({"text": {"format": {"type": "json_schema", "schema": {}}}}),
        MISSING,
        "text.format.name",
    );
    refuse(
        json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": 1}}}),
        TYPE,
        "text.format.schema",
    );
}

#[test]
fn what_needs_earlier_answers_is_refused() {
    refuse(
        json!({"previous_response_id": "resp_1"}),
        "previous_response_not_found",
        "previous_response_id",
    );
    for (field, value) in [
        ("conversation", json!({"id": "c"})),
        ("prompt", json!({"id": "p"})),
        ("background", json!(true)),
        ("top_logprobs", json!(3)),
    ] {
        refuse(json!({field: value}), UNSUPPORTED, field);
    }
    refuse(
        json!({"include": ["message.output_text.logprobs"]}),
        UNSUPPORTED,
        "include[0]",
    );
    ignores(
        json!({"background": false, "store": false, "include": [], "top_logprobs": 0}),
        &[],
    );
    ignores(json!({"store": true}), &["store"]);
    ignores(json!({"truncation": "auto"}), &["truncation"]);
    refuse(json!({"truncation": "middle"}), VALUE, "truncation");
}

#[test]
fn what_cannot_act_is_named() {
    ignores(
        json!({"temperature": 0.5, "prompt_cache_key": "k", "top_k": 3, "include": ["reasoning.encrypted_content"]}),
        &["include", "temperature", "prompt_cache_key", "top_k"],
    );
    ignores(
        json!({"text": {"tone": "dry"}, "reasoning": {"mode": "pro"},
            "tools": [{"type": "function", "name": "f", "defer_loading": true, "not plain": 1}]}),
        &["tools.defer_loading", "text.tone", "reasoning.mode"],
    );
    refuse(json!({"temperature": "hot"}), TYPE, "temperature");
    ignores(json!({"stream_options": {"include_obfuscation": false}}), &[]);
    ignores(json!({"stream_options": {"include_usage": true}}), &["stream_options"]);
}

#[test]
fn what_must_be_there_must_be_there() {
    let failure = read(&json!({"input": "a"})).unwrap_err();
    assert_eq!(failure.param_name(), Some("model"));
    let failure = read(&json!({"model": "m"})).unwrap_err();
    assert_eq!(
        (failure.kind().facts().code, failure.param_name()),
        (MISSING, Some("input"))
    );
    refuse(json!({"stream": "yes"}), TYPE, "stream");
    refuse(json!({"metadata": []}), TYPE, "metadata");
    refuse(json!({"instructions": 5}), TYPE, "instructions");
}

#[test]
fn a_schema_that_cannot_be_used_is_refused_with_its_path() {
    let format = json!({"type": "json_schema", "name": "a", "schema": {"type": "nonsense"}});
    refuse(json!({"text": {"format": format}}), VALUE, "text.format.schema");
    let format = json!({"type": "json_schema", "name": "a b", "schema": {}});
    refuse(json!({"text": {"format": format}}), VALUE, "text.format.name");
    let format = json!({"type": "json_schema", "name": "a"});
    refuse(json!({"text": {"format": format}}), MISSING, "text.format.schema");
}
