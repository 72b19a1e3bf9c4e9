//! Anthropic's messages, streamed and whole, as its clients read them.

use std::{sync::Arc, time::Duration};

use gemini_gateway::{
    chat::{Event, FinishReason, Part, Role, ToolCall},
    error::Kind,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Gateway, KEY, Reply, Setup, Step, sse::PERMITS, text};

const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";

fn body(more: Value) -> String {
    let mut body = json!({
        "model": "gemini-flash", "max_tokens": 1000, "messages": [{"role": "user", "content": "Hi"}],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

/// One request with the key where Anthropic's clients put it.
async fn post(gateway: &Gateway, path: &str, body: &str) -> Reply {
    let headers = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    gateway.send_with("POST", path, &headers, body).await
}

async fn ask(gateway: &Gateway, more: Value) -> Reply {
    post(gateway, MESSAGES, &body(more)).await
}

/// The events of a stream; each is named as its data is. Comments are skipped, as clients do.
fn events(body: &str) -> Vec<Value> {
    let end = body
        .strip_suffix("\n\n")
        .unwrap_or_else(|| panic!("cut within an event: {body}"));
    let event = |event: &str| {
        let (name, data) = event.split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    end.split("\n\n")
        .filter(|event| !event.starts_with(':'))
        .map(event)
        .collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn thought(piece: &str) -> Step {
    Step::Say(Event::Reasoning(piece.to_owned()))
}

fn call(id: &str, arguments: &str) -> Step {
    Step::Say(Event::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments: arguments.to_owned(),
    }))
}

fn end(reason: FinishReason) -> Step {
    Step::Say(Event::Finished(reason))
}

#[tokio::test]
async fn a_whole_message() {
    let gateway = Gateway::start().await;
    let reply = ask(&gateway, json!({"temperature": 0.2, "system": "Be brief."})).await;
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-gateway-ignored-params", "temperature"),
        ("x-gateway-requested-model", "gemini-flash"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert_eq!(reply.header("request-id"), reply.header("x-request-id"));
    let message = reply.json();
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(
        (&message["type"], &message["role"], &message["model"]),
        (&json!("message"), &json!("assistant"), &json!("gemini-flash"))
    );
    assert_eq!(message["content"], json!([{"type": "text", "text": "Hello"}]));
    assert_eq!(message["stop_reason"], "end_turn");
    assert!(message["usage"]["input_tokens"].as_u64() > Some(0));
    assert!(message["usage"]["output_tokens"].as_u64() > Some(0));
    let call = &gateway.upstream.calls.lock().unwrap()[0];
    let roles: Vec<Role> = call.request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert_eq!(call.request.max_tokens, Some(1000));
}

#[tokio::test]
async fn a_stream_goes_by_the_rules() {
    let gateway = Gateway::start().await;
    gateway.upstream.script([
        Step::served(),
        thought("Hm."),
        text("Grüß"),
        text(" dich 🦀"),
        call("call_1", r#"{"city":"Köln"}"#),
        end(FinishReason::ToolCalls),
    ]);
    let reply = ask(&gateway, json!({"stream": true, "thinking": {"type": "adaptive"}})).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/event-stream"))
    );
    assert_eq!(reply.header("request-id"), reply.header("x-request-id"));
    let events = events(&reply.body);
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(types(&events), expected);
    assert!(events[0]["message"]["usage"]["input_tokens"].as_u64() > Some(0));
    assert_eq!(events[2]["delta"], json!({"type": "thinking_delta", "thinking": "Hm."}));
    assert_eq!(events[6]["delta"], json!({"type": "text_delta", "text": "Grüß"}));
    assert_eq!(events[9]["content_block"]["name"], "get_weather");
    assert_eq!(events[10]["delta"]["partial_json"], r#"{"city":"Köln"}"#);
    let finish = &events[12];
    assert_eq!(finish["delta"]["stop_reason"], "tool_use");
    assert!(
        finish["usage"]["output_tokens"].as_u64()
            > finish["usage"]["output_tokens_details"]["thinking_tokens"].as_u64()
    );
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn thoughts_are_shown_to_those_who_asked() {
    let gateway = Gateway::start().await;
    let script = || [thought("Hm."), text("Yes."), end(FinishReason::Stop)];
    for (more, shown) in [
        (json!({}), false),
        (json!({"thinking": {"type": "disabled"}}), false),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}}),
            false,
        ),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), true),
    ] {
        gateway.upstream.script(script());
        let message = ask(&gateway, more.clone()).await.json();
        let blocks = message["content"].as_array().unwrap();
        assert_eq!(blocks[0]["type"] == "thinking", shown, "{more}: {message}");
        assert_eq!(blocks.last().unwrap()["text"], "Yes.");
        assert!(!shown || !blocks[0]["signature"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_stop_sequence_that_was_met_is_told() {
    let gateway = Gateway::start().await;
    let script = || [text("one EN"), text("D two"), Step::finish()];
    let stop = json!(["STOP", "", "END"]);
    gateway.upstream.script(script());
    let message = ask(&gateway, json!({"stop_sequences": stop})).await.json();
    assert_eq!(message["content"][0]["text"], "one ");
    assert_eq!(
        (&message["stop_reason"], &message["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
    gateway.upstream.script(script());
    let reply = ask(&gateway, json!({"stop_sequences": stop, "stream": true})).await;
    let events = events(&reply.body);
    let [.., finish, _] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(finish["delta"]["stop_sequence"], "END");
}

#[tokio::test]
async fn a_limit_on_tokens_is_told() {
    let gateway = Gateway::start().await;
    gateway
        .upstream
        .script([text("one two three four five six"), Step::finish()]);
    let message = ask(&gateway, json!({"max_tokens": 2})).await.json();
    assert_eq!(message["content"][0]["text"], "one two ");
    assert_eq!(message["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn a_conversation_with_tools_reaches_the_upstream() {
    let gateway = Gateway::start().await;
    let messages = json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "gemini-gateway"},
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Köln"}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}]},
    ]);
    let tools = json!([{"name": "get_weather", "input_schema": {"type": "object"}}]);
    let reply = ask(&gateway, json!({"messages": messages, "tools": tools})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("x-gateway-ignored-params"), Some("messages.thinking"));
    let calls = gateway.upstream.calls.lock().unwrap();
    let of = |role| {
        let mut messages = calls[0].request.messages.iter();
        messages.find(|message| message.role == role).unwrap()
    };
    assert_eq!(of(Role::Assistant).tool_calls[0].arguments, r#"{"city":"Köln"}"#);
    assert_eq!(of(Role::Tool).tool_call_id.as_deref(), Some("call_1"));
    assert_eq!(of(Role::Tool).parts, [Part::Text("sunny".to_owned())]);
}

#[tokio::test]
async fn a_tool_is_called_by_means_of_the_prompt() {
    let gateway = Gateway::start().await;
    let script = || {
        let call = "```tool_call\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Köln\"}}\n```";
        [text("Let me look.\n\n"), text(call), Step::finish()]
    };
    let tools = json!([{"name": "get_weather", "input_schema": {"type": "object"}}]);
    gateway.upstream.script(script());
    let message = ask(&gateway, json!({"tools": tools})).await.json();
    let [said, call] = message["content"].as_array().unwrap().as_slice() else {
        panic!("{message}")
    };
    assert!(said["text"].as_str().unwrap().starts_with("Let me look."));
    assert_eq!(
        (&call["type"], &call["name"], &call["input"]),
        (&json!("tool_use"), &json!("get_weather"), &json!({"city": "Köln"}))
    );
    assert_eq!(message["stop_reason"], "tool_use");
    gateway.upstream.script(script());
    let reply = ask(&gateway, json!({"tools": tools, "stream": true})).await;
    let events = events(&reply.body);
    let starts = events.iter().filter(|event| event["type"] == "content_block_start");
    let blocks: Vec<&Value> = starts.map(|event| &event["content_block"]["type"]).collect();
    assert_eq!(blocks, ["text", "tool_use"]);
    let [.., finish, _] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(finish["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn failures_are_told_in_shape() {
    let gateway = Gateway::start().await;
    let no_key = gateway.send_with("POST", MESSAGES, &[], &body(json!({}))).await;
    assert_eq!(
        (no_key.status, &no_key.json()["error"]["type"]),
        (401, &json!("authentication_error"))
    );
    let cases = [
        (
            json!({"max_tokens": null}),
            400,
            "invalid_request_error",
            "missing_required_parameter",
        ),
        (
            json!({"model": "claude-opus-4-8"}),
            404,
            "not_found_error",
            "model_not_found",
        ),
        (json!({"messages": []}), 400, "invalid_request_error", "invalid_value"),
    ];
    for (more, status, kind, code) in cases {
        for path in [MESSAGES, COUNT] {
            if path == COUNT && more.get("max_tokens").is_some() {
                continue;
            }
            let reply = post(&gateway, path, &body(more.clone())).await;
            let error = reply.json();
            assert_eq!(reply.status, status, "{path} {more}");
            assert_eq!(error["type"], "error");
            assert_eq!(error["error"]["type"], kind);
            assert_eq!(error["error"]["details"]["error_code"], code);
            assert_eq!(error["request_id"].as_str(), reply.header("request-id"));
        }
    }
    let get = gateway.send("GET", MESSAGES, "").await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(get.json()["error"]["type"], "invalid_request_error");
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn an_early_failure_keeps_its_status_and_a_late_one_ends_the_stream() {
    let gateway = Gateway::start().await;
    gateway.upstream.script([Step::Fail(Kind::UpstreamRateLimited)]);
    let early = ask(&gateway, json!({"stream": true})).await;
    assert_eq!(
        (early.status, &early.json()["error"]["type"]),
        (429, &json!("rate_limit_error"))
    );
    gateway
        .upstream
        .script([text("Half an"), Step::Fail(Kind::UpstreamInterrupted)]);
    let late = ask(&gateway, json!({"stream": true})).await;
    let events = events(&late.body);
    let [.., error] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(error["error"]["details"]["error_code"], "upstream_interrupted");
    assert!(!types(&events).contains(&"message_delta") && !types(&events).contains(&"message_stop"));
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_silence_is_filled_with_pings() {
    let gateway = Setup::default()
        .limits(|limits| {
            limits.first_event_wait = Duration::from_millis(20);
            limits.comment_after = Duration::from_millis(30);
            limits.empty_delta_after = Duration::from_millis(60);
        })
        .start()
        .await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([Step::Until(Arc::clone(&sign)), text("Late"), Step::finish()]);
    let mut connection = gateway.connect().await;
    let request = body(json!({"stream": true}));
    connection
        .request("POST", MESSAGES, &[("x-api-key", KEY)], &request)
        .await;
    assert_eq!(connection.head().await.status, 200);
    let mut stream = connection.chunks_until("event: ping").await;
    sign.notify_one();
    stream += &connection.chunks_until("event: message_stop").await;
    let events = events(&stream);
    assert_eq!(types(&events)[..2], ["message_start", "ping"]);
    assert_eq!(types(&events).last(), Some(&"message_stop"));
}

#[tokio::test]
async fn tokens_are_counted_without_the_upstream() {
    let gateway = Setup::default()
        .env("MODEL_ALIASES", "claude-opus-4-8=flash")
        .start()
        .await;
    let count = async |more: Value| {
        let mut request: Value = serde_json::from_str(&body(json!({"model": "claude-opus-4-8"}))).unwrap();
        let fields = request.as_object_mut().unwrap();
        fields.remove("max_tokens");
        fields.extend(more.as_object().unwrap().clone());
        let reply = post(&gateway, COUNT, &request.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("x-gateway-requested-model"), Some("claude-opus-4-8"));
        let counted = reply.json();
        assert_eq!(counted.as_object().unwrap().len(), 1);
        counted["input_tokens"].as_u64().unwrap()
    };
    let plain = count(json!({})).await;
    assert!(plain > 0);
    assert!(count(json!({"system": "Answer in French, and be brief."})).await > plain);
    let tools =
        json!([{"name": "get_weather", "description": "The weather of a city", "input_schema": {"type": "object"}}]);
    assert!(count(json!({"tools": tools})).await > plain);
    // What a message is counted to have is what it is charged for.
    let charged = ask(&gateway, json!({})).await.json()["usage"]["input_tokens"].as_u64();
    assert_eq!(charged, Some(plain));
    assert_eq!(gateway.upstream.call_count(), 1);
}

#[tokio::test]
async fn the_path_is_found_as_clients_build_it() {
    let gateway = Gateway::start().await;
    for path in [
        "/v1/messages?beta=true",
        "/v1/v1/messages",
        "/v1//messages/",
        "/messages",
    ] {
        assert_eq!(post(&gateway, path, &body(json!({}))).await.status, 200, "{path}");
    }
    let count = post(&gateway, "/v1/messages/count_tokens?beta=true", &body(json!({}))).await;
    assert_eq!(count.status, 200);
    let other = Setup::default().env("API_PREFIX", "/llm").start().await;
    for path in ["/llm/v1/messages", "/v1/messages"] {
        assert_eq!(post(&other, path, &body(json!({}))).await.status, 200, "{path}");
    }
}
