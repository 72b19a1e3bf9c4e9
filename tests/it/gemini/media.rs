//! Pictures, films and sources of answers, and the links that lead to them.

use base64::{Engine, prelude::BASE64_STANDARD};
use gemini_gateway::standin::{Rule, When};
use serde_json::{Value, json};

use super::world::{World, code, text};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

async fn generate(world: &World, body: Value) -> (u16, Value) {
    let response = world.post("/v1/images/generations", &body).await;
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
    )
}

/// The side of a PNG in pixels: the stand-in's full size has 2, its plain one 1.
fn side(png: &[u8]) -> u32 {
    assert!(png.starts_with(PNG), "{png:?}");
    u32::from_be_bytes(png[16..20].try_into().unwrap())
}

fn request(words: &str) -> Value {
    json!({"model": "gemini-flash", "prompt": format!("a boat [[stand-in: text=here {words}]]")})
}

#[tokio::test]
async fn a_generated_image_comes_in_its_full_size() {
    let world = World::new().await;
    let (status, answer) = generate(&world, request("images=1")).await;
    assert_eq!(status, 200, "{answer}");
    let data = answer["data"][0]["b64_json"].as_str().unwrap();
    assert_eq!(side(&BASE64_STANDARD.decode(data).unwrap()), 2);
    assert!(
        answer["created"].is_u64() && answer["usage"]["total_tokens"].is_u64(),
        "{answer}"
    );
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    let prompt = world.control.prompts().last().unwrap().inner.clone().unwrap();
    let prompt = prompt.pointer("/0/0").unwrap().as_str().unwrap();
    assert!(prompt.starts_with("Generate an image: a boat"), "{prompt}");
}

#[tokio::test]
async fn without_the_full_size_the_usual_one_comes() {
    let world = World::new().await;
    world
        .control
        .rule(Rule::new(When::Call("c8o8Fe".to_owned()), "reject=5".parse().unwrap()));
    let (status, answer) = generate(&world, request("images=1")).await;
    assert_eq!(status, 200, "{answer}");
    let data = answer["data"][0]["b64_json"].as_str().unwrap();
    assert_eq!(side(&BASE64_STANDARD.decode(data).unwrap()), 1);
}

#[tokio::test]
async fn a_link_opens_without_a_key_and_no_other_link_does() {
    let world = World::new().await;
    let mut body = request("images=2");
    body["response_format"] = json!("url");
    let (status, answer) = generate(&world, body).await;
    assert_eq!(status, 200, "{answer}");
    let link = answer["data"][1]["url"].as_str().unwrap();
    let picture = world.open(link).await;
    let headers = picture.headers().clone();
    assert_eq!(
        (picture.status().as_u16(), &headers["content-type"]),
        (200, &"image/png".parse().unwrap())
    );
    assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(side(&picture.bytes().await.unwrap()), 2);

    let before = world.control.requests().len();
    let mut changed = link.to_owned();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.push(last);
    let elsewhere = format!(
        "{}/media/aHR0cDovLzE2OS4yNTQuMTY5LjI1NC8",
        link.split("/media/").next().unwrap()
    );
    for wrong in [changed, elsewhere] {
        let refused = world.open(&wrong).await;
        assert_eq!(refused.status().as_u16(), 404);
        let error: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
        assert_eq!(code(&error), "media_not_found");
    }
    assert_eq!(world.control.requests().len(), before, "nothing was fetched for them");
}

#[tokio::test]
async fn an_answer_without_an_image_is_no_image() {
    let world = World::new().await;
    let (status, answer) = generate(&world, request("")).await;
    assert_eq!((status, code(&answer)), (502, "no_image_generated"));
    for (field, value) in [
        ("n", json!(2)),
        ("stream", json!(true)),
        ("size", json!("big")),
        ("prompt", json!(" ")),
    ] {
        let mut body = request("images=1");
        body[field] = value;
        let (status, answer) = generate(&world, body).await;
        assert_eq!(
            (status, answer["error"]["param"].as_str()),
            (400, Some(field)),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_chat_shows_images_in_its_text_and_beside_it() {
    let world = World::new().await;
    let prompt = "draw [[stand-in: text=Here%20it%20is. images=1 frames=3]]";
    let (status, answer) = world.chat(prompt).await;
    assert_eq!(status, 200, "{answer}");
    let link = answer["choices"][0]["message"]["images"][0]["image_url"]["url"]
        .as_str()
        .unwrap();
    assert_eq!(text(&answer), format!("Here it is.\n\n![picture 0.png]({link})"));
    assert_eq!(side(&world.open(link).await.bytes().await.unwrap()), 2);

    let streamed = world.stream(prompt).await;
    assert!(
        streamed.text.starts_with("Here it is.\n\n![picture 0.png](http"),
        "{}",
        streamed.text
    );
    assert_eq!((streamed.finish.as_deref(), streamed.done), (Some("stop"), true));
}

#[tokio::test]
async fn the_images_of_a_stream_are_numbered() {
    let world = World::new().await;
    let messages = json!([{"role": "user", "content": "draw [[stand-in: images=2]]"}]);
    let body = json!({"model": "gemini-flash", "stream": true, "messages": messages});
    let response = world.post("/v1/chat/completions", &body).await;
    let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
    let chunks = body.lines().filter_map(|line| line.strip_prefix("data: {"));
    let indexes = chunks.filter_map(|chunk| {
        let chunk: Value = serde_json::from_str(&format!("{{{chunk}")).unwrap();
        chunk.pointer("/choices/0/delta/images/0/index").and_then(Value::as_u64)
    });
    assert_eq!(indexes.collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn no_image_gets_into_a_document() {
    let world = World::new().await;
    let words = "[[stand-in: text=%7B%22a%22:1%7D images=2 video]]";
    let messages = json!([{"role": "user", "content": words}]);
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    for form in [
        json!({"type": "json_object"}),
        json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}),
    ] {
        let body = json!({"model": "gemini-flash", "response_format": form, "messages": messages});
        let response = world.post("/v1/chat/completions", &body).await;
        let links = response.headers().get_all("x-gateway-media");
        let links: Vec<_> = links.iter().map(|link| link.to_str().unwrap().to_owned()).collect();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(text(&answer), "{\"a\":1}");
        let shown = &answer["choices"][0]["message"]["images"];
        assert_eq!(shown[0]["image_url"]["url"], *links[0]);
        assert_eq!((links.len(), shown.as_array().unwrap().len()), (3, 2));
        assert_eq!(side(&world.open(&links[1]).await.bytes().await.unwrap()), 2);

        let body = json!({"model": "gemini-flash", "stream": true, "response_format": form, "messages": messages});
        let response = world.post("/v1/chat/completions", &body).await;
        let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        assert!(!body.contains("!["), "{body}");
    }
}

#[tokio::test]
async fn what_stands_beside_an_answer_that_is_no_document_is_not_shown() {
    let world = World::new().await;
    for stream in [false, true] {
        for form in ["json_object", "json_schema"] {
            let schema = json!({"name": "a", "schema": {"type": "object"}});
            let messages = json!([{"role": "user", "content": "[[stand-in: text=No. images=1 citations=1]]"}]);
            let body = json!({
                "model": "gemini-flash", "stream": stream, "messages": messages,
                "response_format": {"type": form, "json_schema": schema},
            });
            let response = world.post("/v1/chat/completions", &body).await;
            let status = response.status().as_u16();
            let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            let expected = (502, "invalid_structured_output");
            assert_eq!((status, code(&answer)), expected, "{form}, stream: {stream}");
        }
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_fetched_is_no_unknown_address() {
    let world = World::new().await;
    world
        .control
        .rule(Rule::new(When::Call("c8o8Fe".to_owned()), "reject=5".parse().unwrap()));
    world
        .control
        .rule(Rule::new(When::Path("/gg/".to_owned()), "http=404".parse().unwrap()));
    let (status, answer) = generate(&world, request("images=1")).await;
    assert_eq!((status, code(&answer)), (502, "no_image_generated"), "{answer}");
}

#[tokio::test]
async fn a_film_is_not_there_before_it_is_rendered() {
    let world = World::new().await;
    let (status, answer) = world.chat("film [[stand-in: text=Soon. video]]").await;
    assert_eq!(status, 200, "{answer}");
    let shown = text(&answer);
    assert!(shown.ends_with("(it may still be rendering)"), "{shown}");
    let link = shown.split_once("](").unwrap().1.split_once(')').unwrap().0;
    let early = world.open(link).await;
    assert_eq!(
        (early.status().as_u16(), &early.headers()["retry-after"]),
        (503, &"10".parse().unwrap())
    );
    let film = world.open(link).await;
    assert_eq!(
        (film.status().as_u16(), &film.headers()["content-type"]),
        (200, &"video/mp4".parse().unwrap())
    );
}

#[tokio::test]
async fn sources_are_annotations_that_point_at_their_mark() {
    let world = World::new().await;
    let (status, answer) = world.chat("look [[stand-in: text=W%C3%A4ldchen citations=2]]").await;
    assert_eq!(status, 200, "{answer}");
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], "Wäldchen [cite: 1, 2]");
    let annotation = &message["annotations"][1];
    assert_eq!(annotation["type"], "url_citation");
    assert_eq!(
        annotation["url_citation"],
        json!({"start_index": 9, "end_index": 21, "url": "https://example.org/2", "title": "Source 2"})
    );
}
