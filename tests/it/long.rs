//! Conversations that are longer than one prompt may be.

use serde_json::{Value, json};

use super::gemini::world::{Plan, World, code, text};

/// A conversation of so many older turns of 10 000 bytes, and a short newest message.
fn conversation(turns: usize, newest: &str) -> Value {
    let mut messages = vec![json!({"role": "system", "content": "SYSTEM: be brief."})];
    for turn in 0..turns {
        messages.push(json!({"role": "user", "content": format!("QUESTION-{turn} {}", "q".repeat(5_000))}));
        messages.push(json!({"role": "assistant", "content": format!("ANSWER-{turn} {}", "ä".repeat(2_500))}));
    }
    messages.push(json!({"role": "user", "content": newest}));
    json!({"model": "gemini-flash", "messages": messages})
}

#[tokio::test]
async fn older_messages_are_attached_and_the_response_says_so() {
    let world = World::new().await;
    let response = world.send(&conversation(20, "NEWEST [[stand-in: files]]")).await;
    assert_eq!(response.status(), 200);
    let said = response.headers()["x-gateway-prompt-attachment"]
        .to_str()
        .unwrap()
        .to_owned();
    let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let files: Value = serde_json::from_str(text(&answer)).unwrap();
    assert_eq!(
        (files[0]["name"].as_str(), files[0]["mime"].as_str()),
        (Some("conversation.txt"), Some("text/plain"))
    );
    assert_eq!(said, format!("name=conversation.txt; bytes={}", files[0]["bytes"]));

    let record = world.control.prompts().pop().unwrap();
    let prompt = record.prompt().unwrap();
    assert!(prompt.len() <= 128_000, "{}", prompt.len());
    let attached = String::from_utf8(world.control.uploads()[0].content.to_vec()).unwrap();
    assert!(prompt.contains("SYSTEM: be brief.") && prompt.contains("NEWEST") && prompt.contains("ANSWER-19 "));
    assert!(attached.contains("QUESTION-0 ") && !prompt.contains("QUESTION-0 "));
    for turn in 0..20 {
        for word in [format!("QUESTION-{turn} "), format!("ANSWER-{turn} ")] {
            assert!(prompt.contains(&word) != attached.contains(&word), "{word}");
        }
    }
}

#[tokio::test]
async fn a_stream_says_it_too() {
    let world = World::new().await;
    let mut body = conversation(20, "[[stand-in: text=ok]]");
    body["stream"] = json!(true);
    let response = world.send(&body).await;
    assert!(response.headers().contains_key("x-gateway-prompt-attachment"));
    assert!(
        String::from_utf8(response.bytes().await.unwrap().to_vec())
            .unwrap()
            .contains("\"ok\"")
    );
}

#[tokio::test]
async fn a_conversation_that_fits_is_not_touched() {
    let world = World::new().await;
    let response = world.send(&conversation(5, "[[stand-in: text=ok]]")).await;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("x-gateway-prompt-attachment"));
    assert!(world.control.uploads().is_empty());
}

#[tokio::test]
async fn what_cannot_fit_is_refused_with_the_numbers_and_without_a_prompt() {
    let world = World::new().await;
    let refused = |answer: &Value, words: &str| {
        assert_eq!(
            (code(answer), answer["error"]["param"].as_str()),
            ("context_length_exceeded", Some("messages"))
        );
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("this model's maximum context length is 128000 bytes"),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    };
    let (status, answer) = world.ask(conversation(5, &"n".repeat(128_000))).await;
    assert_eq!(status, 400);
    refused(&answer, "the newest message alone take 128");
    let (status, answer) = world.ask(conversation(40, "Hi")).await;
    assert_eq!(status, 400);
    refused(&answer, "where 155000 more can be attached");
    assert!(world.control.prompts().is_empty() && world.control.uploads().is_empty());
}

#[tokio::test]
async fn attaching_can_be_switched_off() {
    let world = World::with(Plan {
        env: vec![("LONG_PROMPTS", "refuse".to_owned())],
        ..Plan::default()
    })
    .await;
    let (status, answer) = world.ask(conversation(20, "Hi")).await;
    assert_eq!((status, code(&answer)), (400, "context_length_exceeded"));
    assert!(world.control.prompts().is_empty());
}
