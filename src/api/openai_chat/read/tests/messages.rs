use super::*;
use crate::chat::{Message, Part, Role, ToolCall};

#[track_caller]
fn messages(messages: Value) -> Vec<Message> {
    accept(json!({"messages": messages})).request.messages
}

#[test]
fn the_list_of_messages_is_checked() {
    refuse(json!({"messages": null}), MISSING, "messages");
    refuse(json!({"messages": "Hello"}), TYPE, "messages");
    refuse(json!({"messages": []}), VALUE, "messages");
    refuse(json!({"messages": ["Hello"]}), TYPE, "messages[0]");
    refuse(json!({"messages": [null]}), TYPE, "messages[0]");
    refuse(json!({"messages": [{"content": "Hello"}]}), MISSING, "messages[0].role");
    refuse(
        json!({"messages": [{"role": "robot", "content": "Hello"}]}),
        VALUE,
        "messages[0].role",
    );
    refuse(
        json!({"messages": [{"role": 1, "content": "Hello"}]}),
        TYPE,
        "messages[0].role",
    );
}

#[test]
fn roles_are_read() {
    let read = messages(json!([
        {"role": "developer", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": ""}], "name": "n"},
        {"role": "assistant", "content": "c", "refusal": null, "annotations": [], "audio": null, "tool_calls": null},
        {"role": "user", "content": ""},
    ]));
    let mut two_parts = Message::text(Role::System, "b");
    two_parts.parts.push(Part::Text(String::new()));
    assert_eq!(
        read,
        [
            Message::text(Role::System, "a"),
            two_parts,
            Message::text(Role::Assistant, "c"),
            Message::text(Role::User, ""),
        ]
    );
}

#[test]
fn calls_and_their_results_are_read() {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        arguments: arguments.to_owned(),
    };
    let calls = vec![
        call("call_1", "{\"city\": \"Paris\"}"),
        call("call_2", "{\"n\":1.50}"),
        call("call_3", "{}"),
    ];
    let body = r#"{"model": "m", "messages": [
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Paris\"}"}},
            {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": {"n":1.50}}},
            {"id": "call_3", "function": {"name": "weather"}, "extra_content": {}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "5C", "name": "weather"},
        {"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "6C"}]}"#;
    let result = |id: &str, text: &str| Message {
        tool_call_id: Some(id.to_owned()),
        ..Message::text(Role::Tool, text)
    };
    let calling = |tool_calls| Message {
        role: Role::Assistant,
        parts: Vec::new(),
        tool_calls,
        tool_call_id: None,
    };
    assert_eq!(
        read_bytes(body.as_bytes()).unwrap().request.messages,
        [
            calling(calls),
            result("call_1", "5C"),
            calling(vec![call("weather", "{}")]),
            result("weather", "6C"),
        ]
    );
}

#[test]
fn a_refusal_is_what_the_assistant_said() {
    let read = messages(json!([
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "assistant", "content": null, "refusal": "No."},
    ]));
    assert_eq!(
        read,
        [
            Message::text(Role::Assistant, "No."),
            Message::text(Role::Assistant, "No.")
        ]
    );
}

#[test]
fn faults_in_messages_are_named_by_their_path() {
    let message = |message: Value| json!({"messages": [{"role": "system", "content": "a"}, message]});
    let content = |role: &str, content: Value| message(json!({"role": role, "content": content}));
    refuse(message(json!({"role": "user"})), MISSING, "messages[1].content");
    refuse(content("user", json!(null)), MISSING, "messages[1].content");
    refuse(content("user", json!(5)), TYPE, "messages[1].content");
    refuse(content("user", json!([])), VALUE, "messages[1].content");
    refuse(content("user", json!(["a"])), TYPE, "messages[1].content[0]");
    refuse(
        content("user", json!([{"text": "a"}])),
        MISSING,
        "messages[1].content[0].type",
    );
    refuse(
        content("user", json!([{"type": "text"}])),
        MISSING,
        "messages[1].content[0].text",
    );
    refuse(
        content("user", json!([{"type": "poem", "text": "a"}])),
        VALUE,
        "messages[1].content[0].type",
    );
    refuse(
        content("user", json!([{"type": "refusal", "refusal": "a"}])),
        VALUE,
        "messages[1].content[0].type",
    );
    refuse(content("tool", json!("5C")), MISSING, "messages[1].tool_call_id");
    let calls = |calls: Value| message(json!({"role": "assistant", "tool_calls": calls}));
    refuse(calls(json!({})), TYPE, "messages[1].tool_calls");
    refuse(calls(json!([1])), TYPE, "messages[1].tool_calls[0]");
    refuse(
        calls(json!([{"function": {"name": "f"}}])),
        MISSING,
        "messages[1].tool_calls[0].id",
    );
    refuse(
        calls(json!([{"id": "a"}])),
        MISSING,
        "messages[1].tool_calls[0].function",
    );
    refuse(
        calls(json!([{"id": "a", "type": "custom"}])),
        UNSUPPORTED,
        "messages[1].tool_calls[0].type",
    );
    refuse(
        calls(json!([{"id": "a", "function": {}}])),
        MISSING,
        "messages[1].tool_calls[0].function.name",
    );
    let bad_arguments = json!([{"id": "a", "function": {"name": "f", "arguments": 1}}]);
    refuse(
        calls(bad_arguments),
        TYPE,
        "messages[1].tool_calls[0].function.arguments",
    );
}

#[test]
fn half_of_a_surrogate_pair_is_refused_where_it_stands() {
    let body = br#"{"model": "m", "messages": [{"role": "user", "content": "a\ud800b"}]}"#;
    let failure = read_bytes(body).unwrap_err();
    assert_eq!(
        (failure.kind(), failure.param_name()),
        (Kind::InvalidRequest, Some("messages[0].content"))
    );
    let body = br#"{"model": "m", "\ud800": 1, "messages": [{"role": "user", "content": "a"}]}"#;
    assert_eq!(read_bytes(body).unwrap_err().kind(), Kind::InvalidRequest);
}

#[test]
fn what_is_set_in_messages_without_effect_is_named_once() {
    let incoming = accept(json!({"messages": [
        {"role": "user", "name": "ann", "content": "Hi"},
        {"role": "assistant", "content": "No.", "refusal": "I will not.", "audio": {"id": "a"}, "name": "bot"},
        {"role": "user", "name": "bob", "content": "Why?"},
    ]}));
    assert_eq!(
        incoming.ignored,
        ["messages.name", "messages.refusal", "messages.audio"]
    );
    let used = accept(json!({"messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": null, "refusal": "I will not.", "audio": null},
        {"role": "function", "name": "f", "content": "1"},
    ]}));
    assert!(used.ignored.is_empty(), "{:?}", used.ignored);
}

#[test]
fn what_is_set_within_messages_and_cannot_act_is_named() {
    let cached = json!({"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}});
    let asked = accept(json!({"messages": [
        {"role": "user", "content": [cached], "priority": 1},
        {"role": "assistant", "content": "a", "annotations": [], "reasoning_content": "r"},
        {"role": "user", "content": "u"},
    ]}));
    assert_eq!(asked.ignored, ["messages.cache_control", "messages.priority"]);
}
