//! Chat answers, streamed and whole.

use std::{sync::Arc, time::Duration};

use gemini_gateway::{chat::Event, error::Kind};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{
    Gateway, KEY, Setup, Step, chat,
    sse::{CHAT, PERMITS, begin, content, delta, events, streamed},
    text,
};

#[tokio::test]
async fn a_stream_goes_by_the_rules() {
    let gateway = Gateway::start().await;
    let thought = Step::Say(Event::Reasoning("Hm.".to_owned()));
    gateway
        .upstream
        .script([Step::served(), thought, text("Grüß"), text(" dich 🦀"), Step::finish()]);
    let reply = streamed(
        &gateway,
        r#","stream_options":{"include_usage":true},"temperature":0.2"#,
    )
    .await;
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
        ("x-gateway-requested-model", "gemini-flash"),
        ("x-gateway-served-label", "3.6 Flash"),
        ("x-gateway-ignored-params", "temperature"),
        ("x-gateway-upstream", "scripted"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert_eq!(
        (reply.header("content-length"), reply.header("content-encoding")),
        (None, None)
    );
    let events = events(&reply.body);
    assert_eq!(delta(&events[0]), &json!({"role": "assistant", "content": ""}));
    assert_eq!(delta(&events[1]), &json!({"reasoning_content": "Hm."}));
    assert_eq!(content(&events), "Grüß dich 🦀");
    let [.., finish, usage, done] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (delta(finish), &finish["choices"][0]["finish_reason"]),
        (&json!({}), &json!("stop"))
    );
    assert_eq!(usage["choices"], json!([]));
    assert!(
        usage["usage"]["prompt_tokens"].as_u64() > Some(0) && usage["usage"]["completion_tokens"].as_u64() > Some(0)
    );
    assert_eq!(done, "data: [DONE]");
    for chunk in &events[..events.len() - 1] {
        assert_eq!(
            (&chunk["id"], &chunk["object"]),
            (&events[0]["id"], &json!("chat.completion.chunk"))
        );
        assert!(chunk.get("error").is_none());
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn without_asking_there_is_no_usage_and_the_connection_lives_on() {
    let gateway = Gateway::start().await;
    let mut connection = begin(&gateway, "").await;
    let events = events(&connection.reply("POST").await.body);
    assert_eq!(content(&events), "Hello");
    assert!(
        events
            .iter()
            .all(|event| event["choices"] != json!([]) && event["usage"].is_null())
    );
    connection.request("GET", "/livez", &[], "").await;
    assert_eq!(connection.reply("GET").await.status, 200);
}

#[tokio::test]
async fn a_whole_answer_is_the_same_events_folded() {
    let gateway = Gateway::start().await;
    let reply = gateway.send("POST", CHAT, &chat(r#","seed":1,"top_p":0.5"#)).await;
    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "gemini-flash");
    assert_eq!(body["choices"][0]["message"]["content"], "Hello");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert!(body["usage"]["total_tokens"].as_u64() > Some(1));
    let ignored = reply.header("x-gateway-ignored-params").unwrap();
    assert!(ignored.contains("seed") && ignored.contains("top_p"), "{ignored}");
    assert!(!gateway.upstream.calls.lock().unwrap()[0].incremental);
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn aliases_and_the_default_model_are_resolved() {
    let gateway = Setup::default()
        .env("MODEL_ALIASES", "gpt-4o=flash")
        .env("DEFAULT_MODEL", "flash")
        .start()
        .await;
    let body = chat("").replace("gemini-flash", "gpt-4o");
    let reply = gateway.send("POST", CHAT, &body).await;
    assert_eq!(reply.header("x-gateway-requested-model"), Some("gpt-4o"));
    assert_eq!(reply.json()["model"], "gemini-flash");
    let reply = gateway
        .send("POST", CHAT, r#"{"messages":[{"role":"user","content":"Hi"}]}"#)
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(gateway.upstream.calls.lock().unwrap()[1].request.model, "gemini-flash");
}

#[tokio::test]
async fn an_early_failure_keeps_its_status_streamed_or_whole() {
    let gateway = Gateway::start().await;
    for stream in [r#","stream":true"#, ""] {
        for (kind, status) in [
            (Kind::UpstreamAuthExpired, 503),
            (Kind::UpstreamRateLimited, 429),
            (Kind::UpstreamUnavailable, 502),
            (Kind::ContextLength, 400),
        ] {
            gateway.upstream.script([Step::served(), Step::Fail(kind)]);
            let reply = gateway.send("POST", CHAT, &chat(stream)).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (status, kind.facts().code),
                "{kind:?}"
            );
            let no_retry = reply.header("x-should-retry") == Some("false");
            assert_eq!(no_retry, !kind.facts().client_may_retry, "{kind:?}");
        }
        let reply = gateway
            .send("POST", CHAT, &chat(stream).replace("gemini-flash", "gpt-4o"))
            .await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "model_not_found"));
        let reply = gateway.send("POST", CHAT, &chat(&format!("{stream},\"n\":2"))).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!("n")));
    }
    let failures = "gemini_gateway_upstream_failures_total{code=\"rate_limit_exceeded\"}";
    assert_eq!(gateway.metric(failures).as_deref(), Some("2"));
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_failure_after_the_head_is_an_event_and_the_end() {
    let gateway = Gateway::start().await;
    let endings: [(Vec<Step>, &str); 3] = [
        (vec![Step::Fail(Kind::UpstreamUnavailable)], "upstream_unavailable"),
        (vec![], "upstream_interrupted"),
        (vec![Step::Panic], "internal_error"),
    ];
    for (ending, code) in endings {
        gateway
            .upstream
            .script([Step::served(), text("Half")].into_iter().chain(ending));
        let reply = streamed(&gateway, "").await;
        let events = events(&reply.body);
        let last = events.last().unwrap();
        assert_eq!(
            (reply.status, content(&events).as_str(), &last["error"]["code"]),
            (200, "Half", &json!(code))
        );
        assert!(
            !reply.body.contains("[DONE]") && !reply.body.contains("\"stop\""),
            "{}",
            reply.body
        );
        assert!(!reply.body.contains("the-prompt-in-a-panic"));
    }
    let failed = "gemini_gateway_outcomes_total{route=\"chat\",outcome=\"failed\"}";
    assert_eq!(gateway.metric(failed).as_deref(), Some("3"));
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_cut_whole_answer_is_a_failure() {
    let gateway = Gateway::start().await;
    gateway.upstream.script([text("Half")]);
    let reply = gateway.send("POST", CHAT, &chat("")).await;
    assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_interrupted"));
    gateway.upstream.script([text("Half"), Step::Panic]);
    assert_eq!(gateway.send("POST", CHAT, &chat("")).await.status, 500);
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn the_head_waits_only_so_long_and_silence_is_filled() {
    let gateway = Setup::default()
        .limits(|limits| {
            limits.first_event_wait = Duration::from_millis(50);
            limits.comment_after = Duration::from_millis(30);
            limits.empty_delta_after = Duration::from_millis(100);
        })
        .start()
        .await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([Step::Until(Arc::clone(&sign)), text("Late"), Step::finish()]);
    let mut connection = begin(&gateway, "").await;
    assert_eq!(connection.head().await.status, 200);
    let first = connection.chunks_until("\"role\"").await;
    assert_eq!(events(&first)[0], ": waiting");
    assert_eq!(delta(&events(&first)[1]), &json!({"role": "assistant", "content": ""}));
    let silence = connection.chunks_until("\"delta\":{}").await;
    assert!(silence.starts_with(": keep-alive\n\n"), "{silence}");
    assert!(!silence.contains("data:\n") && !silence.contains("id:\n"), "{silence}");
    // A silence in the middle is filled as well as one at the start.
    connection.chunks_until(": keep-alive").await;
    sign.notify_one();
    let rest = connection.chunks_until("[DONE]").await;
    assert_eq!(content(&events(&rest)), "Late");
    assert_eq!(connection.chunk().await, None);
}

#[tokio::test]
async fn what_is_ready_goes_out_as_it_comes() {
    let gateway = Gateway::start().await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([text("One"), Step::Until(Arc::clone(&sign)), text("Two"), Step::finish()]);
    let mut connection = begin(&gateway, "").await;
    connection.head().await;
    let first = connection.chunks_until("One").await;
    assert!(!first.contains("Two"));
    sign.notify_one();
    connection.chunks_until("Two").await;
}

#[tokio::test]
async fn the_total_limit_ends_an_answer() {
    let gateway = Setup::default()
        .limits(|limits| limits.request = Duration::from_millis(80))
        .start()
        .await;
    gateway.upstream.script([text("Half"), Step::Hang]);
    let last = events(&streamed(&gateway, "").await.body).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_timeout");
    gateway.upstream.script([Step::Hang]);
    assert_eq!(gateway.send("POST", CHAT, &chat("")).await.status, 504);
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_defect_is_one_clients_500_and_nobody_elses() {
    let gateway = Gateway::start().await;
    let mut connection = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let body = chat("").replace("gemini-flash", "panic");
    connection
        .request("POST", CHAT, &[("authorization", &key)], &body)
        .await;
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (500, "internal_error"));
    assert!(reply.header("x-request-id").is_some() && !reply.body.contains("the-prompt-in-a-panic"));
    connection
        .request("POST", CHAT, &[("authorization", &key)], &chat(""))
        .await;
    assert_eq!(connection.reply("POST").await.status, 200);
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn what_can_never_be_answered_is_refused_without_waiting_for_a_place() {
    let gateway = Setup::default().env("MAX_CONCURRENT", "1").start().await;
    let held = Arc::clone(&gateway.app.permits).acquire_owned().await.unwrap();
    for (kind, status) in [(Kind::ContextLength, 400), (Kind::UpstreamNotConfigured, 503)] {
        *gateway.upstream.refuses.lock().unwrap() = Some(kind);
        for stream in [r#","stream":true"#, ""] {
            let reply = gateway.send("POST", CHAT, &chat(stream)).await;
            assert_eq!((reply.status, reply.code().as_str()), (status, kind.facts().code));
        }
    }
    assert_eq!(gateway.upstream.call_count(), 0);
    drop(held);
}

#[tokio::test]
async fn who_answers_is_told_after_the_head_too() {
    let gateway = Setup::default()
        .limits(|limits| limits.first_event_wait = Duration::ZERO)
        .start()
        .await;
    let signs = [Arc::new(Notify::new()), Arc::new(Notify::new())];
    gateway.upstream.script([
        Step::Until(Arc::clone(&signs[0])),
        Step::served_by("org/gemini pro", "3.1 Pro\n\ndata: x"),
        text("One"),
        Step::Until(Arc::clone(&signs[1])),
        Step::served_by("gemini-flash", "3.6 Flash"),
        text("Two"),
        Step::finish(),
    ]);
    let mut connection = begin(&gateway, "").await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.chunk().await.as_deref(), Some(": waiting\n\n"));
    signs[0].notify_one();
    let mut all = events(&connection.chunks_until("One").await);
    assert_eq!(all.remove(0), ": served-by 3.1 Pro data: x");
    assert_eq!(delta(&all[0])["role"], "assistant");
    signs[1].notify_one();
    all.extend(events(&connection.chunks_until("[DONE]").await));
    assert!(all.contains(&json!(": served-by 3.6 Flash")), "{all:?}");
    assert_eq!(content(&all), "OneTwo");
    // What was named first stays: a client sees one model within an answer.
    assert!(
        all.iter()
            .filter(|event| event.is_object())
            .all(|event| event["model"] == "org/gemini pro")
    );
}

#[tokio::test]
async fn the_total_limit_counts_from_the_head_on() {
    let gateway = Setup::default()
        .limits(|limits| limits.request = Duration::from_millis(80))
        .start()
        .await;
    let mut connection = gateway.connect().await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {KEY}\r\ncontent-length: 9\r\n\r\n{{");
    connection.write(head.as_bytes()).await;
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (408, "request_timeout"));
}
