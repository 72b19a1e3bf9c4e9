//! Web pages that call the gateway from a browser.

use crate::support::{Gateway, KEY, Setup, chat};

const PREFLIGHT: [(&str, &str); 4] = [
    ("origin", "https://chat.example"),
    ("access-control-request-method", "POST"),
    (
        "access-control-request-headers",
        "authorization,content-type,x-stainless-retry-count",
    ),
    ("access-control-request-private-network", "true"),
];

#[tokio::test]
async fn closed_unless_configured() {
    let gateway = Gateway::start().await;
    let preflight = gateway
        .send_with("OPTIONS", "/v1/chat/completions", &PREFLIGHT, "")
        .await;
    assert_eq!(preflight.status, 204);
    let actual = gateway.send_with("GET", "/livez", &PREFLIGHT[..1], "").await;
    for reply in [preflight, actual] {
        let cors = reply
            .headers
            .iter()
            .find(|(name, _)| name.starts_with("access-control"));
        assert_eq!(cors, None);
    }
}

#[tokio::test]
async fn a_preflight_needs_no_key_and_gets_its_headers_back() {
    for (origins, allowed) in [
        ("*", "*"),
        ("https://chat.example, http://localhost:3000", "https://chat.example"),
    ] {
        let gateway = Setup::default().env("CORS_ORIGINS", origins).start().await;
        let reply = gateway
            .send_with("OPTIONS", "/v1/chat/completions", &PREFLIGHT, "")
            .await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("access-control-allow-origin"), Some(allowed));
        assert_eq!(reply.header("access-control-allow-headers"), Some(PREFLIGHT[2].1));
        assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
        assert_eq!(reply.header("access-control-allow-private-network"), Some("true"));
        assert!(reply.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn refusals_and_streams_can_be_read_by_the_page() {
    let gateway = Setup::default().env("CORS_ORIGINS", "*").start().await;
    let origin = PREFLIGHT[0];
    let key = format!("Bearer {KEY}");
    let path = "/v1/chat/completions";
    let replies = [
        gateway.send_with("POST", path, &[origin], &chat("")).await,
        gateway
            .send_with("POST", path, &[origin, ("authorization", &key)], "{")
            .await,
        gateway
            .send_with(
                "POST",
                path,
                &[("origin", "null"), ("authorization", &key)],
                &chat(r#","stream":true"#),
            )
            .await,
    ];
    assert_eq!(replies.each_ref().map(|reply| reply.status), [401, 400, 200]);
    for reply in replies {
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{reply:?}");
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(
            exposed.contains("x-request-id") && exposed.contains("retry-after"),
            "{exposed}"
        );
    }
}

#[tokio::test]
async fn another_origin_gets_no_permission() {
    let gateway = Setup::default()
        .env("CORS_ORIGINS", "https://other.example")
        .start()
        .await;
    let reply = gateway
        .send_with("OPTIONS", "/v1/chat/completions", &PREFLIGHT, "")
        .await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
}
