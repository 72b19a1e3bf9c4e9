//! How much is kept, and for how long.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{ANYONE, asked_last, caller, gateway, with_two_keys};
use crate::support::{KEY, PATIENCE};

#[tokio::test]
async fn after_a_restart_the_status_says_so() {
    let first = gateway().await;
    ANYONE.say(&first, "Hi").await;
    let before = ANYONE.status(&first).await;
    assert_eq!(before["conversation_length"], 1);
    first.begin_stop().await.unwrap();

    let restarted = SystemTime::now();
    let second = gateway().await;
    let after = ANYONE.status(&second).await;
    assert_eq!(after["conversation_length"], 0);
    // In whole seconds.
    let told = since(&after);
    assert!(told + Duration::from_secs(1) > restarted, "{after}");
    assert!(told <= SystemTime::now() && told >= since(&before), "{before} {after}");
    ANYONE.say(&second, "Who am I?").await;
    assert_eq!(asked_last(&second), ["User: Who am I?"]);
}

fn since(status: &Value) -> SystemTime {
    let text = status["history"].as_str().unwrap();
    httpdate::parse_http_date(text.strip_prefix("in memory since ").unwrap()).unwrap()
}

#[tokio::test]
async fn ten_thousand_sessions_stay_within_the_bound_and_the_oldest_are_gone() {
    const SESSIONS: usize = 10_000;
    let gateway = gateway().await;
    let number = gateway.app.limits.conversations.number;
    assert!(number < SESSIONS);
    let mut connection = gateway.connect().await;
    for session in 0..SESSIONS {
        let session = session.to_string();
        let headers = [("x-api-key", KEY), ("x-session-id", session.as_str())];
        connection
            .request("POST", "/chat", &headers, r#"{"message":"Hi"}"#)
            .await;
        let reply = connection.reply("POST").await;
        assert_eq!(
            (reply.status, reply.header("x-gateway-conversation-length")),
            (200, Some("1"))
        );
    }
    for (session, length) in [
        (0, 0),
        (SESSIONS - number - 1, 0),
        (SESSIONS - number, 1),
        (SESSIONS - 1, 1),
    ] {
        let session = session.to_string();
        assert_eq!(
            caller(KEY, &session).length(&gateway).await,
            length,
            "session {session}"
        );
    }
}

#[tokio::test]
async fn a_conversation_that_is_not_used_is_forgotten() {
    let gateway = with_two_keys()
        .limits(|limits| limits.conversations.age = Duration::from_millis(500))
        .start()
        .await;
    ANYONE.say(&gateway, "Hi").await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // To look at it does not keep it.
    while ANYONE.length(&gateway).await > 0 {
        assert!(tokio::time::Instant::now() < deadline, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ANYONE.say(&gateway, "Hi again").await;
    assert_eq!(asked_last(&gateway), ["User: Hi again"]);
}

#[tokio::test]
async fn a_conversation_is_bounded_in_bytes_and_its_caller_sees_it() {
    let gateway = with_two_keys()
        .limits(|limits| limits.conversations.each_bytes = 4_000)
        .start()
        .await;
    let mut lengths = Vec::new();
    for size in [800, 800, 800, 800, 5_000, 10] {
        let reply = ANYONE.say(&gateway, &"x".repeat(size)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        lengths.push(reply.header("x-gateway-conversation-length").unwrap().to_owned());
    }
    // The fourth drops the first; the fifth is larger than all that may be kept, and leaves the others.
    assert_eq!(lengths, ["1", "2", "3", "3", "3", "4"]);
}
