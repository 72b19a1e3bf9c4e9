//! `POST /responses`, streamed and whole, and what is not kept.

use std::{sync::Arc, time::Duration};

use gemini_gateway::{
    chat::{Event, FinishReason, Role, ToolCall, ToolChoice},
    error::Kind,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Connection, Gateway, KEY, Reply, Setup, Step, sse::PERMITS, text};

const RESPONSES: &str = "/v1/responses";

fn body(fields: &Value) -> String {
    let mut body = json!({"model": "gemini-flash", "input": "Hi"});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

async fn ask(gateway: &Gateway, fields: Value) -> Reply {
    gateway.send("POST", RESPONSES, &body(&fields)).await
}

async fn begin(gateway: &Gateway) -> Connection {
    let mut connection = gateway.connect().await;
    let key = format!("Bearer {KEY}");
    let body = body(&json!({"stream": true}));
    connection
        .request("POST", RESPONSES, &[("authorization", &key)], &body)
        .await;
    connection
}

/// The events of a stream; comments are left out.
fn events(body: &str) -> Vec<Value> {
    let blocks = body.strip_suffix("\n\n").expect("cut within an event").split("\n\n");
    let event = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    blocks.filter(|block| !block.starts_with(':')).map(event).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kind = |event| {
        let kind = Value::as_str(event).unwrap();
        kind.strip_prefix("response.").unwrap_or(kind)
    };
    events.iter().map(|event| kind(&event["type"])).collect()
}

fn deltas(events: &[Value]) -> String {
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta");
    deltas.filter_map(|event| event["delta"].as_str()).collect()
}

#[tokio::test]
async fn a_whole_answer_has_everything() {
    let gateway = Gateway::start().await;
    let thought = Step::Say(Event::Reasoning("Hm.".to_owned()));
    gateway
        .upstream
        .script([Step::served(), thought, text("Grüß dich"), Step::finish()]);
    let reply = ask(
        &gateway,
        json!({"instructions": "Be kind.", "store": true, "temperature": 1}),
    )
    .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-gateway-served-label"), Some("3.6 Flash"));
    assert_eq!(reply.header("x-gateway-ignored-params"), Some("store, temperature"));
    let body = reply.json();
    assert_eq!(
        (&body["object"], &body["status"], &body["model"]),
        (&json!("response"), &json!("completed"), &json!("gemini-flash"))
    );
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(body["instructions"], "Be kind.");
    assert_eq!(body["output"][0]["summary"][0]["text"], "Hm.");
    assert_eq!(body["output"][1]["content"][0]["text"], "Grüß dich");
    let usage = &body["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(count("total_tokens"), count("input_tokens") + count("output_tokens"));
    let calls = gateway.upstream.calls.lock().unwrap();
    let said: Vec<Role> = calls[0].request.messages.iter().map(|message| message.role).collect();
    assert_eq!((said, calls[0].incremental), (vec![Role::System, Role::User], false));
}

#[tokio::test]
async fn a_stream_goes_by_the_rules() {
    let gateway = Gateway::start().await;
    let reply = begin(&gateway).await.reply("POST").await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    let events = events(&reply.body);
    assert_eq!(
        kinds(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
    assert_eq!(deltas(&events), "Hello");
    let last = &events.last().unwrap()["response"];
    assert_eq!(
        (&last["id"], &last["status"]),
        (&events[0]["response"]["id"], &json!("completed"))
    );
    assert!(last["usage"]["total_tokens"].as_u64() > Some(1));
    assert!(!reply.body.contains("[DONE]"));
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn tools_reach_the_upstream_and_calls_the_client() {
    let gateway = Gateway::start().await;
    let call = |name: &str, arguments: &str| {
        Step::Say(Event::ToolCall(ToolCall {
            id: format!("call_{name}"),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }))
    };
    let script = || {
        [
            call("files.read", r#"{"path":"a"}"#),
            call("patch", "*** Begin"),
            Step::Say(Event::Finished(FinishReason::ToolCalls)),
        ]
    };
    let fields = |stream: bool| {
        json!({
            "stream": stream, "tool_choice": "required", "parallel_tool_calls": true,
            "tools": [
                {"type": "namespace", "name": "files", "description": "Files.",
                    "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}}]},
                {"type": "custom", "name": "patch"}],
            "input": [
                {"role": "user", "content": "Patch it."},
                {"type": "function_call", "call_id": "c", "namespace": "files", "name": "read", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "none"}],
        })
    };
    gateway.upstream.script(script());
    let whole = ask(&gateway, fields(false)).await.json();
    gateway.upstream.script(script());
    let events = events(&ask(&gateway, fields(true)).await.body);
    let streamed = &events.last().unwrap()["response"];
    for body in [&whole, streamed] {
        let [read, patch] = body["output"].as_array().unwrap().as_slice() else {
            panic!("{body}")
        };
        assert_eq!(body["status"], "completed");
        assert_eq!(
            (&read["type"], &read["namespace"], &read["name"], &read["arguments"]),
            (
                &json!("function_call"),
                &json!("files"),
                &json!("read"),
                &json!(r#"{"path":"a"}"#)
            )
        );
        assert_eq!(
            (&patch["type"], &patch["call_id"], &patch["input"]),
            (&json!("custom_tool_call"), &json!("call_patch"), &json!("*** Begin"))
        );
    }
    let calls = gateway.upstream.calls.lock().unwrap();
    let request = &calls[0].request;
    let toolbox = request.tools.as_ref().unwrap();
    assert_eq!(
        (&toolbox.choice, toolbox.parallel, toolbox.tools.len()),
        (&ToolChoice::Required, true, 2)
    );
    // What the emulation puts before the conversation is its own affair.
    let [.., called, result] = request.messages.as_slice() else {
        panic!("{request:?}")
    };
    assert_eq!(called.tool_calls[0].name, "files.read");
    assert_eq!(result.tool_call_id.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_limit_ends_an_answer_as_incomplete() {
    let gateway = Gateway::start().await;
    for stream in [false, true] {
        gateway
            .upstream
            .script([text("one two three four five"), Step::finish()]);
        let reply = ask(&gateway, json!({"max_output_tokens": 2, "stream": stream})).await;
        let body = if stream {
            let mut events = events(&reply.body);
            assert_eq!(kinds(&events).last(), Some(&"incomplete"));
            events.pop().unwrap()["response"].take()
        } else {
            reply.json()
        };
        assert_eq!(
            (
                &body["status"],
                &body["incomplete_details"]["reason"],
                &body["max_output_tokens"]
            ),
            (&json!("incomplete"), &json!("max_output_tokens"), &json!(2))
        );
        assert_eq!(body["output"][0]["status"], "incomplete");
    }
}

#[tokio::test]
async fn an_early_failure_keeps_its_status() {
    let gateway = Gateway::start().await;
    for stream in [false, true] {
        gateway
            .upstream
            .script([Step::served(), Step::Fail(Kind::UpstreamRateLimited)]);
        let reply = ask(&gateway, json!({"stream": stream})).await;
        assert_eq!((reply.status, reply.code().as_str()), (429, "rate_limit_exceeded"));
        let reply = ask(&gateway, json!({"stream": stream, "model": "gpt-4o"})).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "model_not_found"));
        let reply = ask(&gateway, json!({"stream": stream, "previous_response_id": "resp_1"})).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "previous_response_not_found")
        );
        assert_eq!(reply.json()["error"]["param"], "previous_response_id");
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_failure_after_the_head_is_never_taken_for_an_end() {
    let gateway = Gateway::start().await;
    let endings: [(Vec<Step>, &str); 2] = [
        (vec![Step::Fail(Kind::UpstreamUnavailable)], "upstream_unavailable"),
        (vec![], "upstream_interrupted"),
    ];
    for (ending, code) in endings {
        gateway
            .upstream
            .script([Step::served(), text("Half")].into_iter().chain(ending));
        let events = events(&begin(&gateway).await.reply("POST").await.body);
        let [.., error, failed] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(
            (&error["type"], &failed["type"]),
            (&json!("error"), &json!("response.failed"))
        );
        assert_eq!((&error["code"], &error["error"]["code"]), (&json!(code), &json!(code)));
        let response = &failed["response"];
        assert_eq!(
            (&response["status"], &response["error"]["code"]),
            (&json!("failed"), &json!(code))
        );
        assert_eq!(deltas(&events), "Half");
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn silence_is_filled_with_what_every_client_skips() {
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
    let mut connection = begin(&gateway).await;
    assert_eq!(connection.head().await.status, 200);
    let mut all = connection.chunks_until("response.in_progress").await;
    all.push_str(&connection.chunks_until("response.in_progress").await);
    sign.notify_one();
    all.push_str(&connection.chunks_until("response.completed").await);
    let events = events(&all);
    assert_eq!(kinds(&events)[..3], ["created", "in_progress", "in_progress"]);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    assert_eq!(deltas(&events), "Late");
}

#[tokio::test]
async fn earlier_answers_are_not_to_be_had() {
    let gateway = Gateway::start().await;
    for (method, path) in [
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/responses/resp_1/input_items"),
    ] {
        let reply = gateway.send(method, path, "").await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "response_not_found"),
            "{method} {path}"
        );
    }
    let reply = gateway.send("GET", RESPONSES, "").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")));
    let reply = gateway.send_with("GET", "/v1/responses/resp_1", &[], "").await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "invalid_api_key"));
}

#[tokio::test]
async fn items_of_earlier_answers_may_be_referred_to_unless_store_is_false() {
    let gateway = Gateway::start().await;
    for (stream, store) in [
        (false, None),
        (true, None),
        (false, Some(true)),
        (false, Some(false)),
        (true, Some(false)),
    ] {
        let call = Step::Say(Event::ToolCall(ToolCall {
            id: "call_1".to_owned(),
            name: "patch".to_owned(),
            arguments: "free \"text\"".to_owned(),
        }));
        let end = Step::Say(Event::Finished(FinishReason::ToolCalls));
        gateway.upstream.script([text("Grüß \"dich\"\n"), call, end]);
        let tools = json!([{"type": "custom", "name": "patch"}]);
        let reply = ask(&gateway, json!({"stream": stream, "store": store, "tools": tools})).await;
        let answer = if stream {
            events(&reply.body).pop().unwrap()["response"].take()
        } else {
            reply.json()
        };
        let [message, call] = answer["output"].as_array().unwrap().as_slice() else {
            panic!("{answer}")
        };
        let reply = ask(
            &gateway,
            json!({"input": [
                {"role": "user", "content": "Hi"}, {"type": "item_reference", "id": message["id"]}, {"id": call["id"]},
                {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"}]}),
        )
        .await;
        if store == Some(false) {
            assert_eq!(
                (reply.status, &reply.json()["error"]["param"]),
                (400, &json!("input[1].id"))
            );
            continue;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        let calls = gateway.upstream.calls.lock().unwrap();
        let said = &calls.last().unwrap().request.messages[1];
        assert_eq!(said.parts[0].as_text(), Some("Grüß \"dich\"\n"));
        assert_eq!(said.tool_calls[0].arguments, "free \"text\"");
    }
}
