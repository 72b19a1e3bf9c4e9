//! What an upstream's statuses and error bodies mean.
//!
//! Its own words go to the client where they help to mend the request, and never to the log, since they may repeat the
//! request. Where the gateway's credential is at fault they go nowhere: some services repeat parts of it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::error::{Failure, Kind};

/// One row: statuses, and what they are taken for.
pub(crate) struct Row {
    /// The statuses, in words.
    pub(crate) statuses: &'static str,
    /// The kind of failure.
    pub(crate) kind: Kind,
    /// What decides between rows of the same status, or what is done besides.
    pub(crate) note: &'static str,
}

/// What [`of_status`] does, for the docs. A test holds the two together.
#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    Row { statuses: "400, 405, 406, 409, 411, 413, 414, 415, 422, other 4xx", kind: Kind::UpstreamRejectedRequest, note: "the upstream's own words are in the error" },
    Row { statuses: "400, 413, 422", kind: Kind::ContextLength, note: "if the body's code or words say that the context is too long" },
    Row { statuses: "401, 403, 407", kind: Kind::UpstreamCredential, note: "the error names the setting; the upstream's words are not repeated" },
    Row { statuses: "402", kind: Kind::UpstreamUsageLimit, note: "credits are used up; cools down for 5 minutes unless Retry-After says otherwise" },
    Row { statuses: "404, 410", kind: Kind::UpstreamModelNotFound, note: "" },
    Row { statuses: "408, 504", kind: Kind::UpstreamTimeout, note: "" },
    Row { statuses: "429", kind: Kind::UpstreamRateLimited, note: "cools down for Retry-After, else 20 s" },
    Row { statuses: "429", kind: Kind::UpstreamUsageLimit, note: "if the body's code is `insufficient_quota`; cools down for Retry-After, else 5 minutes" },
    Row { statuses: "503", kind: Kind::UpstreamLoading, note: "if it has Retry-After or `estimated_time`, or its words say that the model is loading (2 s then)" },
    Row { statuses: "500, 502, 503, other 5xx", kind: Kind::UpstreamUnavailable, note: "asked once more after a quarter to half a second" },
    Row { statuses: "1xx, 3xx", kind: Kind::UpstreamProtocol, note: "redirects are not followed: the credential would go along" },
];

/// The wait after a 429 that names none.
const SLOW_DOWN: Duration = Duration::from_secs(20);
/// The wait where a quota or credits are used up and nothing says when that ends.
const USED_UP: Duration = Duration::from_secs(5 * 60);
/// The wait for a model that is loading for nobody knows how long.
const LOADING: Duration = Duration::from_secs(2);
/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest words that are repeated, in characters.
const MOST_WORDS: usize = 600;

/// Who said it.
pub(super) struct Said<'a> {
    pub(super) upstream: &'a str,
    /// Where the owner has set the credential.
    pub(super) key_setting: &'a str,
    /// The headers that went there, of which nothing may be repeated.
    pub(super) secrets: &'a HeaderMap,
}

/// A status that is no success.
pub(super) fn of_status(
    said: &Said<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Failure {
    let Said { upstream, .. } = said;
    let number = status.as_u16();
    let fault = Fault::read(body);
    let wait = retry_after(headers, now);
    let failure = match number {
        401 | 403 | 407 => Failure::new(
            Kind::UpstreamCredential,
            format!(
                "The upstream {upstream} refuses the gateway's own credential (HTTP {number}), not the client's. Its \
                 owner has to set {} to a key that may use this model.",
                said.key_setting
            ),
        ),
        402 => used_up(upstream, "credits are", wait),
        404 | 410 => Failure::new(
            Kind::UpstreamModelNotFound,
            format!(
                "The upstream {upstream} does not have this model (HTTP {number}). Ask for one that /models lists."
            ),
        )
        .param("model"),
        408 | 504 => Failure::new(
            Kind::UpstreamTimeout,
            format!(
                "The upstream {upstream} gave up waiting for its model (HTTP {number}). Try again later, or ask for less."
            ),
        ),
        429 if fault.is("insufficient_quota") => used_up(upstream, "quota is", wait),
        429 => Failure::new(
            Kind::UpstreamRateLimited,
            format!(
                "The upstream {upstream} asks to slow down: its rate limit is reached. Wait and send fewer requests."
            ),
        )
        .retry_after(wait.unwrap_or(SLOW_DOWN)),
        503 if fault.wait.or(wait).is_some() || fault.is_loading() => Failure::new(
            Kind::UpstreamLoading,
            format!("The upstream {upstream} is loading the model. Try again in a moment."),
        )
        .retry_after(fault.wait.or(wait).unwrap_or(LOADING)),
        400 | 413 | 422 if fault.is_too_long() => Failure::new(
            Kind::ContextLength,
            format!("The conversation is longer than the upstream {upstream} allows for this model. Shorten it."),
        )
        .param("messages"),
        400..=499 => Failure::new(
            Kind::UpstreamRejectedRequest,
            format!("The upstream {upstream} refused this request (HTTP {number})."),
        ),
        500..=599 => unavailable(upstream, number, wait),
        _ => protocol(upstream, &format!("HTTP {number}")),
    };
    let failure = failure.said_as(status);
    match fault.words(said.secrets) {
        Some(words) if failure.kind() != Kind::UpstreamCredential => failure.quote(words),
        _ => failure,
    }
}

/// An error that came in a successful answer: in its body, or as an event of its stream.
pub(super) fn of_body(said: &Said<'_>, body: &[u8]) -> Failure {
    let fault = Fault::read(body);
    // Some name the status it would have been.
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    if let Some(status) = status.filter(|status| status.is_client_error() || status.is_server_error()) {
        return of_status(said, status, &HeaderMap::new(), body, SystemTime::UNIX_EPOCH);
    }
    let failure = Failure::new(
        Kind::UpstreamUnavailable,
        format!(
            "The upstream {} reported an error in place of an answer. Try again in a moment.",
            said.upstream
        ),
    );
    match fault.words(said.secrets) {
        Some(words) => failure.quote(words),
        None => failure,
    }
}

fn unavailable(upstream: &str, number: u16, wait: Option<Duration>) -> Failure {
    let text = format!("The upstream {upstream} is failing at the moment (HTTP {number}). Try again in a moment.");
    let failure = Failure::new(Kind::UpstreamUnavailable, text);
    match wait {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

fn used_up(upstream: &str, what: &str, wait: Option<Duration>) -> Failure {
    let text = format!(
        "The {what} used up at the upstream {upstream}. Its owner has to add to them there, or wait for their reset."
    );
    Failure::new(Kind::UpstreamUsageLimit, text).retry_after(wait.unwrap_or(USED_UP))
}

/// An answer in a form that is not known.
pub(super) fn protocol(upstream: &str, what: &str) -> Failure {
    let text = format!(
        "The upstream {upstream} answered with {what}, which is no chat completion. Check the address it is configured with."
    );
    Failure::new(Kind::UpstreamProtocol, text)
}

/// A cut answer.
pub(super) fn interrupted(upstream: &str) -> Failure {
    let text = format!("The answer of the upstream {upstream} broke off before its end. Ask again.");
    Failure::new(Kind::UpstreamInterrupted, text)
}

/// Silence.
pub(super) fn too_slow(upstream: &str, patience: Duration) -> Failure {
    let text = format!(
        "The upstream {upstream} was silent for too long (its time-out is {} s, within the request's own). Try again, or raise it.",
        patience.as_secs()
    );
    Failure::new(Kind::UpstreamTimeout, text)
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) => seconds_of(seconds)?,
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok()?,
    };
    Some(wait.min(LONGEST_WAIT))
}

fn seconds_of(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64())).ok()
}

/// What an error body says, in any of the shapes in use: OpenAI's `{"error": {…}}`, the Hub's `{"error": "…",
/// "estimated_time": 20.0}`, FastAPI's `{"detail": …}`, `{"message": "…"}`.
#[derive(Default)]
struct Fault {
    message: Option<String>,
    code: Option<String>,
    kind: Option<String>,
    status: Option<u16>,
    wait: Option<Duration>,
}

impl Fault {
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let error = value.get("error").unwrap_or(&value);
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| error.get(name).and_then(Value::as_u64);
        let plain = || {
            [error, value.get("detail").unwrap_or(error)]
                .into_iter()
                .find_map(Value::as_str)
                .map(str::to_owned)
        };
        let status = number("code")
            .or_else(|| number("status"))
            .or_else(|| text("code")?.parse().ok());
        Self {
            message: text("message")
                .or_else(plain)
                .or_else(|| value.get("message").and_then(Value::as_str).map(str::to_owned)),
            code: text("code"),
            kind: text("type"),
            status: status.and_then(|status| u16::try_from(status).ok()),
            wait: value.get("estimated_time").and_then(Value::as_f64).and_then(seconds_of),
        }
    }

    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code) || self.kind.as_deref() == Some(code)
    }

    fn says(&self, words: &[&str]) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|words| message.contains(words))
    }

    /// The codes of OpenAI and llama.cpp, and the words of vLLM and TGI.
    fn is_too_long(&self) -> bool {
        self.is("context_length_exceeded")
            || self.is("exceed_context_size_error")
            || self.says(&[
                "maximum context length",
                "context length is only",
                "`inputs` tokens + `max_new_tokens`",
            ])
    }

    fn is_loading(&self) -> bool {
        self.says(&["loading model", "model is loading", "is currently loading"])
    }

    /// Its message for the client's eyes: on one line, not endless, without any credential.
    fn words(&self, secrets: &HeaderMap) -> Option<String> {
        let message = self.message.as_deref()?;
        let mut words: String = message
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .filter(|c| !c.is_control())
            .take(MOST_WORDS)
            .collect();
        for secret in secrets.values().filter_map(|value| value.to_str().ok()) {
            let secret = secret.strip_prefix("Bearer ").unwrap_or(secret);
            if secret.len() >= 4 {
                words = words.replace(secret, "<secret>");
            }
        }
        (!words.is_empty()).then_some(words)
    }
}

#[cfg(test)]
mod tests;
