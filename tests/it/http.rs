//! Paths, methods, sizes, ids, health, page: the HTTP surface apart from chat answers.

use std::time::Duration;

use gemini_gateway::{config::LogFormat, upstream::HealthState};

use crate::support::{Connection, Gateway, KEY, Logs, Setup, chat, eventually};

const CHAT: &str = "/v1/chat/completions";

fn key() -> String {
    format!("Bearer {KEY}")
}

#[tokio::test]
async fn paths_are_read_leniently() {
    let gateway = Gateway::start().await;
    for path in [
        CHAT,
        "/chat/completions",
        "//v1//chat/completions/",
        "/v1/chat/completions?api-version=1",
    ] {
        assert_eq!(gateway.send("POST", path, &chat("")).await.status, 200, "{path}");
    }
    for path in [
        "/v1/models/gemini-flash",
        "/models/flash",
        "/v1/models/org/gemini%20pro",
        "/v1/models/org%2Fgemini%20pro",
    ] {
        let reply = gateway.send("GET", path, "").await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.json()["object"], "model");
    }
    assert_eq!(
        gateway.send("GET", "/v1/models", "").await.json()["data"][0]["id"],
        "gemini-flash"
    );
    let unknown = gateway.send("GET", "/v1/models/gpt-4o", "").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "model_not_found"));
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_json() {
    let gateway = Gateway::start().await;
    let unknown = gateway.send("GET", "/v2/chat/completions", "").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "unknown_url"));
    assert!(unknown.body.contains("/v1"));
    for (method, path, allow) in [
        ("GET", CHAT, "POST, OPTIONS"),
        ("DELETE", "/v1/models", "GET, HEAD, OPTIONS"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
    ] {
        let reply = gateway.send(method, path, "").await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (405, "method_not_allowed"),
            "{method} {path}"
        );
        assert_eq!(reply.header("allow"), Some(allow));
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let gateway = Gateway::start().await;
    for path in ["/", "/livez", "/v1/models", "/health"] {
        let mut connection = gateway.connect().await;
        connection.request("HEAD", path, &[("authorization", &key())], "").await;
        let head = connection.reply("HEAD").await;
        connection.request("GET", path, &[("authorization", &key())], "").await;
        let get = connection.reply("GET").await;
        assert_eq!(
            (head.status, head.header("content-type")),
            (200, get.header("content-type")),
            "{path}"
        );
        assert_eq!(
            head.header("content-length").unwrap().parse::<usize>().unwrap(),
            get.body.len(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_request_id_is_the_clients_if_it_is_harmless() {
    let gateway = Gateway::start().await;
    let long = "x".repeat(65);
    for (given, kept) in [
        ("abc-1.2_3", true),
        ("a b", false),
        ("<script>", false),
        ("", false),
        (long.as_str(), false),
    ] {
        let reply = gateway.send_with("GET", "/livez", &[("x-request-id", given)], "").await;
        let id = reply.header("x-request-id").unwrap();
        assert_eq!(id == given, kept, "{given:?} became {id:?}");
        assert!(kept || id.len() == 36, "{id}");
    }
}

#[tokio::test]
async fn answers_are_neither_cached_nor_sniffed() {
    let gateway = Gateway::start().await;
    for path in ["/", "/health", "/v1/models", "/nowhere"] {
        let reply = gateway.send("GET", path, "").await;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("server"), None);
    }
}

/// Sends everything before it listens, as simple clients do.
async fn upload_all(gateway: &Gateway, head: &str, bytes: usize) -> (u16, String) {
    let mut connection = gateway.connect().await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: test\r\n{head}\r\n");
    connection.write(head.as_bytes()).await;
    let piece = vec![b'x'; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len());
        connection.write(&piece[..now]).await;
        left -= now;
    }
    let reply = connection.reply("POST").await;
    (reply.status, reply.code())
}

#[tokio::test]
async fn a_refusal_is_readable_after_a_large_upload() {
    let gateway = Setup::default().env("MAX_BODY_BYTES", "1048576").start().await;
    let bytes = 3 << 20;
    let length = format!("content-length: {bytes}\r\n");
    let with_key = format!("{length}authorization: {}\r\n", key());
    assert_eq!(
        upload_all(&gateway, &with_key, bytes).await,
        (413, "request_too_large".to_owned())
    );
    assert_eq!(
        upload_all(&gateway, &length, bytes).await,
        (401, "invalid_api_key".to_owned())
    );
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn a_chunked_upload_is_bounded_too() {
    let gateway = Setup::default().env("MAX_BODY_BYTES", "1024").start().await;
    let mut connection = gateway.connect().await;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        key()
    );
    connection.write(head.as_bytes()).await;
    for _ in 0..3 {
        connection
            .write(format!("200\r\n{}\r\n", "x".repeat(512)).as_bytes())
            .await;
    }
    connection.write(b"0\r\n\r\n").await;
    assert_eq!(connection.reply("POST").await.status, 413);
    // The body was at its end, so the connection lives on.
    connection.request("GET", "/livez", &[], "").await;
    assert_eq!(connection.reply("GET").await.status, 200);
}

#[tokio::test]
async fn a_client_that_asks_first_gets_its_refusal_without_sending() {
    let gateway = Setup::default().env("MAX_BODY_BYTES", "1024").start().await;
    for (key, status) in [(String::new(), 401), (format!("authorization: {}\r\n", key()), 413)] {
        let mut connection = gateway.connect().await;
        let head =
            format!("POST {CHAT} HTTP/1.1\r\nhost: t\r\n{key}expect: 100-continue\r\ncontent-length: 99999\r\n\r\n");
        connection.write(head.as_bytes()).await;
        assert_eq!(connection.reply("POST").await.status, status);
    }
}

#[tokio::test]
async fn a_client_that_asks_first_and_may_is_told_to_go_on() {
    let gateway = Gateway::start().await;
    let mut connection = gateway.connect().await;
    let body = chat("");
    let length = body.len();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: {}\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n",
        key()
    );
    connection.write(head.as_bytes()).await;
    assert_eq!(connection.head().await.status, 100);
    connection.write(body.as_bytes()).await;
    assert_eq!(connection.reply("POST").await.status, 200);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let gateway = Setup::default()
        .limits(|limits| limits.body_idle = Duration::from_millis(50))
        .start()
        .await;
    let mut connection = gateway.connect().await;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: {}\r\ncontent-length: 100\r\n\r\n{{",
        key()
    );
    connection.write(head.as_bytes()).await;
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.code().as_str()), (408, "request_timeout"));
    assert_eq!(reply.header("x-should-retry"), None);
    assert!(connection.closes().await);
}

#[tokio::test]
async fn health_tells_state_and_cure() {
    let gateway = Gateway::start().await;
    let page = gateway.send_with("GET", "/", &[("accept", "text/html")], "").await;
    assert!(page.body.contains("New cookies, when the session ends") && !page.body.contains("<details open>"));
    let ready = gateway.send_with("GET", "/health", &[], "").await;
    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (200, &serde_json::json!("ready"))
    );
    let upstream = &ready.json()["upstreams"][0];
    assert_eq!(upstream["name"], "scripted");
    assert_eq!(upstream["details"]["rotation"], "renewed 10 s ago");

    *gateway.upstream.health.lock().unwrap() = (HealthState::Starting, None);
    let starting = gateway.send_with("GET", "/health", &[], "").await;
    assert_eq!((starting.status, starting.header("retry-after")), (503, Some("1")));

    *gateway.upstream.health.lock().unwrap() = (HealthState::Failed, Some("Export <new> cookies.".to_owned()));
    let failed = gateway.send_with("GET", "/health", &[], "").await;
    assert_eq!(
        (failed.status, &failed.json()["status"]),
        (503, &serde_json::json!("failed"))
    );
    assert_eq!(failed.json()["upstreams"][0]["reason"], "Export <new> cookies.");

    let page = gateway.send_with("GET", "/", &[("accept", "text/html,*/*")], "").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(page.body.contains("Export &lt;new&gt; cookies.") && page.body.contains("/v1/chat/completions"));
    for step in [
        "private window in Firefox",
        "__Secure-1PSIDTS",
        "without logging out",
        "SECURE_1PSID<",
        "How its owner gives it cookies",
        "<details open>",
    ] {
        assert!(page.body.contains(step), "{step}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"), "{policy}");
    assert!(
        policy.contains("; script-src 'nonce-") && policy.contains("; connect-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(
        gateway.send_with("GET", "/livez", &[], "").await.body,
        r#"{"status":"alive"}"#
    );
}

/// The page as it is when it is asked for under this name.
async fn page_of(gateway: &Gateway, headers: &str) -> String {
    let mut connection = gateway.connect().await;
    let head = format!("GET / HTTP/1.1\r\naccept: text/html\r\n{headers}\r\n\r\n");
    connection.write(head.as_bytes()).await;
    connection.reply("GET").await.body
}

#[tokio::test]
async fn the_recipes_on_the_page_name_the_host_that_was_asked_or_the_public_url() {
    let private = "<details open>\n<summary>If this is a private Hugging Face Space";
    let gateway = Gateway::start().await;
    for (headers, base) in [
        ("host: gateway.example:8080", "http://gateway.example:8080/v1"),
        (
            "host: me-space.hf.space\r\nx-forwarded-proto: https",
            "https://me-space.hf.space/v1",
        ),
        ("host: \"><script>", "https://your-gateway/v1"),
    ] {
        let page = page_of(&gateway, headers).await;
        assert!(page.contains(&format!("curl -N {base}/chat/completions")), "{base}");
        assert_eq!(page.contains(private), base.contains(".hf.space"), "{base}");
        assert!(!page.contains("\"><script>"));
    }
    let gateway = Setup::default()
        .env("PUBLIC_URL", "https://public.example/gw/")
        .start()
        .await;
    let page = page_of(&gateway, "host: other.example").await;
    assert!(page.contains("base_url=\"https://public.example/gw/v1\"") && !page.contains("other.example"));
}

#[tokio::test]
async fn a_stand_in_says_so_everywhere() {
    let notice = "This is a stand-in, not Gemini.";
    let gateway = Setup::default().stand_in(notice).start().await;
    for (path, accept) in [("/", "text/html"), ("/", "application/json"), ("/health", "*/*")] {
        let reply = gateway.send_with("GET", path, &[("accept", accept)], "").await;
        assert!(reply.body.contains(notice), "{path} {accept}");
    }
    for path in ["/livez", "/nowhere", "/v1/models"] {
        assert_eq!(
            gateway.send("GET", path, "").await.header("x-gateway-stand-in"),
            Some("true")
        );
    }
    assert_eq!(
        Gateway::start()
            .await
            .send("GET", "/livez", "")
            .await
            .header("x-gateway-stand-in"),
        None
    );
}

#[tokio::test]
async fn old_and_odd_clients_are_served() {
    let gateway = Gateway::start().await;
    let mut old = Connection::open(gateway.address).await;
    old.write(b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.reply("GET").await.status, 200);
    assert!(old.closes().await);
    let mut odd = gateway.connect().await;
    odd.write(b"nonsense\r\n\r\n").await;
    assert_eq!(odd.head().await.status, 400);
}

#[tokio::test]
async fn one_access_line_a_request() {
    let logs = Logs::catch(LogFormat::Json);
    let gateway = Gateway::start().await;
    let with_id = [("authorization", key()), ("x-request-id", "my-id".to_owned())];
    let with_id: Vec<(&str, &str)> = with_id.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = gateway.send_with("POST", CHAT, &with_id, &chat("")).await;
    gateway.send("GET", "/v1/models/%1B%5B31m?secret", "").await;
    eventually("two access lines", || logs.access().len() == 2).await;
    let lines = logs.access();
    let line = &lines[0];
    for (field, value) in [
        ("request_id", "my-id"),
        ("method", "POST"),
        ("route", "chat"),
        ("key", "api_key_1"),
        ("model", "gemini-flash"),
        ("served", "gemini-flash"),
        ("outcome", "done"),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes_in"], chat("").len());
    assert_eq!(line["bytes_out"], reply.body.len());
    assert!(line["ttfb_ms"].is_u64() && line["total_ms"].is_u64(), "{line}");
    assert_eq!(
        (&lines[1]["route"], &lines[1]["outcome"]),
        (&"model".into(), &"failed".into())
    );
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let gateway = Gateway::start().await;
    gateway.send("POST", CHAT, &chat("")).await;
    gateway.send("GET", "/nowhere", "").await;
    let metrics = gateway.send("GET", "/metrics", "").await;
    assert_eq!(metrics.status, 200);
    for line in [
        "gemini_gateway_requests_total{route=\"chat\",status=\"200\"} 1",
        "gemini_gateway_requests_total{route=\"unknown\",status=\"404\"} 1",
        "gemini_gateway_outcomes_total{route=\"chat\",outcome=\"done\"} 1",
        "gemini_gateway_generations_in_flight 0",
        "gemini_gateway_first_output_seconds_count 1",
    ] {
        assert!(metrics.body.contains(line), "{line} in {}", metrics.body);
    }
}

#[tokio::test]
async fn texts_name_the_paths_as_they_are_configured() {
    let gateway = Setup::default().env("API_PREFIX", "/gemini/v2").start().await;
    let unknown = gateway.send("GET", "/nowhere", "").await;
    assert!(
        unknown.body.contains("/gemini/v2/chat/completions") && !unknown.body.contains("/v1"),
        "{}",
        unknown.body
    );
}

#[tokio::test]
async fn an_odd_method_is_not_in_the_access_line() {
    let logs = Logs::catch(LogFormat::Json);
    let gateway = Gateway::start().await;
    assert_eq!(gateway.send("BREW", "/livez", "").await.status, 405);
    eventually("an access line", || logs.access().len() == 1).await;
    assert_eq!(logs.access()[0]["method"], "other");
}
