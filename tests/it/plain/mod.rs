//! Plain chat over real sockets: its shapes, whose conversation is whose, and what enters one.

mod bounds;
mod rounds;
mod shapes;

use serde_json::{Value, json};

use crate::support::{Gateway, KEY, Reply, Setup};

/// A further key.
const OTHER: &str = "other-key-9876543210";

async fn gateway() -> Gateway {
    with_two_keys().start().await
}

fn with_two_keys() -> Setup {
    Setup::default().env("API_KEY", &format!("{KEY},{OTHER}"))
}

/// Who asks, and in which of its conversations.
#[derive(Clone, Copy)]
struct Caller<'a> {
    key: &'a str,
    session: Option<&'a str>,
}

const ANYONE: Caller<'static> = Caller {
    key: KEY,
    session: None,
};

const fn caller<'a>(key: &'a str, session: &'a str) -> Caller<'a> {
    Caller {
        key,
        session: Some(session),
    }
}

impl Caller<'_> {
    fn headers(&self) -> Vec<(&str, &str)> {
        let session = self.session.map(|session| ("x-session-id", session));
        [("x-api-key", self.key)].into_iter().chain(session).collect()
    }

    async fn say(&self, gateway: &Gateway, message: &str) -> Reply {
        let body = json!({ "message": message }).to_string();
        gateway.send_with("POST", "/chat", &self.headers(), &body).await
    }

    async fn reset(&self, gateway: &Gateway) -> Reply {
        gateway.send_with("POST", "/reset", &self.headers(), "").await
    }

    async fn status(&self, gateway: &Gateway) -> Value {
        let reply = gateway.send_with("GET", "/status", &self.headers(), "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// The rounds of the conversation, as its caller is told.
    async fn length(&self, gateway: &Gateway) -> u64 {
        self.status(gateway).await["conversation_length"].as_u64().unwrap()
    }
}

/// What the upstream got in the call of this number: who said what, one after the other.
fn asked(gateway: &Gateway, call: usize) -> Vec<String> {
    let calls = gateway.upstream.calls.lock().unwrap();
    let messages = calls[call].request.messages.iter();
    messages
        .map(|message| format!("{:?}: {}", message.role, message.parts[0].as_text().unwrap()))
        .collect()
}

/// What it got last.
fn asked_last(gateway: &Gateway) -> Vec<String> {
    asked(gateway, gateway.upstream.call_count() - 1)
}
