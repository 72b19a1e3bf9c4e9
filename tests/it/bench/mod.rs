//! The benchmark's footing: its upstream speaks as the real ones do, and its checks refuse wrong answers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test by panicking")]

#[path = "../../../benches/support/check.rs"]
mod check;
#[path = "../../../benches/support/completions.rs"]
mod completions;
#[path = "../../../benches/support/wire.rs"]
mod wire;

use bytes::Bytes;
use check::Check;
use http::StatusCode;
use serde_json::{Value, json};
use wire::{ARGUMENTS, EVENTS, Shape};

/// What the checks are written against in the benchmark.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Reads a framed body strictly: lengths in UTF-16 units, the end frame with the length of it all.
fn frames(body: &[u8]) -> Vec<Value> {
    let body = std::str::from_utf8(body).unwrap();
    let units: Vec<u16> = body.encode_utf16().collect();
    let prefix = ")]}'\n\n".len();
    assert_eq!(&body[..prefix], ")]}'\n\n");
    let (mut at, mut frames) = (prefix, Vec::new());
    while at < units.len() {
        let digits = units[at..].iter().take_while(|unit| (48..58).contains(*unit)).count();
        let len: usize = String::from_utf16(&units[at..at + digits]).unwrap().parse().unwrap();
        let frame = String::from_utf16(&units[at + digits..at + digits + len]).unwrap();
        assert!(frame.starts_with('\n') && frame.ends_with('\n'));
        frames.push(serde_json::from_str(&frame).unwrap());
        at += digits + len;
    }
    assert_eq!(frames.pop(), Some(json!([["e", 4, null, null, units.len()]])));
    frames
}

/// The document inside a frame.
fn document(frame: &Value) -> Value {
    serde_json::from_str(frame[0][2].as_str().unwrap()).unwrap()
}

#[test]
fn answers_are_framed_as_the_protocol_says() {
    for shape in [Shape::Whole, Shape::Stream, Shape::Call, Shape::Held] {
        let snapshots = if shape == Shape::Whole { 1 } else { EVENTS };
        let chunks = shape.chunks();
        assert_eq!(chunks.len(), snapshots + 1, "a chunk for each frame");
        let documents: Vec<Value> = frames(&chunks.concat()).iter().map(document).collect();
        let texts: Vec<&str> = documents.iter().map(|d| d[4][0][1][0].as_str().unwrap()).collect();
        assert!(
            texts
                .windows(2)
                .all(|pair| pair[1].starts_with(pair[0]) && pair[1] != pair[0])
        );
        assert_eq!(texts.last().copied(), Some(shape.text().as_str()));
        let complete = |d: &Value| d[4][0][8][0] == 2;
        assert_eq!(documents.iter().position(complete), Some(snapshots - 1));
        assert_eq!(Shape::asked_by(shape.prompt().as_bytes()), shape);
    }
}

#[test]
fn the_account_is_signed_in_and_has_models() {
    let answer = frames(&wire::calls("ESY5D,otAQ7b"));
    assert_eq!(answer[0][0][1], "ESY5D");
    assert_eq!(answer[0][1][1], "otAQ7b");
    let account: Value = serde_json::from_str(answer[0][1][2].as_str().unwrap()).unwrap();
    assert_eq!(account[14], 1000);
    assert_eq!(account[15][0][0], "fbb127bbb056c959");
    let page = String::from_utf8(wire::page().to_vec()).unwrap();
    for key in ["SNlM0e", "cfb2h", "FdrFJe", "TuX5cc", "qKIAYe"] {
        assert!(page.contains(&format!("\"{key}\":\"")), "{key}");
    }
    assert!(wire::rotation().ends_with(b"[[\"identity.hfcr\",600],[\"di\",9]]"));
}

fn completion(content: &str, reason: &str) -> String {
    json!({ "choices": [{ "message": { "content": content }, "finish_reason": reason }] }).to_string()
}

#[test]
fn only_the_whole_right_answer_passes() {
    let check = Check::Completion {
        text: "one two".to_owned(),
    };
    let judge = |status, body: &str| check.judge(status, body.as_bytes());
    assert_eq!(judge(StatusCode::OK, &completion("one two", "stop")).unwrap(), 1);
    assert!(judge(StatusCode::BAD_GATEWAY, &completion("one two", "stop")).is_err());
    assert!(judge(StatusCode::OK, &completion("one", "stop")).is_err());
    assert!(judge(StatusCode::OK, &completion("one two three", "stop")).is_err());
    assert!(judge(StatusCode::OK, &completion("one two", "length")).is_err());
    assert!(judge(StatusCode::OK, "").is_err());

    let check = Check::Exact(Bytes::from_static(b"bytes"));
    assert!(check.judge(StatusCode::OK, b"bytes").is_ok());
    assert!(check.judge(StatusCode::OK, b"byte").is_err());
    assert!(check.judge(StatusCode::OK, b"bytess").is_err());
}

/// A stream with these deltas and this finish reason, without its `[DONE]`.
fn stream(deltas: &[&str], reason: &str) -> String {
    let chunk = |delta: Value, reason: Value| {
        let chunk = json!({ "choices": [{ "delta": delta, "finish_reason": reason }] });
        format!("data: {chunk}\n\n")
    };
    let role = chunk(json!({ "role": "assistant", "content": "" }), Value::Null);
    let deltas = deltas
        .iter()
        .map(|delta| chunk(json!({ "content": delta }), Value::Null));
    let mut stream = role + ": a comment\n\n";
    stream.extend(deltas);
    stream + &chunk(json!({}), json!(reason))
}

#[test]
fn only_the_whole_right_stream_passes() {
    const DONE: &str = "data: [DONE]\n\n";
    let check = Check::Chunks {
        text: "one two three".to_owned(),
        call: None,
    };
    let judge = |body: String| check.judge(StatusCode::OK, body.as_bytes());
    assert_eq!(judge(stream(&["one", " two", " three"], "stop") + DONE).unwrap(), 3);
    for wrong in [
        stream(&["one", " two"], "stop") + DONE,
        stream(&["one", " three", " two"], "stop") + DONE,
        stream(&["one", " two", " two", " three"], "stop") + DONE,
        stream(&["one two three four"], "stop") + DONE,
        stream(&["one two three"], "length") + DONE,
        stream(&["one two three"], "stop"),
        stream(&["one two three"], "stop") + DONE + "data: {}\n\n",
        stream(&["one two three"], "stop") + "data: [DONE] and more\n\n",
        "data: {\"error\":{\"message\":\"no\"}}\n\n".to_owned() + DONE,
        DONE.to_owned(),
        String::new(),
    ] {
        assert!(judge(wrong.clone()).is_err(), "passed: {wrong}");
    }
}

#[test]
fn only_a_stream_with_the_call_passes_where_one_has_to_come() {
    const DONE: &str = "data: [DONE]\n\n";
    let text = Shape::Call.content();
    assert!(Shape::Call.text().starts_with(&text.replace("\\n", "\n")));
    let check = Check::Chunks {
        text: text.clone(),
        call: Some(ARGUMENTS),
    };
    let said = text.replace("\\n", "\n");
    let call = format!("data: {{\"arguments\":\"{ARGUMENTS}\"}}\n\n");
    let judge = |body: String| check.judge(StatusCode::OK, body.as_bytes());
    assert!(judge(call.clone() + &stream(&[&said], "tool_calls") + DONE).is_ok());
    assert!(judge(stream(&[&said], "tool_calls") + DONE).is_err());
    assert!(judge(call + &stream(&[&said], "stop") + DONE).is_err());
}

#[test]
fn completions_are_what_an_openai_compatible_server_says() {
    let whole: Value = serde_json::from_slice(&completions::whole()).unwrap();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["message"]["content"], Shape::Whole.text());
    let models: Value = serde_json::from_slice(&completions::models()).unwrap();
    assert_eq!(models["data"][0]["id"], whole["model"]);
    let body = json!({ "messages": [], "model": completions::MODEL }).to_string();
    assert!(completions::is_for_it(body.as_bytes()));
    assert!(!completions::is_for_it(body.replace("bench", "local:bench").as_bytes()));

    let mut chunks = completions::chunks();
    assert_eq!(chunks.pop(), Some(Bytes::from_static(b"data: [DONE]\n\n")));
    let chunks: Vec<Value> = chunks.iter().map(|chunk| data(chunk)).collect();
    assert_eq!(chunks.len(), EVENTS + 2, "the role, the pieces and the end");
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let said = chunks
        .iter()
        .map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap());
    assert_eq!(said.collect::<String>(), Shape::Stream.text());
    let reasons: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .collect();
    assert!(reasons[..=EVENTS].iter().all(|reason| reason.is_null()) && reasons[EVENTS + 1] == "stop");
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["usage"].is_null())
    );
}

/// The data of one event of one line.
fn data(event: &[u8]) -> Value {
    let event = std::str::from_utf8(event).unwrap();
    serde_json::from_str(event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap()).unwrap()
}

#[test]
fn only_the_upstreams_own_events_pass() {
    let check = Check::Events(Bytes::from_static(b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"));
    let judge = |body: &str| check.judge(StatusCode::OK, body.as_bytes());
    assert_eq!(judge("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n").unwrap(), 3);
    assert!(judge(": waiting\n\ndata: 1\n\n: keep-alive\n\ndata: 2\n\ndata: [DONE]\n\n").is_ok());
    for wrong in [
        "data: 1\n\ndata: 2\n\ndata: [DONE]\n",
        "data: 1\n\ndata: 2\n\n",
        "data: 1\n\ndata: [DONE]\n\n",
        "data: 1\ndata: 2\n\ndata: [DONE]\n\n",
        "data: 2\n\ndata: 1\n\ndata: [DONE]\n\n",
        "data: 1\n\ndata: 2\n\ndata: 2\n\ndata: [DONE]\n\n",
        "data:1\n\ndata: 2\n\ndata: [DONE]\n\n",
        "event: x\ndata: 1\n\ndata: 2\n\ndata: [DONE]\n\n",
        "data: 1\n\ndata: 2\n\ndata: [DONE]\n\ndata: 3\n\n",
        "",
    ] {
        assert!(judge(wrong).is_err(), "passed: {wrong}");
    }
    let other = check.judge(StatusCode::BAD_GATEWAY, b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n");
    assert!(other.is_err());
}

/// The events of a message in these pieces.
fn message(pieces: &[&str], reason: &str) -> String {
    let start = json!({ "type": "content_block_start", "content_block": { "text": "", "type": "text" } });
    let pieces = pieces
        .iter()
        .map(|piece| json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": piece } }));
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": reason } });
    let events = std::iter::once(start).chain(pieces).chain([end]);
    events
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

#[test]
fn only_the_whole_right_message_passes() {
    const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let check = Check::Message {
        text: "one two".to_owned(),
    };
    let judge = |body: String| check.judge(StatusCode::OK, body.as_bytes());
    assert_eq!(judge(message(&["one", " two"], "end_turn") + STOP).unwrap(), 2);
    for wrong in [
        message(&["one"], "end_turn") + STOP,
        message(&[" two", "one"], "end_turn") + STOP,
        message(&["one", " two", " two"], "end_turn") + STOP,
        message(&["one", " two"], "max_tokens") + STOP,
        message(&["one", " two"], "end_turn"),
        message(&["one", " two"], "end_turn") + STOP.trim_end(),
        message(&["one", " two"], "end_turn") + STOP + "event: error\ndata: {\"type\":\"error\"}\n\n",
        STOP.to_owned(),
        String::new(),
    ] {
        assert!(judge(wrong.clone()).is_err(), "passed: {wrong}");
    }
}
