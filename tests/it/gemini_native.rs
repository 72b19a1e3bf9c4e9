//! Google's own wire format through the whole service.

use std::sync::Arc;

use gemini_gateway::{
    chat::{Citation, Event, FinishReason, ToolCall},
    config::LogFormat,
    error::Kind,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Connection, Gateway, KEY, Logs, Reply, Setup, Step, eventually, sse::PERMITS, text};

const WHOLE: &str = "/v1beta/models/gemini-flash:generateContent";
const EVENTS: &str = "/v1beta/models/gemini-flash:streamGenerateContent?alt=sse";
const ARRAY: &str = "/v1beta/models/gemini-flash:streamGenerateContent";

fn ask(more: Value) -> String {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

async fn post(gateway: &Gateway, path: &str, body: &str) -> Reply {
    gateway.send_with("POST", path, &[("x-goog-api-key", KEY)], body).await
}

async fn begin(gateway: &Gateway, path: &str) -> Connection {
    let mut connection = gateway.connect().await;
    connection
        .request("POST", path, &[("x-goog-api-key", KEY)], &ask(json!({})))
        .await;
    connection
}

/// The bodies of an event stream.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn part(body: &Value) -> &Value {
    &body["candidates"][0]["content"]["parts"][0]
}

fn said(bodies: &[Value]) -> String {
    bodies.iter().filter_map(|body| part(body)["text"].as_str()).collect()
}

/// The stable code of an error.
fn reason(error: &Value) -> &str {
    error["error"]["details"][0]["reason"].as_str().unwrap()
}

#[tokio::test]
async fn a_whole_answer_has_the_headers_of_every_format() {
    let gateway = Gateway::start().await;
    let reply = post(&gateway, WHOLE, &ask(json!({"generationConfig": {"temperature": 1}}))).await;
    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        reply.header("x-gateway-ignored-params"),
        Some("generationConfig.temperature")
    );
    assert_eq!(reply.header("x-gateway-requested-model"), Some("gemini-flash"));
    assert_eq!(part(&body)["text"], "Hello");
    assert_eq!(body["candidates"][0]["finishReason"], "STOP");
    assert_eq!(body["modelVersion"], "gemini-flash");
    let usage = &body["usageMetadata"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(
        count("totalTokenCount"),
        count("promptTokenCount") + count("candidatesTokenCount") + count("thoughtsTokenCount")
    );
    assert!(!gateway.upstream.calls.lock().unwrap()[0].incremental);
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn streams_come_as_events_or_as_an_array() {
    let gateway = Gateway::start().await;
    let script = || {
        let thought = Step::Say(Event::Reasoning("Hm.".to_owned()));
        [Step::served(), thought, text("Grüß"), text(" dich 🦀"), Step::finish()]
    };
    gateway.upstream.script(script());
    let stream = post(&gateway, EVENTS, &ask(json!({}))).await;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    gateway.upstream.script(script());
    let array = post(&gateway, ARRAY, &ask(json!({}))).await;
    assert_eq!(array.header("content-type"), Some("application/json"));
    for bodies in [
        events(&stream.body),
        serde_json::from_str::<Vec<Value>>(&array.body).unwrap(),
    ] {
        assert_eq!(said(&bodies), "Grüß dich 🦀");
        let last = bodies.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert!(last["usageMetadata"]["promptTokenCount"].as_u64() > Some(0));
        assert_eq!(
            bodies.iter().filter(|body| body.get("usageMetadata").is_some()).count(),
            1
        );
        assert!(bodies.iter().all(|body| body["responseId"] == bodies[0]["responseId"]));
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn thoughts_calls_and_sources_have_their_places() {
    let gateway = Gateway::start().await;
    let script = || {
        [
            Step::Say(Event::Reasoning("Hm.".to_owned())),
            text("Look:"),
            Step::Say(Event::Citation(Citation {
                url: "https://example.com/".to_owned(),
                title: "Example".to_owned(),
                passage: None,
            })),
            Step::Say(Event::ToolCall(ToolCall {
                id: "call_1".to_owned(),
                name: "f".to_owned(),
                arguments: "{\n\"days\": 2}".to_owned(),
            })),
            Step::Say(Event::Finished(FinishReason::ToolCalls)),
        ]
    };
    let body = ask(json!({
        "generationConfig": {"thinkingConfig": {"includeThoughts": true}},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    }));
    gateway.upstream.script(script());
    let whole = post(&gateway, WHOLE, &body).await.json();
    let call = json!({"functionCall": {"id": "call_1", "name": "f", "args": {"days": 2}}});
    let expected = json!([{"text": "Hm.", "thought": true}, {"text": "Look:"}, call]);
    assert_eq!(whole["candidates"][0]["content"]["parts"], expected);
    let source = json!({"web": {"uri": "https://example.com/", "title": "Example"}});
    assert_eq!(
        whole["candidates"][0]["groundingMetadata"]["groundingChunks"],
        json!([source])
    );
    gateway.upstream.script(script());
    let stream = events(&post(&gateway, EVENTS, &body).await.body);
    let parts: Vec<&Value> = stream.iter().map(part).collect();
    assert_eq!(parts, [&expected[0], &expected[1], &call, &json!({"text": ""})]);
    assert_eq!(
        stream[3]["candidates"][0]["groundingMetadata"]["groundingChunks"],
        json!([source])
    );
}

#[tokio::test]
async fn functions_and_documents_are_emulated_however_the_answer_goes_out() {
    let gateway = Gateway::start().await;
    let said = |body: &Reply, path: &str| -> Vec<Value> {
        let bodies = match path {
            EVENTS => events(&body.body),
            ARRAY => serde_json::from_str(&body.body).unwrap(),
            _ => vec![body.json()],
        };
        let parts = bodies
            .iter()
            .flat_map(|body| body["candidates"][0]["content"]["parts"].as_array().unwrap().clone());
        parts.filter(|part| part["text"] != "").collect()
    };
    let tools = ask(json!({"tools": [{"functionDeclarations": [{
        "name": "f", "parameters": {"type": "OBJECT", "properties": {"days": {"type": "INTEGER"}}},
    }]}]}));
    let schema = ask(json!({"generationConfig": {"responseSchema": {"type": "ARRAY", "items": {"type": "INTEGER"}}}}));
    for path in [WHOLE, EVENTS, ARRAY] {
        let call = "```tool_call\n{\"name\":\"f\",\"arguments\":{\"days\":\"2\"}}\n```";
        gateway.upstream.script([text(call), Step::finish()]);
        let reply = post(&gateway, path, &tools).await;
        let parts = said(&reply, path);
        let call = &parts[0]["functionCall"];
        assert_eq!(
            (parts.len(), &call["name"], &call["args"]),
            (1, &json!("f"), &json!({"days": 2})),
            "{path}"
        );
        assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()));
        gateway
            .upstream
            .script([text("Here:\n```json\n[1, 2]\n```"), Step::finish()]);
        let reply = post(&gateway, path, &schema).await;
        let document: String = said(&reply, path)
            .iter()
            .map(|part| part["text"].as_str().unwrap())
            .collect();
        assert_eq!(document, "[1, 2]", "{path}");
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn what_is_asked_reaches_the_upstream() {
    let gateway = Setup::default()
        .env("MODEL_ALIASES", "gemini-2.5-flash=flash")
        .start()
        .await;
    let body = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"parts": [{"text": "Hi"}]}],
        "generationConfig": {"stopSequences": ["lo"], "maxOutputTokens": 50},
    });
    let reply = post(
        &gateway,
        "/v1beta/models/gemini-2.5-flash:generateContent",
        &body.to_string(),
    )
    .await;
    assert_eq!(part(&reply.json())["text"], "Hel");
    assert_eq!(reply.header("x-gateway-requested-model"), Some("gemini-2.5-flash"));
    let calls = gateway.upstream.calls.lock().unwrap();
    let request = &calls[0].request;
    assert_eq!((request.model.as_str(), request.messages.len()), ("gemini-flash", 2));
    assert_eq!(
        (request.stop.as_slice(), request.max_tokens),
        (["lo".to_owned()].as_slice(), Some(50))
    );
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let gateway = Gateway::start().await;
    let path = "/v1beta/models/gemini-flash:countTokens";
    let plain = post(&gateway, path, &ask(json!({}))).await;
    let tokens = plain.json()["totalTokens"].as_u64().unwrap();
    assert_eq!((plain.status, tokens > 0), (200, true));
    let inner = json!({
        "model": "models/gemini-flash",
        "contents": [{"parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "A long instruction for the model."}]},
    });
    let wrapped = post(&gateway, path, &json!({"generateContentRequest": inner}).to_string()).await;
    assert!(wrapped.json()["totalTokens"].as_u64().unwrap() > tokens);
    assert_eq!(post(&gateway, path, "{}").await.status, 400);
    let unknown = post(&gateway, "/v1beta/models/nobody:countTokens", &ask(json!({}))).await;
    assert_eq!((unknown.status, reason(&unknown.json())), (404, "model_not_found"));
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn models_have_googles_shape() {
    let gateway = Gateway::start().await;
    let list = gateway.send("GET", "/v1beta/models?pageSize=50", "").await.json();
    let names: Vec<_> = list["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["models/gemini-flash", "models/org/gemini pro"]);
    assert!(list.get("nextPageToken").is_none());
    for path in ["/v1beta/models/gemini-flash", "/v1beta/models/flash"] {
        let model = gateway.send("GET", path, "").await.json();
        assert_eq!(model["name"], "models/gemini-flash", "{path}");
        assert_eq!(
            model["supportedGenerationMethods"],
            json!(["generateContent", "countTokens"])
        );
    }
    let unknown = gateway.send("GET", "/v1beta/models/nobody", "").await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["status"]),
        (404, &json!("NOT_FOUND"))
    );
    // The other formats' list is what it was.
    assert_eq!(gateway.send("GET", "/v1/models", "").await.json()["object"], "list");
}

#[tokio::test]
async fn googles_own_client_says_so_below_the_usual_prefix() {
    let gateway = Gateway::start().await;
    let own = [("x-goog-api-key", KEY), ("x-goog-api-client", "google-genai-sdk/3.4.0")];
    let list = gateway.send_with("GET", "/v1/models", &own, "").await.json();
    assert_eq!(list["models"][0]["name"], "models/gemini-flash");
    let model = gateway.send_with("GET", "/v1/models/flash", &own, "").await.json();
    assert_eq!(model["name"], "models/gemini-flash");
    let nowhere = gateway.send_with("GET", "/v1/cachedContents", &own, "").await;
    assert_eq!((nowhere.status, reason(&nowhere.json())), (404, "unknown_url"));
    // The method alone is enough, and other formats' paths stay theirs.
    let reply = post(&gateway, "/v1/models/gemini-flash:generateContent", &ask(json!({}))).await;
    assert_eq!(part(&reply.json())["text"], "Hello");
    let chat = gateway.send_with("POST", "/v1/chat/completions", &own, "{}").await;
    assert_eq!(chat.code(), "missing_required_parameter");
}

#[tokio::test]
async fn every_refusal_has_googles_shape() {
    let gateway = Gateway::start().await;
    let good = ask(json!({}));
    let rows = [
        (WHOLE, "{", 400, "INVALID_ARGUMENT", "invalid_value"),
        (
            WHOLE,
            r#"{"contents":[{"role":"x"}]}"#,
            400,
            "INVALID_ARGUMENT",
            "invalid_value",
        ),
        (
            "/v1beta/models/nobody:generateContent",
            &good,
            404,
            "NOT_FOUND",
            "model_not_found",
        ),
        (
            "/v1beta/models/gemini-flash:embedContent",
            &good,
            404,
            "NOT_FOUND",
            "unknown_url",
        ),
        (
            "/v1beta/tunedModels/a:generateContent",
            &good,
            404,
            "NOT_FOUND",
            "unknown_url",
        ),
        ("/v1beta/cachedContents", &good, 404, "NOT_FOUND", "unknown_url"),
        ("/upload/v1beta/files", &good, 404, "NOT_FOUND", "unknown_url"),
        ("/v1beta/models", &good, 405, "UNIMPLEMENTED", "method_not_allowed"),
    ];
    for (path, body, status, name, code) in rows {
        let reply = post(&gateway, path, body).await;
        let error = reply.json();
        assert_eq!((reply.status, reason(&error)), (status, code), "{path}");
        assert_eq!(
            (&error["error"]["code"], &error["error"]["status"]),
            (&json!(status), &json!(name)),
            "{path}"
        );
    }
    let violation = post(&gateway, WHOLE, r#"{"contents":[{"role":"x"}]}"#).await.json();
    assert_eq!(
        violation["error"]["details"][1]["fieldViolations"][0]["field"],
        "contents[0].role"
    );
    let stranger = gateway
        .send_with("POST", WHOLE, &[("x-goog-api-key", "wrong")], &good)
        .await;
    assert_eq!(
        (stranger.status, &stranger.json()["error"]["status"]),
        (401, &json!("UNAUTHENTICATED"))
    );
    let get = gateway.send("GET", WHOLE, "").await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn a_failure_keeps_its_status_before_the_head_and_its_place_after_it() {
    let gateway = Gateway::start().await;
    for path in [WHOLE, EVENTS, ARRAY] {
        gateway.upstream.script([Step::Fail(Kind::UpstreamUsageLimit)]);
        let reply = post(&gateway, path, &ask(json!({}))).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["status"]),
            (429, &json!("RESOURCE_EXHAUSTED")),
            "{path}"
        );
    }
    let cut = || [text("Hal"), Step::Fail(Kind::UpstreamInterrupted)];
    gateway.upstream.script(cut());
    let stream = events(&post(&gateway, EVENTS, &ask(json!({}))).await.body);
    gateway.upstream.script(cut());
    let array: Vec<Value> = serde_json::from_str(&post(&gateway, ARRAY, &ask(json!({}))).await.body).unwrap();
    for bodies in [stream, array] {
        assert_eq!(said(&bodies), "Hal");
        assert_eq!(bodies.last().unwrap()["error"]["code"], 502);
        assert!(
            bodies
                .iter()
                .all(|body| body["candidates"][0].get("finishReason").is_none())
        );
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn silences_are_filled_with_what_every_reader_skips() {
    use std::time::Duration;
    for path in [EVENTS, ARRAY] {
        let gateway = Setup::default()
            .limits(|limits| {
                limits.first_event_wait = Duration::from_millis(10);
                limits.comment_after = Duration::from_millis(20);
                limits.empty_delta_after = Duration::from_millis(70);
            })
            .start()
            .await;
        let go = Arc::new(Notify::new());
        gateway
            .upstream
            .script([Step::Until(Arc::clone(&go)), text("Hello"), Step::finish()]);
        let mut connection = begin(&gateway, path).await;
        assert_eq!(connection.head().await.status, 200);
        let before = connection.chunks_until(r#"{"text":""}"#).await;
        assert!(before.starts_with('\n'), "{before:?}");
        go.notify_one();
        let mut body = before;
        while let Some(chunk) = connection.chunk().await {
            body.push_str(&chunk);
        }
        // Blank lines and data, and nothing else.
        let bodies = if path == ARRAY {
            serde_json::from_str(&body).unwrap()
        } else {
            assert!(
                body.lines().all(|line| line.is_empty() || line.starts_with("data: ")),
                "{body}"
            );
            events(&body)
        };
        assert_eq!(said(&bodies), "Hello");
    }
}

#[tokio::test]
async fn the_key_may_stand_in_the_query_of_googles_paths_alone() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let logs = Logs::catch(format);
        let gateway = Gateway::start().await;
        let body = ask(json!({}));
        let send = |path: String| {
            let (gateway, body) = (&gateway, &body);
            async move { gateway.send_with("POST", &path, &[], body).await }
        };
        let reply = send(format!("{ARRAY}?key={KEY}&alt=sse&prettyPrint=false")).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("text/event-stream"))
        );
        assert_eq!(reply.header("x-gateway-ignored-params"), Some("prettyPrint"));
        assert_eq!(send(format!("{WHOLE}?alt=json&k%65y={KEY}")).await.status, 200);
        let refused = send(format!("{WHOLE}?key=wrong-but-secret")).await;
        assert_eq!(refused.status, 401);
        assert!(!refused.body.contains("secret"));
        assert_eq!(send(format!("/v1/chat/completions?key={KEY}")).await.status, 401);
        assert_eq!(
            send(format!("/v1beta/models/a%20b:generateContent?key={KEY}&x=1"))
                .await
                .status,
            404
        );
        eventually("five access lines", || logs.text().matches("total_ms").count() == 5).await;
        let log = logs.text();
        assert!(!log.contains(KEY) && !log.contains("wrong-but-secret"), "{log}");
        assert!(log.contains("gemini-stream") && log.contains("api_key_1"), "{log}");
    }
}
