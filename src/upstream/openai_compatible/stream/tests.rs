//! Streams of several servers, read for other formats and handed on.

use http::HeaderMap;

use super::*;
use crate::{chat::Usage, error::Kind};

/// The events of these data, and how the stream ended.
fn read(original: bool, data: &[&str]) -> (Vec<Event>, Result<bool, Kind>) {
    let secrets = HeaderMap::new();
    let said = Said {
        upstream: "lab",
        key_setting: "LAB_API_KEY",
        secrets: &secrets,
    };
    let (mut reading, mut out, request) = (Reading::new("lab:m", original), Vec::new(), Request::default());
    for data in data {
        match reading.take((*data).to_owned(), &request, &said, &mut out) {
            Ok(Step::More) => {}
            Ok(Step::Done) => return (out, Ok(true)),
            Err(failure) => return (out, Err(failure.kind())),
        }
    }
    let end = reading.end_of_bytes(&request, &said, &mut out);
    (out, end.map(|()| false).map_err(|failure| failure.kind()))
}

const ROLE: &str = r#"{"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const WORD: &str =
    r#"{"model":"m-1","x_new":[1.0],"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":{"content":[]}}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":2}}}"#;

fn who() -> Event {
    served("lab:m", Some("m-1"))
}

fn original(data: &'static str) -> Event {
    Event::Original(Bytes::from_static(data.as_bytes()))
}

#[test]
fn for_other_formats_it_becomes_events() {
    let counted = Event::Usage(Usage {
        prompt: 3,
        completion: 5,
        reasoning: 2,
    });
    let (events, end) = read(false, &[ROLE, WORD, STOP, USAGE, "[DONE]"]);
    assert_eq!(
        events,
        [
            who(),
            Event::Text("Hi".to_owned()),
            counted,
            Event::Finished(FinishReason::Stop)
        ]
    );
    assert_eq!(end, Ok(true));
}

#[test]
fn handed_on_it_stays_word_for_word_and_begins_with_what_says_something() {
    let (events, _) = read(true, &[ROLE]);
    assert_eq!(events, [who()], "an opening is no answer");
    let (events, end) = read(true, &[ROLE, WORD, STOP, USAGE, "[DONE]"]);
    let originals: Vec<Event> = events
        .into_iter()
        .filter(|event| !matches!(event, Event::Usage(_)))
        .collect();
    assert_eq!(
        originals,
        [
            who(),
            original(ROLE),
            original(WORD),
            original(STOP),
            original(USAGE),
            Event::Finished(FinishReason::Stop)
        ]
    );
    assert_eq!(end, Ok(true));
}

#[test]
fn an_end_without_the_mark_is_one_only_after_a_reason() {
    assert_eq!(read(false, &[ROLE, WORD, STOP]).1, Ok(false));
    for original in [false, true] {
        assert_eq!(read(original, &[ROLE, WORD]).1, Err(Kind::UpstreamInterrupted));
        assert_eq!(read(original, &[]).1, Err(Kind::UpstreamInterrupted));
    }
}

#[test]
fn errors_and_nonsense_in_the_stream_are_failures() {
    for (data, kind) in [
        (r#"{"error":{"message":"m","code":429}}"#, Kind::UpstreamRateLimited),
        (r#"{"error":{"message":"m"}}"#, Kind::UpstreamUnavailable),
        ("<html>", Kind::UpstreamProtocol),
        ("[1]", Kind::UpstreamProtocol),
    ] {
        for original in [false, true] {
            assert_eq!(read(original, &[ROLE, data]).1, Err(kind), "{data}");
        }
    }
}

#[test]
fn calls_make_the_reason_whatever_the_server_says() {
    let call =
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}"#;
    let (events, _) = read(false, &[call, STOP, "[DONE]"]);
    assert_eq!(events.last(), Some(&Event::Finished(FinishReason::ToolCalls)));
}

#[test]
fn openings_without_end_are_not_kept() {
    let empty = r#"{"choices":[{"delta":{"content":""}}]}"#;
    let data = vec![empty; MOST_HELD / empty.len() + 2];
    let (events, _) = read(true, &data);
    assert_eq!(events.iter().filter(|event| event.is_output()).count(), data.len());
}
