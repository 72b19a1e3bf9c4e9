use super::*;

fn text_of(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

#[test]
fn a_stream_of_chunks_is_read_piece_by_piece() {
    let finish = r#"{"model":"m","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#;
    for (data, wanted) in [
        (
            r#"{"model":"m","choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            vec![Piece::Model("m".to_owned())],
        ),
        (
            r#"{"choices":[{"delta":{"content":"a b"},"finish_reason":null}]}"#,
            vec![text_of("a b")],
        ),
        (
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            vec![Piece::Thought("hm".to_owned())],
        ),
        (
            r#"{"choices":[{"delta":{"reasoning":"hm","content":null}}]}"#,
            vec![Piece::Thought("hm".to_owned())],
        ),
        (
            finish,
            vec![Piece::Model("m".to_owned()), Piece::Finish("stop".to_owned())],
        ),
        (
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#,
            vec![Piece::Usage(Usage {
                prompt: 3,
                completion: 5,
            })],
        ),
        (
            r#"{"choices":[{"delta":{"content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}}]}"#,
            vec![text_of("xy")],
        ),
        (r#"{"choices":[{"delta":{"refusal":"no"}}]}"#, vec![text_of("no")]),
        ("[DONE]", vec![Piece::Done]),
        ("{}", vec![]),
    ] {
        assert_eq!(pieces(data), Some(wanted), "{data}");
    }
    assert_eq!(pieces("nonsense"), None);
    assert_eq!(pieces("[1]"), None);
}

#[test]
fn a_whole_answer_has_the_same_pieces() {
    let body = serde_json::json!({"model": "m", "choices": [{"message": {"content": "all"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let wanted = [
        Piece::Model("m".to_owned()),
        text_of("all"),
        Piece::Usage(Usage {
            prompt: 1,
            completion: 2,
        }),
        Piece::Finish("length".to_owned()),
    ];
    assert_eq!(answer(&body).unwrap(), wanted);
}

#[test]
fn failures_are_read_in_every_shape() {
    for (body, message, code) in [
        (r#"{"error":{"message":"m","type":"t","code":"c"}}"#, "m", Some("c")),
        (r#"{"error":{"message":"m","type":"t","code":null}}"#, "m", Some("t")),
        (r#"{"error":{"message":"m","code":429}}"#, "m", Some("429")),
        (r#"{"error":"m"}"#, "m", None),
        (r#"{"object":"error","message":"m"}"#, "m", None),
        (r#"{"detail":"m"}"#, "m", None),
        (r#"{"error":{}}"#, "the server did not say what is wrong", None),
    ] {
        let found = refusal(body.as_bytes()).unwrap();
        assert_eq!(
            (found.message.as_str(), found.code.as_deref()),
            (message, code),
            "{body}"
        );
    }
    assert_eq!(refusal(b"<html>"), None);
    assert!(matches!(
        &pieces(r#"{"error":{"message":"m"}}"#).unwrap()[..],
        [Piece::Failed(_)]
    ));
    // A field that is there and empty is no failure.
    assert_eq!(
        pieces(r#"{"error":null,"choices":[{"delta":{"content":"a"}}]}"#),
        Some(vec![text_of("a")])
    );
}

#[test]
fn health_pages_come_down_to_a_line() {
    for (body, line) in [
        (
            r#"{"status":"ready","upstreams":[{"name":"a","reason":null}]}"#,
            "ready",
        ),
        (
            r#"{"status":"failed","upstreams":[{"reason":"Over."}]}"#,
            "failed: Over.",
        ),
        (
            r#"{"status":"failed","reason":"No key.","upstreams":[{"reason":"Over."}]}"#,
            "failed: No key. Over.",
        ),
        (r#"{"status":"ready","stand_in":"A demo."}"#, "ready: A demo."),
        (r#"{"status":"ok"}"#, "ok"),
    ] {
        assert_eq!(health(body.as_bytes()).as_deref(), Some(line));
    }
    assert_eq!(health(b""), None);
}

#[test]
fn models_are_listed_by_id() {
    assert_eq!(
        models(br#"{"data":[{"id":"a"},{"id":null},{"id":"b"}]}"#).unwrap(),
        ["a", "b"]
    );
    assert_eq!(models(br#"{"models":[]}"#), None);
}
