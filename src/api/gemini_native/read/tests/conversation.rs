use super::*;

fn messages(contents: Value) -> Vec<Message> {
    accept(json!({ "contents": contents })).request.messages
}

fn texts(message: &Message) -> Vec<&str> {
    message.parts.iter().filter_map(Part::as_text).collect()
}

#[test]
fn a_single_object_stands_for_a_list_of_one() {
    let read = messages(json!({"role": "user", "parts": {"text": "Hi"}}));
    assert_eq!(read, [Message::text(Role::User, "Hi")]);
    refuse(json!({"contents": {"parts": {"text": 1}}}), TYPE, "contents.parts.text");
}

#[test]
fn contents_have_to_say_something() {
    let missing = read(&json!({})).unwrap_err();
    assert_eq!((missing.kind(), missing.param_name()), (MISSING, Some("contents")));
    refuse(json!({"contents": []}), VALUE, "contents");
    refuse(json!({"contents": "Hi"}), TYPE, "contents");
    refuse(json!({"contents": ["Hi"]}), TYPE, "contents[0]");
    refuse(json!({"contents": [{}]}), MISSING, "contents[0].parts");
    refuse(json!({"contents": [{"parts": []}]}), VALUE, "contents[0].parts");
    refuse(json!({"contents": [{"parts": [{}]}]}), VALUE, "contents[0].parts[0]");
    refuse(json!({"contents": [{"role": "model", "parts": []}]}), VALUE, "contents");
    refuse(
        json!({"contents": [{"role": "system", "parts": [{"text": "a"}]}]}),
        VALUE,
        "contents[0].role",
    );
    refuse(
        json!({"contents": [{"role": 1, "parts": [{"text": "a"}]}]}),
        TYPE,
        "contents[0].role",
    );
}

#[test]
fn the_pieces_of_a_streamed_answer_are_one_message() {
    let read = messages(json!([
        {"parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "Hel"}]},
        {"role": "model", "parts": [{"text": "lo"}]},
        {"role": "model", "parts": [{"text": ""}]},
        {"role": "user", "parts": [{"text": "c"}]},
        {"role": "user", "parts": [{"text": "d"}]},
        {"role": "model", "parts": []},
    ]));
    let said: Vec<_> = read.iter().map(|message| (message.role, texts(message))).collect();
    assert_eq!(
        said,
        [
            (Role::User, vec!["a", "b"]),
            (Role::Assistant, vec!["Hello"]),
            (Role::User, vec!["c"]),
            (Role::User, vec!["d"]),
        ]
    );
}

#[test]
fn instructions_come_first_in_any_form() {
    for system in [
        json!("Be brief."),
        json!({"parts": [{"text": "Be brief."}]}),
        json!({"role": "user", "parts": {"text": "Be brief."}}),
    ] {
        let read = accept(json!({ "systemInstruction": system })).request.messages;
        assert_eq!(read[0], Message::text(Role::System, "Be brief."));
    }
    assert_eq!(
        accept(json!({"systemInstruction": {"parts": []}}))
            .request
            .messages
            .len(),
        1
    );
    let image = json!({"parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]});
    refuse(
        json!({ "systemInstruction": image }),
        VALUE,
        "systemInstruction.parts[0]",
    );
    refuse(json!({"systemInstruction": 1}), TYPE, "systemInstruction");
}

#[test]
fn files_are_read_with_their_names_and_types() {
    let read = messages(json!([{"parts": [
        {"text": "See"},
        {"inlineData": {"mimeType": "image/png", "data": "-_8"}},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "https://example.com/a.wav", "displayName": "a.wav"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
    ]}]));
    let files: Vec<_> = read[0]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::File(file) => Some(file),
            Part::Text(_) => None,
        })
        .collect();
    assert_eq!(files[0].kind, FileKind::Image);
    assert_eq!(files[0].content, FileContent::Bytes(vec![0xfb, 0xff].into()));
    assert_eq!(files[0].param, "contents[0].parts[1].inlineData.data");
    assert_eq!(files[1].kind, FileKind::Audio);
    assert_eq!(
        files[1].content,
        FileContent::Url("https://example.com/a.wav".to_owned())
    );
    assert_eq!(
        (files[1].mime.as_deref(), files[1].name.as_deref()),
        (Some("audio/wav"), Some("a.wav"))
    );
    assert_eq!(files[2].kind, FileKind::Document);
}

#[test]
fn files_of_googles_own_are_refused() {
    for uri in [
        "gs://bucket/a",
        "files/abc",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
    ] {
        let part = json!({"fileData": {"mimeType": "image/png", "fileUri": uri}});
        refuse(
            json!({"contents": [{ "parts": [part] }]}),
            UNSUPPORTED,
            "contents[0].parts[0].fileData.fileUri",
        );
    }
    let part = json!({"inlineData": {"mimeType": "image/png"}});
    refuse(
        json!({"contents": [{ "parts": [part] }]}),
        MISSING,
        "contents[0].parts[0].inlineData.data",
    );
}

#[test]
fn a_part_says_one_thing() {
    let both = json!({"text": "a", "inlineData": {"mimeType": "image/png", "data": "aGk="}});
    refuse(
        json!({"contents": [{ "parts": [both] }]}),
        VALUE,
        "contents[0].parts[0]",
    );
    let code = json!({"executable_code": {"code": "1"}});
    refuse(
        json!({"contents": [{ "parts": [code] }]}),
        UNSUPPORTED,
        "contents[0].parts[0].executable_code",
    );
}

#[test]
fn earlier_thoughts_are_left_out_and_named() {
    let asked = accept(json!({"contents": [
        {"parts": [{"text": "a"}]},
        {"role": "model", "parts": [
            {"text": "Hm.", "thought": true, "thoughtSignature": "aGk="},
            {"text": "b", "thoughtSignature": "aGk="},
            {"thoughtSignature": "aGk="},
        ]},
    ]}));
    assert_eq!(texts(&asked.request.messages[1]), ["b"]);
    assert_eq!(
        asked.ignored,
        ["contents.parts.thought", "contents.parts.thoughtSignature"]
    );
}

#[test]
fn results_find_their_calls_by_id_or_by_name_and_order() {
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {"n": 1}}});
    let result = |name: &str, more: Value| json!({"functionResponse": {"name": name, "response": more}});
    let read = messages(json!([
        {"parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"text": "So:"}, call("f"), call("g"), call("f"),
            {"functionCall": {"id": "own", "name": "h"}}]},
        {"role": "function", "parts": [result("f", json!({"output": "first"})), result("f", json!({"output": 2}))]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "own", "name": "h", "response": {"result": [1]}}},
            {"text": "and"},
            {"functionResponse": {"id": "", "name": "g", "response": {},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}},
            result("nobody", json!({"output": "x", "error": "y"})),
        ]},
    ]));
    let calls: Vec<_> = read[1]
        .tool_calls
        .iter()
        .map(|call| (call.id.as_str(), call.arguments.as_str()))
        .collect();
    assert_eq!(
        calls,
        [
            ("call-1", r#"{"n":1}"#),
            ("call-2", r#"{"n":1}"#),
            ("call-3", r#"{"n":1}"#),
            ("own", "{}")
        ]
    );
    assert_eq!(texts(&read[1]), ["So:"]);
    let results: Vec<_> = read[2..]
        .iter()
        .map(|message| (message.tool_call_id.as_deref(), texts(message)))
        .collect();
    assert_eq!(
        results,
        [
            (Some("call-1"), vec!["first"]),
            (Some("call-3"), vec![r#"{"output":2}"#]),
            (Some("own"), vec![r#"{"result":[1]}"#]),
            (None, vec!["and"]),
            (Some("call-2"), vec!["{}"]),
            (Some("nobody"), vec![r#"{"error":"y","output":"x"}"#]),
        ]
    );
    assert_eq!(read[6].parts.len(), 2);
}

#[test]
fn calls_and_results_stand_where_they_belong() {
    let refused = |role: &str, part: Value, kind, param: &str| {
        refuse(json!({"contents": [{"role": role, "parts": [part]}]}), kind, param);
    };
    let call = json!({"functionCall": {"name": "f"}});
    let result = json!({"functionResponse": {"name": "f", "response": {}}});
    refused("user", call, VALUE, "contents[0].parts[0]");
    refused("model", result, VALUE, "contents[0].parts[0]");
    let at = "contents[0].parts[0].functionResponse";
    refused(
        "user",
        json!({"functionResponse": {"response": {}}}),
        MISSING,
        &format!("{at}.name"),
    );
    refused(
        "user",
        json!({"functionResponse": {"name": "f"}}),
        MISSING,
        &format!("{at}.response"),
    );
    refused(
        "user",
        json!({"functionResponse": {"name": "f", "response": "x"}}),
        TYPE,
        &format!("{at}.response"),
    );
    let args = json!({"functionCall": {"name": "f", "args": "x"}});
    refused("model", args, TYPE, "contents[0].parts[0].functionCall.args");
}
