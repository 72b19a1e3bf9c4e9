//! The `input`.

use super::*;
use crate::api::openai_responses::kept;

#[track_caller]
fn messages(items: Value) -> Vec<Message> {
    accept(json!({"input": items})).request.messages
}

#[track_caller]
fn refuse_item(item: Value, code: &str, param: &str) {
    refuse(json!({"input": [item]}), code, param);
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

#[test]
fn every_role_is_read() {
    let said = messages(json!([
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"type": "message", "role": "user", "content": "u"},
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "phase": null,
            "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                        {"type": "refusal", "refusal": "no"}]},
    ]));
    let mut assistant = Message::text(Role::Assistant, "a");
    assistant.parts.push(Part::Text("no".to_owned()));
    assert_eq!(
        said,
        [
            Message::text(Role::System, "s"),
            Message::text(Role::System, "d"),
            Message::text(Role::User, "u"),
            assistant
        ]
    );
}

#[test]
fn calls_join_the_message_before_them_and_results_stand_alone() {
    let said = messages(json!([
        {"role": "user", "content": "u"},
        {"type": "function_call", "id": "fc_1", "call_id": "1", "name": "f", "arguments": "{\"a\": 1}"},
        {"type": "function_call", "call_id": "2", "name": "f", "arguments": "{}", "namespace": "n"},
        {"type": "function_call_output", "call_id": "1", "output": "one"},
        {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "two"}]},
        {"role": "assistant", "content": "a"},
        {"type": "custom_tool_call", "call_id": "3", "name": "g", "input": "free"},
        {"type": "custom_tool_call_output", "call_id": "3", "output": "three"},
    ]));
    let called = |text: Option<&str>, calls: Vec<ToolCall>| Message {
        role: Role::Assistant,
        parts: text.map(|text| Part::Text(text.to_owned())).into_iter().collect(),
        tool_calls: calls,
        tool_call_id: None,
    };
    let result = |id: &str, text: &str| Message {
        tool_call_id: Some(id.to_owned()),
        ..Message::text(Role::Tool, text)
    };
    assert_eq!(
        said,
        [
            Message::text(Role::User, "u"),
            called(None, vec![call("1", "f", "{\"a\": 1}"), call("2", "n.f", "{}")]),
            result("1", "one"),
            result("2", "two"),
            called(Some("a"), vec![call("3", "g", "free")]),
            result("3", "three"),
        ]
    );
}

#[test]
fn files_are_read() {
    let said = messages(json!([{"role": "user", "content": [
        {"type": "input_image", "image_url": "data:image/png;base64,AAEC", "detail": "auto"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAEC", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AAEC", "format": "mp3"}},
    ]}]));
    let file = |kind, content, name: Option<&str>, mime: Option<&str>, param: &str| {
        Part::File(File {
            kind,
            content,
            name: name.map(str::to_owned),
            mime: mime.map(str::to_owned),
            param: format!("input[0].content{param}"),
        })
    };
    let bytes = || FileContent::Bytes(vec![0, 1, 2].into());
    let url = |url: &str| FileContent::Url(url.to_owned());
    assert_eq!(
        said[0].parts,
        [
            file(FileKind::Image, bytes(), None, Some("image/png"), "[0].image_url"),
            file(
                FileKind::Image,
                url("https://example.com/a.png"),
                None,
                None,
                "[1].image_url"
            ),
            file(
                FileKind::Document,
                bytes(),
                Some("a.pdf"),
                Some("application/pdf"),
                "[2].file_data"
            ),
            file(
                FileKind::Document,
                url("https://example.com/a.pdf"),
                None,
                None,
                "[3].file_url"
            ),
            file(
                FileKind::Audio,
                bytes(),
                None,
                Some("audio/mp3"),
                "[4].input_audio.data"
            ),
        ]
    );
}

#[test]
fn what_says_nothing_new_is_named_and_left_out() {
    let asked = accept(json!({"input": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": null},
        {"type": "item_reference", "id": "rs_2"},
        {"id": "rs_3"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://a.example/", "detail": "high"}]},
    ]}));
    assert_eq!(asked.request.messages.len(), 1);
    assert_eq!(
        asked.ignored,
        ["input.reasoning", "input.hosted_tool_call", "input.detail"]
    );
    refuse(json!({"input": [{"type": "reasoning", "id": "rs_1"}]}), VALUE, "input");
}

#[test]
fn what_is_not_here_is_refused() {
    refuse_item(
        json!({"type": "item_reference", "id": "msg_1"}),
        UNSUPPORTED,
        "input[0].id",
    );
    refuse_item(json!({"id": "msg_1"}), UNSUPPORTED, "input[0].id");
    for kind in ["compaction", "local_shell_call", "mcp_call", "nonsense"] {
        refuse_item(json!({"type": kind, "id": "1"}), UNSUPPORTED, "input[0].type");
    }
    let part = |part: Value| json!({"role": "user", "content": [part]});
    refuse_item(
        part(json!({"type": "input_image", "file_id": "f"})),
        UNSUPPORTED,
        "input[0].content[0].file_id",
    );
    refuse_item(
        part(json!({"type": "input_file", "file_id": "f"})),
        UNSUPPORTED,
        "input[0].content[0].file_id",
    );
}

#[test]
fn what_means_nothing_is_refused_with_its_path() {
    refuse(json!({"input": 5}), TYPE, "input");
    refuse(json!({"input": []}), VALUE, "input");
    refuse_item(json!("text"), TYPE, "input[0]");
    refuse_item(json!({}), MISSING, "input[0].role");
    refuse_item(json!({"role": "wizard", "content": "x"}), VALUE, "input[0].role");
    refuse_item(json!({"role": "user"}), MISSING, "input[0].content");
    refuse_item(json!({"role": "user", "content": []}), VALUE, "input[0].content");
    refuse_item(
        json!({"role": "user", "content": [{"type": "smell"}]}),
        VALUE,
        "input[0].content[0].type",
    );
    let refusal = json!({"role": "user", "content": [{"type": "refusal", "refusal": "no"}]});
    refuse_item(refusal, VALUE, "input[0].content[0].type");
    refuse_item(
        json!({"type": "function_call", "call_id": "1", "name": "f"}),
        MISSING,
        "input[0].arguments",
    );
    refuse_item(
        json!({"type": "function_call_output", "output": "r"}),
        MISSING,
        "input[0].call_id",
    );
    refuse_item(
        json!({"type": "function_call_output", "call_id": "1", "output": 5}),
        TYPE,
        "input[0].output",
    );
    let audio = json!({"type": "input_audio", "input_audio": {"format": "wav"}});
    refuse_item(
        json!({"role": "user", "content": [audio]}),
        MISSING,
        "input[0].content[0].input_audio.data",
    );
}

#[test]
fn an_item_may_be_referred_to_once() {
    kept::message("msg_referred_to_twice", "said".to_owned());
    let reference = json!({"type": "item_reference", "id": "msg_referred_to_twice"});
    assert_eq!(messages(json!([reference])), [Message::text(Role::Assistant, "said")]);
    refuse(json!({"input": [reference, reference]}), VALUE, "input[1].id");
}

#[test]
fn what_is_set_in_a_clients_own_part_and_cannot_act_is_named() {
    let part = json!({"type": "input_text", "text": "t", "cache_control": {"type": "ephemeral"}});
    ignores(
        json!({"input": [{"role": "user", "content": [part]}]}),
        &["input.cache_control"],
    );
    let part = json!({"type": "output_text", "text": "t", "annotations": [], "logprobs": []});
    ignores(json!({"input": [{"role": "assistant", "content": [part]}]}), &[]);
}
