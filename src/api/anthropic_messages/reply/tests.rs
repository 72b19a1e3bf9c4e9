use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::Kind;

const USAGE: Usage = Usage {
    prompt: 9,
    completion: 7,
    reasoning: 2,
};

fn meta() -> Meta {
    Meta {
        id: "1".to_owned(),
        created: 1_700_000_000,
        model: "gemini-flash".to_owned(),
        prompt_tokens: 9,
    }
}

fn reply(show_thinking: bool) -> MessagesReply {
    MessagesReply::new(show_thinking, vec!["\n\nHuman:".to_owned()])
}

fn whole(show_thinking: bool, events: Vec<Event>) -> String {
    let mut answer = Answer::default();
    events.into_iter().for_each(|event| answer.push(event));
    let body = reply(show_thinking).whole(&meta(), &answer, &USAGE);
    String::from_utf8(body.to_vec()).unwrap()
}

fn stream(show_thinking: bool, events: &[Event]) -> String {
    let mut reply = reply(show_thinking);
    let mut out = BytesMut::new();
    reply.begin(&meta(), &mut out);
    for event in events {
        match event {
            Event::Finished(reason) => reply.finish(*reason, Some(&USAGE), &mut out),
            event => reply.event(event, &mut out),
        }
    }
    String::from_utf8(out.to_vec()).unwrap()
}

fn text(piece: &str) -> Event {
    Event::Text(piece.to_owned())
}

fn thought(piece: &str) -> Event {
    Event::Reasoning(piece.to_owned())
}

fn call(id: &str, arguments: &str) -> Event {
    Event::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments: arguments.to_owned(),
    })
}

fn end(reason: FinishReason) -> Event {
    Event::Finished(reason)
}

#[test]
fn a_whole_message() {
    insta::assert_snapshot!(whole(false, vec![thought("Hm."), text("Hi \"you\"\n"), end(FinishReason::Stop)]), @r#"{"id":"msg_1","type":"message","role":"assistant","model":"gemini-flash","content":[{"type":"text","text":"Hi \"you\"\n"}],"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}"#);
}

#[test]
fn a_whole_message_with_thoughts_and_calls() {
    let events = vec![
        thought("Hm."),
        text("Let me look."),
        call("call_1", r#"{"city":"Köln"}"#),
        call("call_2", "{\"city\": \"Bonn\",\n \"days\": 2}"),
        end(FinishReason::ToolCalls),
    ];
    insta::assert_snapshot!(whole(true, events), @r#"
    {"id":"msg_1","type":"message","role":"assistant","model":"gemini-flash","content":[{"type":"thinking","thinking":"Hm.","signature":"gemini-gateway"},{"type":"text","text":"Let me look."},{"type":"tool_use","id":"call_1","name":"get_weather","input":{"city":"Köln"}},{"type":"tool_use","id":"call_2","name":"get_weather","input":{"city": "Bonn",
     "days": 2}}],"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}
    "#);
}

#[test]
fn a_streamed_message() {
    insta::assert_snapshot!(stream(false, &[thought("Hm."), text("Hi "), text("you\u{2028}"), end(FinishReason::Stop)]), @r#"
    event: message_start
    data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"gemini-flash","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,"output_tokens_details":{"thinking_tokens":0}}}}

    event: content_block_start
    data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi "}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"you\u2028"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":0}

    event: message_delta
    data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}

    event: message_stop
    data: {"type":"message_stop"}
    "#);
}

#[test]
fn a_streamed_message_with_thoughts_and_calls() {
    let events = [
        thought("H"),
        thought("m."),
        text("Let me look."),
        call("call_1", r#"{"city":"Köln"}"#),
        call("call_2", "{}"),
        text("Well?"),
        end(FinishReason::ToolCalls),
    ];
    insta::assert_snapshot!(stream(true, &events), @r#"
    event: message_start
    data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"gemini-flash","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,"output_tokens_details":{"thinking_tokens":0}}}}

    event: content_block_start
    data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"H"}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m."}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"gemini-gateway"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":0}

    event: content_block_start
    data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Let me look."}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":1}

    event: content_block_start
    data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"call_1","name":"get_weather","input":{}}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Köln\"}"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":2}

    event: content_block_start
    data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"call_2","name":"get_weather","input":{}}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":3}

    event: content_block_start
    data: {"type":"content_block_start","index":4,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"Well?"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":4}

    event: message_delta
    data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}

    event: message_stop
    data: {"type":"message_stop"}
    "#);
}

#[test]
fn a_stream_that_fails_has_no_end() {
    let mut reply = reply(false);
    let mut out = BytesMut::new();
    reply.begin(&meta(), &mut out);
    reply.event(&text("Half an"), &mut out);
    reply.nothing(&mut out);
    reply.comment("keep-alive", &mut out);
    let failure = Failure::new(Kind::UpstreamInterrupted, "The answer broke off.");
    reply.error(&failure, &mut out);
    insta::assert_snapshot!(String::from_utf8(out.to_vec()).unwrap(), @r#"
    event: message_start
    data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"gemini-flash","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,"output_tokens_details":{"thinking_tokens":0}}}}

    event: content_block_start
    data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Half an"}}

    event: ping
    data: {"type":"ping"}

    : keep-alive

    event: error
    data: {"type":"error","error":{"type":"api_error","message":"The answer broke off.","details":{"error_code":"upstream_interrupted"}}}
    "#);
}

#[test]
fn every_end_has_its_reason() {
    let cases = [
        (FinishReason::Stop, "end_turn", Value::Null, Value::Null),
        (
            FinishReason::StopText(0),
            "stop_sequence",
            json!("\n\nHuman:"),
            Value::Null,
        ),
        (FinishReason::Length, "max_tokens", Value::Null, Value::Null),
        (FinishReason::ToolCalls, "tool_use", Value::Null, Value::Null),
        (FinishReason::ContentFilter, "refusal", Value::Null, json!("refusal")),
    ];
    for (finish, reason, sequence, details) in cases {
        let message: Value = serde_json::from_str(&whole(false, vec![text("a"), end(finish)])).unwrap();
        let stream = accumulated(&stream(false, &[text("a"), end(finish)]));
        for said in [message, stream] {
            assert_eq!(
                (&said["stop_reason"], &said["stop_sequence"]),
                (&json!(reason), &sequence)
            );
            assert_eq!(said["stop_details"]["type"], details);
        }
    }
}

#[test]
fn a_cut_answer_never_ends_by_itself() {
    let message: Value = serde_json::from_str(&whole(false, vec![text("Half an")])).unwrap();
    assert_eq!(message["stop_reason"], "max_tokens");
}

#[test]
fn nothing_said_is_no_content() {
    let message: Value = serde_json::from_str(&whole(false, vec![thought("Hm."), end(FinishReason::Stop)])).unwrap();
    assert_eq!(message["content"], json!([]));
}

#[test]
fn arguments_that_are_no_object_are_not_lost() {
    for arguments in ["", "[1]", "{\"a\":", "say \"hi\""] {
        let message: Value = serde_json::from_str(&whole(false, vec![call("1", arguments)])).unwrap();
        assert_eq!(message["content"][0]["input"], json!({ "arguments": arguments }));
    }
}

/// What Anthropic's clients make of a stream, as strictly as the strictest: events in order, indices dense, no delta
/// of another kind than its block.
fn accumulated(stream: &str) -> Value {
    let mut events = stream.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    });
    let mut message = events.next().unwrap()["message"].clone();
    let (mut open, mut json_text) = (false, String::new());
    for event in events.by_ref() {
        let blocks = message["content"].as_array_mut().unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(!open && event["index"] == blocks.len(), "{event}");
                open = true;
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert!(open && event["index"] == blocks.len() - 1, "{event}");
                let (block, delta) = (blocks.last_mut().unwrap(), &event["delta"]);
                let kind = delta["type"].as_str().unwrap();
                match (block["type"].as_str().unwrap(), kind) {
                    ("text", "text_delta") => append(&mut block["text"], &delta["text"]),
                    ("thinking", "thinking_delta") => append(&mut block["thinking"], &delta["thinking"]),
                    ("thinking", "signature_delta") => append(&mut block["signature"], &delta["signature"]),
                    ("tool_use", "input_json_delta") => json_text += delta["partial_json"].as_str().unwrap(),
                    other => panic!("{other:?}"),
                }
            }
            "content_block_stop" => {
                assert!(open && event["index"] == blocks.len() - 1, "{event}");
                open = false;
                let block = blocks.last_mut().unwrap();
                if block["type"] == "tool_use" {
                    block["input"] = serde_json::from_str(&std::mem::take(&mut json_text)).unwrap();
                }
            }
            "message_delta" => {
                assert!(!open);
                for (name, value) in event["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => break,
            other => panic!("{other}"),
        }
    }
    assert!(events.next().is_none());
    message
}

fn append(to: &mut Value, piece: &Value) {
    *to = json!(format!("{}{}", to.as_str().unwrap(), piece.as_str().unwrap()));
}

fn output() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => ".{1,12}".prop_map(Event::Text),
        2 => ".{1,12}".prop_map(Event::Reasoning),
        1 => ".{0,8}".prop_map(|value| call("call_1", &json!({ "x": value }).to_string())),
    ]
}

proptest! {
    /// Pieces add up to what the whole answer has, in any order.
    #[test]
    fn deltas_add_up(mut events in prop::collection::vec(output(), 0..12), show_thinking: bool) {
        events.push(end(FinishReason::Stop));
        let streamed = accumulated(&stream(show_thinking, &events));
        let whole: Value = serde_json::from_str(&whole(show_thinking, events)).unwrap();
        let texts = |message: &Value, kind: &str| -> String {
            let blocks = message["content"].as_array().unwrap().iter();
            blocks.filter(|block| block["type"] == kind).map(|block| block[kind].as_str().unwrap()).collect()
        };
        for kind in ["text", "thinking"] {
            prop_assert_eq!(texts(&streamed, kind), texts(&whole, kind));
        }
        let calls = |message: &Value| -> Vec<Value> {
            let blocks = message["content"].as_array().unwrap().iter();
            blocks.filter(|block| block["type"] == "tool_use").cloned().collect()
        };
        prop_assert_eq!(calls(&streamed), calls(&whole));
        for key in ["id", "model", "role", "type", "stop_reason", "stop_sequence", "stop_details", "usage"] {
            prop_assert_eq!(&streamed[key], &whole[key], "{}", key);
        }
    }
}
