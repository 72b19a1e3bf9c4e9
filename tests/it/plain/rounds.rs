//! Whose conversation is whose, and what enters it.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{ANYONE, OTHER, asked, asked_last, caller, gateway, with_two_keys};
use crate::support::{KEY, Step, eventually, text};
use gemini_gateway::error::Kind;

#[tokio::test]
async fn conversations_never_mix() {
    let gateway = gateway().await;
    let callers = [
        ANYONE,
        caller(KEY, "a"),
        caller(KEY, "b"),
        caller(OTHER, "a"),
        super::Caller {
            key: OTHER,
            session: None,
        },
    ];
    for round in 1..=3 {
        for (number, caller) in callers.iter().enumerate() {
            let message = format!("caller {number}, round {round}");
            let answer = format!("to {number}, {round}");
            gateway.upstream.script([text(&answer), Step::finish()]);
            let reply = caller.say(&gateway, &message).await;
            assert_eq!(reply.json()["response"], answer.as_str());
            let mut expected = Vec::new();
            for earlier in 1..round {
                expected.push(format!("User: caller {number}, round {earlier}"));
                expected.push(format!("Assistant: to {number}, {earlier}"));
            }
            expected.push(format!("User: {message}"));
            assert_eq!(asked_last(&gateway), expected);
        }
    }
    // The same key in another place of the request is the same caller.
    let headers = [
        ("authorization", format!("Bearer {KEY}")),
        ("x-session-id", "a".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = gateway
        .send_with("POST", "/chat", &headers, r#"{"message":"Hi"}"#)
        .await;
    assert_eq!(reply.header("x-gateway-conversation-length"), Some("4"));
    // To clear one leaves the others.
    caller(OTHER, "a").reset(&gateway).await;
    let mut lengths = Vec::new();
    for caller in callers {
        lengths.push(caller.length(&gateway).await);
    }
    assert_eq!(lengths, [3, 4, 3, 0, 3]);
}

#[tokio::test]
async fn the_twenty_first_round_drops_the_first() {
    let gateway = gateway().await;
    for number in 1..=21 {
        gateway
            .upstream
            .script([text(&format!("answer {number}")), Step::finish()]);
        let reply = ANYONE.say(&gateway, &format!("message {number}")).await;
        let length = number.min(20).to_string();
        assert_eq!(reply.header("x-gateway-conversation-length"), Some(length.as_str()));
    }
    // The twenty-first was asked with all twenty before it, and the next one without the first.
    let messages = asked(&gateway, 20);
    assert_eq!((messages.len(), messages[0].as_str()), (41, "User: message 1"));
    ANYONE.say(&gateway, "message 22").await;
    let messages = asked(&gateway, 21);
    assert_eq!(messages.len(), 41);
    assert_eq!(messages[..2], ["User: message 2", "Assistant: answer 2"]);
    assert_eq!(
        messages[38..],
        ["User: message 21", "Assistant: answer 21", "User: message 22"]
    );
    assert_eq!(ANYONE.length(&gateway).await, 20);
}

#[tokio::test]
async fn a_failed_or_cut_answer_leaves_the_conversation_as_it_was() {
    let gateway = gateway().await;
    ANYONE.say(&gateway, "Hi").await;
    let fates = [
        (vec![Step::Fail(Kind::UpstreamProtocol)], 502),
        (vec![text("Half"), Step::Fail(Kind::UpstreamTimeout)], 504),
        (vec![text("Half")], 502),
        (vec![text("Half"), Step::Panic], 500),
    ];
    for (script, status) in fates {
        gateway.upstream.script(script);
        assert_eq!(ANYONE.say(&gateway, "Lost").await.status, status);
        assert_eq!(ANYONE.length(&gateway).await, 1);
    }
    *gateway.upstream.refuses.lock().unwrap() = Some(Kind::ContextLength);
    assert_eq!(ANYONE.say(&gateway, "Lost").await.status, 400);
    *gateway.upstream.refuses.lock().unwrap() = None;

    // A client that leaves before its answer is there.
    gateway.upstream.script([text("Half"), Step::Hang]);
    let mut connection = gateway.connect().await;
    connection
        .request("POST", "/chat", &ANYONE.headers(), r#"{"message":"Lost"}"#)
        .await;
    eventually("the upstream is asked", || gateway.upstream.live() == 1).await;
    drop(connection);
    eventually("its request is dropped", || gateway.upstream.live() == 0).await;

    let reply = ANYONE.say(&gateway, "Still there?").await;
    assert_eq!(reply.header("x-gateway-conversation-length"), Some("2"));
    assert_eq!(
        asked_last(&gateway),
        ["User: Hi", "Assistant: Hello", "User: Still there?"]
    );
}

#[tokio::test]
async fn messages_of_one_conversation_are_answered_one_after_the_other() {
    let gateway = gateway().await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([text("answer 1"), Step::Until(Arc::clone(&sign)), Step::finish()]);
    let mut connections = Vec::new();
    for number in 1..=4 {
        let mut connection = gateway.connect().await;
        let body = format!(r#"{{"message":"message {number}"}}"#);
        connection.request("POST", "/chat", &ANYONE.headers(), &body).await;
        connections.push(connection);
        eventually("the first is asked", || gateway.upstream.call_count() == 1).await;
    }
    // Who is in another conversation does not wait.
    assert_eq!(caller(KEY, "other").say(&gateway, "Hi").await.status, 200);
    // Who leaves is not waited for, and not asked.
    drop(connections.remove(2));
    let left = "gemini_gateway_outcomes_total{route=\"plain-chat\",outcome=\"cancelled\"}";
    eventually("one has left", || gateway.metric(left).as_deref() == Some("1")).await;
    assert_eq!(gateway.upstream.call_count(), 2);
    sign.notify_one();
    let mut lengths = Vec::new();
    for mut connection in connections {
        let reply = connection.reply("POST").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        lengths.push(reply.header("x-gateway-conversation-length").unwrap().to_owned());
    }
    assert_eq!(lengths[0], "1");
    // The others came in some order.
    lengths.sort_unstable();
    assert_eq!(lengths, ["1", "2", "3"]);
    let messages = asked_last(&gateway);
    assert_eq!(messages[..2], ["User: message 1", "Assistant: answer 1"]);
    let mut said: Vec<&str> = messages[2..].iter().step_by(2).map(String::as_str).collect();
    said.sort_unstable();
    assert_eq!(said, ["User: message 2", "User: message 4"]);
    assert_eq!(gateway.upstream.call_count(), 4);
}

#[tokio::test]
async fn who_waits_too_long_for_its_turn_is_told_so() {
    let gateway = with_two_keys()
        .limits(|limits| limits.request = Duration::from_millis(1_500))
        .start()
        .await;
    // Its time runs from its head on, and its turn comes with the end of its body.
    let (body, mut slow) = (r#"{"message":"Two"}"#, gateway.connect().await);
    let head = format!(
        "POST /chat HTTP/1.1\r\nhost: test\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    slow.write(format!("{head}{}", &body[..5]).as_bytes()).await;
    // So that it ends first, by more than a timer's grain.
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.upstream.script([text("Half"), Step::Hang]);
    let mut first = gateway.connect().await;
    first
        .request("POST", "/chat", &ANYONE.headers(), r#"{"message":"One"}"#)
        .await;
    eventually("the first is asked", || gateway.upstream.call_count() == 1).await;
    slow.write(&body.as_bytes()[5..]).await;
    let reply = slow.reply("POST").await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("5")),
        "{reply:?}"
    );
    assert!(reply.json()["error"].as_str().unwrap().contains("X-Session-Id"));
    assert_eq!(first.reply("POST").await.status, 504);
    assert_eq!(gateway.upstream.call_count(), 1);
}

#[tokio::test]
async fn what_is_cleared_stays_cleared_whatever_is_on_its_way() {
    let gateway = gateway().await;
    ANYONE.say(&gateway, "Hi").await;
    let sign = Arc::new(Notify::new());
    gateway
        .upstream
        .script([text("late"), Step::Until(Arc::clone(&sign)), Step::finish()]);
    let mut running = gateway.connect().await;
    running
        .request("POST", "/chat", &ANYONE.headers(), r#"{"message":"One"}"#)
        .await;
    eventually("the upstream is asked", || gateway.upstream.call_count() == 2).await;
    // It does not wait for the answer.
    assert_eq!(ANYONE.reset(&gateway).await.status, 200);
    assert_eq!(ANYONE.length(&gateway).await, 0);
    sign.notify_one();
    let reply = running.reply("POST").await;
    assert_eq!((reply.status, &reply.json()["response"]), (200, &"late".into()));
    assert_eq!(reply.header("x-gateway-conversation-length"), Some("0"));
    ANYONE.say(&gateway, "Two").await;
    assert_eq!(asked_last(&gateway), ["User: Two"]);
}
