//! Who gets in, and what a refusal says.

use crate::support::{Gateway, KEY, Logs, Setup, chat, eventually};
use gemini_gateway::config::LogFormat;

const HF: &str = "hf_0123456789abcdef";
const SECOND: &str = "second-key-9876543210";

async fn gateway() -> Gateway {
    Setup::default()
        .env("API_KEY", &format!("{KEY}, {SECOND}"))
        .env("HF_TOKEN", HF)
        .start()
        .await
}

#[tokio::test]
async fn every_place_a_key_may_be_in_opens_the_door() {
    let gateway = gateway().await;
    let bearer = |key: &str| format!("Bearer {key}");
    let rows: &[&[(&str, &str)]] = &[
        &[("authorization", &bearer(KEY))],
        &[("authorization", &bearer(SECOND))],
        &[("authorization", &bearer(HF))],
        &[("authorization", &format!("bEARER   {KEY} "))],
        &[("x-api-key", KEY)],
        &[("x-goog-api-key", KEY)],
        &[("api-key", HF)],
        &[("authorization", &bearer("hf_for_the_edge")), ("x-api-key", KEY)],
        &[("authorization", &bearer("wrong")), ("authorization", &bearer(KEY))],
        &[("x-api-key", "wrong"), ("x-api-key", SECOND)],
        &[
            ("authorization", &bearer(KEY)),
            ("x-hf-authorization", &bearer("hf_edge")),
        ],
        &[("authorization", "Basic abc"), ("authorization", &bearer(HF))],
    ];
    for row in rows {
        let reply = gateway.send_with("GET", "/v1/models", row, "").await;
        assert_eq!(reply.status, 200, "{row:?}: {reply:?}");
    }
}

#[tokio::test]
async fn everything_else_stays_outside() {
    let gateway = gateway().await;
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("x-api-key", "wrong"), 16)
        .chain([("x-api-key", KEY)])
        .collect();
    let rows: &[&[(&str, &str)]] = &[
        &[],
        &[("authorization", "Bearer wrong")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer")],
        &[("authorization", KEY)],
        &[("authorization", &format!("Basic {KEY}"))],
        &[("authorization", &format!("Bearer {}", &KEY[..KEY.len() - 1]))],
        &[("authorization", &format!("Bearer {KEY}x"))],
        &[("authorization", &format!("Bearer {KEY}, {SECOND}"))],
        &[("x-hf-authorization", &format!("Bearer {HF}"))],
        &[("cookie", &format!("key={KEY}"))],
        &[("proxy-authorization", &format!("Bearer {KEY}"))],
        &many,
    ];
    for row in rows {
        let reply = gateway.send_with("POST", "/v1/chat/completions", row, &chat("")).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "invalid_api_key"),
            "{row:?}"
        );
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert!(reply.header("x-request-id").is_some());
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("Incorrect API key provided"), "{message}");
        assert!(
            !reply.body.contains("wrong") && !reply.body.contains(KEY),
            "{}",
            reply.body
        );
    }
    let by_query = gateway
        .send_with("GET", &format!("/v1/models?key={KEY}"), &[], "")
        .await;
    assert_eq!(by_query.status, 401);
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn only_the_short_list_is_open() {
    let gateway = gateway().await;
    for path in ["/", "/livez", "/health", "//livez/"] {
        assert_eq!(gateway.send_with("GET", path, &[], "").await.status, 200, "{path}");
    }
    for path in ["/metrics", "/v1/models", "/v1/models/gemini-flash", "/nowhere", "/v1"] {
        assert_eq!(gateway.send_with("GET", path, &[], "").await.status, 401, "{path}");
    }
    let options = gateway.send_with("OPTIONS", "/v1/chat/completions", &[], "").await;
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
}

#[tokio::test]
async fn without_a_key_nothing_is_served_but_liveness_and_the_page() {
    let gateway = Setup::default().env("API_KEY", "").start().await;
    let chat = gateway
        .send_with(
            "POST",
            "/v1/chat/completions",
            &[("authorization", "Bearer ")],
            &chat(""),
        )
        .await;
    assert_eq!((chat.status, chat.code().as_str()), (503, "no_client_key"));
    assert!(chat.body.contains("API_KEY"));
    assert_eq!(gateway.send_with("GET", "/metrics", &[], "").await.status, 503);
    assert_eq!(gateway.send_with("GET", "/livez", &[], "").await.status, 200);
    let page = gateway.send_with("GET", "/", &[], "").await;
    assert_eq!(
        (page.status, &page.json()["client_keys_configured"]),
        (200, &serde_json::json!(false))
    );
    let health = gateway.send_with("GET", "/health", &[], "").await;
    assert_eq!(health.status, 503);
    assert!(health.json()["reason"].as_str().unwrap().contains("API_KEY"));
}

#[tokio::test]
async fn no_secret_reaches_the_log_in_either_form() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let logs = Logs::catch(format);
        let gateway = gateway().await;
        let with_all = [
            ("authorization", format!("Bearer {KEY}")),
            ("x-api-key", "wrong-but-secret".to_owned()),
            ("cookie", "session=cookie-secret".to_owned()),
            ("x-hf-authorization", "Bearer hf_edge_secret".to_owned()),
        ];
        let with_all: Vec<(&str, &str)> = with_all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = chat(r#","user":"the-prompt-is-secret""#);
        gateway
            .send_with("POST", "/v1/chat/completions?key=query-secret", &with_all, &body)
            .await;
        gateway
            .send_with(
                "POST",
                "/v1/chat/completions",
                &with_all,
                r#"{"model":"the-prompt-is-secret"#,
            )
            .await;
        gateway.send_with("GET", "/path-secret", &with_all[1..], "").await;
        eventually("three access lines", || logs.text().matches("total_ms").count() == 3).await;
        let log = logs.text();
        let secrets = [
            KEY,
            SECOND,
            HF,
            "wrong-but-secret",
            "cookie-secret",
            "hf_edge_secret",
            "the-prompt-is-secret",
            "query-secret",
            "path-secret",
        ];
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
        assert!(log.contains("api_key_1"), "{log}");
    }
}
