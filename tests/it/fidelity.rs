//! Texts that must come through every format byte for byte, whole and streamed: one changed character breaks an edit,
//! a formula, a path.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::gemini::world::World;

/// How a text is asked for in one format, and where it stands in the answer.
struct Format {
    name: &'static str,
    path: &'static str,
    stream_path: &'static str,
    body: fn(prompt: &str, stream: bool) -> Value,
    whole: fn(&Value) -> String,
    /// The text in one event of a stream.
    piece: fn(&Value) -> Option<String>,
}

const FORMATS: &[Format] = &[
    Format {
        name: "openai-chat",
        path: "/v1/chat/completions",
        stream_path: "/v1/chat/completions",
        body: |prompt, stream| json!({"model": "gemini-flash", "stream": stream, "messages": [{"role": "user", "content": prompt}]}),
        whole: |answer| text(answer, "/choices/0/message/content"),
        piece: |event| event.pointer("/choices/0/delta/content")?.as_str().map(str::to_owned),
    },
    Format {
        name: "openai-completions",
        path: "/v1/completions",
        stream_path: "/v1/completions",
        body: |prompt, stream| json!({"model": "gemini-flash", "stream": stream, "prompt": prompt}),
        whole: |answer| text(answer, "/choices/0/text"),
        piece: |event| event.pointer("/choices/0/text")?.as_str().map(str::to_owned),
    },
    Format {
        name: "openai-responses",
        path: "/v1/responses",
        stream_path: "/v1/responses",
        body: |prompt, stream| json!({"model": "gemini-flash", "stream": stream, "input": prompt, "store": false}),
        whole: |answer| text(answer, "/output/0/content/0/text"),
        piece: |event| (event["type"] == "response.output_text.delta").then(|| text(event, "/delta")),
    },
    Format {
        name: "anthropic-messages",
        path: "/v1/messages",
        stream_path: "/v1/messages",
        body: |prompt, stream| json!({"model": "gemini-flash", "max_tokens": 100_000, "stream": stream, "messages": [{"role": "user", "content": prompt}]}),
        whole: |answer| text(answer, "/content/0/text"),
        piece: |event| event.pointer("/delta/text")?.as_str().map(str::to_owned),
    },
    Format {
        name: "gemini-native",
        path: "/v1beta/models/gemini-flash:generateContent",
        stream_path: "/v1beta/models/gemini-flash:streamGenerateContent?alt=sse",
        body: |prompt, _stream| json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        whole: |answer| text(answer, "/candidates/0/content/parts/0/text"),
        piece: |event| {
            event
                .pointer("/candidates/0/content/parts/0/text")?
                .as_str()
                .map(str::to_owned)
        },
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_text_comes_through_every_format_unchanged() {
    let world = World::new().await;
    let mut texts = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/corpus")).unwrap() {
        let file = file.unwrap().path();
        let written = fs::read_to_string(&file).unwrap();
        let written = written.trim_end();
        texts += 1;
        let encoded: String =
            percent_encoding::utf8_percent_encode(written, percent_encoding::NON_ALPHANUMERIC).collect();
        for format in FORMATS {
            let what = format!("{} {}", format.name, file.display());
            let prompt = format!("[[stand-in: text={encoded}]]");
            let answer = world.post(format.path, &(format.body)(&prompt, false)).await;
            let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!((format.whole)(&answer), written, "{what}, whole");
            for split in ["", "split=1 frames=12", "split=random frames=60"] {
                let prompt = format!("[[stand-in: text={encoded} {split}]]");
                let answer = world.post(format.stream_path, &(format.body)(&prompt, true)).await;
                let answer = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
                let events = answer.split("\n\n").filter_map(|event| event.split_once("data: "));
                let pieces = events.filter_map(|(_, data)| (format.piece)(&serde_json::from_str(data).ok()?));
                assert_eq!(pieces.collect::<String>(), written, "{what} {split}, streamed");
            }
        }
    }
    assert!(texts >= 10);
}

fn text(answer: &Value, pointer: &str) -> String {
    let text = answer.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {pointer} in {answer}")).to_owned()
}
