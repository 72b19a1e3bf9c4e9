//! What goes out, byte for byte.

use super::*;

/// Whole and streamed. What repeats the request is shown once, in the first case.
fn golden(events: &[Event], end: Result<FinishReason, Failure>) -> String {
    let reason = end.as_ref().ok().copied();
    let streamed = stream(events, end);
    let whole = reason.map_or_else(String::new, |reason| whole(events, reason) + "\n\n");
    format!("{whole}{streamed}").replace(reply().echo.as_str(), "<echo>,")
}

#[test]
fn what_is_repeated_of_the_request() {
    insta::assert_snapshot!(reply().echo.as_str());
}

#[test]
fn a_text() {
    insta::assert_snapshot!(golden(
        &[text("Grüß "), text("dich\n\u{2028}🦀")],
        Ok(FinishReason::Stop)
    ));
}

#[test]
fn thoughts_and_a_text() {
    insta::assert_snapshot!(golden(
        &[thought("Hm"), thought("..."), text("Yes")],
        Ok(FinishReason::Stop)
    ));
}

#[test]
fn calls_after_a_text() {
    let events = [
        text("Let me see."),
        call("call_1", "f", "{\"a\":\"b\"}"),
        call("call_2", "n.f", "{}"),
        call("call_3", "g", "*** Begin\n\"x\""),
    ];
    insta::assert_snapshot!(golden(&events, Ok(FinishReason::ToolCalls)));
}

#[test]
fn a_text_with_sources() {
    let events = [
        source(Some((0, 3))),
        text("Ünï is"),
        source(Some((4, 60))),
        text(" so"),
        source(None),
    ];
    insta::assert_snapshot!(golden(&events, Ok(FinishReason::Stop)));
}

#[test]
fn an_answer_that_was_cut() {
    insta::assert_snapshot!(golden(&[text("Half of")], Ok(FinishReason::Length)));
    let filtered = whole(&[text("Half of")], FinishReason::ContentFilter);
    assert!(
        filtered.contains(r#""incomplete_details":{"reason":"content_filter"}"#),
        "{filtered}"
    );
}

#[test]
fn an_answer_without_a_word() {
    insta::assert_snapshot!(golden(&[thought("Hm")], Ok(FinishReason::Stop)));
}

#[test]
fn an_answer_that_failed() {
    let failure = Failure::new(Kind::UpstreamInterrupted, "The answer broke off.");
    insta::assert_snapshot!(golden(&[call("call_1", "f", "{}"), text("Half of")], Err(failure)));
}
