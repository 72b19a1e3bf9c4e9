//! Reads whole answers for calls, however they are cut: for the fuzzer and the tests.

use std::sync::Arc;

use super::{super::reading::Ending, reader};
use crate::chat::{Event, Request};

/// Reads a text in pieces of these lengths, over and over; without any, at once. Gives text and calls in their order.
pub(super) fn read_in_pieces(request: &Arc<Request>, text: &str, lengths: &[u8]) -> Vec<Event> {
    let mut out = Vec::new();
    let Some(mut reader) = reader(request) else { return out };
    let mut rest = text;
    let mut lengths = lengths.iter().cycle();
    while !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |length| usize::from(*length).max(1));
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(length));
        reader.push(piece.to_owned(), &mut out);
        rest = after;
    }
    reader.finish(Ending::Last, &mut out);
    out
}

/// The first bytes say how the rest, an answer, is cut.
#[cfg(fuzzing)]
pub(crate) fn fuzz_tool_calls(data: &[u8]) {
    let (lengths, text) = data.split_at(data.len().min(4));
    let text = String::from_utf8_lossy(text);
    let request = Arc::new(some_tools());
    let shown = |events: Vec<Event>| {
        let mut text = String::new();
        let mut calls = Vec::new();
        for event in events {
            match event {
                Event::Text(piece) => text.push_str(&piece),
                Event::ToolCall(call) => calls.push((text.len(), call.name, call.arguments)),
                _ => {}
            }
        }
        (text, calls)
    };
    let at_once = shown(read_in_pieces(&request, &text, &[]));
    assert_eq!(shown(read_in_pieces(&request, &text, lengths)), at_once);
    if at_once.1.is_empty() {
        assert_eq!(at_once.0, text);
    }
}

#[cfg(fuzzing)]
fn some_tools() -> Request {
    use crate::chat::{Json, Tool, ToolChoice, ToolInput, Toolbox};
    let schema = r#"{"type":"object","properties":{"n":{"type":["integer","null"]},"l":{"items":{"type":"boolean"}}}}"#;
    let tool = |name: &str, input| Tool {
        name: name.to_owned(),
        description: None,
        input,
    };
    Request {
        tools: Some(Toolbox {
            tools: vec![
                tool("f", ToolInput::Object(Json::new(schema).ok())),
                tool("t", ToolInput::Text),
            ],
            choice: ToolChoice::Auto,
            parallel: true,
        }),
        ..Request::default()
    }
}
