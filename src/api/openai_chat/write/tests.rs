use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    api::{Reply, openai_chat::reply::ChatReply},
    chat::Event,
    error::Kind,
};

fn meta() -> Meta {
    Meta {
        id: "1".to_owned(),
        created: 1_700_000_000,
        model: "gemini-flash".to_owned(),
        prompt_tokens: 9,
    }
}

fn written(include_usage: bool, write: impl FnOnce(&mut ChatReply, &mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut ChatReply::new(include_usage, false), &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn answer(text: &str, reasoning: &str, finish: Option<FinishReason>) -> Answer {
    Answer {
        text: text.to_owned(),
        reasoning: reasoning.to_owned(),
        finish,
        ..Answer::default()
    }
}

fn whole_text(answer: &Answer) -> String {
    String::from_utf8(whole(&meta(), answer, &Usage::new(9, 5, 2), Form::Tools).to_vec()).unwrap()
}

#[test]
fn a_whole_answer() {
    insta::assert_snapshot!(
        whole_text(&answer("Hi \"you\"\n", "", Some(FinishReason::Stop))),
        @r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \"you\"\n","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"completion_tokens_details":{"reasoning_tokens":2}}}"#
    );
}

#[test]
fn a_whole_answer_with_thoughts_and_another_end() {
    insta::assert_snapshot!(
        whole_text(&answer("", "Hm.", Some(FinishReason::ContentFilter))),
        @r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"message":{"role":"assistant","content":"","refusal":null,"reasoning_content":"Hm."},"logprobs":null,"finish_reason":"content_filter"}],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"completion_tokens_details":{"reasoning_tokens":2}}}"#
    );
}

#[test]
fn a_cut_answer_never_ends_in_stop() {
    let body: Value = serde_json::from_str(&whole_text(&answer("Half an", "", None))).unwrap();
    assert_eq!(body["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_complete_stream() {
    let stream = written(true, |stream, out| {
        stream.begin(&meta(), out);
        stream.comment("keep-alive", out);
        stream.event(&Event::Reasoning("Hm.".to_owned()), out);
        stream.nothing(out);
        stream.event(&Event::Text("Hi \u{2028}\"you\"\n".to_owned()), out);
        stream.finish(FinishReason::Length, Some(&Usage::new(9, 5, 2)), out);
    });
    insta::assert_snapshot!(stream, @r#"
    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}

    : keep-alive

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"delta":{"reasoning_content":"Hm."},"logprobs":null,"finish_reason":null}]}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":null}]}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"delta":{"content":"Hi \u2028\"you\"\n"},"logprobs":null,"finish_reason":null}]}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gemini-flash","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gemini-flash","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"completion_tokens_details":{"reasoning_tokens":2}}}

    data: [DONE]
    "#);
    assert!(stream.ends_with("data: [DONE]\n\n"));
}

#[test]
fn no_usage_chunk_unless_asked() {
    let stream = written(false, |stream, out| {
        assert!(!stream.counts_tokens());
        stream.begin(&meta(), out);
        stream.finish(FinishReason::Stop, None, out);
    });
    assert!(!stream.contains("usage"), "{stream}");
}

#[test]
fn an_error_event_has_the_body_of_an_error() {
    let failure = Failure::new(Kind::UpstreamInterrupted, "The answer broke off.\u{2028}Try again.");
    let event = written(false, |stream, out| stream.error(&failure, out));
    insta::assert_snapshot!(event.trim_end(), @r#"data: {"error":{"message":"The answer broke off.\u2028Try again.","type":"server_error","param":null,"code":"upstream_interrupted"}}"#);
    assert!(event.ends_with("}}\n\n"));
}

/// The JSON of every event, read as the strictest readers do: split at anything that may count as a line end.
fn events(stream: &str) -> Vec<Value> {
    let ends = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}',
    ];
    stream
        .split(ends)
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_pieces_of_a_stream_add_up(
        text in prop_oneof![".*", "[\\x00-\\x2f\\x5c\u{80}-\u{90}\u{2020}-\u{2030}\u{1f600}]*"],
        id in "[0-9a-f]*", model in ".*",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        thoughts in any::<bool>(),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let stream = Stream::new(&Meta { id: id.clone(), created: 7, model: model.clone(), prompt_tokens: 0 });
        let mut out = BytesMut::new();
        for pair in cuts.windows(2) {
            let piece = &text[pair[0]..pair[1]];
            if thoughts { stream.reasoning(&mut out, piece) } else { stream.text(&mut out, piece) }
        }
        let field = if thoughts { "reasoning_content" } else { "content" };
        let mut read = String::new();
        for event in events(str::from_utf8(&out).unwrap()) {
            prop_assert_eq!(&event["id"], &format!("chatcmpl-{id}"));
            prop_assert_eq!(&event["model"], &model);
            prop_assert!(event.get("error").is_none() && event.get("usage").is_none());
            prop_assert_eq!(event["choices"][0]["delta"].as_object().unwrap().len(), 1);
            read.push_str(event["choices"][0]["delta"][field].as_str().unwrap());
        }
        prop_assert_eq!(read, text);
    }

    #[test]
    fn a_whole_answer_is_read_back(text in ".*", reasoning in ".*") {
        let body: Value = serde_json::from_str(&whole_text(&answer(&text, &reasoning, Some(FinishReason::Stop)))).unwrap();
        let message = &body["choices"][0]["message"];
        prop_assert_eq!(message["content"].as_str(), Some(text.as_str()));
        prop_assert_eq!(message["reasoning_content"].as_str(), (!reasoning.is_empty()).then_some(reasoning.as_str()));
    }
}

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        arguments: arguments.to_owned(),
    }
}

/// The choices of each chunk, one a line.
fn choices(stream: &str) -> String {
    let chunks = stream.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let choices = chunks.map(|chunk| chunk.split_once("\"choices\":").unwrap().1);
    choices.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_whole_answer_with_calls() {
    let mut answer = answer("", "", Some(FinishReason::ToolCalls));
    answer.tool_calls = vec![call("call_1", "{\"city\":\"Köln\"}"), call("call_2", "{}")];
    let text = whole_text(&answer);
    let (_, choices) = text.split_once("\"choices\":").unwrap();
    let (choices, _) = choices.split_once(",\"usage\"").unwrap();
    insta::assert_snapshot!(choices, @r#"[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Köln\"}"}},{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}]"#);
    answer.text = "Let me look.".to_owned();
    let body: Value = serde_json::from_str(&whole_text(&answer)).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "Let me look.");
}

#[test]
fn a_stream_with_calls_gives_one_at_a_time_and_names_it_once() {
    let stream = written(false, |stream, out| {
        stream.begin(&meta(), out);
        stream.event(&Event::Text("Let me look.".to_owned()), out);
        stream.event(&Event::ToolCall(call("call_1", "{\"city\":\"Köln\"}")), out);
        stream.event(&Event::ToolCall(call("call_2", "{}")), out);
        stream.finish(FinishReason::ToolCalls, None, out);
    });
    insta::assert_snapshot!(choices(&stream), @r#"
    [{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"content":"Let me look."},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Köln\"}"}}]},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}
    "#);
}

#[test]
fn a_function_is_answered_in_the_form_before_tools() {
    let mut answer = answer("", "", Some(FinishReason::ToolCalls));
    answer.tool_calls = vec![call("call_1", "{}")];
    let body = whole(&meta(), &answer, &Usage::new(9, 5, 2), Form::Function);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(choice["message"]["content"], Value::Null);
    assert_eq!(choice["message"]["function_call"]["name"], "weather");
    assert_eq!(choice["message"].get("tool_calls"), None);

    let mut out = BytesMut::new();
    let mut reply = ChatReply::new(false, true);
    reply.begin(&meta(), &mut out);
    reply.event(&Event::ToolCall(call("call_1", "{}")), &mut out);
    reply.finish(FinishReason::ToolCalls, None, &mut out);
    insta::assert_snapshot!(choices(str::from_utf8(&out).unwrap()), @r#"
    [{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"function_call":{"name":"weather","arguments":""}},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{"function_call":{"arguments":"{}"}},"logprobs":null,"finish_reason":null}]}
    [{"index":0,"delta":{},"logprobs":null,"finish_reason":"function_call"}]}
    "#);
}
