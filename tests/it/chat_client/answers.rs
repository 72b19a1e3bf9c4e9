//! What becomes of answers, of good servers and of bad ones.

use std::process::Output;

use super::{
    Client, assert_failed, err, out,
    server::{Pieces, Server},
};

const HELLO: &str = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"Für \"}}]}\n\n\
     data: {\"choices\":[{\"delta\":{\"content\":\"☂\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

async fn answered(answer: Pieces) -> Output {
    let server = Server::answering([answer]).await;
    Client::sent_to(&server.base()).args(&["--model", "m"]).ask("Hi").await
}

#[tokio::test]
async fn any_way_of_sending_a_whole_answer_is_understood() {
    let whole = r#"{"model":"m","choices":[{"message":{"content":"Für ☂"},"finish_reason":"stop"}]}"#;
    let with_comments = format!(": wait\n\n{HELLO}: still\n\n{FINISH}data: [DONE]\n\n").replace('\n', "\r\n");
    for answer in [
        Server::stream(&format!("{HELLO}{FINISH}data: [DONE]\n\n")),
        Server::stream(&format!("{HELLO}{FINISH}")),
        Server::stream(&format!("{HELLO}data: [DONE]\n\n")),
        Server::dribble(&with_comments),
        Server::torn(&format!("{HELLO}{FINISH}")),
        Server::whole(200, "application/json; charset=utf-8", whole),
    ] {
        let output = answered(answer).await;
        assert_eq!(
            (output.status.code(), out(&output), err(&output)),
            (Some(0), "Für ☂\n", "")
        );
    }
}

#[tokio::test]
async fn an_answer_without_its_end_is_never_taken_for_whole() {
    for answer in [
        Server::stream(HELLO),
        Server::torn(HELLO),
        Server::stream(&format!(
            "{HELLO}data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\""
        )),
    ] {
        assert_failed(
            &answered(answer).await,
            "Für ☂\n",
            &["The answer was cut", "what was shown is not all"],
        );
    }
    assert_failed(&answered(Server::stream("")).await, "", &["The answer was cut"]);
}

#[tokio::test]
async fn a_limit_is_remarked_and_a_refusal_fails() {
    let ended = |reason: &str| Server::stream(&format!("{HELLO}{}", FINISH.replace("stop", reason)));
    let output = answered(ended("length")).await;
    assert_eq!((output.status.code(), out(&output)), (Some(0), "Für ☂\n"));
    assert!(err(&output).contains("length limit"), "{}", err(&output));
    assert_failed(&answered(ended("content_filter")).await, "Für ☂\n", &["withheld"]);
    assert_failed(&answered(Server::stream(FINISH)).await, "", &["The answer is empty"]);
}

#[tokio::test]
async fn an_event_that_is_too_large_or_no_answer_ends_it() {
    let large = format!("{HELLO}data: {}", "x".repeat(9 << 20));
    assert_failed(
        &answered(Server::stream(&large)).await,
        "Für ☂\n",
        &["larger than 8388608 bytes"],
    );
    let noise = format!("{HELLO}data: <html>\n\n");
    assert_failed(
        &answered(Server::stream(&noise)).await,
        "Für ☂\n",
        &["no part of an answer"],
    );
    let letters = [STREAM_HEAD, HELLO.as_bytes(), b"data: \xff\n\n"].concat();
    assert_failed(
        &answered(vec![letters]).await,
        "Für ☂\n",
        &["The answer was cut", "utf-8"],
    );
}

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

#[tokio::test]
async fn what_a_server_says_cannot_drive_the_terminal() {
    let hostile = r#"data: {"choices":[{"delta":{"content":"a\u001b]0;x\u0007\u001b[2Jb\u009b1mc\r\nd\te"},"finish_reason":"stop"}]}"#;
    let output = answered(Server::stream(&format!("{hostile}\n\n"))).await;
    assert_eq!(out(&output), "a]0;x[2Jb1mc\nd\te\n");
    let refusal = Server::whole(
        500,
        "application/json",
        r#"{"error":{"message":"no\u001b[2J","code":"c\u001b"}}"#,
    );
    let output = answered(refusal).await;
    assert_failed(&output, "", &["no[2J (HTTP 500, c)"]);
    assert!(!err(&output).contains('\x1b'));
}

#[tokio::test]
async fn thoughts_are_not_the_answer() {
    let thought = r#"data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}"#;
    let output = answered(Server::stream(&format!("{thought}\n\n{HELLO}{FINISH}"))).await;
    assert_eq!((out(&output), err(&output)), ("Für ☂\n", ""));
}

#[tokio::test]
async fn a_server_that_refuses_to_count_is_asked_again_without() {
    let refusal = r#"{"error":{"message":"Unknown parameter: stream_options"}}"#;
    let answers = [
        Server::whole(400, "application/json", refusal),
        Server::stream(&format!("{HELLO}{FINISH}")),
    ];
    let mut server = Server::answering(answers).await;
    let client = Client::sent_to(&server.base()).args(&["--model", "m", "--system", "Be brief."]);
    assert_eq!(out(&client.ask("Hi").await), "Für ☂\n");
    assert_eq!(server.request().await.json()["stream_options"]["include_usage"], true);
    let second = server.request().await;
    let wanted = serde_json::json!({"model": "m", "stream": true, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]});
    assert_eq!(
        (second.line(), second.json()),
        ("POST /v1/chat/completions HTTP/1.1", wanted)
    );
}

#[tokio::test]
async fn another_refusal_is_told_at_once() {
    let mut server = Server::answering([Server::whole(400, "application/json", r#"{"error":"Too long."}"#)]).await;
    let output = Client::sent_to(&server.base()).args(&["--model", "m"]).ask("Hi").await;
    assert_failed(&output, "", &["Too long. (HTTP 400)"]);
    server.request().await;
    assert!(server.is_idle());
}

#[tokio::test]
async fn what_is_no_such_server_is_told_with_the_cure() {
    let page = answered(Server::whole(200, "text/html", "<html>")).await;
    assert_failed(
        &page,
        "",
        &["does not answer like an OpenAI-compatible server", "Most end in /v1"],
    );
    let missing = answered(Server::whole(404, "text/plain", "nope")).await;
    assert_failed(&missing, "", &["HTTP 404", "--model", "most end in /v1"]);
    let wait = "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    assert_failed(
        &answered(vec![wait.into()]).await,
        "",
        &["HTTP 429", "Try again in 7 s"],
    );
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let mut elsewhere = Server::answering([Server::stream(HELLO)]).await;
    let head = format!(
        "HTTP/1.1 307 Away\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.base()
    );
    let server = Server::answering([vec![head.into_bytes()]]).await;
    let client = Client::sent_to(&server.base())
        .args(&["--model", "m"])
        .env("OPENAI_API_KEY", "hunter2");
    assert_failed(&client.ask("Hi").await, "", &["HTTP 307", &elsewhere.base(), "--url"]);
    assert!(elsewhere.is_idle());
}

#[tokio::test]
async fn the_first_model_in_the_list_answers_where_none_is_named() {
    let list = r#"{"object":"list","data":[{"id":"first"},{"id":"second"}]}"#;
    let answers = [
        Server::whole(200, "application/json", list),
        Server::stream(&format!("{HELLO}{FINISH}")),
    ];
    let mut server = Server::answering(answers).await;
    // The gateway's default is none of another server's.
    let client = Client::sent_to(&server.base()).env("DEFAULT_MODEL", "gemini-pro");
    assert_eq!(out(&client.ask("Hi").await), "Für ☂\n");
    assert_eq!(server.request().await.line(), "GET /v1/models HTTP/1.1");
    assert_eq!(server.request().await.json()["model"], "first");

    let empty = Server::answering([Server::whole(200, "application/json", r#"{"data":[]}"#)]).await;
    assert_failed(
        &Client::sent_to(&empty.base()).ask("Hi").await,
        "",
        &["has no model", "--model"],
    );
}
