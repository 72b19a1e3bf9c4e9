//! Files that clients send along: what of them reaches the upstream.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use gemini_gateway::standin::{Rule, Settings, When};
use serde_json::{Value, json};

use super::gemini::world::{Plan, World, code, text};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt ";
const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";

/// Lets the upstream describe the files it received.
const DESCRIBE: &str = "What is this? [[stand-in: files]]";

pub(crate) fn png() -> Value {
    image("image/png", PNG)
}

fn image(mime: &str, bytes: &[u8]) -> Value {
    let url = format!("data:{mime};base64,{}", BASE64_STANDARD.encode(bytes));
    json!({"type": "image_url", "image_url": {"url": url}})
}

fn document(name: &str, mime: &str, bytes: &[u8]) -> Value {
    let data = format!("data:{mime};base64,{}", BASE64_STANDARD.encode(bytes));
    json!({"type": "file", "file": {"filename": name, "file_data": data}})
}

/// A request of one user message with these parts.
pub(crate) fn asking(prompt: &str, parts: Vec<Value>) -> Value {
    let mut content = vec![json!({"type": "text", "text": prompt})];
    content.extend(parts);
    json!({"model": "gemini-flash", "messages": [{"role": "user", "content": content}]})
}

/// The files as the upstream describes them: name, name in the upload, type, bytes.
fn received(answer: &Value) -> Vec<(String, String, String, u64)> {
    let list: Vec<Value> = serde_json::from_str(text(answer)).unwrap();
    let word = |file: &Value, key: &str| file[key].as_str().unwrap().to_owned();
    let row = |file: &Value| {
        let bytes = file["bytes"].as_u64().unwrap();
        (word(file, "name"), word(file, "uploaded_as"), word(file, "mime"), bytes)
    };
    list.iter().map(row).collect()
}

fn row(name: &str, mime: &str, bytes: &[u8]) -> (String, String, String, u64) {
    (name.to_owned(), name.to_owned(), mime.to_owned(), bytes.len() as u64)
}

#[tokio::test]
async fn files_arrive_with_true_names_types_and_bytes_and_in_order() {
    let world = World::new().await;
    let audio = json!({"type": "input_audio", "input_audio": {"data": BASE64_STANDARD.encode(WAV), "format": "mp3"}});
    let parts = vec![
        image("image/jpeg", PNG),
        audio,
        document("Grüße.pdf", "application/pdf", PDF),
        document("../notes.md", "text/markdown", b"# Notes\n"),
    ];
    let (status, answer) = world.ask(asking(DESCRIBE, parts)).await;
    assert_eq!(status, 200, "{answer}");
    let expected = [
        row("image.png", "image/png", PNG),
        row("audio.wav", "audio/wav", WAV),
        row("Grüße.pdf", "application/pdf", PDF),
        row("notes.md", "text/markdown", b"# Notes\n"),
    ];
    assert_eq!(received(&answer), expected);
    let contents: Vec<_> = world.control.uploads().into_iter().map(|file| file.content).collect();
    for bytes in [PNG, WAV, PDF] {
        assert!(contents.iter().any(|content| content == bytes));
    }
    let prompt = world.control.prompts().pop().unwrap();
    for name in ["image.png", "audio.wav", "Grüße.pdf", "notes.md"] {
        let line = json!({ "attached_file": name }).to_string();
        assert!(prompt.prompt().unwrap().contains(&line), "{prompt:?}");
    }
}

#[tokio::test]
async fn an_upload_shows_no_cookie_and_says_where_it_belongs() {
    let world = World::new().await;
    let (status, _) = world.ask(asking(DESCRIBE, vec![png()])).await;
    assert_eq!(status, 200);
    let uploads: Vec<_> = world.control.requests();
    let upload = uploads.iter().find(|record| record.path == "/upload").unwrap();
    assert_eq!(
        (upload.method.as_str(), upload.cookies.len(), upload.status),
        ("POST", 0, Some(200))
    );
    assert_eq!(upload.header("x-tenant-id"), Some("bard-storage"));
    assert_eq!(upload.header("origin"), Some("https://gemini.google.com"));
    assert!(upload.header("push-id").unwrap().starts_with("feeds/"));
    let prompt = world.control.prompts().pop().unwrap();
    // A lone message with one file is its text, byte for byte.
    assert_eq!(prompt.prompt(), Some(DESCRIBE));
    let reference = &prompt.slot(0).unwrap()[3];
    assert_eq!(reference[0][1], "image.png");
    assert!(
        reference[0][0][0].as_str().unwrap().starts_with("/contrib_service/"),
        "{reference}"
    );
}

#[tokio::test]
async fn the_same_bytes_are_uploaded_once_and_named_as_each_request_names_them() {
    let world = World::new().await;
    for name in ["a.pdf", "b.pdf", "a.pdf"] {
        let (status, answer) = world
            .ask(asking(DESCRIBE, vec![document(name, "application/pdf", PDF)]))
            .await;
        assert_eq!((status, received(&answer)[0].0.as_str()), (200, name));
    }
    assert_eq!(world.control.uploads().len(), 1);
    let twice = vec![
        document("x.md", "text/plain", b"x"),
        document("y.md", "text/plain", b"x"),
    ];
    let (status, answer) = world.ask(asking(DESCRIBE, twice)).await;
    assert_eq!((status, received(&answer).len()), (200, 2));
    assert_eq!(world.control.uploads().len(), 2);
}

#[tokio::test]
async fn a_reference_that_died_early_is_made_anew_once() {
    for code in [1003, 1100] {
        let standin = Settings {
            unknown_file_error: code,
            ..Settings::default()
        };
        let world = World::with(Plan {
            standin,
            ..Plan::default()
        })
        .await;
        assert_eq!(world.ask(asking(DESCRIBE, vec![png()])).await.0, 200);
        world.control.forget_uploads();
        world.control.clear_requests();
        let (status, answer) = world.ask(asking(DESCRIBE, vec![png()])).await;
        assert_eq!((status, received(&answer).len()), (200, 1), "{code}: {answer}");
        assert_eq!(
            (world.control.uploads().len(), world.control.prompts().len()),
            (1, 2),
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_reference_is_not_used_beyond_its_life() {
    let world = World::with(Plan {
        overlay: json!({"limits": {"reference_s": 1}}),
        ..Plan::default()
    })
    .await;
    let begun = Instant::now();
    while world.control.uploads().len() < 2 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the reference never got too old"
        );
        assert_eq!(world.ask(asking(DESCRIBE, vec![png()])).await.0, 200);
    }
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "it was not used for as long as it lived"
    );
}

#[tokio::test]
async fn a_fresh_reference_that_is_refused_is_no_reason_to_ask_again() {
    let world = World::new().await;
    let (status, answer) = world.ask(asking("[[stand-in: error=1003]]", vec![png()])).await;
    assert_eq!((status, code(&answer)), (400, "upstream_rejected_request"));
    assert_eq!(world.control.prompts().len(), 1);
}

#[tokio::test]
async fn an_upload_that_fails_is_told_for_what_it_is() {
    let world = World::new().await;
    for (words, expected) in [
        ("http=413", (400, "image_too_large")),
        ("http=415", (400, "unsupported_image_media_type")),
        ("html=signin", (502, "upstream_session_rejected")),
        ("http=429", (429, "rate_limit_exceeded")),
    ] {
        let rule = Rule::new(When::Path("/upload".to_owned()), words.parse().unwrap());
        world.control.rule(rule);
        let (status, answer) = world.ask(asking("Look.", vec![png()])).await;
        assert_eq!((status, code(&answer)), expected, "{words}");
        if status == 400 {
            assert_eq!(answer["error"]["param"], "messages[0].content[1].image_url.url");
        }
        world.control.clear_rules();
    }
    assert!(
        world.control.prompts().is_empty(),
        "no prompt went out without its file"
    );
    // A passing fault is tried again.
    let rule = Rule::new(When::Path("/upload".to_owned()), "http=503".parse().unwrap());
    world.control.rule(rule.times(1));
    let (status, answer) = world.ask(asking(DESCRIBE, vec![png()])).await;
    assert_eq!((status, received(&answer).len()), (200, 1));
}

#[tokio::test]
async fn a_page_in_the_way_of_an_upload_is_told_for_what_it_is_and_gets_no_file() {
    for (page, expected) in [
        ("signin", (502, "upstream_session_rejected")),
        ("consent", (503, "upstream_consent_required")),
        ("sorry", (503, "upstream_ip_blocked")),
    ] {
        for way in ["redirect", "html"] {
            // The stand-in has one host for all of Google's: here a path has to say what a host name says there.
            let kinds = json!([
                {"kind": "sorry", "url": ["/sorry/index"], "body": ["detected unusual traffic"]},
                {"kind": "consent", "url": ["/__host/consent.google.com/"], "body": ["https://consent.google.com/save"]},
                {"kind": "sign_in", "url": ["/ServiceLogin", "/v3/signin/"], "body": ["/v3/signin/identifier"]},
            ]);
            let world = World::with(Plan {
                overlay: json!({"page": {"kinds": kinds}}),
                ..Plan::default()
            })
            .await;
            let rule = Rule::new(
                When::Path("/upload".to_owned()),
                format!("{way}={page}").parse().unwrap(),
            );
            world.control.rule(rule);
            let (status, answer) = world.ask(asking("Look.", vec![png()])).await;
            assert_eq!((status, code(&answer)), expected, "{way}={page}");
            assert!(
                world.control.prompts().is_empty(),
                "no prompt went out without its file"
            );
            let posted = world
                .control
                .requests()
                .into_iter()
                .filter(|record| record.method == "POST");
            let known = ["/upload", "/RotateCookies"];
            let strange: Vec<_> = posted
                .filter(|record| !known.contains(&record.path.as_str()) && !record.path.ends_with("/batchexecute"))
                .map(|record| record.path)
                .collect();
            assert!(strange.is_empty(), "{way}={page}: {strange:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_image_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let table: [(Value, &str); 5] = [
        (
            image("image/png", b"PK\x03\x04\x14\0\0\0\x08\0"),
            "unsupported_image_media_type",
        ),
        (image("image/png", b"<svg onload='x'/>"), "unsupported_image_media_type"),
        (image("image/png", b"\0\x01\x02\x03"), "invalid_image_format"),
        (image("image/png", b""), "empty_image_file"),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}),
            "invalid_base64_image",
        ),
    ];
    for (part, expected) in table {
        let (status, answer) = world.ask(asking("Look.", vec![part])).await;
        assert_eq!((status, code(&answer)), (400, expected));
        assert_eq!(answer["error"]["param"], "messages[0].content[1].image_url.url");
    }
    let many = (0..11).map(|_| png()).collect();
    let (status, answer) = world.ask(asking("Look.", many)).await;
    assert_eq!((status, code(&answer)), (400, "too_many_files"));
    assert_eq!(answer["error"]["param"], "messages[0].content[11].image_url.url");
    assert!(world.control.uploads().is_empty() && world.control.prompts().is_empty());
}

#[tokio::test]
async fn a_history_says_which_message_a_file_belongs_to() {
    let world = World::new().await;
    let messages = json!([
        {"role": "user", "content": [{"type": "text", "text": "First?"}, png()]},
        {"role": "assistant", "content": "A dot."},
        {"role": "user", "content": DESCRIBE},
    ]);
    let (status, answer) = world.ask(json!({"model": "gemini-flash", "messages": messages})).await;
    assert_eq!((status, received(&answer).len()), (200, 1));
    let prompt = world.control.prompts().pop().unwrap();
    let first = prompt.prompt().unwrap().split("A dot.").next().unwrap().to_owned();
    assert!(first.contains("First?\n{\"attached_file\":\"image.png\"}\n"), "{first}");
}
