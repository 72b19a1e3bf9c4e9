//! Answers that are one JSON document: what the web app may do to text outside of code does not reach them.

use serde_json::json;

use super::world::{World, text};
use crate::support::sse::{content, events};

#[tokio::test]
async fn over_the_web_app_a_document_is_byte_exact() {
    let world = World::new().await;
    let document = r#"{"name": "&lt;b&gt; \\d+ \"x\" _y_ *z* [1](http://a.b/)", "age": 36}"#;
    let said = format!("```json\n{document}\n```");
    let said = percent_encoding::utf8_percent_encode(&said, percent_encoding::NON_ALPHANUMERIC);
    let prompt = format!("Who? [[stand-in: text={said} frames=9 split=random]]");
    let schema = json!({"type": "object", "required": ["name", "age"]});
    let form = json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}});
    for stream in [false, true] {
        let mut body =
            json!({"model": "gemini-flash", "stream": stream, "messages": [{"role": "user", "content": prompt}]});
        body["response_format"] = form.clone();
        let answer = if stream {
            let body = world.send(&body).await.text().await.unwrap();
            content(&events(&body))
        } else {
            let (status, answer) = world.ask(body).await;
            assert_eq!(status, 200, "{answer}");
            text(&answer).to_owned()
        };
        assert_eq!(answer, document, "streamed: {stream}");
    }
    let prompts = world.control.prompts();
    assert_eq!(prompts.len(), 2);
    assert!(
        prompts
            .iter()
            .all(|record| record.prompt().unwrap().contains("\"required\":[\"name\",\"age\"]"))
    );
}
