use serde_json::{Value, json};

use super::*;
use crate::{
    api::openai_responses::read,
    chat::{Citation, ToolCall},
    error::Kind,
};

mod golden;
mod order;

fn meta() -> Meta {
    Meta {
        id: "0123".to_owned(),
        created: 1_760_000_000,
        model: "gemini-flash".to_owned(),
        prompt_tokens: 9,
    }
}

/// A reply to a request that offers a function, a custom tool, and a function in a namespace.
fn reply() -> ResponsesReply {
    let asked = read::tests::read(&json!({
        "model": "m", "input": "i", "instructions": "Be\nbrief.", "metadata": {"a": "b"},
        "tools": [
            {"type": "function", "name": "f"}, {"type": "custom", "name": "g"},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}],
    }));
    let asked = asked.unwrap();
    ResponsesReply::new(asked.echo, asked.names, asked.keep)
}

fn text(piece: &str) -> Event {
    Event::Text(piece.to_owned())
}

fn thought(piece: &str) -> Event {
    Event::Reasoning(piece.to_owned())
}

fn call(id: &str, name: &str, arguments: &str) -> Event {
    Event::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    })
}

fn source(passage: Option<(usize, usize)>) -> Event {
    Event::Citation(Citation {
        url: "https://example.com/?a=\"b\"".to_owned(),
        title: "A source".to_owned(),
        passage,
    })
}

fn whole(events: &[Event], reason: FinishReason) -> String {
    let mut answer = Answer::default();
    events.iter().cloned().for_each(|event| answer.push(event));
    answer.push(Event::Finished(reason));
    let body = reply().whole(&meta(), &answer, &answer.usage(9));
    String::from_utf8(body.to_vec()).unwrap()
}

/// A stream of these events, and how it ends.
fn stream(events: &[Event], end: Result<FinishReason, Failure>) -> String {
    let (mut reply, mut out) = (reply(), BytesMut::new());
    assert!(reply.counts_tokens());
    reply.begin(&meta(), &mut out);
    for event in events {
        reply.event(event, &mut out);
    }
    match end {
        Ok(reason) => reply.finish(reason, Some(&Usage::new(9, 5, 2)), &mut out),
        Err(failure) => reply.error(&failure, &mut out),
    }
    String::from_utf8(out.to_vec()).unwrap()
}

/// The events of a stream, which must be framed as clients read them.
fn parsed(stream: &str) -> Vec<Value> {
    let blocks = stream.strip_suffix("\n\n").unwrap().split("\n\n");
    let event = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    blocks.map(event).collect()
}

#[test]
fn a_sign_of_life_says_that_it_goes_on() {
    let (mut reply, mut out) = (reply(), BytesMut::new());
    reply.nothing(&mut out);
    assert!(out.is_empty());
    reply.begin(&meta(), &mut out);
    out.clear();
    reply.nothing(&mut out);
    let events = parsed(str::from_utf8(&out).unwrap());
    assert_eq!(
        (&events[0]["type"], &events[0]["sequence_number"]),
        (&json!("response.in_progress"), &json!(2))
    );
    assert_eq!(events[0]["response"]["output"], json!([]));
}

#[test]
fn a_stream_that_never_began_ends_in_an_error_alone() {
    let (mut reply, mut out) = (reply(), BytesMut::new());
    reply.error(&Failure::new(Kind::UpstreamUnavailable, "Gone."), &mut out);
    insta::assert_snapshot!(
        str::from_utf8(&out).unwrap(),
        @r#"
    event: error
    data: {"type":"error","message":"Gone.","param":null,"code":"upstream_unavailable","error":{"message":"Gone.","type":"server_error","param":null,"code":"upstream_unavailable"},"sequence_number":0}
    "#
    );
}
