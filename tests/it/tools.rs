//! Calls of a client's tools, as the client sees them.

use std::time::Duration;

use gemini_gateway::{
    chat::{Event, FinishReason},
    error::Kind,
};
use serde_json::{Value, json};

use crate::support::{
    Gateway, Step,
    sse::{CHAT, PERMITS, content, delta, events},
    text,
};

mod conversation;

/// A tool with one required text and one number.
pub(crate) fn weather() -> Value {
    json!({"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": {
        "type": "object", "required": ["city"], "additionalProperties": false,
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    }}})
}

/// A block that calls it.
pub(crate) fn call(arguments: &str) -> String {
    format!("```tool_call\n{{\"name\":\"weather\",\"arguments\":{arguments}}}\n```\n")
}

fn request(more: Value) -> Value {
    let mut body = json!({
        "model": "gemini-flash", "tools": [weather()],
        "messages": [{"role": "user", "content": "How is the weather?"}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// An answer of these pieces.
fn says(gateway: &Gateway, pieces: &[&str]) {
    let pieces = pieces.iter().map(|piece| text(piece));
    gateway
        .upstream
        .script([Step::served()].into_iter().chain(pieces).chain([Step::finish()]));
}

async fn ask(gateway: &Gateway, more: Value) -> Value {
    let reply = gateway.send("POST", CHAT, &request(more).to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// What stands in a whole answer: content, names and arguments of the calls, finish reason.
fn summary(answer: &Value) -> (Value, Vec<(String, String)>, String) {
    let choice = &answer["choices"][0];
    let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| {
        assert_eq!(call["type"], "function");
        assert!(call["id"].as_str().unwrap().starts_with("call_"));
        let function = &call["function"];
        (
            function["name"].as_str().unwrap().to_owned(),
            function["arguments"].as_str().unwrap().to_owned(),
        )
    });
    (
        choice["message"]["content"].clone(),
        calls.collect(),
        choice["finish_reason"].as_str().unwrap().to_owned(),
    )
}

fn weather_call(arguments: &str) -> (String, String) {
    ("weather".to_owned(), arguments.to_owned())
}

#[tokio::test]
async fn a_whole_answer_with_calls() {
    let gateway = Gateway::start().await;
    says(
        &gateway,
        &[&format!(
            "Let me look.\n{}{}",
            call(r#"{"city":"Köln","days":"2"}"#),
            call(r#"{"city":"Bonn"}"#)
        )],
    );
    let reply = gateway.send("POST", CHAT, &request(json!({})).to_string()).await;
    assert_eq!(reply.header("x-gateway-emulated"), Some("tools"));
    assert_eq!(reply.header("x-gateway-repaired"), None);
    assert_eq!(reply.header("x-gateway-ignored-params"), None);
    let answer = reply.json();
    assert_eq!(
        summary(&answer),
        (
            json!("Let me look.\n"),
            vec![
                weather_call(r#"{"city":"Köln","days":2}"#),
                weather_call(r#"{"city":"Bonn"}"#)
            ],
            "tool_calls".to_owned()
        )
    );
    let calls = &answer["choices"][0]["message"]["tool_calls"];
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    says(&gateway, &[&call(r#"{"city":"Köln"}"#)]);
    let (content, calls, _) = summary(&ask(&gateway, json!({})).await);
    assert_eq!((content, calls.len()), (Value::Null, 1));
    assert_eq!(gateway.upstream.call_count(), 2);
}

#[tokio::test]
async fn a_stream_gives_each_call_once_in_chunks_of_its_own() {
    let gateway = Gateway::start().await;
    let all = format!(
        "So:\n```sh\nls\n```\n{}{}",
        call(r#"{"city":"Köln"}"#),
        call(r#"{"city":"Bonn"}"#)
    );
    let pieces: Vec<String> = all.chars().map(String::from).collect();
    says(&gateway, &pieces.iter().map(String::as_str).collect::<Vec<_>>());
    let body = request(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let reply = gateway.send("POST", CHAT, &body.to_string()).await;
    assert_eq!(reply.header("x-gateway-emulated"), Some("tools"));
    let events = events(&reply.body);
    assert_eq!(content(&events), "So:\n```sh\nls\n```\n");
    let deltas: Vec<&Value> = events.iter().map(|event| &delta(event)["tool_calls"]).collect();
    let deltas: Vec<&Value> = deltas.into_iter().filter(|calls| !calls.is_null()).collect();
    assert_eq!(deltas.len(), 4);
    for (index, pair) in deltas.chunks(2).enumerate() {
        let [begin, rest] = pair else { panic!("{pair:?}") };
        assert_eq!(
            (begin.as_array().unwrap().len(), rest.as_array().unwrap().len()),
            (1, 1)
        );
        assert!(begin[0]["id"].is_string());
        assert_eq!(begin[0]["function"], json!({"name": "weather", "arguments": ""}));
        assert_eq!(
            (&begin[0]["index"], &begin[0]["type"]),
            (&json!(index), &json!("function"))
        );
        let city = ["Köln", "Bonn"][index];
        assert_eq!(
            rest[0],
            json!({"index": index, "function": {"arguments": format!("{{\"city\":\"{city}\"}}")}})
        );
    }
    let [.., finish, usage, done] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert!(usage["usage"]["completion_tokens"].as_u64() > Some(10));
    assert_eq!(done, "data: [DONE]");
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn text_that_is_no_call_streams_as_it_comes() {
    let gateway = Gateway::start().await;
    let sign = std::sync::Arc::new(tokio::sync::Notify::new());
    gateway.upstream.script([
        Step::served(),
        text("Look: {\"name\":\"weather\"}\n```json\n{\"a\":1}\n```\n``"),
        Step::Until(std::sync::Arc::clone(&sign)),
        text("`tool_call_x\n"),
        Step::finish(),
    ]);
    let mut connection = gateway.connect().await;
    let body = request(json!({"stream": true})).to_string();
    let key = format!("Bearer {}", crate::support::KEY);
    connection
        .request("POST", CHAT, &[("authorization", &key)], &body)
        .await;
    connection.head().await;
    let early = connection.chunks_until("```\\n\"").await;
    assert_eq!(
        content(&events(&early)),
        "Look: {\"name\":\"weather\"}\n```json\n{\"a\":1}\n```\n"
    );
    sign.notify_one();
    let late = connection.chunks_until("[DONE]").await;
    assert_eq!(content(&events(&late)), "```tool_call_x\n");
    assert!(late.contains("\"finish_reason\":\"stop\""));
}

#[tokio::test]
async fn a_faulty_call_costs_one_further_turn_that_nobody_sees() {
    let gateway = Gateway::start().await;
    for stream in [false, true] {
        says(&gateway, &["Let me look.\n", &call(r#"{"city":5}"#)]);
        says(&gateway, &["Sorry!\n", &call(r#"{"city":"Köln"}"#)]);
        let before = gateway.upstream.call_count();
        let reply = gateway
            .send("POST", CHAT, &request(json!({"stream": stream})).to_string())
            .await;
        assert_eq!(reply.status, 200);
        assert_eq!(gateway.upstream.call_count() - before, 2);
        if stream {
            let events = events(&reply.body);
            assert_eq!(content(&events), "Let me look.\n");
            assert!(reply.body.contains("K\u{f6}ln") && reply.body.contains("\"finish_reason\":\"tool_calls\""));
            assert!(reply.body.contains(": repaired 1"));
        } else {
            assert_eq!(reply.header("x-gateway-repaired"), Some("1"));
            let (said, calls, finish) = summary(&reply.json());
            assert_eq!((said, finish.as_str()), (json!("Let me look.\n"), "tool_calls"));
            assert_eq!(calls, [weather_call(r#"{"city":"Köln"}"#)]);
        }
    }
    let calls = gateway.upstream.calls.lock().unwrap();
    let [.., said, complaint] = calls[1].request.messages.as_slice() else {
        panic!()
    };
    assert!(said.parts[0].as_text().unwrap().contains(r#""city":5"#));
    let complaint = complaint.parts[0].as_text().unwrap();
    assert!(
        complaint.contains("5 is not of type \"string\" at /city"),
        "{complaint}"
    );
}

#[tokio::test]
async fn what_cannot_be_repaired_is_text_byte_for_byte() {
    let gateway = Gateway::start().await;
    let faulty = format!("Let me look.\n{}Done.", call(r#"{"town":"Köln"}"#));
    for second in [call("{}"), "No.".to_owned(), String::new()] {
        says(&gateway, &[&faulty]);
        says(&gateway, &[&second]);
        let answer = ask(&gateway, json!({})).await;
        assert_eq!(summary(&answer), (json!(faulty), Vec::new(), "stop".to_owned()));
    }
    // Nor does the answer go under with a second turn that fails.
    says(&gateway, &[&faulty]);
    gateway.upstream.script([Step::Fail(Kind::UpstreamRateLimited)]);
    let answer = ask(&gateway, json!({})).await;
    assert_eq!(summary(&answer), (json!(faulty), Vec::new(), "stop".to_owned()));
    assert_eq!(gateway.upstream.call_count(), 8);
}

#[tokio::test]
async fn a_call_that_must_come_is_asked_for_twice_and_no_more() {
    let gateway = Gateway::start().await;
    let named = json!({"type": "function", "function": {"name": "weather"}});
    for choice in [json!("required"), named] {
        let more = json!({"tool_choice": choice});
        says(&gateway, &["It is sunny."]);
        says(&gateway, &[&call(r#"{"city":"Köln"}"#)]);
        let (said, calls, finish) = summary(&ask(&gateway, more.clone()).await);
        assert_eq!((said, calls.len(), finish.as_str()), (Value::Null, 1, "tool_calls"));
        says(&gateway, &["It is sunny."]);
        says(&gateway, &["It really is."]);
        let answer = ask(&gateway, more).await;
        assert_eq!(summary(&answer), (json!("It is sunny."), Vec::new(), "stop".to_owned()));
    }
    assert_eq!(gateway.upstream.call_count(), 8);
}

#[tokio::test]
async fn what_may_not_be_called_is_not() {
    let gateway = Gateway::start().await;
    let other = json!({"type": "function", "function": {"name": "time"}});
    let said = call(r#"{"city":"Köln"}"#);
    // Nobody reads for calls.
    says(&gateway, &[&said]);
    let answer = ask(&gateway, json!({"tool_choice": "none"})).await;
    assert_eq!(summary(&answer), (json!(said), Vec::new(), "stop".to_owned()));
    let calls = gateway.upstream.calls.lock().unwrap().clone();
    assert_eq!((calls[0].request.messages.len(), &calls[0].request.tools), (1, &None));
    // Another than the one that was named.
    for choice in [
        other.clone(),
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [other]}}),
    ] {
        says(&gateway, &[&said]);
        says(&gateway, &[&said]);
        let answer = ask(&gateway, json!({"tools": [weather(), other], "tool_choice": choice})).await;
        assert_eq!(summary(&answer), (json!(said), Vec::new(), "stop".to_owned()));
    }
    assert_eq!(gateway.upstream.call_count(), 5);
}

#[tokio::test]
async fn of_several_calls_one_is_kept_where_one_is_wanted() {
    let gateway = Gateway::start().await;
    says(&gateway, &[&call(r#"{"city":"Köln"}"#), &call(r#"{"city":"Bonn"}"#)]);
    let answer = ask(&gateway, json!({"parallel_tool_calls": false})).await;
    assert_eq!(summary(&answer).1, [weather_call(r#"{"city":"Köln"}"#)]);
}

#[tokio::test]
async fn limits_act_on_text_and_leave_calls_whole() {
    let gateway = Gateway::start().await;
    let answer = format!("one END two\n{}", call(r#"{"city":"END"}"#));
    says(&gateway, &[&answer]);
    let cut = ask(&gateway, json!({"stop": "END"})).await;
    assert_eq!(summary(&cut), (json!("one "), Vec::new(), "stop".to_owned()));
    says(&gateway, &[&answer]);
    let cut = ask(&gateway, json!({"max_tokens": 2})).await;
    assert_eq!((summary(&cut).1, summary(&cut).2), (Vec::new(), "length".to_owned()));
    says(&gateway, &[&call(r#"{"city":"END"}"#)]);
    let whole = ask(&gateway, json!({"stop": ["END", "```"], "max_tokens": 1})).await;
    assert_eq!(
        summary(&whole),
        (
            Value::Null,
            vec![weather_call(r#"{"city":"END"}"#)],
            "tool_calls".to_owned()
        )
    );
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_cut_answer_is_not_repaired_and_no_call_is_made_up() {
    let gateway = Gateway::start().await;
    // All it lacks are brackets; but who knows what else there was to come.
    let half = "```tool_call\n{\"name\":\"weather\",\"arguments\":{\"city\":\"K\"";
    let finish = |reason| Step::Say(Event::Finished(reason));
    for (reason, word) in [
        (FinishReason::Length, "length"),
        (FinishReason::ContentFilter, "content_filter"),
    ] {
        gateway.upstream.script([Step::served(), text(half), finish(reason)]);
        let answer = ask(&gateway, json!({"tool_choice": "required"})).await;
        assert_eq!(summary(&answer), (json!(half), Vec::new(), word.to_owned()));
    }
    gateway
        .upstream
        .script([Step::served(), text(half), Step::Fail(Kind::UpstreamInterrupted)]);
    let reply = gateway.send("POST", CHAT, &request(json!({})).to_string()).await;
    assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_interrupted"));
    assert_eq!(gateway.upstream.call_count(), 3);
}

#[tokio::test]
async fn functions_are_answered_as_functions() {
    let gateway = Gateway::start().await;
    let function = weather()["function"].clone();
    let more = json!({"tools": null, "functions": [function], "function_call": "auto"});
    says(&gateway, &[&call(r#"{"city":"Köln"}"#)]);
    let answer = ask(&gateway, more).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(
        choice["message"]["function_call"],
        json!({"name": "weather", "arguments": r#"{"city":"Köln"}"#})
    );
}

#[tokio::test]
async fn the_second_turn_ends_with_its_client() {
    let gateway = Gateway::start().await;
    says(&gateway, &[&call("{}")]);
    gateway.upstream.script([Step::served(), Step::Hang]);
    let mut connection = gateway.connect().await;
    let key = format!("Bearer {}", crate::support::KEY);
    let body = request(json!({"stream": true})).to_string();
    connection
        .request("POST", CHAT, &[("authorization", &key)], &body)
        .await;
    crate::support::eventually("the second turn began", || gateway.upstream.call_count() == 2).await;
    drop(connection);
    tokio::time::timeout(Duration::from_secs(10), gateway.until_idle(PERMITS))
        .await
        .unwrap();
}
