//! Answers that are one JSON document, over the whole service.

use std::{sync::Arc, time::Duration};

use gemini_gateway::{
    chat::{Event, FinishReason, Role},
    error::Kind,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{
    Gateway, Reply, Setup, Step, chat,
    sse::{CHAT, PERMITS, begin, content, delta, events, streamed},
    text,
};

const OBJECT: &str = r#","response_format":{"type":"json_object"}"#;
const PERSON: &str = r#","response_format":{"type":"json_schema","json_schema":{"name":"person","description":"Who it is.","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}}}"#;

/// Follows the schema of [`PERSON`]; its white space and the order of its fields have to stay.
const ADA: &str = "{\n  \"name\": \"Ada \\\"A\\\" L\\u00f6velace 🦀\",\n  \"age\" : 36 }";
/// JSON, and breaks it.
const NO_AGE: &str = r#"{"name": "Ada", "age": "very-secret-age"}"#;

fn scripted(gateway: &Gateway, said: &[&str]) {
    let texts = said.iter().map(|piece| text(piece));
    gateway
        .upstream
        .script([Step::served()].into_iter().chain(texts).chain([Step::finish()]));
}

async fn whole(gateway: &Gateway, form: &str) -> Reply {
    gateway.send("POST", CHAT, &chat(form)).await
}

fn message(reply: &Reply) -> String {
    let body = reply.json();
    assert_eq!(body["choices"][0]["finish_reason"], "stop", "{body}");
    body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

fn error(reply: &Reply) -> Value {
    reply.json()["error"].clone()
}

/// The last chunk's reason, in a stream that ended as it should.
fn finish(events: &[Value]) -> &Value {
    let [.., last, done] = events else { panic!("{events:?}") };
    assert_eq!(done, "data: [DONE]");
    &last["choices"][0]["finish_reason"]
}

#[tokio::test]
async fn the_content_is_the_document_and_nothing_else_whole_and_streamed() {
    let gateway = Gateway::start().await;
    let fenced = format!("```json\n{ADA}\n```");
    let in_prose = format!("Here you are [1]:\n\n```\n{ADA}\n```\nAnything {{else}}?");
    for said in [ADA, &fenced, &in_prose] {
        for form in [OBJECT, PERSON] {
            scripted(&gateway, &[said]);
            let reply = whole(&gateway, form).await;
            assert_eq!(message(&reply), ADA, "{said}");
            assert_eq!(reply.header("x-gateway-emulated"), Some("json"));
            assert_eq!(reply.header("x-gateway-repaired"), None);

            let letters: Vec<&str> = said.split_inclusive(|_| true).collect();
            scripted(&gateway, &letters);
            let reply = streamed(&gateway, form).await;
            let events = events(&reply.body);
            assert_eq!(content(&events), ADA, "{said}");
            assert_eq!(finish(&events), "stop");
            assert_eq!(reply.header("x-gateway-emulated"), Some("json"));
        }
    }
    assert_eq!(gateway.upstream.call_count(), 12);
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn plain_text_is_asked_for_and_passed_on_as_it_is() {
    let gateway = Gateway::start().await;
    let fenced = format!("```json\n{ADA}\n```");
    for form in ["", r#","response_format":{"type":"text"}"#] {
        scripted(&gateway, &[&fenced]);
        let reply = whole(&gateway, form).await;
        assert_eq!(message(&reply), fenced);
        assert_eq!(reply.header("x-gateway-emulated"), None);
        let request = &gateway.upstream.calls.lock().unwrap().pop().unwrap().request;
        assert_eq!(request.closing, None);
    }
}

#[tokio::test]
async fn the_model_gets_the_schema_last_and_a_held_answer_is_asked_for_in_its_final_text() {
    let gateway = Gateway::start().await;
    for (form, incremental) in [(OBJECT, true), (PERSON, false)] {
        scripted(&gateway, &[ADA]);
        streamed(&gateway, form).await;
        let call = gateway.upstream.calls.lock().unwrap().pop().unwrap();
        let closing = call.request.closing.clone().unwrap();
        assert!(closing.contains("```json"), "{closing}");
        assert_eq!(
            closing.contains("Who it is.") && closing.ends_with(r#""additionalProperties":false}"#),
            form == PERSON
        );
        assert_eq!(call.incremental, incremental);
    }
}

#[tokio::test]
async fn an_object_goes_out_as_it_comes() {
    let gateway = Gateway::start().await;
    let sign = Arc::new(Notify::new());
    gateway.upstream.script([
        text("```json\n{\"story\": \"Once"),
        Step::Until(Arc::clone(&sign)),
        text(" upon\"}\n```"),
        Step::finish(),
    ]);
    let mut stream = begin(&gateway, OBJECT).await;
    stream.head().await;
    let mut body = stream.chunks_until("Once").await;
    sign.notify_one();
    while let Some(chunk) = stream.chunk().await {
        body.push_str(&chunk);
    }
    assert_eq!(content(&events(&body)), "{\"story\": \"Once upon\"}");
}

#[tokio::test]
async fn an_answer_that_breaks_the_schema_is_asked_for_once_more() {
    let gateway = Gateway::start().await;
    for stream in [false, true] {
        scripted(&gateway, &[NO_AGE]);
        scripted(&gateway, &[ADA]);
        let reply = if stream {
            let reply = streamed(&gateway, PERSON).await;
            assert_eq!(content(&events(&reply.body)), ADA);
            reply
        } else {
            let reply = whole(&gateway, PERSON).await;
            assert_eq!(message(&reply), ADA);
            reply
        };
        assert_eq!(reply.header("x-gateway-repaired"), Some("1"));
        let calls = std::mem::take(&mut *gateway.upstream.calls.lock().unwrap());
        let [first, second] = calls.as_slice() else {
            panic!("{} requests", calls.len())
        };
        assert_eq!(second.request.closing, first.request.closing);
        let [.., said, complaint] = second.request.messages.as_slice() else {
            panic!()
        };
        assert_eq!((said.role, said.parts[0].as_text()), (Role::Assistant, Some(NO_AGE)));
        let complaint = complaint.parts[0].as_text().unwrap();
        assert!(
            complaint.contains("at /age: the value is not of type \"integer\""),
            "{complaint}"
        );
    }
}

#[tokio::test]
async fn what_fails_twice_is_an_error_that_names_the_rule_and_shows_nothing_of_the_answer() {
    let gateway = Gateway::start().await;
    for stream in [false, true] {
        scripted(&gateway, &["It is Ada."]);
        scripted(&gateway, &[NO_AGE]);
        let reply = if stream {
            streamed(&gateway, PERSON).await
        } else {
            whole(&gateway, PERSON).await
        };
        let error = error(&reply);
        assert_eq!(
            (reply.status, error["code"].as_str(), error["type"].as_str()),
            (502, Some("invalid_structured_output"), Some("server_error"))
        );
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("at /age: the value is not of type \"integer\""),
            "{message}"
        );
        assert!(!message.contains("secret"), "{message}");
        assert_eq!(std::mem::take(&mut *gateway.upstream.calls.lock().unwrap()).len(), 2);
    }
    gateway.until_idle(PERMITS).await;
}

#[tokio::test]
async fn a_failure_after_the_head_is_an_error_event_and_no_end() {
    let gateway = Setup::default()
        .limits(|limits| limits.first_event_wait = Duration::from_millis(5))
        .start()
        .await;
    // Held back: the head goes out while the second answer is awaited.
    let sign = Arc::new(Notify::new());
    scripted(&gateway, &[NO_AGE]);
    gateway
        .upstream
        .script([Step::Until(Arc::clone(&sign)), text("No."), Step::finish()]);
    let mut stream = begin(&gateway, PERSON).await;
    assert_eq!(stream.head().await.status, 200);
    sign.notify_one();
    let mut held = String::new();
    while let Some(chunk) = stream.chunk().await {
        held.push_str(&chunk);
    }
    // Streamed: what went out cannot be asked for again.
    scripted(&gateway, &["{\"a\": \"b\"", " and so on"]);
    let live = streamed(&gateway, OBJECT).await.body;
    for (body, shown) in [(held, ""), (live, "{\"a\": \"b\" ")] {
        let events = events(&body);
        assert_eq!(content(&events), shown);
        assert_eq!(
            events.last().unwrap()["error"]["code"],
            "invalid_structured_output",
            "{body}"
        );
        assert!(
            !body.contains("[DONE]") && !body.contains(r#""finish_reason":""#),
            "{body}"
        );
    }
    assert_eq!(gateway.upstream.call_count(), 3);
}

#[tokio::test]
async fn a_second_turn_that_fails_fails_with_its_own_cause() {
    let gateway = Gateway::start().await;
    scripted(&gateway, &[NO_AGE]);
    gateway.upstream.script([Step::Fail(Kind::UpstreamRateLimited)]);
    let reply = whole(&gateway, PERSON).await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "rate_limit_exceeded"));
}

#[tokio::test]
async fn what_a_length_limit_cuts_is_partial_and_not_asked_for_again() {
    let gateway = Gateway::start().await;
    for form in [OBJECT, PERSON] {
        for stream in [false, true] {
            scripted(&gateway, &[&format!("```json\n{ADA}\n```")]);
            let limited = format!(r#"{form},"max_tokens":5"#);
            let (shown, reason) = if stream {
                let events = events(&streamed(&gateway, &limited).await.body);
                (content(&events), finish(&events).clone())
            } else {
                let body = whole(&gateway, &limited).await.json();
                let choice = &body["choices"][0];
                (
                    choice["message"]["content"].as_str().unwrap().to_owned(),
                    choice["finish_reason"].clone(),
                )
            };
            assert_eq!(reason, "length");
            assert!(!shown.is_empty() && ADA.starts_with(&shown) && shown != ADA, "{shown}");
        }
        // The upstream's own limit.
        let cut = Step::Say(Event::Finished(FinishReason::Length));
        gateway
            .upstream
            .script([text("```json\n{\"name\": \"Ada\", \"ag"), cut]);
        let body = whole(&gateway, form).await.json();
        let choice = &body["choices"][0];
        assert_eq!(choice["finish_reason"], "length");
        assert_eq!(choice["message"]["content"], "{\"name\": \"Ada\", \"ag");
    }
    assert_eq!(gateway.upstream.call_count(), 6);
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_costs_no_answer() {
    let gateway = Gateway::start().await;
    for schema in [
        json!({"type": "strin"}),
        json!({"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}),
    ] {
        let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
        let reply = whole(&gateway, &format!(r#","response_format":{format}"#)).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_value"));
        assert_eq!(error(&reply)["param"], "response_format.json_schema.schema");
    }
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn thoughts_are_none_of_the_document() {
    let gateway = Gateway::start().await;
    let thought = || Step::Say(Event::Reasoning("{\"name\": 1}".to_owned()));
    gateway.upstream.script([thought(), text(ADA), Step::finish()]);
    let events = events(&streamed(&gateway, PERSON).await.body);
    assert_eq!(content(&events), ADA);
    assert!(
        events
            .iter()
            .any(|event| delta(event)["reasoning_content"] == "{\"name\": 1}")
    );
}
