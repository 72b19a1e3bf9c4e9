//! What would be sent, told without sending it: by the program, and by a running gateway.

use std::{
    io::{ErrorKind, Write},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use super::{
    files::{asking, png},
    gemini::world::{PSID, PSIDTS, World, code},
};

/// The program with nothing of this process's environment.
fn explain(args: &[&str], body: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_gemini-gateway"))
        .arg("explain")
        .args(args)
        .current_dir(dir.path())
        .env_clear()
        .env("SECURE_1PSID", "g.a000-very-secret")
        .env("SECURE_1PSIDTS", "sidts-very-secret")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let written = program.stdin.take().unwrap().write_all(body.as_bytes());
    // What it refuses by its arguments alone it does not read.
    if let Err(error) = written {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    }
    program.wait_with_output().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_program_shows_prompt_attachments_model_and_headers() {
    let mut body = asking("What is this?", vec![png()]);
    body["temperature"] = json!(1);
    body["stream"] = json!(true);
    let output = explain(&[], &body.to_string());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = document(&output);
    assert_eq!(
        (shown["model"].as_str(), shown["prompt"].as_str()),
        (Some("gemini-flash"), Some("What is this?"))
    );
    assert_eq!(
        (shown["prompt_bytes"].as_u64(), shown["stream"].as_bool()),
        (Some(13), Some(true))
    );
    assert_eq!(shown["ignored"], json!(["temperature"]));
    let attachment = &shown["attachments"][0];
    assert_eq!(
        (attachment["name"].as_str(), attachment["bytes"].as_u64()),
        (Some("image.png"), Some(16))
    );
    assert_eq!(attachment["sha256"].as_str().unwrap().len(), 64);
    let request = &shown["request"];
    assert_eq!(request["headers"]["cookie"], "<secret>");
    assert!(
        request["headers"]["x-goog-ext-525001261-jspb"]
            .as_str()
            .unwrap()
            .contains("fbb127bbb056c959")
    );
    assert!(request["url"].as_str().unwrap().contains("f.sid=<secret>"), "{request}");
    let all = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!all.contains("very-secret"), "{all}");
}

#[test]
fn an_address_is_listed_and_not_fetched_and_older_messages_are_shown() {
    let messages = json!([
        {"role": "user", "content": "old ".repeat(35_000)},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [
            {"type": "text", "text": "New."},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ]},
    ]);
    let body = json!({"model": "gemini-pro", "messages": messages}).to_string();
    let shown = document(&explain(&["--format", "openai-chat"], &body));
    let attachments = &shown["attachments"];
    assert!(attachments[0]["text"].as_str().unwrap().contains("old old"));
    assert_eq!(attachments[1]["would_be_fetched_from"], "https://example.com/a.png");
    let bytes = &attachments[0]["bytes"];
    let header = format!("name=conversation.txt; bytes={bytes}");
    assert_eq!(shown["response_headers"]["x-gateway-prompt-attachment"], header);
}

#[test]
fn what_is_emulated_is_part_of_the_prompt() {
    let mut body = asking("What is the weather?", vec![]);
    body["tools"] =
        json!([{"type": "function", "function": {"name": "look_outside", "parameters": {"type": "object"}}}]);
    let shown = document(&explain(&[], &body.to_string()));
    let prompt = shown["prompt"].as_str().unwrap();
    assert!(
        prompt.contains("look_outside") && prompt.contains("What is the weather?"),
        "{prompt}"
    );
    assert_eq!(shown["prompt_bytes"].as_u64(), Some(prompt.len() as u64));
}

#[test]
fn a_refusal_is_what_a_client_would_read() {
    let output = explain(&[], r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(code(&document(&output)), "model_not_found");
    let output = explain(&["--format", "telegraph"], "{}");
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("openai-chat"));
}

#[tokio::test]
async fn a_running_gateway_explains_by_the_accounts_own_models() {
    let world = World::new().await;
    world.control.clear_requests();
    let body = asking("What is this?", vec![png()]);
    let response = world.send_with(&body, &[("x-gateway-dry-run", "true")]).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-gateway-dry-run"]),
        (200, &"true".parse().unwrap())
    );
    let shown = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
    for secret in [PSID, PSIDTS] {
        assert!(!shown.contains(secret));
    }
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (shown["prompt"].as_str(), shown["upstream_model"].as_str()),
        (Some("What is this?"), Some("fbb127bbb056c959"))
    );
    assert!(world.control.requests().is_empty(), "something was sent");

    // The same request without the header sends what was shown.
    assert_eq!(world.ask(body.clone()).await.0, 200);
    assert_eq!(world.control.prompts()[0].prompt(), shown["prompt"].as_str());
    let response = world.send_with(&body, &[("x-gateway-dry-run", "perhaps")]).await;
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn an_upstream_that_cannot_explain_says_so() {
    let gateway = super::support::Gateway::start().await;
    let key = format!("Bearer {}", super::support::KEY);
    let headers = [("authorization", key.as_str()), ("x-gateway-dry-run", "1")];
    let reply = gateway
        .send_with("POST", "/v1/chat/completions", &headers, &super::support::chat(""))
        .await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "unsupported_parameter"));
    assert_eq!(gateway.upstream.call_count(), 0);
}
