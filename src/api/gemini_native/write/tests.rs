use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    api::{
        Reply,
        gemini_native::{reply::GeminiReply, target::Delivery},
    },
    chat::Event,
    error::{Failure, Kind},
};

fn meta() -> Meta {
    Meta {
        id: "1".to_owned(),
        created: 1_700_000_000,
        model: "gemini-flash".to_owned(),
        prompt_tokens: 9,
    }
}

fn call() -> ToolCall {
    ToolCall {
        id: "call_1".to_owned(),
        name: "get_weather".to_owned(),
        arguments: "{\n  \"days\": 2,\n  \"city\": \"Bern\"\n}".to_owned(),
    }
}

fn citation() -> Citation {
    Citation {
        url: "https://example.com/".to_owned(),
        title: "Ex \"ample\"".to_owned(),
        passage: None,
    }
}

fn answer(text: &str, finish: Option<FinishReason>) -> Answer {
    Answer {
        text: text.to_owned(),
        reasoning: "Hm.".to_owned(),
        finish,
        ..Answer::default()
    }
}

fn whole_text(answer: &Answer, thoughts: bool) -> String {
    let reply = GeminiReply::new(Delivery::Whole, thoughts);
    String::from_utf8(reply.whole(&meta(), answer, &Usage::new(9, 5, 2)).to_vec()).unwrap()
}

fn written(delivery: Delivery, thoughts: bool, write: impl FnOnce(&mut GeminiReply, &mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut GeminiReply::new(delivery, thoughts), &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// A stream of everything there is.
fn full(delivery: Delivery) -> String {
    written(delivery, true, |reply, out| {
        assert!(reply.counts_tokens());
        reply.comment("waiting", out);
        reply.begin(&meta(), out);
        reply.event(&Event::Reasoning("Hm.".to_owned()), out);
        reply.nothing(out);
        reply.comment("keep-alive", out);
        reply.event(&Event::Text("Hi \u{2028}\"you\"\n".to_owned()), out);
        reply.event(&Event::Citation(citation()), out);
        reply.event(&Event::ToolCall(call()), out);
        reply.finish(FinishReason::ToolCalls, Some(&Usage::new(9, 5, 2)), out);
    })
}

#[test]
fn a_whole_answer() {
    insta::assert_snapshot!(whole_text(&answer("Hi \"you\"\n", Some(FinishReason::Stop)), false));
}

#[test]
fn a_whole_answer_with_everything() {
    let mut answer = answer("Hi", Some(FinishReason::ToolCalls));
    answer.tool_calls = vec![call(), call()];
    answer.citations = vec![citation(), citation()];
    insta::assert_snapshot!(whole_text(&answer, true));
}

#[test]
fn calls_without_text_have_no_empty_part() {
    let mut answer = answer("", Some(FinishReason::ToolCalls));
    answer.tool_calls = vec![call()];
    let body: Value = serde_json::from_str(&whole_text(&answer, false)).unwrap();
    let parts = body["candidates"][0]["content"]["parts"].as_array().unwrap();
    assert_eq!(
        (parts.len(), &parts[0]["functionCall"]["name"]),
        (1, &"get_weather".into())
    );
}

#[test]
fn a_cut_answer_never_ends_in_stop() {
    for (finish, expected) in [
        (None, "MAX_TOKENS"),
        (Some(FinishReason::Length), "MAX_TOKENS"),
        (Some(FinishReason::ContentFilter), "SAFETY"),
    ] {
        let body: Value = serde_json::from_str(&whole_text(&answer("", finish), false)).unwrap();
        assert_eq!(body["candidates"][0]["finishReason"], expected);
        assert_eq!(body["candidates"][0]["content"]["parts"][0]["text"], "");
    }
}

#[test]
fn a_complete_stream_of_events() {
    insta::assert_snapshot!(full(Delivery::Events));
}

#[test]
fn a_complete_array() {
    let array = full(Delivery::Array);
    let elements: Vec<Value> = serde_json::from_str(&array).unwrap();
    assert_eq!(elements.len(), 5);
    insta::assert_snapshot!(array);
}

#[test]
fn thoughts_are_shown_to_those_who_ask() {
    let stream = written(Delivery::Events, false, |reply, out| {
        reply.begin(&meta(), out);
        reply.event(&Event::Reasoning("Hm.".to_owned()), out);
    });
    assert_eq!(stream, "\n");
    assert!(!whole_text(&answer("Hi", Some(FinishReason::Stop)), false).contains("Hm."));
}

#[test]
fn a_stream_that_fails_ends_in_the_error_and_stays_readable() {
    let failure = || Failure::new(Kind::UpstreamInterrupted, "The answer broke off.\u{2028}Ask again.");
    let cut = |delivery| {
        written(delivery, false, |reply, out| {
            reply.begin(&meta(), out);
            reply.event(&Event::Text("Hal".to_owned()), out);
            reply.error(&failure(), out);
        })
    };
    insta::assert_snapshot!(cut(Delivery::Events));
    insta::assert_snapshot!(cut(Delivery::Array));
    for text in [
        cut(Delivery::Array),
        written(Delivery::Array, false, |reply, out| reply.error(&failure(), out)),
    ] {
        let elements: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(elements.last().unwrap()["error"]["code"], 502);
        assert!(!text.contains("finishReason"));
    }
}

/// The bodies of a stream, read as the strictest readers do.
fn bodies(delivery: Delivery, stream: &str) -> Vec<Value> {
    if delivery == Delivery::Array {
        return serde_json::from_str(stream).unwrap();
    }
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
        pieces in prop::collection::vec(
            (any::<bool>(), prop_oneof![".+", "[\\x00-\\x2f\\x5c\u{80}-\u{90}\u{2020}-\u{2030}\u{1f600}]+"]), 0..12),
        model in ".*", array in any::<bool>(), silences in any::<bool>(),
    ) {
        let delivery = if array { Delivery::Array } else { Delivery::Events };
        let stream = written(delivery, true, |reply, out| {
            reply.begin(&Meta { model: model.clone(), ..meta() }, out);
            for (thought, piece) in &pieces {
                let event = if *thought { Event::Reasoning(piece.clone()) } else { Event::Text(piece.clone()) };
                reply.event(&event, out);
                if silences {
                    reply.comment("keep-alive", out);
                    reply.nothing(out);
                }
            }
            reply.finish(FinishReason::Stop, Some(&Usage::new(9, 5, 2)), out);
        });
        let (mut text, mut thoughts) = (String::new(), String::new());
        let bodies = bodies(delivery, &stream);
        for body in &bodies {
            prop_assert_eq!(&body["modelVersion"], &model);
            let parts = body["candidates"][0]["content"]["parts"].as_array().unwrap();
            prop_assert_eq!(parts.len(), 1);
            let to = if parts[0]["thought"] == true { &mut thoughts } else { &mut text };
            to.push_str(parts[0]["text"].as_str().unwrap());
        }
        let said = |wanted: bool| -> String {
            pieces.iter().filter(|(thought, _)| *thought == wanted).map(|(_, piece)| piece.as_str()).collect()
        };
        prop_assert_eq!((text, thoughts), (said(false), said(true)));
        let last = bodies.last().unwrap();
        prop_assert_eq!(&last["candidates"][0]["finishReason"], "STOP");
        prop_assert_eq!(&last["usageMetadata"]["totalTokenCount"], 16);
        prop_assert_eq!(stream.matches("finishReason").count(), 1);
    }

    #[test]
    fn a_whole_answer_is_read_back(text in ".*") {
        let body: Value = serde_json::from_str(&whole_text(&answer(&text, Some(FinishReason::Stop)), false)).unwrap();
        prop_assert_eq!(body["candidates"][0]["content"]["parts"][0]["text"].as_str(), Some(text.as_str()));
    }
}
