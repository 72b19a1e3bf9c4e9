//! Requests of other formats, put into an upstream's words, and its answers in theirs.

use serde_json::json;

use super::*;

const CALLS: &[&str] = &[
    r#"{"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Let me look."}}]}"#,
    r#"{"model":"m-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"a\""}}]}}]}"#,
    r#"{"model":"m-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
    r#"{"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    r#"{"model":"m-1","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16,"completion_tokens_details":{"reasoning_tokens":3}}}"#,
    "[DONE]",
];

fn messages(more: Value) -> String {
    let mut body = json!({
        "model": "lab:m", "max_tokens": 50, "temperature": 0.25, "top_k": 4, "metadata": {"user_id": "u"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "Look."}],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn anthropics_messages_get_native_tools_thoughts_and_counts() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    lab.script(streamed(CALLS));
    let reply = gateway
        .send("POST", "/v1/messages", &messages(json!({"stream": true})))
        .await;
    for part in [
        r#""type":"thinking_delta","thinking":"Let me look.""#,
        r#""type":"tool_use","id":"call_1","name":"look""#,
        r#""stop_reason":"tool_use""#,
        r#""output_tokens":5"#,
        "event: message_stop",
    ] {
        assert!(reply.body.contains(part), "{part} not in {}", reply.body);
    }
    // Temperature and the like act there; nothing was emulated.
    let ignored = reply.header("x-gateway-ignored-params").unwrap_or_default();
    assert!(
        !ignored.contains("temperature") && !ignored.contains("top_k"),
        "{ignored}"
    );
    assert_eq!(reply.header("x-gateway-emulated"), None);
    let asked = lab.asked()[0].json();
    assert_eq!(
        (&asked["temperature"], &asked["top_k"], &asked["max_tokens"]),
        (&json!(0.25), &json!(4), &json!(50))
    );
    assert_eq!(asked["tools"][0]["function"]["name"], "look");
    assert_eq!(asked["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn a_whole_answer_of_each_format_says_what_the_upstream_said() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    for (path, body, text, tokens) in [
        (
            "/v1/messages",
            json!({"model": "lab:m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}),
            "/content/0/text",
            "/usage/output_tokens",
        ),
        (
            "/v1/responses",
            json!({"model": "lab:m", "input": "q"}),
            "/output/0/content/0/text",
            "/usage/output_tokens",
        ),
        (
            "/v1beta/models/lab:m:generateContent",
            json!({"contents": [{"parts": [{"text": "q"}]}]}),
            "/candidates/0/content/parts/0/text",
            "/usageMetadata/candidatesTokenCount",
        ),
        (
            "/v1/completions",
            json!({"model": "lab:m", "prompt": "q"}),
            "/choices/0/text",
            "/usage/completion_tokens",
        ),
    ] {
        let reply = gateway.send("POST", path, &body.to_string()).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let answer = reply.json();
        assert_eq!(answer.pointer(text), Some(&json!("Hello")), "{path}: {answer}");
        assert_eq!(answer.pointer(tokens), Some(&json!(2)), "{path}: {answer}");
        assert_eq!(reply.header("x-gateway-upstream"), Some("lab"), "{path}");
        if let Some(model) = answer.get("model") {
            assert_eq!(model, "lab:m", "{path}: the model that answered");
        }
    }
    assert_eq!(lab.asked().len(), 4);
}

#[tokio::test]
async fn an_image_is_asked_of_gemini_alone() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    let reply = gateway
        .send(
            "POST",
            "/v1/images/generations",
            r#"{"model":"lab:m","prompt":"a dot"}"#,
        )
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "unsupported_parameter"),
        "{}",
        reply.body
    );
    assert!(lab.asked().is_empty());
}
