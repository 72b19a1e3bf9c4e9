//! What goes in, and what comes out.

use serde_json::{Value, json};

use super::{ANYONE, OTHER, asked_last, caller, gateway, with_two_keys};
use crate::support::{Gateway, KEY, Setup, Step, text};
use gemini_gateway::{
    chat::{Event, FinishReason, Knob, Served},
    error::Kind,
};

#[tokio::test]
async fn each_answer_has_the_fields_that_scripts_read() {
    let gateway = gateway().await;
    let chat = ANYONE.say(&gateway, "Hi").await;
    assert_eq!(chat.status, 200);
    assert_eq!(chat.body, r#"{"message":"Hi","response":"Hello","status":"success"}"#);
    assert_eq!(chat.header("content-type"), Some("application/json"));
    for (header, value) in [
        ("x-gateway-conversation-length", "1"),
        ("x-gateway-upstream", "scripted"),
        ("x-gateway-requested-model", "gemini-flash"),
        ("x-gateway-served-label", "3.6 Flash"),
    ] {
        assert_eq!(chat.header(header), Some(value), "{header}");
    }
    assert!(chat.header("x-gateway-attempts").unwrap().contains("status=200"));
    assert_eq!(chat.header("x-gateway-ignored-params"), None);

    let status = ANYONE.status(&gateway).await;
    let names: Vec<&String> = status.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "conversation_length",
            "device",
            "history",
            "memory_allocated",
            "model_name"
        ]
    );
    assert_eq!(status["model_name"], "gemini-flash");
    assert_eq!(
        (&status["device"], &status["conversation_length"]),
        (&json!("scripted"), &json!(1))
    );
    assert!(status["history"].as_str().unwrap().starts_with("in memory since "));

    let reset = ANYONE.reset(&gateway).await;
    assert_eq!(reset.status, 200);
    assert_eq!(
        reset.body,
        r#"{"message":"The conversation is cleared.","status":"success"}"#
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_memory_is_that_of_this_process() {
    const BALLAST: usize = 48 << 20;
    let gateway = gateway().await;
    let ballast = std::hint::black_box(vec![1_u8; BALLAST]);
    let told = ANYONE.status(&gateway).await["memory_allocated"].as_u64().unwrap();
    // The most it ever was, by the system's own books.
    let books = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = books.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    assert!((BALLAST as u64..=peak * 1024).contains(&told), "{told}");
    drop(ballast);
}

#[tokio::test]
async fn what_is_set_reaches_the_upstream_and_what_cannot_act_is_named() {
    let gateway = gateway().await;
    let body = r#"{"message":"Hi","max_tokens":1000,"temperature":1.5,"stream":true,"system":"s"}"#;
    let reply = gateway.send("POST", "/chat", body).await;
    assert_eq!(
        reply.header("x-gateway-ignored-params"),
        Some("temperature, stream, system")
    );
    let request = gateway.upstream.calls.lock().unwrap()[0].request.clone();
    assert_eq!(request.max_tokens, Some(1000));
    assert_eq!(request.sampling.get(Knob::Temperature).unwrap().as_f64(), Some(1.5));

    // Where the upstream has such a control it is not named, and has the old service's default.
    let native = Step::Say(Event::Served(Served {
        native: true,
        ..Served::default()
    }));
    gateway.upstream.script([native, text("Hi"), Step::finish()]);
    let reply = gateway
        .send("POST", "/chat", r#"{"message":"Hi","temperature":0}"#)
        .await;
    assert_eq!(reply.header("x-gateway-ignored-params"), None);
    ANYONE.say(&gateway, "Hi").await;
    let request = gateway.upstream.calls.lock().unwrap()[2].request.clone();
    assert_eq!(request.max_tokens, Some(512));
    assert_eq!(request.sampling.get(Knob::Temperature).unwrap().as_f64(), Some(0.7));
}

#[tokio::test]
async fn an_answer_whose_end_is_missing_says_so() {
    let gateway = gateway().await;
    gateway
        .upstream
        .script([text("one two three four five six"), Step::finish()]);
    let cut = gateway
        .send("POST", "/chat", r#"{"message":"Count","max_tokens":2}"#)
        .await
        .json();
    assert_eq!(
        (&cut["status"], &cut["finish_reason"]),
        (&json!("success"), &json!("length"))
    );
    let response = cut["response"].as_str().unwrap();
    assert!(
        "one two three four five six".starts_with(response) && response.len() < 20,
        "{response}"
    );
    // It is as long as it was wanted: the next words go on from there.
    ANYONE.say(&gateway, "Go on").await;
    assert_eq!(
        asked_last(&gateway),
        [
            "User: Count".to_owned(),
            format!("Assistant: {response}"),
            "User: Go on".to_owned()
        ]
    );
    let withheld = Step::Say(Event::Finished(FinishReason::ContentFilter));
    gateway.upstream.script([text("I will not"), withheld]);
    let reply = ANYONE.say(&gateway, "Something awful").await;
    assert_eq!(reply.json()["finish_reason"], "content_filter");
    assert_eq!(reply.header("x-gateway-conversation-length"), Some("2"));
}

#[tokio::test]
async fn the_model_is_the_configured_one_else_the_first_and_the_status_names_who_answered() {
    let gateway = Gateway::start().await;
    assert_eq!(ANYONE.status(&gateway).await["model_name"], "gemini-flash");
    ANYONE.say(&gateway, "Hi").await;
    assert_eq!(&*gateway.upstream.calls.lock().unwrap()[0].model, "gemini-flash");

    let gateway = Setup::default()
        .env("DEFAULT_MODEL", "favourite")
        .env("MODEL_ALIASES", "favourite=org/gemini pro")
        .start()
        .await;
    assert_eq!(ANYONE.status(&gateway).await["model_name"], "org/gemini pro");
    gateway
        .upstream
        .script([Step::served_by("org/gemini pro", "Pro"), text("Hi"), Step::finish()]);
    ANYONE.say(&gateway, "Hi").await;
    assert_eq!(&*gateway.upstream.calls.lock().unwrap()[0].model, "org/gemini pro");
    let reply = gateway
        .send("POST", "/chat", r#"{"message":"Hi","model":"flash"}"#)
        .await;
    assert_eq!(reply.header("x-gateway-requested-model"), Some("flash"));
    assert_eq!(ANYONE.status(&gateway).await["model_name"], "gemini-flash");
    // Another conversation has not been answered by anybody.
    assert_eq!(caller(KEY, "b").status(&gateway).await["model_name"], "org/gemini pro");
}

#[tokio::test]
async fn every_error_is_one_text_with_a_status_that_scripts_know() {
    let gateway = with_two_keys().env("MAX_BODY_BYTES", "2000").start().await;
    let large = format!(r#"{{"message":"{}"}}"#, "x".repeat(2_000));
    /// Method, path, headers and body; status and a word of the error.
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let rows: &[Row<'_>] = &[
        ("POST", "/chat", &[], "{}", 401, "API key"),
        ("POST", "/reset", &[], "", 401, "API key"),
        ("GET", "/status", &[], "", 401, "API key"),
        ("POST", "/chat", &[("x-api-key", "wrong")], "{}", 401, "API key"),
        ("POST", "/chat", &[("x-api-key", KEY)], "", 400, "empty"),
        ("POST", "/chat", &[("x-api-key", KEY)], "[1]", 400, "JSON object"),
        ("POST", "/chat", &[("x-api-key", KEY)], "{}", 400, "'message'"),
        (
            "POST",
            "/chat",
            &[("x-api-key", KEY)],
            r#"{"message":1}"#,
            400,
            "'message'",
        ),
        (
            "POST",
            "/chat",
            &[("x-api-key", KEY)],
            r#"{"message":"m","max_tokens":0}"#,
            400,
            "'max_tokens'",
        ),
        (
            "POST",
            "/chat",
            &[("x-api-key", KEY)],
            r#"{"message":"m","temperature":3}"#,
            400,
            "'temperature'",
        ),
        (
            "POST",
            "/chat",
            &[("x-api-key", KEY)],
            r#"{"message":"m","model":"x"}"#,
            400,
            "No such model",
        ),
        ("POST", "/chat", &[("x-api-key", KEY)], &large, 400, "2000 bytes"),
        (
            "POST",
            "/chat",
            &[("x-api-key", KEY), ("x-session-id", "a b")],
            r#"{"message":"m"}"#,
            400,
            "X-Session-Id",
        ),
        (
            "POST",
            "/reset",
            &[("x-api-key", KEY), ("x-session-id", "")],
            "",
            400,
            "X-Session-Id",
        ),
        (
            "GET",
            "/status",
            &[("x-api-key", KEY), ("x-session-id", "a"), ("x-session-id", "b")],
            "",
            400,
            "X-Session-Id",
        ),
        ("GET", "/chat", &[("x-api-key", KEY)], "", 405, "POST"),
        ("GET", "/reset", &[("x-api-key", KEY)], "", 405, "POST"),
    ];
    for (method, path, headers, body, status, word) in rows {
        let reply = gateway.send_with(method, path, headers, body).await;
        assert_error(&reply, *status, word);
        assert!(!reply.body.contains("wrong"), "{reply:?}");
    }
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn failures_of_the_upstream_are_of_the_500_class_and_keep_their_advice() {
    let gateway = gateway().await;
    for kind in [
        Kind::UpstreamRateLimited,
        Kind::UpstreamUsageLimit,
        Kind::UpstreamAuthExpired,
        Kind::UpstreamInterrupted,
        Kind::UpstreamModelNotFound,
    ] {
        gateway.upstream.script([Step::Fail(kind)]);
        let reply = caller(OTHER, "failing").say(&gateway, "Hi").await;
        let status = match kind {
            Kind::UpstreamInterrupted => 502,
            // The request names a model that is not there.
            Kind::UpstreamModelNotFound => 400,
            _ => 503,
        };
        assert_error(&reply, status, "As the script says");
        let may_retry = reply.header("x-should-retry").is_none();
        assert_eq!(may_retry, kind == Kind::UpstreamRateLimited, "{kind:?}");
        assert!(reply.header("x-gateway-attempts").is_some());
    }
    let none = Setup::default().env("API_KEY", "").start().await;
    let reply = none.send_with("POST", "/chat", &[], "{}").await;
    assert_error(&reply, 503, "API_KEY");
}

#[track_caller]
fn assert_error(reply: &crate::support::Reply, status: u16, word: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    let body = reply.json();
    let fields: Vec<(&String, &Value)> = body.as_object().unwrap().iter().collect();
    let [(name, Value::String(message))] = fields.as_slice() else {
        panic!("not one text: {body}");
    };
    assert_eq!(*name, "error");
    assert!(message.contains(word), "{word} in {message}");
}

#[tokio::test]
async fn a_dry_run_shows_the_conversation_and_adds_nothing() {
    // The scripted upstream cannot explain; that it is asked to is enough to see that nothing is sent.
    let gateway = gateway().await;
    ANYONE.say(&gateway, "Hi").await;
    let headers = [("x-api-key", KEY), ("x-gateway-dry-run", "true")];
    let reply = gateway
        .send_with("POST", "/chat", &headers, r#"{"message":"Hi"}"#)
        .await;
    assert_error(&reply, 400, "explain");
    assert_eq!((gateway.upstream.call_count(), ANYONE.length(&gateway).await), (1, 1));
}

#[tokio::test]
async fn web_pages_can_read_the_length() {
    let gateway = with_two_keys().env("CORS_ORIGINS", "*").start().await;
    let headers = [("x-api-key", KEY), ("origin", "https://page.example")];
    let reply = gateway
        .send_with("POST", "/chat", &headers, r#"{"message":"Hi"}"#)
        .await;
    let exposed = reply.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("x-gateway-conversation-length"), "{exposed}");
}
