//! What the upstream's codes and statuses mean to a client: one [`Failure`] each, with cause and cure.
//!
//! A client library reads the words of a message and takes any that speaks of limits to the rate for a 429, whatever
//! the status. Messages of other statuses must not use those words; a test sees to it.

mod found;

use std::time::Duration;

use http::StatusCode;

pub(crate) use self::found::{
    call_rejected, device_bound, downgraded, empty_answer, interrupted, no_image, not_renewed_yet, signed_out,
    unreadable, unreadable_upload,
};
use super::{
    frames::FrameError,
    page::PageKind,
    protocol::{ErrorClass, Protocol, StatusClass},
    reply::StreamError,
};
use crate::{
    chat::FinishReason,
    error::{Failure, Kind, Retry},
};

/// How long a block of an address, or of too much traffic, is known to last.
const BLOCK: Duration = Duration::from_secs(2 * 60 * 60);
/// The wait after a 429 that names none.
const SLOW_DOWN: Duration = Duration::from_secs(60);
/// What follows when making the session fresh did not help.
const NEW_IF_IT_LASTS: &str = "If it goes on, the session needs new cookies.";
/// Where new cookies come from and go, the same in every message that asks for them.
pub(super) const NEW_COOKIES: &str = "Log in to gemini.google.com in a private Firefox window, copy __Secure-1PSID and \
    __Secure-1PSIDTS to the gateway's page at / (or into SECURE_1PSID and SECURE_1PSIDTS), and close the window without \
    logging out.";

/// An error among the frames, before any output.
pub(crate) fn stream(protocol: &Protocol, error: StreamError) -> Failure {
    match error {
        StreamError::Code { code, .. } => match protocol.errors.get(&code) {
            Some(class) => of_class(*class, code),
            None => unknown(format!("error {code}")),
        },
        StreamError::Status(status) => match protocol.statuses.get(&status) {
            Some(class) => of_class(*class, status),
            None => unknown(format!("status {status}")),
        },
        StreamError::Http(status) => match StatusCode::from_u16(status) {
            Ok(status) => http(status, None),
            Err(_) => unknown("an error without a number".to_owned()),
        },
    }
}

/// How an answer ends that this error cut after some output, where that is known: a passing stop means that the
/// upstream let go of the rest. For any other error the answer was interrupted.
pub(crate) fn finish_after_output(protocol: &Protocol, error: StreamError) -> Option<FinishReason> {
    let StreamError::Code { code, .. } = error else {
        return None;
    };
    (protocol.errors.get(&code) == Some(&ErrorClass::Stopped)).then_some(FinishReason::Length)
}

/// An account status; none for an account in good standing.
pub(crate) fn account(protocol: &Protocol, status: u32) -> Option<Failure> {
    let (kind, text) = match protocol.account_statuses.get(&status) {
        Some(StatusClass::Available) => return None,
        Some(StatusClass::SignedOut) => return Some(signed_out()),
        Some(StatusClass::Region) => {
            let text = "Gemini does not serve the region of the gateway's address. Run the gateway, or its outbound \
                proxy, in a country where the Gemini app is available.";
            return Some(Failure::new(Kind::UpstreamRegionBlocked, text));
        }
        Some(StatusClass::Restricted) => (
            Kind::UpstreamAccountRestricted,
            "Gemini has restricted this account. Open gemini.google.com with it in a browser and follow what is \
             said there, or use another account.",
        ),
        Some(StatusClass::Untrusted) => (
            Kind::UpstreamAccountRestricted,
            "Gemini does not trust this account yet. Verify it in a browser at myaccount.google.com, use Gemini \
             there once, or use another account.",
        ),
        Some(StatusClass::TermsPending | StatusClass::TermsOutdated) => (
            Kind::UpstreamAccountRestricted,
            "The account must accept Gemini's terms of service first. Open gemini.google.com with it in a browser \
             and accept them.",
        ),
        Some(StatusClass::GuardianBlocked) => (
            Kind::UpstreamAccountRestricted,
            "A guardian has blocked Gemini for this account. The guardian can allow it in Family Link, or use \
             another account.",
        ),
        Some(StatusClass::GuardianApproval) => (
            Kind::UpstreamAccountRestricted,
            "A guardian must approve Gemini for this account. The guardian can do so in Family Link, or use \
             another account.",
        ),
        None => {
            let text = format!(
                "Gemini gives this account the unknown status {status}. Open gemini.google.com with it in a browser \
                 and see what is said there."
            );
            return Some(Failure::new(Kind::UpstreamAccountRestricted, text));
        }
    };
    Some(Failure::new(kind, text))
}

/// A page in place of an answer; none for the app itself.
pub(crate) fn page(kind: PageKind) -> Option<Failure> {
    match kind {
        PageKind::App => None,
        PageKind::SignIn => Some(signed_out()),
        PageKind::Consent => Some(Failure::new(
            Kind::UpstreamConsentRequired,
            "Google wants its consent page answered first. Open gemini.google.com in a browser with the same session \
             and from the same region, answer it, and copy the cookies again.",
        )),
        PageKind::Sorry => Some(ip_blocked()),
        PageKind::Unknown => Some(changed("a page that is not known")),
    }
}

/// An HTTP status that is not a success. A 400 is asked for a fresh token first, see `page::xsrf_token`.
pub(crate) fn http(status: StatusCode, retry_after: Option<Duration>) -> Failure {
    let number = status.as_u16();
    match number {
        400 => session_rejected("the request's anti-forgery token"),
        401 | 403 => session_rejected("the session's cookies"),
        405 => session_rejected("the web app's version"),
        413 => Failure::new(
            Kind::UpstreamRejectedRequest,
            "The prompt is too large for Gemini. Shorten the conversation.",
        ),
        429 => Failure::new(
            Kind::UpstreamRateLimited,
            "Gemini asks to slow down: its rate limit is reached. Wait and send fewer requests.",
        )
        .retry_after(retry_after.unwrap_or(SLOW_DOWN)),
        500..=599 => {
            let text = format!("Gemini is failing at the moment (HTTP {number}). Try again in a moment.");
            let failure = Failure::new(Kind::UpstreamUnavailable, text);
            match retry_after {
                Some(wait) => failure.retry_after(wait),
                None => failure,
            }
        }
        _ => changed(&format!("HTTP {number}")),
    }
}

/// A body that is no answer. A page should be classified and go to [`page`] instead.
pub(crate) fn frame(error: FrameError) -> Failure {
    match error {
        FrameError::TooLarge => changed("a frame over the size limit"),
        FrameError::Html => changed("a page"),
    }
    .source(error)
}

fn of_class(class: ErrorClass, code: u32) -> Failure {
    match class {
        ErrorClass::RejectedRequest => Failure::new(
            Kind::UpstreamRejectedRequest,
            format!("Gemini refused this request as invalid (error {code}). Change the prompt, or start a new chat."),
        ),
        ErrorClass::Temporary => unavailable(code),
        ErrorClass::UsageLimit => Failure::new(
            Kind::UpstreamUsageLimit,
            format!(
                "The account's quota for this model is used up (error {code}). Wait for its reset, which the Gemini \
                 app shows under usage, or ask for another model."
            ),
        ),
        ErrorClass::ModelMismatch => Failure::new(
            Kind::UpstreamModelUnavailable,
            format!(
                "The conversation belongs to another model (error {code}). Start a new chat, or ask for that model."
            ),
        ),
        ErrorClass::ModelUnavailable => Failure::new(
            Kind::UpstreamModelUnavailable,
            format!(
                "Gemini does not offer this model to the account, or no longer in this form (error {code}). Ask for \
                 a model that /models lists."
            ),
        ),
        ErrorClass::IpBlocked => ip_blocked(),
        ErrorClass::SessionRejected => session_rejected(&format!("the session (error {code})")),
        ErrorClass::TooMuchTraffic => Failure::new(
            Kind::UpstreamUnavailable,
            format!(
                "Gemini refuses long or frequent prompts of this account for some hours (error {code}). Wait, then \
                 send shorter prompts and fewer at a time."
            ),
        )
        .retry(Retry::Never)
        .retry_after(BLOCK),
        ErrorClass::Stopped => Failure::new(
            Kind::UpstreamUnavailable,
            format!("Gemini stopped before it said anything (error {code}). Try again in a moment."),
        ),
    }
}

fn unavailable(code: u32) -> Failure {
    let text = format!("Gemini has a passing fault (error {code}). Try again in a moment.");
    Failure::new(Kind::UpstreamUnavailable, text)
}

fn session_rejected(what: &str) -> Failure {
    let text =
        format!("Gemini did not accept {what}. Try again: the gateway makes its session fresh. {NEW_IF_IT_LASTS}");
    Failure::new(Kind::UpstreamSessionRejected, text)
}

fn ip_blocked() -> Failure {
    let text = "Google has blocked the gateway's address for a while because of its traffic. Wait about two hours and \
        send fewer requests, or use another outbound address.";
    Failure::new(Kind::UpstreamIpBlocked, text).retry_after(BLOCK)
}

fn changed(what: &str) -> Failure {
    let text = format!(
        "Gemini answered with {what}, which this gateway does not understand. Update the gateway, or correct its \
         protocol overlay file."
    );
    Failure::new(Kind::UpstreamProtocol, text)
}

fn unknown(what: String) -> Failure {
    let text = format!(
        "Gemini reported {what}, which no table of this gateway knows. Try another prompt or model; if it goes on, \
         check the account at gemini.google.com."
    );
    Failure::new(Kind::UpstreamUnknownError, text)
}

#[cfg(test)]
mod tests;
