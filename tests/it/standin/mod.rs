//! The stand-in for the Gemini web app, seen over real sockets by a client that knows nothing of its inside.

mod answers;
mod load;
mod session;

use std::time::Duration;

use gemini_gateway::standin::{Control, Options, StandIn};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

const PSID: &str = "g.a000cookie";
const FIRST: &str = "sidts-first";
const GENERATE: &str = "/_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate";
const CALLS: &str = "/_/BardChatUi/data/batchexecute";
const ROTATE_BODY: &str = "[000,\"-0000000000000000000\"]";

/// A stand-in and a client of it.
struct Bench {
    standin: StandIn,
    control: Control,
    http: reqwest::Client,
    psidts: Option<String>,
}

impl Bench {
    async fn start() -> Self {
        let standin = StandIn::start(Options::default()).await.unwrap();
        Self {
            control: standin.control(),
            standin,
            http: client(),
            psidts: Some(FIRST.to_owned()),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.standin.base_url())
    }

    fn with_cookies(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let psidts = self.psidts.iter().map(|value| format!("; __Secure-1PSIDTS={value}"));
        let cookies: String = std::iter::once(format!("__Secure-1PSID={PSID}"))
            .chain(psidts)
            .collect();
        request.header("cookie", cookies)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.with_cookies(self.http.get(self.url(path)));
        request.send().await.unwrap()
    }

    async fn rotate(&self) -> reqwest::Response {
        let request = self.with_cookies(self.http.post(self.url("/RotateCookies")));
        request.body(ROTATE_BODY).send().await.unwrap()
    }

    /// The page's token.
    async fn token(&self) -> String {
        let page = self.get("/app").await.text().await.unwrap();
        scraped(&page, "SNlM0e").unwrap()
    }

    async fn prompt(&self, prompt: &str) -> reqwest::Result<reqwest::Response> {
        let token = self.token().await;
        self.prompt_with(prompt, &token, json!(["", "", ""])).await
    }

    async fn prompt_with(&self, prompt: &str, token: &str, thread: Value) -> reqwest::Result<reqwest::Response> {
        let inner = json!([[prompt, 0, null, null, null, null, 0], ["en"], thread]);
        let body = form(token, &json!([null, inner.to_string()]));
        let request = self.with_cookies(self.http.post(self.url(GENERATE)));
        request.body(body).send().await
    }

    /// One remote call: its answer, or the status it was refused with.
    async fn call(&self, id: &str, payload: Value) -> Result<Value, u64> {
        let token = self.token().await;
        let body = form(&token, &json!([[[id, payload.to_string(), null, "generic"]]]));
        let request = self.with_cookies(self.http.post(self.url(CALLS)));
        let text = request.body(body).send().await.unwrap().text().await.unwrap();
        let entry = frames(&text).swap_remove(0)[0].clone();
        assert_eq!((&entry[0], &entry[1]), (&json!("wrb.fr"), &json!(id)));
        match entry[2].as_str() {
            Some(inner) => Ok(serde_json::from_str(inner).unwrap()),
            None => Err(entry[5][0].as_u64().unwrap()),
        }
    }
}

fn client() -> reqwest::Client {
    // Only the first of several tests in one process can install it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn form(token: &str, request: &Value) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("at", token).append_pair("f.req", &request.to_string());
    form.finish()
}

/// The value of a key on the app page.
fn scraped(page: &str, key: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("\"{key}\":\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// The frames of a body, read strictly: every length and the total must be exact.
fn frames(body: &str) -> Vec<Value> {
    let units: Vec<u16> = body.strip_prefix(")]}'\n\n").expect("prefix").encode_utf16().collect();
    let mut rest = units.as_slice();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let digits = rest.iter().position(|unit| *unit == u16::from(b'\n')).unwrap();
        let length: usize = String::from_utf16(&rest[..digits]).unwrap().parse().unwrap();
        let (frame, after) = rest[digits..].split_at(length);
        let text = String::from_utf16(frame).unwrap();
        assert!(text.starts_with('\n') && text.ends_with('\n'), "{text:?}");
        frames.push(serde_json::from_str(&text).unwrap());
        rest = after;
    }
    let last: &Value = frames.last().unwrap();
    assert_eq!(last[0], json!(["e", 4, null, null, body.encode_utf16().count()]));
    frames
}

/// The inner documents of an answer.
fn documents(body: &str) -> Vec<Value> {
    let frames = frames(body);
    let inner = frames.iter().filter_map(|frame| frame[0][2].as_str());
    inner.map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// The snapshots of an answer: text and completion status.
fn snapshots(body: &str) -> Vec<(String, u64)> {
    let documents = documents(body);
    let candidates = documents.iter().filter_map(|document| document.pointer("/4/0"));
    let read = candidates.map(|c| (c[1][0].as_str().unwrap().to_owned(), c[8][0].as_u64().unwrap()));
    read.collect()
}
