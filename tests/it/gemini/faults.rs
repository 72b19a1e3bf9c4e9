//! Answers that do not go well: each fault gives its documented failure and nothing else.

use std::time::{Duration, Instant};

use super::world::{Plan, World, code, text};

/// Magic words, status and code before the head, prompts sent.
const BEFORE_OUTPUT: [(&str, u16, &str, usize); 25] = [
    ("error=1003", 400, "upstream_rejected_request", 1),
    ("error=1013", 502, "upstream_unavailable", 3),
    ("error=1037", 429, "usage_limit_reached", 1),
    ("error=1050", 502, "upstream_model_unavailable", 2),
    ("error=1052", 502, "upstream_model_unavailable", 2),
    ("error=1095", 502, "upstream_session_rejected", 2),
    ("error=1096", 502, "upstream_session_rejected", 2),
    ("error=1097", 502, "upstream_session_rejected", 2),
    ("error=1100", 502, "upstream_session_rejected", 2),
    ("error=1152", 502, "upstream_unavailable", 1),
    ("error=1155", 502, "upstream_unavailable", 3),
    ("error=1157", 502, "upstream_session_rejected", 2),
    ("error=4711", 502, "upstream_unknown_error", 1),
    ("http=405", 502, "upstream_session_rejected", 2),
    ("http=429 retry_after=7", 429, "rate_limit_exceeded", 1),
    ("http=500", 502, "upstream_unavailable", 3),
    ("http=503", 502, "upstream_unavailable", 3),
    ("drop", 502, "upstream_unreachable", 3),
    ("disconnect=1", 502, "upstream_interrupted", 1),
    ("empty", 502, "upstream_empty_answer", 1),
    ("emptytext", 502, "upstream_empty_answer", 1),
    // These close the door for a while, so each gets a world of its own.
    ("error=1060", 503, "upstream_ip_blocked", 1),
    ("html=consent", 503, "upstream_consent_required", 1),
    ("html=sorry", 503, "upstream_ip_blocked", 1),
    ("redirect=sorry", 503, "upstream_ip_blocked", 1),
];

#[tokio::test]
async fn a_fault_before_any_output_has_its_own_status_code_and_number_of_tries() {
    let mut world = World::new().await;
    for (words, status, expected, tries) in BEFORE_OUTPUT {
        let before = world.control.prompts().len();
        let (got, answer) = world.chat(&format!("[[stand-in: {words}]]")).await;
        assert_ne!(got, 200, "{words}: {answer}");
        assert_eq!((got, code(&answer)), (status, expected), "{words}: {answer}");
        assert_eq!(world.control.prompts().len() - before, tries, "{words}: prompts sent");
        if tries == 2 {
            // A fresh session was refused too: for a minute nobody makes another for the same.
            let _ = world.chat(&format!("[[stand-in: {words}]]")).await;
            assert_eq!(
                world.control.prompts().len() - before,
                3,
                "{words}: not refreshed in vain again"
            );
            world = World::new().await;
        }
        if status == 503 {
            let started = Instant::now();
            let (again, answer) = world.chat("anything").await;
            assert_eq!((again, code(&answer)), (503, expected), "{words}: the next one");
            assert!(
                started.elapsed() < Duration::from_secs(1),
                "{words}: answered from memory"
            );
            assert_eq!(
                world.control.prompts().len() - before,
                tries,
                "{words}: nothing more was sent"
            );
            world = World::new().await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_fails_early_keeps_its_status() {
    let world = World::new().await;
    let streamed = world.stream("[[stand-in: error=1037]]").await;
    assert_eq!(
        (streamed.status, streamed.error.unwrap()["code"].as_str()),
        (429, Some("usage_limit_reached"))
    );
}

#[tokio::test]
async fn a_fault_after_output_is_an_error_event_and_never_a_finish() {
    let world = World::new().await;
    for (words, expected) in [
        ("error=1013 error_at=2", "upstream_unavailable"),
        ("disconnect=4", "upstream_interrupted"),
        ("disconnect=4 bytes=30", "upstream_interrupted"),
    ] {
        let prompt = format!("[[stand-in: len=400 frames=6 delay=5 {words}]]");
        let before = world.control.prompts().len();
        let streamed = world.stream(&prompt).await;
        assert_eq!(streamed.status, 200, "{words}: {streamed:?}");
        assert_eq!(streamed.error.as_ref().unwrap()["code"], expected, "{words}");
        assert!(
            !streamed.text.is_empty() && streamed.finish.is_none() && !streamed.done,
            "{words}: {streamed:?}"
        );
        assert_eq!(
            world.control.prompts().len() - before,
            1,
            "{words}: never sent again after output"
        );
        let (status, answer) = world.chat(&prompt).await;
        assert_eq!((status, code(&answer)), (502, expected), "{words}, whole");
    }
}

#[tokio::test]
async fn the_upstreams_own_length_stop_is_told_as_length() {
    let world = World::new().await;
    let prompt = "[[stand-in: len=400 frames=6 error=1155 error_at=3]]";
    let streamed = world.stream(prompt).await;
    assert_eq!((streamed.finish.as_deref(), streamed.done), (Some("length"), true));
    let (_, answer) = world.chat(prompt).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(text(&answer), streamed.text);
}

#[tokio::test]
async fn oddities_of_the_wire_do_not_change_the_text() {
    let world = World::new().await;
    let (_, plain) = world.chat("[[stand-in: len=500 frames=6]]").await;
    for words in [
        "error=1096 error_after",
        "nocomplete",
        "noprefix",
        "notrailer",
        "nocontext",
        "malformed=2",
        "badlen=2",
        "badlen=3 split=1",
        "shrink=3",
        "dup=3",
        "flicker",
        "queue=3",
        "title=A%20title",
        "split=random flicker",
    ] {
        let prompt = format!("[[stand-in: len=500 frames=6 {words}]]");
        let (status, answer) = world.chat(&prompt).await;
        assert_eq!((status, text(&answer)), (200, text(&plain)), "{words}, whole");
        let streamed = world.stream(&prompt).await;
        assert_eq!(
            (streamed.text.as_str(), streamed.finish.as_deref()),
            (text(&plain), Some("stop")),
            "{words}, streamed"
        );
    }
    // Text that was taken back cannot be unsent, but nothing of the right text is missing, and whole it is exact.
    let prompt = "[[stand-in: len=500 frames=6 rewrite=4]]";
    assert_eq!(text(&world.chat(prompt).await.1), text(&plain));
    assert!(
        world
            .stream(prompt)
            .await
            .text
            .ends_with(&text(&plain)[text(&plain).len() / 2..])
    );
}

#[tokio::test]
async fn silence_in_the_middle_is_a_timeout_after_the_idle_limit() {
    let world = World::with(Plan {
        idle_timeout: Duration::from_millis(300),
        ..Plan::default()
    })
    .await;
    let prompt = "[[stand-in: len=400 frames=6 stall=inf stall_at=4]]";
    let (status, answer) = world.chat(prompt).await;
    assert_eq!((status, code(&answer)), (504, "upstream_timeout"));
    let streamed = world.stream(prompt).await;
    assert_eq!(streamed.error.unwrap()["code"], "upstream_timeout");
    assert!(streamed.finish.is_none());
}
