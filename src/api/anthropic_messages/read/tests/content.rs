//! What stands in `system` and `messages`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::chat::{FileContent, FileKind, Part};

fn assistant(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": content}]})
}

fn plain(text: &str) -> Part {
    Part::Text(text.to_owned())
}

#[test]
fn system_blocks_are_one_message() {
    let blocks = json!([
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
    ]);
    let asked = ignores(json!({"system": blocks}), &["system.cache_control"]);
    let system = &asked.request.messages[0];
    assert_eq!(
        (system.role, system.parts.as_slice()),
        (Role::System, &[plain("a"), plain("b")][..])
    );
    for nothing in [json!(""), json!([])] {
        assert_eq!(accept(json!({"system": nothing})).request.messages.len(), 1);
    }
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://example.com/"}});
    refuse(json!({"system": [image]}), UNSUPPORTED, "system[0].type");
}

#[test]
fn system_messages_stay_where_they_are() {
    let messages = json!([
        {"role": "user", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
    ]);
    let roles: Vec<Role> = accept(json!({"messages": messages}))
        .request
        .messages
        .iter()
        .map(|message| message.role)
        .collect();
    assert_eq!(roles, [Role::User, Role::System, Role::Assistant]);
}

#[test]
fn tool_results_are_messages_between_what_the_user_says() {
    let content = json!([
        {"type": "text", "text": "before"},
        {"type": "tool_result", "tool_use_id": "1", "content": "sunny"},
        {"type": "tool_result", "tool_use_id": "2", "is_error": true, "content": [{"type": "text", "text": "no"}]},
        {"type": "tool_result", "tool_use_id": "3"},
        {"type": "text", "text": "after"},
    ]);
    let read: Vec<(Role, Option<String>, Vec<Part>)> = accept(user(content))
        .request
        .messages
        .into_iter()
        .map(|message| (message.role, message.tool_call_id, message.parts))
        .collect();
    let result = |id: &str, parts: &[Part]| (Role::Tool, Some(id.to_owned()), parts.to_vec());
    let expected = [
        (Role::User, None, vec![plain("before")]),
        result("1", &[plain("sunny")]),
        result("2", &[plain("The tool call failed:"), plain("no")]),
        result("3", &[plain("")]),
        (Role::User, None, vec![plain("after")]),
    ];
    assert_eq!(read, expected);
    refuse(
        user(json!([{"type": "tool_result"}])),
        MISSING,
        "messages[0].content[0].tool_use_id",
    );
}

#[test]
fn calls_keep_their_input_as_it_was_sent() {
    // Serialised by hand: the order of fields and the space between them have to survive.
    let body = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"u"},
        {"role":"assistant","content":[{"type":"text","text":"t"},
        {"type":"tool_use","id":"1","name":"f","input":{"z": 1, "a":[ ]}}]}]}"#;
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let asked = request(body.as_bytes(), Purpose::Answer, &defaults).unwrap();
    let said = &asked.request.messages[1];
    assert_eq!(said.parts, [plain("t")]);
    let [call] = said.tool_calls.as_slice() else {
        panic!("{said:?}")
    };
    assert_eq!(
        (call.id.as_str(), call.name.as_str(), call.arguments.as_str()),
        ("1", "f", r#"{"z": 1, "a":[ ]}"#)
    );
    let bad = json!([{"type": "tool_use", "id": "1", "name": "f", "input": "{}"}]);
    refuse(assistant(bad), TYPE, "messages[1].content[0].input");
    let misplaced = json!([{"type": "tool_use", "id": "1", "name": "f", "input": {}}]);
    refuse(user(misplaced), UNSUPPORTED, "messages[0].content[0].type");
}

#[test]
fn thoughts_and_the_servers_own_tools_are_left_out_and_named() {
    let content = json!([
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "1", "content": []},
        {"type": "text", "text": "a"},
    ]);
    let asked = ignores(assistant(content), &["messages.thinking", "messages.server_tool_use"]);
    assert_eq!(asked.request.messages[1], Message::text(Role::Assistant, "a"));
    // Nothing is left of a message, so there is none.
    let only_thoughts = json!([{"type": "thinking", "thinking": "t", "signature": "s"}]);
    assert_eq!(accept(assistant(only_thoughts)).request.messages.len(), 1);
    let uploaded = json!([{"type": "container_upload", "file_id": "f"}]);
    refuse(user(uploaded), UNSUPPORTED, "messages[0].content[0].type");
}

#[test]
fn images_and_documents_are_files() {
    let content = json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "title": "report", "context": "of May",
         "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
    ]);
    let asked = accept(user(content));
    let parts = &asked.request.messages[0].parts;
    assert_eq!(parts[2], plain("of May"));
    let files: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            Part::File(file) => Some((
                file.kind,
                file.mime.as_deref(),
                file.name.as_deref(),
                file.param.as_str(),
            )),
            Part::Text(_) => None,
        })
        .collect();
    let image = FileKind::Image;
    let document = FileKind::Document;
    let expected = [
        (image, Some("image/png"), None, "messages[0].content[0].source.data"),
        (image, None, None, "messages[0].content[1].source.url"),
        (
            document,
            Some("application/pdf"),
            Some("report"),
            "messages[0].content[2].source.data",
        ),
        (document, Some("text/plain"), None, "messages[0].content[3].source.data"),
    ];
    assert_eq!(files, expected);
    let bytes = |part: &Part| match part {
        Part::File(file) => file.content.clone(),
        Part::Text(_) => panic!("{part:?}"),
    };
    assert_eq!(bytes(&parts[4]), FileContent::Bytes("hi".into()));
    let place = "messages[0].content[0].source";
    let source = |source: Value| user(json!([{"type": "image", "source": source}]));
    refuse(source(json!({"type": "file", "file_id": "f"})), UNSUPPORTED, place);
    refuse(
        source(json!({"type": "base64", "data": "?"})),
        "invalid_base64_image",
        &format!("{place}.data"),
    );
    refuse(
        source(json!({"type": "url", "url": "file:///a"})),
        "invalid_image_url",
        &format!("{place}.url"),
    );
    refuse(source(json!({"type": "tape"})), VALUE, &format!("{place}.type"));
}

#[test]
fn text_that_was_found_or_cut_to_blocks_stays_text() {
    let content = json!([
        {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "F"}]},
        {"type": "document", "title": "D", "source": {"type": "content", "content": "E"}},
    ]);
    let parts = &accept(user(content)).request.messages[0].parts;
    assert_eq!(parts, &[plain("T\nS\nF"), plain("D"), plain("E")]);
}

#[test]
fn documents_are_not_nested_however_deep_a_body_is() {
    let document = |inner: Value| json!({"type": "document", "source": {"type": "content", "content": [inner]}});
    let text = json!({"type": "text", "text": "t"});
    accept(user(json!([document(text.clone())])));
    refuse(
        user(json!([document(document(text.clone()))])),
        UNSUPPORTED,
        "messages[0].content[0].source.content[0].type",
    );
    let found = json!({"type": "search_result", "title": "t", "source": "s", "content": [document(text)]});
    refuse(
        user(json!([found])),
        UNSUPPORTED,
        "messages[0].content[0].content[0].type",
    );
    let mut body = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":["#.to_owned();
    const DEEP: usize = 100_000;
    body.push_str(&r#"{"type":"document","source":{"type":"content","content":["#.repeat(DEEP));
    body.push_str(&"]}}".repeat(DEEP));
    body.push_str("]}]}");
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    assert!(request(body.as_bytes(), Purpose::Answer, &defaults).is_err());
}
