use super::*;
use crate::chat::{File, FileContent, FileKind, Part};

/// A user message of a text and this part.
fn with_part(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Look:"}, part]}]})
}

#[track_caller]
fn file(part: Value) -> File {
    let mut messages = accept(with_part(part)).request.messages;
    assert_eq!(messages[0].parts[0], Part::Text("Look:".to_owned()));
    match messages[0].parts.remove(1) {
        Part::File(file) => file,
        Part::Text(text) => panic!("a text: {text}"),
    }
}

/// What a file should be read as.
fn expected(kind: FileKind, mime: Option<&str>, name: Option<&str>, field: &str) -> File {
    File {
        kind,
        content: FileContent::Bytes("hi".into()),
        name: name.map(str::to_owned),
        mime: mime.map(str::to_owned),
        param: format!("messages[0].content[1].{field}"),
    }
}

#[test]
fn files_are_read_in_every_form() {
    let png = "data:image/png;base64,aGk=";
    let image = |field| expected(FileKind::Image, Some("image/png"), None, field);
    let part = json!({"type": "image_url", "image_url": {"url": png, "detail": "auto"}});
    assert_eq!(file(part), image("image_url.url"));
    assert_eq!(file(json!({"type": "image_url", "image_url": png})), image("image_url"));
    let part = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    let content = FileContent::Url("https://example.com/a.png".to_owned());
    let fetched = expected(FileKind::Image, None, None, "image_url.url");
    assert_eq!(file(part), File { content, ..fetched });

    let part = json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}});
    let audio = expected(FileKind::Audio, Some("audio/wav"), None, "input_audio.data");
    assert_eq!(file(part), audio);
    let part = json!({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}});
    let video = expected(FileKind::Video, Some("video/mp4"), None, "video_url.url");
    assert_eq!(file(part), video);

    let pdf = "data:application/pdf;base64,aGk=";
    let part = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": pdf}});
    let document = |mime, name| expected(FileKind::Document, mime, name, "file.file_data");
    assert_eq!(file(part), document(Some("application/pdf"), Some("a.pdf")));
    let part = json!({"type": "file", "file": {"file_data": "aGk="}});
    assert_eq!(file(part), document(None, None));
    let part = json!({"type": "file", "file": {"file_data": "https://example.com/a.pdf"}});
    let content = FileContent::Url("https://example.com/a.pdf".to_owned());
    assert_eq!(
        file(part),
        File {
            content,
            ..document(None, None)
        }
    );
}

#[test]
fn a_tool_may_return_a_picture() {
    let content = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]);
    let messages = json!([{"role": "tool", "tool_call_id": "c", "content": content}]);
    let read = accept(json!({ "messages": messages })).request.messages;
    assert!(matches!(&read[0].parts[..], [Part::File(_)]), "{read:?}");
}

#[test]
fn how_closely_to_look_is_named_as_ignored_once() {
    let image =
        |detail| json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": detail}});
    let content = json!([image("low"), image("high"), image("auto")]);
    let incoming = accept(json!({"messages": [{"role": "user", "content": content}]}));
    assert_eq!(incoming.ignored, ["messages.image_url.detail"]);
    assert!(accept(with_part(image("auto"))).ignored.is_empty());
}

#[test]
fn a_file_that_cannot_be_taken_is_named_by_its_path() {
    let part = |part: Value, code: &str, field: &str| {
        refuse(with_part(part), code, &format!("messages[0].content[1].{field}"));
    };
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    part(json!({"type": "image_url"}), MISSING, "image_url");
    part(json!({"type": "image_url", "image_url": 5}), TYPE, "image_url");
    part(json!({"type": "image_url", "image_url": {}}), MISSING, "image_url.url");
    part(image("file:///etc/passwd"), "invalid_image_url", "image_url.url");
    part(
        image("data:image/png;base64,?"),
        "invalid_base64_image",
        "image_url.url",
    );
    part(image("data:image/png;base64,"), "empty_image_file", "image_url.url");
    let detail = json!({"url": "data:,a", "detail": 1});
    part(
        json!({"type": "image_url", "image_url": detail}),
        TYPE,
        "image_url.detail",
    );
    part(
        json!({"type": "video_url", "video_url": {"url": "x:y"}}),
        "invalid_file_url",
        "video_url.url",
    );
    part(
        json!({"type": "input_audio", "input_audio": {}}),
        MISSING,
        "input_audio.data",
    );
    let audio = json!({"data": "a", "format": "wav"});
    part(
        json!({"type": "input_audio", "input_audio": audio}),
        "invalid_base64_file",
        "input_audio.data",
    );
    part(json!({"type": "file", "file": {}}), MISSING, "file.file_data");
    part(
        json!({"type": "file", "file": {"file_data": ""}}),
        "empty_file",
        "file.file_data",
    );
    let stored = json!({"file_id": "file-1", "file_data": "aGk="});
    part(json!({"type": "file", "file": stored}), UNSUPPORTED, "file.file_id");
}
