//! Chains: who is asked after whom, who is left alone, and how long anybody waits.

use std::time::{Duration, Instant};

use super::*;
use crate::support::sse::CHAT;

#[tokio::test]
async fn a_model_that_loads_is_waited_for() {
    let lab = Lab::start().await;
    let gateway = with(&lab).env("FALLBACK_CHAIN", "lab:m,gemini-flash").start().await;
    lab.script(whole(
        503,
        "",
        r#"{"error":"Model m is currently loading","estimated_time":0.05}"#,
    ));
    lab.script(whole(
        503,
        "",
        r#"{"error":"Model m is currently loading","estimated_time":0.05}"#,
    ));
    let reply = ask(&gateway, "lab:m", "").await;
    let loading = r#""lab:m";status=503;code=upstream_loading"#;
    assert_eq!(attempts(&reply), format!(r#"{loading}, {loading}, "lab:m";status=200"#));
    for _ in 0..4 {
        lab.script(whole(
            503,
            "",
            r#"{"error":"Model m is currently loading","estimated_time":0.05}"#,
        ));
    }
    let reply = ask(&gateway, "lab:m", "").await;
    assert_eq!(
        attempts(&reply),
        format!(r#"{loading}, {loading}, {loading}, {loading}, "gemini-flash";status=200"#)
    );
}

#[tokio::test]
async fn a_model_that_cools_down_is_passed_over_while_another_is_left() {
    let lab = Lab::start().await;
    let gateway = with(&lab).env("FALLBACK_CHAIN", "lab:m,gemini-flash").start().await;
    lab.script(whole(429, "retry-after: 60\r\n", "{}"));
    let first = ask(&gateway, "lab:m", "").await;
    assert_eq!(
        attempts(&first),
        r#""lab:m";status=429;code=rate_limit_exceeded, "gemini-flash";status=200"#
    );
    let second = ask(&gateway, "lab:m", "").await;
    assert_eq!(
        attempts(&second),
        r#""lab:m";skipped;code=rate_limit_exceeded, "gemini-flash";status=200"#
    );
    assert_eq!(lab.asked().len(), 1);
    // Another model of the same upstream has done nothing, and is not in its way.
    let other = ask(&gateway, "lab:other", "").await;
    assert_eq!(attempts(&other), r#""lab:other";status=200"#);
}

#[tokio::test]
async fn what_nobody_can_answer_is_told_as_the_model_asked_for_told_it() {
    use gemini_gateway::error::Kind;
    let lab = Lab::start().await;
    let gateway = with(&lab)
        .env("FALLBACK_CHAIN", "gemini-flash,lab:m,lab:n")
        .start()
        .await;
    gateway
        .upstream
        .script([crate::support::Step::Fail(Kind::UpstreamUsageLimit)]);
    lab.script(whole(404, "", "{}"));
    lab.script(whole(410, "", "{}"));
    let reply = ask(&gateway, "gemini-flash", "").await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "usage_limit_reached"));
    assert_eq!(
        attempts(&reply),
        r#""gemini-flash";status=429;code=usage_limit_reached, "lab:m";status=404;code=upstream_model_not_found, "lab:n";status=410;code=upstream_model_not_found"#
    );
}

#[tokio::test]
async fn one_models_own_chain_goes_before_the_general_one() {
    let (lab, other) = (Lab::start().await, Lab::start().await);
    let gateway = with(&lab)
        .env("UPSTREAMS", "lab,other")
        .env("OTHER_BASE_URL", &other.url())
        .env("FALLBACK_CHAIN", "gemini-flash; lab:m=other:x; lab:alone=")
        .start()
        .await;
    for model in ["lab:m", "lab:n", "lab:alone"] {
        lab.script(whole(404, "", "{}"));
        let reply = ask(&gateway, model, "").await;
        let upstream = reply.header("x-gateway-upstream").map(str::to_owned);
        match model {
            "lab:m" => assert_eq!(upstream.as_deref(), Some("other")),
            "lab:n" => assert_eq!(upstream.as_deref(), Some("scripted")),
            _ => assert_eq!((reply.status, reply.code().as_str()), (404, "upstream_model_not_found")),
        }
    }
    let head = other.asked()[0].head.to_ascii_lowercase();
    assert!(
        !head.contains("authorization") && !head.contains(LAB_KEY),
        "no key of another upstream: {head}"
    );
}

#[tokio::test]
async fn what_only_the_upstreams_format_can_say_goes_to_those_who_speak_it() {
    let lab = Lab::start().await;
    let gateway = with(&lab).env("FALLBACK_CHAIN", "gemini-flash,lab:m").start().await;
    let reply = ask(&gateway, "gemini-flash", r#","logprobs":true,"n":2"#).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, HELLO_WHOLE));
    assert_eq!(
        attempts(&reply),
        r#""gemini-flash";skipped;code=unsupported_parameter, "lab:m";status=200"#
    );
    assert_eq!(lab.asked()[0].json()["n"], 2);
    assert_eq!(gateway.upstream.call_count(), 0);
    // What Gemini's reader has never heard of is the business of the upstream that is asked first.
    let strange = r#","stop":{"x":1}"#;
    assert_eq!(ask(&gateway, "gemini-flash", strange).await.status, 400);
    let gateway = with(&lab).env("FALLBACK_CHAIN", "lab:m,gemini-flash").start().await;
    assert_eq!(ask(&gateway, "lab:m", strange).await.status, 200);
    // Of what Gemini answers itself, what has no effect is named as ever.
    let reply = ask(&gateway, "gemini-flash", r#","temperature":0.5,"seed":1"#).await;
    assert_eq!(reply.header("x-gateway-ignored-params"), Some("temperature, seed"));
}

#[tokio::test]
async fn a_session_that_is_over_does_not_keep_a_chain_from_answering() {
    use gemini_gateway::error::Kind;
    let lab = Lab::start().await;
    let gateway = with(&lab).env("FALLBACK_CHAIN", "gemini-flash,lab:m").start().await;
    *gateway.upstream.refuses.lock().unwrap() = Some(Kind::UpstreamAuthExpired);
    gateway
        .upstream
        .script([crate::support::Step::Fail(Kind::UpstreamAuthExpired)]);
    let reply = ask(&gateway, "gemini-flash", "").await;
    assert_eq!(
        attempts(&reply),
        r#""gemini-flash";status=503;code=upstream_auth_expired, "lab:m";status=200"#
    );
}

/// So many requests at once; each gives its status and how long it took.
async fn flood(gateway: &Gateway, count: usize, model: &str) -> Vec<(u16, Duration)> {
    let (body, key) = (chat_of(model, ""), format!("Bearer {}", crate::support::KEY));
    let one = || async {
        let began = Instant::now();
        let reply = gateway.send_with("POST", CHAT, &[("authorization", &key)], &body).await;
        (reply.status, began.elapsed())
    };
    futures_util::future::join_all((0..count).map(|_| one())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_at_once_meet_one_probe_per_window() {
    const AT_ONCE: usize = 200;
    let lab = Lab::start().await;
    let gateway = with(&lab)
        .env("MAX_CONCURRENT", "300")
        .env("REQUEST_TIMEOUT", "20")
        .start()
        .await;
    let fail = |count: usize| (0..count).for_each(|_| lab.script(whole(500, "", "{}")));
    fail(3 * AT_ONCE);
    // Five failures in a row open the breaker, whoever was let in before is done by then.
    for _ in 0..5 {
        assert_eq!(ask(&gateway, "lab:m", "").await.status, 502);
    }
    let opened = Instant::now();
    let before = lab.asked().len();
    let refused = flood(&gateway, AT_ONCE, "lab:m").await;
    assert!(refused.iter().all(|(status, _)| *status == 502));
    assert_eq!(lab.asked().len(), before, "an open breaker lets nobody through");
    let mut probes = 0;
    // Past the first window, which is 5 s with a fifth of jitter, and well before the next one of 10 s.
    tokio::time::sleep_until((opened + Duration::from_millis(6_100)).into()).await;
    for _ in 0..3 {
        let replies = flood(&gateway, AT_ONCE, "lab:m").await;
        assert!(
            replies
                .iter()
                .all(|(status, took)| *status == 502 && *took < Duration::from_secs(20))
        );
        probes = lab.asked().len() - before;
    }
    assert_eq!(
        probes, 1,
        "one probe found out that it is still down; the others were not let through"
    );
    let reply = ask(&gateway, "lab:m", "").await;
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=12).contains(&wait), "{wait}");
    assert!(reply.body.contains("left alone"), "{}", reply.body);
    gateway.until_idle(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_waits_past_its_deadline() {
    let lab = Lab::start().await;
    let gateway = with(&lab)
        .env("MAX_CONCURRENT", "300")
        .env("FALLBACK_CHAIN", "lab:m,lab:n,lab:o")
        .limits(|limits| limits.request = Duration::from_millis(1_500))
        .start()
        .await;
    // Loading, with a wait that would go on beyond the deadline, and then silence.
    for number in 0..600 {
        lab.script(if number % 2 == 0 {
            whole(503, "retry-after: 1\r\n", "{}")
        } else {
            vec![Step::Hang]
        });
    }
    let replies = flood(&gateway, 200, "lab:m").await;
    for (status, took) in replies {
        // Loading, too late, or left alone after too many that were.
        assert!(matches!(status, 502..=504), "{status}");
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    gateway.until_idle(300).await;
}
