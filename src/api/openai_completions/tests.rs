use std::collections::BTreeMap;

use bytes::BytesMut;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{Meta, Reply},
    chat::{Answer, Event, FinishReason, Usage},
};

fn ask(body: &Value) -> Result<Incoming, Failure> {
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    read(body.to_string().as_bytes(), &Target::default(), &defaults)
}

#[track_caller]
fn refused(fields: Value, param: &str) {
    let mut body = json!({"model": "m", "prompt": "p"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let failure = ask(&body).err().unwrap();
    assert_eq!(failure.param_name(), Some(param), "{failure}");
}

#[test]
fn the_prompt_is_one_message_byte_for_byte() {
    let text = " user: hi\n\nassistant:";
    for prompt in [json!(text), json!([text])] {
        let incoming = ask(&json!({"model": "m", "prompt": prompt, "stop": "\n", "max_tokens": 3})).unwrap();
        assert_eq!(incoming.request.messages[0].parts[0].as_text(), Some(text));
        assert_eq!((incoming.request.stop.len(), incoming.request.max_tokens), (1, Some(3)));
    }
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
    refused(json!({"prompt": ["a", "b"]}), "prompt");
    refused(json!({"prompt": [1, 2]}), "prompt");
    refused(json!({"prompt": [[1, 2]]}), "prompt");
    refused(json!({"prompt": []}), "prompt");
    refused(json!({"n": 2}), "n");
    refused(json!({"best_of": 3}), "best_of");
    refused(json!({"suffix": "end"}), "suffix");
    refused(json!({"logprobs": 5}), "logprobs");
    assert_eq!(ask(&json!({"model": "m"})).err().unwrap().param_name(), Some("prompt"));
}

fn meta() -> Meta {
    Meta {
        id: "1".to_owned(),
        created: 1_700_000_000,
        model: "gemini-flash".to_owned(),
        prompt_tokens: 9,
    }
}

#[test]
fn a_whole_answer() {
    let answer = Answer {
        text: "Hi \"you\"".to_owned(),
        finish: Some(FinishReason::Length),
        ..Answer::default()
    };
    let body = CompletionReply::new(false, "Say: ".to_owned()).whole(&meta(), &answer, &Usage::new(9, 5, 2));
    insta::assert_snapshot!(
        str::from_utf8(&body).unwrap(),
        @r#"{"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"gemini-flash","choices":[{"text":"Say: Hi \"you\"","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}"#
    );
}

#[test]
fn a_complete_stream() {
    let (mut reply, mut out) = (CompletionReply::new(true, "Say: ".to_owned()), BytesMut::new());
    reply.begin(&meta(), &mut out);
    reply.event(&Event::Reasoning("Hm.".to_owned()), &mut out);
    reply.event(&Event::Text("Hi".to_owned()), &mut out);
    reply.finish(FinishReason::Stop, Some(&Usage::new(9, 5, 2)), &mut out);
    insta::assert_snapshot!(str::from_utf8(&out).unwrap(), @r#"
    data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"gemini-flash","choices":[{"text":"Say: ","index":0,"logprobs":null,"finish_reason":null}]}

    data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"gemini-flash","choices":[{"text":"Hi","index":0,"logprobs":null,"finish_reason":null}]}

    data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"gemini-flash","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}

    data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"gemini-flash","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}

    data: [DONE]
    "#);
}
