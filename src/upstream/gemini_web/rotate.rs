//! One rotation of `__Secure-1PSIDTS`, with its outcome as a type.
//!
//! Google answers 200 as readily when it issued nothing as when it did; what came of it decides, not the status
//! (protocol notes, cookie rotation: table of answers).

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use tokio::time::Instant;

use super::{
    cookies::{issued_psidts, login_header},
    request,
    transport::{Transport, read_all, retry_after},
};
use crate::error::Failure;

/// What became of a rotation.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A new value was issued. It is not in use before it was saved.
    Renewed(SecretString),
    /// Accepted, but nothing new was issued: nothing was due, or the session is bound to a device.
    NotIssued,
    /// Refused: the session is over, or this value is older than the browser's.
    Stale,
    /// Refused with a challenge that only the device which logged in can answer.
    DeviceBound,
    /// Refused for good: the user agent is not one that rotates.
    UserAgent,
    /// Asked too often.
    Throttled(Option<Duration>),
    /// Refused in a way that is not known.
    Unexpected(StatusCode),
    /// No answer.
    Unreachable(Failure),
}

/// An outcome and when Google wants to be asked again.
#[derive(Debug)]
pub(super) struct Rotation {
    pub(super) outcome: Outcome,
    /// The hint of the answer, within the bounds the protocol allows.
    pub(super) next: Option<Duration>,
}

/// Asks once, with the log-in cookies alone.
pub(super) async fn rotate(
    transport: &Transport,
    psid: &SecretString,
    psidts: Option<&SecretString>,
    deadline: Instant,
) -> Rotation {
    let cookies = login_header(psid, psidts);
    let response = match request::rotate(&transport.protocol) {
        Ok(outgoing) => transport.send_with(outgoing, cookies, deadline).await,
        Err(failure) => Err(failure),
    };
    let response = match response {
        Ok(response) => response,
        Err(failure) => {
            return Rotation {
                outcome: Outcome::Unreachable(failure),
                next: None,
            };
        }
    };
    let (status, headers) = (response.status(), response.headers().clone());
    /// The answer is some sixty bytes; error pages are a few kilobytes.
    const BODY_BYTES: usize = 1 << 20;
    /// The new value is in the head already: a body that hangs must not keep it from the disk for long.
    const BODY_PATIENCE: Duration = Duration::from_secs(2);
    let patience = deadline.min(Instant::now() + BODY_PATIENCE);
    let body = read_all(response, BODY_BYTES, patience).await.unwrap_or_default();
    let rules = &transport.protocol.rotation;
    let hint = hint_seconds(&rules.hint_tag, &body);
    Rotation {
        outcome: judge(status, &headers, hint == Some(rules.never_hint)),
        next: hint
            .filter(|seconds| (rules.min_interval_s.max(1)..=rules.max_hint_s).contains(seconds))
            .map(Duration::from_secs),
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, never: bool) -> Outcome {
    match status {
        StatusCode::OK => match issued_psidts(headers) {
            Some(psidts) => Outcome::Renewed(psidts),
            None => Outcome::NotIssued,
        },
        StatusCode::UNAUTHORIZED if headers.contains_key("sec-session-google-challenge") => Outcome::DeviceBound,
        StatusCode::UNAUTHORIZED => Outcome::Stale,
        StatusCode::FORBIDDEN if never => Outcome::UserAgent,
        StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled(retry_after(headers)),
        other => Outcome::Unexpected(other),
    }
}

/// The number after `"tag",` in the answer: seconds until the next rotation.
fn hint_seconds(tag: &str, body: &[u8]) -> Option<u64> {
    let key = format!("\"{tag}\",");
    let start = memchr::memmem::find(body, key.as_bytes())? + key.len();
    let digits = body[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&body[start..start + digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::header::SET_COOKIE;
    use secrecy::ExposeSecret;

    use super::*;

    fn headers(lines: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn what_was_issued_decides_and_not_the_status() {
        let issued = headers(&[
            (SET_COOKIE, "SIDCC=x; domain=.google.com; path=/"),
            (
                SET_COOKIE,
                "__Secure-1PSIDTS=sidts-2; domain=.google.com; path=/; Secure; HttpOnly",
            ),
        ]);
        let Outcome::Renewed(value) = judge(StatusCode::OK, &issued, false) else {
            panic!("not renewed")
        };
        assert_eq!(value.expose_secret(), "sidts-2");
        let other = headers(&[(SET_COOKIE, "SIDCC=x; domain=.google.com; path=/")]);
        assert!(matches!(judge(StatusCode::OK, &other, false), Outcome::NotIssued));
    }

    #[test]
    fn refusals_are_told_apart() {
        let challenge = (
            http::HeaderName::from_static("sec-session-google-challenge"),
            "session_id=sidts_session",
        );
        let (none, bound) = (HeaderMap::new(), headers(&[challenge]));
        assert!(matches!(judge(StatusCode::UNAUTHORIZED, &none, false), Outcome::Stale));
        assert!(matches!(
            judge(StatusCode::UNAUTHORIZED, &bound, false),
            Outcome::DeviceBound
        ));
        assert!(matches!(judge(StatusCode::FORBIDDEN, &none, true), Outcome::UserAgent));
        assert!(matches!(
            judge(StatusCode::FORBIDDEN, &none, false),
            Outcome::Unexpected(_)
        ));
        assert!(matches!(
            judge(StatusCode::TOO_MANY_REQUESTS, &none, false),
            Outcome::Throttled(None)
        ));
    }

    #[test]
    fn the_hint_is_read_from_the_answer() {
        assert_eq!(
            hint_seconds("identity.hfcr", b")]}'\n\n[[\"identity.hfcr\",600],[\"di\",31]]"),
            Some(600)
        );
        assert_eq!(hint_seconds("identity.hfcr", b"<html>"), None);
    }
}
