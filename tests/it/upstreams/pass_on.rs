//! A chat completion goes to the upstream word for word, and its answer comes back so.

use std::time::Duration;

use super::*;
use crate::support::{KEY, eventually, sse::CHAT};

const REQUEST: &str = r#"{ "messages":[{"role":"user","content":"h\u00e9 😀","x":1}], "model":"lab:org/m:p","logprobs":true, "n":2, "temperature": 0.70, "x_unknown":{"a":[1.0,null]}, "tools":[{"type":"function","function":{"name":"f"}}]}"#;
const RECEIVED: &str = r#"{"model":"org/m:p","messages":[{"role":"user","content":"h\u00e9 😀","x":1}],"logprobs":true,"n":2,"temperature":0.70,"x_unknown":{"a":[1.0,null]},"tools":[{"type":"function","function":{"name":"f"}}]}"#;

#[tokio::test]
async fn a_whole_answer_is_the_upstreams_own() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    let headers = [
        ("authorization", format!("Bearer {KEY}")),
        ("x-secret-of-the-client", "nobody's".to_owned()),
        ("cookie", "a=b".to_owned()),
        ("user-agent", "the-client".to_owned()),
        ("x-forwarded-for", "10.1.2.3".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let reply = gateway.send_with("POST", CHAT, &headers, REQUEST).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, HELLO_WHOLE));
    assert_eq!(reply.header("x-gateway-upstream"), Some("lab"));
    assert_eq!(reply.header("x-gateway-requested-model"), Some("lab:org/m:p"));
    assert_eq!(reply.header("x-gateway-served-label"), Some("m-1"));
    assert_eq!(attempts(&reply), r#""lab:org/m:p";status=200"#);
    assert_eq!(
        reply.header("x-gateway-ignored-params"),
        None,
        "all of it had its effect"
    );
    let [asked] = lab.asked().try_into().unwrap();
    assert_eq!(asked.body, RECEIVED);
    let head = asked.head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/chat/completions http/1.1"), "{head}");
    assert!(head.contains(&format!("authorization: bearer {LAB_KEY}")), "{head}");
    for foreign in [KEY, "the-client", "nobody's", "a=b", "10.1.2.3"] {
        assert!(!head.contains(foreign), "{foreign} in {head}");
    }
}

/// Everything a client reads of a stream, comments aside.
fn without_comments(body: &str) -> String {
    let events = body.split_inclusive("\n\n").filter(|event| !event.starts_with(':'));
    events.collect()
}

#[tokio::test]
async fn a_stream_is_the_upstreams_own_however_it_is_cut() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    let expected: String = [ROLE, WORD, MORE, STOP, USAGE, "[DONE]"]
        .map(|data| format!("data: {data}\n\n"))
        .concat();
    let sent = [ROLE, WORD, MORE, STOP, USAGE, "[DONE]"]
        .map(|data| format!(": c\r\nevent: x\r\ndata: {data}\r\n\r\n"))
        .concat();
    for size in [1, 2, 3, 7, 64, 1_000, sent.len()] {
        let mut steps = vec![head()];
        steps.extend(sent.as_bytes().chunks(size).map(raw));
        steps.push(end());
        lab.script(steps);
        let reply = ask(
            &gateway,
            "lab:m",
            r#","stream":true,"stream_options":{"include_usage":true}"#,
        )
        .await;
        assert_eq!(reply.status, 200);
        assert_eq!(without_comments(&reply.body), expected, "in pieces of {size}");
    }
    assert_eq!(lab.asked()[0].json()["stream_options"]["include_usage"], true);
    gateway.until_idle(8).await;
}

#[tokio::test]
async fn data_in_several_lines_stay_what_they_are() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    lab.script([
        head(),
        raw(b"data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"),
        end(),
    ]);
    let reply = ask(&gateway, "lab:m", r#","stream":true"#).await;
    assert_eq!(
        without_comments(&reply.body),
        "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    );
}

#[tokio::test]
async fn a_server_that_knows_no_streams_is_streamed_all_the_same() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    lab.script(whole(200, "", HELLO_WHOLE));
    let reply = ask(&gateway, "lab:m", r#","stream":true"#).await;
    assert!(reply.body.contains(r#""delta":{"content":"Hello"}"#), "{}", reply.body);
    assert!(reply.body.contains(r#""finish_reason":"stop""#) && reply.body.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn silence_is_filled_without_a_chunk_of_the_gateways_own() {
    let lab = Lab::start().await;
    let gateway = with(&lab)
        .limits(|limits| {
            limits.first_event_wait = Duration::from_millis(20);
            limits.comment_after = Duration::from_millis(30);
            limits.empty_delta_after = Duration::from_millis(60);
        })
        .start()
        .await;
    let sign = Arc::new(Notify::new());
    lab.script([
        head(),
        event(ROLE),
        Step::Until(Arc::clone(&sign)),
        event(WORD),
        event(STOP),
        event("[DONE]"),
        end(),
    ]);
    let mut connection = gateway.connect().await;
    let body = chat_of("lab:m", r#","stream":true"#);
    connection
        .request("POST", CHAT, &[("authorization", &format!("Bearer {KEY}"))], &body)
        .await;
    assert_eq!(connection.head().await.status, 200);
    let mut body = connection.chunks_until("keep-alive").await;
    sign.notify_one();
    body.push_str(&connection.chunks_until("[DONE]").await);
    let expected = [ROLE, WORD, STOP, "[DONE]"]
        .map(|data| format!("data: {data}\n\n"))
        .concat();
    assert_eq!(without_comments(&body), expected);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_upstreams_work() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    lab.script([head(), event(ROLE), event(WORD), Step::Hang]);
    let mut connection = gateway.connect().await;
    let body = chat_of("lab:m", r#","stream":true"#);
    connection
        .request("POST", CHAT, &[("authorization", &format!("Bearer {KEY}"))], &body)
        .await;
    assert_eq!(connection.head().await.status, 200);
    connection.chunks_until("Hel").await;
    drop(connection);
    eventually("the lab sees its client leave", || *lab.left.lock().unwrap() == 1).await;
    gateway.until_idle(8).await;
}

#[tokio::test]
async fn limits_and_stop_texts_are_the_upstreams_to_keep() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    for more in [
        r#","max_tokens":1,"stop":"l""#,
        r#","max_tokens":1,"stop":"l","stream":true"#,
    ] {
        let reply = ask(&gateway, "lab:m", more).await;
        assert!(
            reply.body.contains("Hello") || reply.body.contains(r#""content":"lo""#),
            "{}",
            reply.body
        );
    }
}
