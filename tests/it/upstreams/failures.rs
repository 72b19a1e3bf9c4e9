//! The whole table of failures, at every place where they can strike: what the client gets, who is asked, how often, and
//! what the header and the log say.

use gemini_gateway::config::LogFormat;

use super::*;
use crate::support::{Logs, Step as Gemini, sse::events, text};

/// What comes of one.
struct Case {
    /// Where and what.
    name: &'static str,
    /// What the lab does, each time it is asked.
    answers: fn(bool) -> Vec<Step>,
    /// The code of the failure, and the status the lab said it in (or the gateway's own).
    code: &'static str,
    seen: u16,
    /// How often the lab is asked.
    asked: usize,
    /// The status for the client where nobody else is asked.
    status: u16,
    /// Whether another model is asked.
    goes_on: bool,
}

const fn case(
    name: &'static str,
    answers: fn(bool) -> Vec<Step>,
    code: &'static str,
    (seen, status): (u16, u16),
    asked: usize,
    goes_on: bool,
) -> Case {
    Case {
        name,
        answers,
        code,
        seen,
        asked,
        status,
        goes_on,
    }
}

/// A stream that ends after this, or a whole answer cut in the same way.
fn cut(streams: bool, events: &[&str], rest: &[u8]) -> Vec<Step> {
    if !streams {
        let mut steps = whole(200, "", HELLO_WHOLE);
        steps.truncate(1);
        steps.push(Step::Bytes(HELLO_WHOLE.as_bytes()[..HELLO_WHOLE.len() / 2].to_vec()));
        return steps;
    }
    let mut steps = vec![head()];
    steps.extend(events.iter().map(|data| event(data)));
    steps.push(raw(rest));
    steps
}

const MESSAGE: &str = r#"{"error":{"message":"about the-prompt","type":"x"}}"#;
const EMPTY: &str = "{}";

#[rustfmt::skip]
const BEFORE_OUTPUT: &[Case] = &[
    case("400", |_| whole(400, "", MESSAGE), "upstream_rejected_request", (400, 400), 1, false),
    case("422", |_| whole(422, "", MESSAGE), "upstream_rejected_request", (422, 400), 1, false),
    case("too long", |_| whole(400, "", r#"{"error":{"code":"context_length_exceeded","message":"m"}}"#), "context_length_exceeded", (400, 400), 1, false),
    case("401", |_| whole(401, "", MESSAGE), "upstream_credential_refused", (401, 503), 1, false),
    case("403", |_| whole(403, "", MESSAGE), "upstream_credential_refused", (403, 503), 1, false),
    case("402", |_| whole(402, "", MESSAGE), "usage_limit_reached", (402, 429), 1, true),
    case("404", |_| whole(404, "", MESSAGE), "upstream_model_not_found", (404, 404), 1, true),
    case("410", |_| whole(410, "", MESSAGE), "upstream_model_not_found", (410, 404), 1, true),
    case("408", |_| whole(408, "", EMPTY), "upstream_timeout", (408, 504), 1, true),
    case("429", |_| whole(429, "retry-after: 30\r\n", EMPTY), "rate_limit_exceeded", (429, 429), 1, true),
    case("quota", |_| whole(429, "", r#"{"error":{"code":"insufficient_quota","message":"m"}}"#), "usage_limit_reached", (429, 429), 1, true),
    case("500", |_| whole(500, "", MESSAGE), "upstream_unavailable", (500, 502), 2, true),
    case("502", |_| whole(502, "", "<html>"), "upstream_unavailable", (502, 502), 2, true),
    case("503", |_| whole(503, "", EMPTY), "upstream_unavailable", (503, 502), 2, true),
    case("503 with a wait beyond the deadline", |_| whole(503, "retry-after: 4000\r\n", EMPTY), "upstream_loading", (503, 503), 1, true),
    case("504", |_| whole(504, "", EMPTY), "upstream_timeout", (504, 504), 1, true),
    case("302", |_| whole(302, "location: http://127.0.0.1:1/\r\n", EMPTY), "upstream_protocol_changed", (302, 502), 1, true),
    case("closed before the head", |_| Vec::new(), "upstream_unreachable", (502, 502), 2, true),
    case("closed within the head", |_| vec![Step::Bytes(b"HTTP/1.1 200 OK\r\ncontent-".to_vec())], "upstream_unreachable", (502, 502), 2, true),
    case("a page", |_| vec![Step::Bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>".to_vec())], "upstream_protocol_changed", (502, 502), 1, true),
    case("no choice", |_| whole(200, "", r#"{"choices":[]}"#), "upstream_protocol_changed", (502, 502), 1, true),
    case("no JSON", |_| whole(200, "", "Hello"), "upstream_protocol_changed", (502, 502), 1, true),
    case("an error as an answer", |_| whole(200, "", r#"{"error":{"message":"about the-prompt","code":429}}"#), "rate_limit_exceeded", (429, 429), 1, true),
    case("cut after the head", |streams| cut(streams, &[], b""), "upstream_interrupted", (502, 502), 1, true),
    case("cut after the opening", |streams| cut(streams, &[ROLE], b""), "upstream_interrupted", (502, 502), 1, true),
    case("cut within the first event", |streams| cut(streams, &[ROLE], b"data: {\"choices\":[{\"delta\":{\"cont"), "upstream_interrupted", (502, 502), 1, true),
    case("cut within a character", |streams| cut(streams, &[ROLE], b"data: {\"choices\":[{\"delta\":{\"content\":\"\xc3"), "upstream_interrupted", (502, 502), 1, true),
];

#[rustfmt::skip]
const BEFORE_OUTPUT_OF_STREAMS: &[Case] = &[
    case("an error as an event", |_| streamed(&[ROLE, MESSAGE]), "upstream_unavailable", (502, 502), 2, true),
    case("an error with a status as an event", |_| streamed(&[ROLE, r#"{"error":{"message":"m","code":401}}"#]), "upstream_credential_refused", (401, 503), 1, false),
    case("an event that is no chunk", |_| streamed(&[ROLE, "Hello"]), "upstream_protocol_changed", (502, 502), 1, true),
    case("the end in good order, and nothing said", |_| streamed(&[ROLE]), "upstream_interrupted", (502, 502), 1, true),
];

/// Runs a case with and without a chain behind it, streamed or whole.
async fn run(case: &Case, streams: bool) {
    let name = format!("{}, streamed: {streams}", case.name);
    let more = if streams { r#","stream":true"# } else { "" };
    for chain in [false, true] {
        let logs = Logs::catch(LogFormat::Json);
        let lab = Lab::start().await;
        let mut setup = with(&lab);
        if chain {
            setup = setup.env("FALLBACK_CHAIN", "lab:m,gemini-flash");
        }
        let gateway = setup.start().await;
        for _ in 0..4 {
            lab.script((case.answers)(streams));
        }
        let reply = ask(&gateway, "lab:m", more).await;
        let fallen_back = chain && case.goes_on;
        let tried = format!(r#""lab:m";status={};code={}"#, case.seen, case.code);
        let mut expected = vec![tried; case.asked];
        if fallen_back {
            assert_eq!(reply.status, 200, "{name}: {}", reply.body);
            assert_eq!(reply.header("x-gateway-upstream"), Some("scripted"), "{name}");
            assert!(
                reply.body.contains("gemini-flash"),
                "{name}: the model that answered: {}",
                reply.body
            );
            expected.push(r#""gemini-flash";status=200"#.to_owned());
        } else {
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (case.status, case.code),
                "{name}: {}",
                reply.body
            );
            assert!(
                reply.body.contains("lab") && !reply.body.contains("sk-"),
                "{name}: {}",
                reply.body
            );
        }
        assert_eq!(attempts(&reply), expected.join(", "), "{name}");
        assert_eq!(lab.asked().len(), case.asked, "{name}");
        assert_eq!(gateway.upstream.call_count(), usize::from(fallen_back), "{name}");
        gateway.until_idle(8).await;
        check_log(&logs.text(), &expected, &name);
    }
}

/// One line for each attempt, with the request's id; no prompt and no credential anywhere.
fn check_log(log: &str, expected: &[String], name: &str) {
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<String> = lines
        .iter()
        .filter(|line| line["message"] == "attempt")
        .map(|line| {
            assert!(
                line["span"]["request_id"].is_string() && line["ms"].is_u64(),
                "{name}: {line}"
            );
            let code = line["code"].as_str().map(|code| format!(";code={code}"));
            format!(
                "{};status={}{}",
                line["model"],
                line["status"],
                code.unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(told, expected, "{name}: {log}");
    assert!(!log.contains("the-prompt") && !log.contains(LAB_KEY), "{name}: {log}");
}

#[tokio::test]
async fn before_the_first_event_of_a_whole_answer() {
    for case in BEFORE_OUTPUT {
        run(case, false).await;
    }
}

#[tokio::test]
async fn before_the_first_event_of_a_stream() {
    for case in BEFORE_OUTPUT.iter().chain(BEFORE_OUTPUT_OF_STREAMS) {
        run(case, true).await;
    }
}

#[tokio::test]
async fn after_the_first_event_nothing_is_asked_again() {
    let half = br#"data: {"choices":[{"delta":{"content":"lo"#;
    for (name, rest, code) in [
        ("cut between events", raw(b""), "upstream_interrupted"),
        ("cut within an event", raw(half), "upstream_interrupted"),
        (
            "cut within a character",
            raw(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xc3"),
            "upstream_interrupted",
        ),
        ("the end without a reason", end(), "upstream_interrupted"),
        (
            "an error event",
            event(r#"{"error":{"message":"m","code":500}}"#),
            "upstream_unavailable",
        ),
        ("an event that is no chunk", event("Hello"), "upstream_protocol_changed"),
    ] {
        let lab = Lab::start().await;
        let gateway = with(&lab).env("FALLBACK_CHAIN", "lab:m,gemini-flash").start().await;
        lab.script([head(), event(ROLE), event(WORD), rest]);
        let reply = ask(&gateway, "lab:m", r#","stream":true"#).await;
        assert_eq!(
            (reply.status, attempts(&reply).as_str()),
            (200, r#""lab:m";status=200"#),
            "{name}"
        );
        let events = events(&reply.body);
        let last = events.last().unwrap();
        assert_eq!(last["error"]["code"], code, "{name}: {}", reply.body);
        assert!(
            !reply.body.contains("finish_reason\":\"stop") && !reply.body.contains("[DONE]"),
            "{name}"
        );
        assert_eq!((lab.asked().len(), gateway.upstream.call_count()), (1, 0), "{name}");
    }
}

#[tokio::test]
async fn geminis_failures_go_down_the_chain_as_the_table_says() {
    use gemini_gateway::error::Kind;
    for (kind, goes_on) in [
        (Kind::UpstreamAuthExpired, true),
        (Kind::UpstreamDeviceBound, true),
        (Kind::UpstreamNotConfigured, true),
        (Kind::UpstreamUsageLimit, true),
        (Kind::UpstreamModelUnavailable, true),
        (Kind::UpstreamIpBlocked, true),
        (Kind::ModelDowngraded, true),
        (Kind::UpstreamEmptyAnswer, true),
        (Kind::UpstreamInterrupted, true),
        (Kind::UpstreamRejectedRequest, false),
        (Kind::ContextLength, false),
        (Kind::Internal, false),
    ] {
        for streams in [false, true] {
            let lab = Lab::start().await;
            let gateway = with(&lab).env("FALLBACK_CHAIN", "gemini-flash,lab:m").start().await;
            gateway.upstream.script([Gemini::served(), Gemini::Fail(kind)]);
            let more = if streams { r#","stream":true"# } else { "" };
            let reply = ask(&gateway, "gemini-flash", more).await;
            let code = kind.facts().code;
            let status = kind.facts().status.as_u16();
            let tried = format!(r#""gemini-flash";status={status};code={code}"#);
            if goes_on {
                assert_eq!(reply.status, 200, "{code}");
                assert_eq!(attempts(&reply), format!(r#"{tried}, "lab:m";status=200"#), "{code}");
                // A chat completion: what the lab says comes as it is, model included.
                assert!(
                    reply.body.contains("\"x_new\"") && !reply.body.contains("gemini-flash"),
                    "{code}: {}",
                    reply.body
                );
            } else {
                assert_eq!(
                    (reply.status, reply.code().as_str(), attempts(&reply)),
                    (status, code, tried),
                    "{code}"
                );
            }
            assert_eq!(lab.asked().len(), usize::from(goes_on), "{code}");
        }
    }
}

#[tokio::test]
async fn geminis_failures_after_a_word_stop() {
    use gemini_gateway::error::Kind;
    let lab = Lab::start().await;
    let gateway = with(&lab).env("FALLBACK_CHAIN", "gemini-flash,lab:m").start().await;
    gateway
        .upstream
        .script([Gemini::served(), text("Hel"), Gemini::Fail(Kind::UpstreamInterrupted)]);
    let reply = ask(&gateway, "gemini-flash", r#","stream":true"#).await;
    assert_eq!(
        events(&reply.body).last().unwrap()["error"]["code"],
        "upstream_interrupted"
    );
    assert!(lab.asked().is_empty());
}

#[tokio::test]
async fn a_silent_upstream_is_given_up_and_the_next_one_asked() {
    let lab = Lab::start().await;
    let gateway = with(&lab)
        .env("LAB_TIMEOUT", "1")
        .env("FALLBACK_CHAIN", "lab:m,gemini-flash")
        .start()
        .await;
    for script in [
        vec![Step::Hang],
        vec![head(), Step::Hang],
        vec![head(), event(ROLE), Step::Hang],
    ] {
        lab.script(script);
        let reply = ask(&gateway, "lab:m", r#","stream":true"#).await;
        assert_eq!(
            attempts(&reply),
            r#""lab:m";status=504;code=upstream_timeout, "gemini-flash";status=200"#
        );
    }
}

#[tokio::test]
async fn the_upstreams_words_reach_the_client_and_its_key_does_not() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    lab.script(whole(
        400,
        "",
        &format!(r#"{{"error":{{"message":"'x' is wrong; you sent {LAB_KEY}"}}}}"#),
    ));
    let reply = ask(&gateway, "lab:m", "").await;
    assert_eq!(
        reply.json()["error"]["message"],
        "The upstream lab refused this request (HTTP 400). It said: 'x' is wrong; you sent <secret>"
    );
    lab.script(whole(
        401,
        "",
        r#"{"error":{"message":"Incorrect API key provided: sk-lab***"}}"#,
    ));
    let reply = ask(&gateway, "lab:m", "").await;
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert!(
        reply.body.contains("LAB_API_KEY") && !reply.body.contains("sk-"),
        "{}",
        reply.body
    );
}
