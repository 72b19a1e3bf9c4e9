//! Streams as a client reads them.

use serde_json::{Value, json};

use super::{Connection, Gateway, KEY, Reply, chat};

/// Where chats are asked for.
pub(crate) const CHAT: &str = "/v1/chat/completions";
/// The answers at a time, by default.
pub(crate) const PERMITS: usize = 8;

/// Asks for a stream and reads nothing yet.
pub(crate) async fn begin(gateway: &Gateway, more: &str) -> Connection {
    let mut connection = gateway.connect().await;
    let body = chat(&format!(r#","stream":true{more}"#));
    connection
        .request("POST", CHAT, &[("authorization", &format!("Bearer {KEY}"))], &body)
        .await;
    connection
}

/// A whole stream.
pub(crate) async fn streamed(gateway: &Gateway, more: &str) -> Reply {
    begin(gateway, more).await.reply("POST").await
}

/// The events of a stream: data as JSON, `[DONE]` as a string, comments as they are.
pub(crate) fn events(body: &str) -> Vec<Value> {
    let end = body
        .strip_suffix("\n\n")
        .unwrap_or_else(|| panic!("cut within an event: {body}"));
    let event = |event: &str| match event.strip_prefix("data: ") {
        Some("[DONE]") | None => json!(event),
        Some(data) => serde_json::from_str(data).unwrap(),
    };
    end.split("\n\n").map(event).collect()
}

/// The delta of a chunk.
pub(crate) fn delta(event: &Value) -> &Value {
    &event["choices"][0]["delta"]
}

/// The visible text of all chunks.
pub(crate) fn content(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| delta(event)["content"].as_str())
        .collect()
}
