//! Every request of every wire format, answered with every recorded answer of the upstream: one reviewed snapshot each.
//!
//! `tests/golden/requests/<format>/<case>.json` holds a request: `path`, `body`, and under `stream` what asks for a
//! streamed answer (a `path`, or fields of the `body`; none: the format has no streams). `tests/golden/transcripts/*.txt`
//! holds bodies as the upstream sends them. A file more in either place is a row or a column more.

use std::{fs, path::Path};

use serde_json::Value;

use crate::gemini::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_meets_every_answer() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let world = World::new().await;
    let mut rows = 0;
    for format in entries(&golden.join("requests")) {
        for case in entries(&format) {
            let request: Value = serde_json::from_slice(&fs::read(&case).unwrap()).unwrap();
            for transcript in entries(&golden.join("transcripts")) {
                let recorded = fs::read(&transcript).unwrap();
                world
                    .control
                    .configure(|settings| settings.replay = Some(recorded.into()));
                let answers = [whole(&world, &request).await, streamed(&world, &request).await].concat();
                let name = format!("{}__{}__{}", stem(&format), stem(&case), stem(&transcript));
                insta::with_settings!({
                    snapshot_path => golden.join("snapshots"),
                    prepend_module_to_snapshot => false,
                    omit_expression => true,
                }, {
                    insta::assert_snapshot!(name, answers);
                });
                rows += 1;
            }
        }
    }
    assert!(rows >= 20, "only {rows} rows: were the files found?");
}

async fn whole(world: &World, request: &Value) -> String {
    let path = request["path"].as_str().unwrap();
    answer("whole", world.post(path, &request["body"]).await).await
}

async fn streamed(world: &World, request: &Value) -> String {
    let Some(stream) = request.get("stream") else {
        return String::new();
    };
    let path = stream["path"].as_str().or(request["path"].as_str()).unwrap();
    let mut body = request["body"].clone();
    for (name, value) in stream["body"].as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    answer("streamed", world.post(path, &body).await).await
}

/// Status, the headers that disclose something, and the body, with everything that differs from run to run replaced.
async fn answer(title: &str, response: reqwest::Response) -> String {
    let mut head = format!("== {title}: {}\n", response.status().as_u16());
    let mut told: Vec<_> = response.headers().iter().collect();
    told.retain(|(name, _)| {
        name.as_str().starts_with("x-gateway-") || *name == "content-type" || *name == "retry-after"
    });
    told.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in told {
        head.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
    steady(&format!("{head}\n{}\n\n", body.trim_end()))
}

/// Replaces ids, times and links by what they are, in order of appearance: equal ones stay equal.
fn steady(text: &str) -> String {
    let links = text.contains("/media/");
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        out.push_str(&rest[..start]);
        let is_link = out.ends_with("/media/");
        let is_id = out.ends_with("call_") || out.ends_with("\"request_id\":\"");
        let goes_on = |c: char| c.is_ascii_alphanumeric() || is_link && c == '_' || (is_link || is_id) && c == '-';
        let end = rest[start..]
            .find(|c| !goes_on(c))
            .map_or(rest.len(), |end| start + end);
        let word = &rest[start..end];
        rest = &rest[end..];
        // A signed link is text too, and counts as another number of tokens each time.
        let estimate = links && (out.ends_with("tokens\":") || out.ends_with("TokenCount\":"));
        let kind = if out.ends_with(";ms=") {
            Some("time")
        } else if is_link {
            Some("link")
        } else if is_id && word.len() >= 24 {
            Some("id")
        } else if estimate {
            Some("estimate")
        } else {
            kind_of(word)
        };
        match kind {
            Some(kind @ ("time" | "estimate")) => out.push_str(&format!("<{kind}>")),
            Some(kind) => {
                let known = seen.iter().position(|known| *known == word);
                let number = known.unwrap_or_else(|| {
                    seen.push(word);
                    seen.len() - 1
                });
                out.push_str(&format!("<{kind} {}>", number + 1));
            }
            None => out.push_str(word),
        }
    }
    out.push_str(rest);
    out
}

/// What a word is, if it is another one in the next run.
fn kind_of(word: &str) -> Option<&'static str> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    match word.len() {
        // Unix time of this century.
        10 if digits == 10 => Some("time"),
        13 if digits == 13 => Some("time"),
        24 if digits > 0 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Some("id"),
        32 if hex => Some("id"),
        5 if digits == 5 => Some("port"),
        _ => None,
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
