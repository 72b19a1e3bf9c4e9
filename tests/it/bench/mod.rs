//! The benchmark's footing: its upstream speaks the real framing, and its checks refuse wrong answers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test by panicking")]

#[path = "../../../benches/support/check.rs"]
mod check;
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
