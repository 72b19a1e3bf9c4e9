//! What the stand-in remembers of the requests it got, for tests to look at.

use std::sync::Arc;

use http::{header, request::Parts};
use serde_json::Value;

use super::target::Target;

/// One request. Nothing secret is in it: no cookie values, no token, no credentials.
#[derive(Clone, Debug)]
pub struct Record {
    /// Counts up from 0 over the stand-in's life.
    pub id: u64,
    /// HTTP method.
    pub method: String,
    /// The host it was for: the Google host behind a TLS front, empty when the stand-in was addressed as itself.
    pub host: String,
    /// Path without the account prefix `/u/N`.
    pub path: String,
    /// N of that prefix.
    pub account_index: Option<u32>,
    /// Query parameters in order, decoded, without a token.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case, without `cookie` and `authorization`.
    pub headers: Vec<(String, String)>,
    /// Names of the cookies that came.
    pub cookies: Vec<String>,
    /// How the session cookies were judged.
    pub verdict: Verdict,
    /// Whether the form field `at` held the session's token; `None` if the field was empty or absent.
    pub token_matches: Option<bool>,
    /// The decoded inner array of a prompt request.
    pub inner: Option<Value>,
    /// The model id chosen by the model header.
    pub model: Option<String>,
    /// Ids and payloads of the remote calls.
    pub calls: Vec<(String, String)>,
    /// The whole text of the answer to a prompt, once one was made.
    pub answer: Option<Arc<str>>,
    /// The HTTP status answered, once one was.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Record {
    pub(super) fn new(
        id: u64,
        head: &Parts,
        target: &Target,
        mut query: Vec<(String, String)>,
        cookies: Vec<String>,
        verdict: Verdict,
    ) -> Self {
        query.retain(|(name, _)| name != "at");
        Self {
            id,
            method: head.method.to_string(),
            host: target.host.clone(),
            path: target.path.clone(),
            account_index: target.account_index,
            query,
            headers: shown_headers(head),
            cookies,
            verdict,
            token_matches: None,
            inner: None,
            model: None,
            calls: Vec::new(),
            answer: None,
            status: None,
            outcome: Outcome::Open,
        }
    }

    /// The prompt of a prompt request.
    #[must_use]
    pub fn prompt(&self) -> Option<&str> {
        self.slot(0)?.get(0)?.as_str()
    }

    /// One slot of the inner array of a prompt request.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<&Value> {
        self.inner.as_ref()?.get(index)
    }

    /// Whether it asked for an answer to a prompt.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        self.path == super::serve::GENERATE_PATH
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How the session cookies of a request were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both cookies are the session's.
    Live,
    /// `__Secure-1PSIDTS` is missing, and the session does without.
    LiveWithoutPsidts,
    /// `__Secure-1PSIDTS` is the one before the newest, within the grace time.
    LiveInGrace,
    /// No `__Secure-1PSID`.
    NoCookies,
    /// A `__Secure-1PSID` that is no session.
    Unknown,
    /// `__Secure-1PSIDTS` is missing, and the session needs it.
    MissingPsidts,
    /// `__Secure-1PSIDTS` is not the newest.
    Stale,
    /// The session waits for a rotation.
    Expired,
    /// The session is over.
    SignedOut,
}

impl Verdict {
    /// Whether the request counts as signed in.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::LiveWithoutPsidts | Self::LiveInGrace)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended yet.
    Open,
    /// All of the answer was handed to the connection.
    Done,
    /// A fault cut it, as told.
    Cut,
    /// The client left before the end.
    Left,
}

fn shown_headers(head: &Parts) -> Vec<(String, String)> {
    let secret = [header::COOKIE, header::AUTHORIZATION];
    let shown = head.headers.iter().filter(|(name, _)| !secret.contains(name));
    let text = shown.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    text.collect()
}
